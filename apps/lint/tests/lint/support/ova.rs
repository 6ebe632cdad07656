use sha2::{Digest, Sha256};

use super::{Package, text, vmdk};

/// A member of an archive, with what its header says beyond the ordinary.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: u8,
    /// The size field, where it is not octal.
    pub(crate) size: Option<Vec<u8>>,
    /// Whether the magic is GNU's.
    pub(crate) is_gnu: bool,
}

impl Member {
    pub(crate) fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), kind: b'0', size: None, is_gnu: false }
    }

    pub(crate) fn of_kind(mut self, kind: u8) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn to_tar(&self) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |at: usize, value: &[u8]| block[at..at + value.len()].copy_from_slice(value);
        put(0, self.name.as_bytes());
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", self.bytes.len()).as_bytes());
        if let Some(size) = &self.size {
            put(124, size);
        }
        put(136, b"00000000001\0");
        put(156, &[self.kind]);
        put(257, if self.is_gnu { b"ustar  \0" } else { b"ustar\x0000" });
        block.extend(&self.bytes);
        block.resize(block.len().next_multiple_of(512), 0);
        sealed(block)
    }
}

/// A member with the checksum of its header made true.
pub(crate) fn sealed(mut member: Vec<u8>) -> Vec<u8> {
    member[148..156].fill(b' ');
    let sum: u32 = member[..512].iter().map(|byte| u32::from(*byte)).sum();
    member[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    member
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A manifest of those files.
pub(crate) fn manifest(files: &[(&str, &[u8])]) -> String {
    files.iter().map(|(name, bytes)| format!("SHA256({name})= {}\n", digest(bytes))).collect()
}

/// Descriptor, manifest and disk.
pub(crate) fn members() -> Vec<Member> {
    members_of(&text::ovf_text())
}

/// The same with another descriptor.
pub(crate) fn members_of(descriptor: &str) -> Vec<Member> {
    let disk = vmdk::stream().build().bytes;
    let manifest = manifest(&[("img.ovf", descriptor.as_bytes()), ("disk.vmdk", &disk)]);
    vec![Member::new("img.ovf", descriptor), Member::new("img.mf", manifest), Member::new("disk.vmdk", disk)]
}

pub(crate) fn tar(members: &[Member]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(Member::to_tar).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn ova(members: &[Member]) -> Package {
    Package::new("img.ova", tar(members))
}
