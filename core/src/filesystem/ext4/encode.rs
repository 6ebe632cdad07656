//! Little-endian fields at fixed offsets of blocks and records.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// Bytes of a block; other block sizes are not written.
pub(super) const BLOCK_SIZE: u64 = 4096;
/// [`BLOCK_SIZE`] as an array length.
pub(super) const BLOCK_LEN: usize = 4096;

/// One block of metadata.
pub(super) type Block = [u8; BLOCK_LEN];

/// Blocks that hold `len` bytes.
pub(super) fn blocks_for(len: u64) -> u64 {
    len.div_ceil(BLOCK_SIZE)
}

/// The byte offset of a block; saturates far beyond any volume.
pub(super) fn bytes_of(blocks: u64) -> u64 {
    blocks.saturating_mul(BLOCK_SIZE)
}

/// An array position; saturates, so that a wrong one finds nothing.
pub(super) fn index(at: impl TryInto<usize>) -> usize {
    at.try_into().unwrap_or(usize::MAX)
}

/// Bits 0..16.
pub(super) fn low16(value: u64) -> u16 {
    let bytes = value.to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// Bits 0..32.
pub(super) fn low32(value: u64) -> u32 {
    let bytes = value.to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Bits 32..64.
pub(super) fn high32(value: u64) -> u32 {
    low32(value >> 32)
}

/// Writes a byte; `at` is a constant of the structure.
pub(super) fn put8(to: &mut [u8], at: usize, value: u8) {
    put(to, at, &[value]);
}

/// Writes a little-endian `u16`.
pub(super) fn put16(to: &mut [u8], at: usize, value: u16) {
    put(to, at, &value.to_le_bytes());
}

/// Writes a little-endian `u32`.
pub(super) fn put32(to: &mut [u8], at: usize, value: u32) {
    put(to, at, &value.to_le_bytes());
}

/// Writes bytes.
pub(super) fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(field) = at.checked_add(bytes.len()).and_then(|end| to.get_mut(at..end)) {
        field.copy_from_slice(bytes);
    } else {
        debug_assert!(false, "field at {at} passes the end");
    }
}
