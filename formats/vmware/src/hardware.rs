use diskwright_core::format::Firmware;
use diskwright_ovf::{Digest, MachineLimits};

/// A version of VMware's virtual hardware that ESXi has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HardwareVersion(u8);

impl HardwareVersion {
    /// The version with this number: 11, 13 to 15, 17 to 21. 12 and 16 are Workstation's alone: what takes them takes 11
    /// and 15.
    pub fn new(number: u8) -> Option<Self> {
        matches!(number, 11 | 13..=15 | 17..=21).then_some(Self(number))
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The digest that the hosts of this version take.
    pub fn digest(self) -> Digest {
        match self.0 {
            ..=12 => Digest::Sha1,
            13..=14 => Digest::Sha256,
            15.. => Digest::Sha512,
        }
    }

    /// Whether it has NVMe controllers.
    pub fn has_nvme(self) -> bool {
        self.0 >= 13
    }

    /// Whether its UEFI has Secure Boot.
    pub fn has_secure_boot(self) -> bool {
        self.0 >= 13
    }

    /// What machines of this version can have.
    ///
    /// # Reference
    /// VMware, "Hardware Features Available with Virtual Machine Compatibility Settings".
    pub(crate) fn limits(self, firmware: Firmware) -> MachineLimits {
        let (memory_gib, cpus) = match self.0 {
            ..=12 => (4080, 128),
            13..=14 => (6128, 128),
            15..=17 => (6128, 256),
            18..=20 => (24_560, 768),
            21.. => (24_560, 960),
        };
        // The BIOS brings up no more.
        let cpus_max = if firmware == Firmware::Bios { 128 } else { cpus };
        let product = "VMware with this hardware version and firmware";
        let memory_max_mib = memory_gib << 10;
        MachineLimits { product, memory_step_mib: 4, memory_max_mib, cpus_max, adapters_max: 10 }
    }
}

impl Default for HardwareVersion {
    /// 13: ESXi 6.5 and all later ones, with NVMe and Secure Boot.
    fn default() -> Self {
        Self(13)
    }
}

/// All versions, as the option has them.
pub(crate) const CHOICES: [&str; 9] = ["11", "13", "14", "15", "17", "18", "19", "20", "21"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_esxi() {
        let numbers: Vec<String> =
            (0..=255).filter_map(HardwareVersion::new).map(|version| version.number().to_string()).collect();
        assert_eq!(numbers, CHOICES);
        assert_eq!(HardwareVersion::default().number(), 13);
    }

    #[test]
    fn the_digest_follows_the_hosts_of_the_version() {
        let digest = |number| HardwareVersion::new(number).unwrap().digest();
        assert_eq!([11, 13, 14].map(digest), [Digest::Sha1, Digest::Sha256, Digest::Sha256]);
        assert_eq!([15, 17, 21].map(digest), [Digest::Sha512; 3]);
    }
}
