use super::Package;
use super::ova::sealed;
use super::packed::gzip;

/// The header of a sparse `disk.raw` of 1 GiB, of which the first and the last 512 bytes are stored, and those.
pub(crate) fn member() -> Vec<u8> {
    let mut bytes = vec![0; 1536];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"disk.raw");
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, b"00000002000\x0000000000001\0");
    put(156, b"S");
    put(257, b"ustar  \0");
    put(386, b"00000000000\x0000000001000\0");
    put(410, b"07777777000\x0000000001000\0");
    put(483, b"10000000000\0");
    put(512 + 510, &[0x55, 0xaa]);
    put(1024, b"end of the disk");
    sealed(bytes)
}

/// The member with bytes changed, and the checksum of its header made true.
pub(crate) fn with(at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = member();
    bytes[at..at + value.len()].copy_from_slice(value);
    sealed(bytes)
}

/// Members with the archive's end behind them, packed.
pub(crate) fn archive(members: &[u8]) -> Package {
    Package::new("disk.tar.gz", gzip(&[members, &[0; 1024]].concat()))
}
