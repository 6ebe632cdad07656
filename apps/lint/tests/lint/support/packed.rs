use std::io::Write;

use flate2::{Compression, GzBuilder};

use super::{Package, data};

/// One member of gzip, with a name in its header.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().filename("disk").write(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As [`gzip`], without a try.
pub(crate) fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One frame of zstd, with a checksum.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    let mut packed = vec![0; zstd_safe::compress_bound(bytes.len())];
    let len = context.compress2(&mut packed[..], bytes).unwrap();
    packed.truncate(len);
    packed
}

pub(crate) fn raw_gz() -> Package {
    Package::new("disk.raw.gz", gzip(&data(4096, 3)))
}

pub(crate) fn raw_zst() -> Package {
    Package::new("disk.raw.zst", zstd(&data(4096, 3)))
}
