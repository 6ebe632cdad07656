use sha1::Sha1;
use sha2::digest::Digest as _;
use sha2::{Sha256, Sha512};

/// The digests of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1: all products up to vSphere 6; some newer ones refuse it.
    Sha1,
    /// SHA-256: vSphere 6.5 and later, VirtualBox, virt-v2v.
    Sha256,
    /// SHA-512: current VMware products and VirtualBox; virt-v2v does not know it.
    Sha512,
}

impl Digest {
    /// What a manifest calls it. No product takes any other spelling.
    fn token(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Sha1 => Hasher::Sha1(Sha1::new()),
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// One line of a manifest: no blank before the bracket, one behind the equals sign.
    ///
    /// # Reference
    /// DSP0243 1.1.0, §"OVF package manifest".
    pub(crate) fn line(self, name: &str, hex: &str) -> String {
        format!("{}({name})= {hex}\n", self.token())
    }

    /// Bytes of a manifest of these files.
    pub(crate) fn manifest_len<'a>(self, names: impl Iterator<Item = &'a str>) -> usize {
        names.map(|name| self.line(name, "").len() + self.hex_len()).sum()
    }
}

/// A digest in the making.
pub(crate) enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// In lower case hexadecimal.
    pub(crate) fn finish(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha1(hasher) => hex(&hasher.finalize()),
            Self::Sha256(hasher) => hex(&hasher.finalize()),
            Self::Sha512(hasher) => hex(&hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_importers_demand_them() {
        let line = |digest: Digest| {
            let mut hasher = digest.hasher();
            hasher.update(b"abc");
            let line = digest.line("img.ovf", &hasher.finish());
            assert_eq!(line.len(), digest.manifest_len(["img.ovf"].into_iter()));
            line
        };
        assert_eq!(line(Digest::Sha1), "SHA1(img.ovf)= a9993e364706816aba3e25717850c26c9cd0d89d\n");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(line(Digest::Sha256), format!("SHA256(img.ovf)= {sha256}\n"));
        assert!(line(Digest::Sha512).starts_with("SHA512(img.ovf)= ddaf35a193617abacc417349ae204131"));
    }
}
