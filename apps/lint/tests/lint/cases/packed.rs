use super::Case;
use crate::support::packed::{gzip, raw_gz, raw_zst, zstd};
use crate::support::{Package, data, vhd};

pub(super) fn cases() -> Vec<Case> {
    [of_gzip(), of_zstd()].into_iter().flatten().collect()
}

fn changed(package: Package, change: impl FnOnce(&mut Vec<u8>)) -> Package {
    let mut package = package;
    change(package.files.get_mut(&package.main).unwrap());
    package
}

fn of_gzip() -> Vec<Case> {
    let of = |change: fn(&mut Vec<u8>)| changed(raw_gz(), change);
    vec![
        Case::new("gzip-truncated", of(|bytes| bytes.truncate(12))),
        Case::new("gzip-truncated", of(|bytes| bytes.truncate(bytes.len() / 2))),
        Case::new("gzip-truncated", of(|bytes| bytes.truncate(bytes.len() - 1))),
        Case::new("gzip-header", of(|bytes| bytes[2] = 7)),
        Case::new("gzip-header", of(|bytes| bytes[3] |= 0x80)),
        // A block of the type that there is not.
        Case::new("gzip-data", of(|bytes| bytes[15] = 7)),
        Case::new("gzip-checksum", of(|bytes| *bytes.iter_mut().rev().nth(7).unwrap() ^= 1)),
        Case::new("gzip-length", of(|bytes| *bytes.last_mut().unwrap() ^= 1)),
        Case::new("gzip-trailing-bytes", of(|bytes| bytes.extend(b"more"))),
        Case::new("gzip-disk-size", of(|bytes| *bytes = gzip(&data(4000, 3)))),
        // The disk is looked at, too.
        Case::new("vhd-azure-type", Package::new("disk.vhd.gz", gzip(&vhd::dynamic().files["disk.vhd"]))),
    ]
}

fn of_zstd() -> Vec<Case> {
    let of = |change: fn(&mut Vec<u8>)| changed(raw_zst(), change);
    vec![
        Case::new("zstd-truncated", of(|bytes| bytes.truncate(bytes.len() / 2))),
        Case::new("zstd-truncated", of(|bytes| bytes.truncate(bytes.len() - 1))),
        // A block of the type that there is not.
        Case::new(
            "zstd-data",
            Package::new("disk.raw.zst", b"\x28\xb5\x2f\xfd\x20\x04\x07\0\0more".to_vec()),
        ),
        Case::new("zstd-checksum", of(|bytes| *bytes.last_mut().unwrap() ^= 1)),
        // A window of 16 MiB in a frame that does not say its length.
        Case::new("zstd-window", Package::new("disk.raw.zst", b"\x28\xb5\x2f\xfd\0\x70\x01\0\0".to_vec())),
        Case::new("zstd-trailing-bytes", of(|bytes| bytes.extend(b"more"))),
        Case::new("zstd-disk-size", of(|bytes| *bytes = zstd(&data(4000, 3)))),
    ]
}
