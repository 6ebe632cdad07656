//! The checksums of ext4's metadata.
//!
//! # Reference
//! "ext4 Data Structures and Algorithms", Checksums.

use super::superblock::{Flavour, Superblock};

/// CRC-32C continued from `crc`, without inversions.
pub(super) fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!crc, bytes)
}

/// What all checksums of a volume with this UUID start from.
pub(super) fn seed_of(uuid: &[u8; 16]) -> u32 {
    crc32c(!0, uuid)
}

impl Superblock {
    /// The checksum over `parts`, if the volume has them.
    pub(super) fn crc(&self, parts: &[&[u8]]) -> Option<u32> {
        self.seed.map(|seed| parts.iter().fold(seed, |crc, part| crc32c(crc, part)))
    }

    /// As [`Superblock::crc`], for what belongs to an inode, whose generation is zero.
    pub(super) fn inode_crc(&self, number: u32, parts: &[&[u8]]) -> Option<u32> {
        let crc = self.crc(&[&number.to_le_bytes(), &[0; 4]])?;
        Some(parts.iter().fold(crc, |crc, part| crc32c(crc, part)))
    }

    /// bg_checksum of a descriptor; ext2 and ext3 have none.
    pub(super) fn descriptor_crc(&self, group: u32, descriptor: &[u8]) -> u16 {
        let mut bytes = descriptor.to_vec();
        crate::bytes::put(&mut bytes, 0x1e, &[0, 0]);
        let number = group.to_le_bytes();
        match (self.flavour, self.crc(&[&number, &bytes])) {
            (Flavour::Classic, _) => 0,
            (_, Some(crc)) => u16::try_from(crc & 0xffff).unwrap_or_default(),
            (_, None) => {
                let head = bytes.get(..0x1e).unwrap_or_default();
                [&self.uuid[..], &number, head].iter().fold(0xffff, |crc, part| crc16(crc, part))
            }
        }
    }
}

/// CRC-16 with the reflected polynomial 0xA001.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    let shift = |crc: u16, _| crc >> 1 ^ if crc & 1 == 1 { 0xa001 } else { 0 };
    bytes.iter().fold(crc, |crc, byte| (0..8).fold(crc ^ u16::from(*byte), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogues_match() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        assert_eq!(crc16(0xffff, b"123456789"), 0x4b37);
    }
}
