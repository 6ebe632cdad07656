//! The checksums of ext4's metadata.

use uuid::Uuid;

use super::encode::low16;

/// What a volume's metadata is checksummed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum {
    /// CRC-32C of the UUID; `None` without `metadata_csum`.
    seed: Option<u32>,
    uuid: Uuid,
}

impl Checksum {
    /// The checksum of a volume with this UUID; `full` is `metadata_csum`.
    pub(super) fn new(uuid: Uuid, full: bool) -> Self {
        Self { seed: full.then(|| crc32c(!0, uuid.as_bytes())), uuid }
    }

    /// Whether all metadata is checksummed.
    pub(super) fn is_full(&self) -> bool {
        self.seed.is_some()
    }

    /// The checksum over `parts`, one after the other; `None` without `metadata_csum`.
    pub(super) fn of(&self, parts: &[&[u8]]) -> Option<u32> {
        self.seed.map(|seed| parts.iter().fold(seed, |crc, part| crc32c(crc, part)))
    }

    /// As [`Checksum::of`], for what belongs to an inode; its generation is zero.
    pub(super) fn of_inode(&self, number: u32, parts: &[&[u8]]) -> Option<u32> {
        let crc = self.of(&[&number.to_le_bytes(), &[0; 4]])?;
        Some(parts.iter().fold(crc, |crc, part| crc32c(crc, part)))
    }

    /// The checksum of a group descriptor whose checksum field at 0x1e is zero.
    pub(super) fn of_descriptor(&self, group: u32, descriptor: &[u8]) -> u16 {
        match self.of(&[&group.to_le_bytes(), descriptor]) {
            Some(crc) => low16(u64::from(crc)),
            None => {
                // The 32-byte descriptors of gdt_csum end with the checksum itself.
                let head = descriptor.get(..0x1e).unwrap_or_default();
                let crc = crc16(0xffff, self.uuid.as_bytes());
                crc16(crc16(crc, &group.to_le_bytes()), head)
            }
        }
    }
}

/// CRC-32C (Castagnoli) continued from `crc`, without the usual inversions.
pub(super) fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!crc, bytes)
}

/// CRC-16 with the reflected polynomial 0xA001.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xa001 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogues_match() {
        // CRC-32C's check value is 0xE3069283 with the final inversion; CRC-16/MODBUS has the same polynomial and start.
        assert_eq!(crc32c(!0, b"123456789"), !0xe306_9283);
        assert_eq!(crc16(0xffff, b"123456789"), 0x4b37);
    }
}
