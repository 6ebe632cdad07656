//! Archives as bytes, plain and packed.

use std::io::Write;

use crate::archive::{BLOCK, Header, check, push, record, with_checksums};
use crate::target::Reach;

/// Bytes as an archive; checksums are made true.
pub(crate) fn plain(bytes: &[u8]) -> Reach {
    Reach::of(check(&with_checksums(bytes)).is_some())
}

/// Bytes as an archive that may be packed.
pub(crate) fn packed(bytes: &[u8]) -> Reach {
    Reach::of(check(bytes).is_some())
}

/// Small archives of every kind of member.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![small(), long(), Vec::new()]
}

/// A small archive in each packing, whole and twice.
pub(crate) fn packed_seeds() -> Vec<Vec<u8>> {
    let plain = small();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&plain).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    xz.write_all(&plain).unwrap();
    let mut zstd = Vec::with_capacity(zstd_safe::compress_bound(plain.len()));
    zstd_safe::compress(&mut zstd, &plain, 1).unwrap();
    let packed = [gzip.finish().unwrap(), bzip2.finish().unwrap(), xz.finish().unwrap(), zstd];
    packed.iter().flat_map(|one| [one.clone(), one.repeat(2)]).collect()
}

fn small() -> Vec<u8> {
    let mut archive = Vec::new();
    let mut member = |name: &[u8], flag, link: &[u8], content: &[u8]| {
        let header = Header { name, link, flag, size: content.len() as u64, patches: &[] };
        push(&mut archive, &header, content);
    };
    member(b"d/", b'5', b"", b"");
    member(b"d/file", b'0', b"", b"content");
    member(b"d/hard", b'1', b"d/file", b"");
    member(b"d/soft", b'2', b"file", b"");
    member(b"d/tty", b'3', b"", b"");
    member(b"d/disk", b'4', b"", b"");
    member(b"d/pipe", b'6', b"", b"");
    archive.extend([0; 2 * BLOCK]);
    archive
}

fn long() -> Vec<u8> {
    let mut archive = Vec::new();
    let mut member = |name: &[u8], flag, content: &[u8], patches: &[(usize, &[u8])]| {
        let header = Header { name, link: b"", flag, size: content.len() as u64, patches };
        push(&mut archive, &header, content);
    };
    let records = [
        record(b"path", b"a path"),
        record(b"mtime", b"1700000000.25"),
        record(b"SCHILY.xattr.user.x", b"value"),
        record(b"SCHILY.acl.access", b"user::rwx,group::r-x,other::---"),
        record(b"uid", b"70000"),
    ];
    member(b"x", b'x', &records.concat(), &[]);
    member(b"short", b'0', b"one", &[]);
    member(b"././@LongLink", b'L', &[b'n'; 200], &[]);
    member(b"nnn", b'0', b"two", &[(257, b"ustar  \0")]);
    member(b"g", b'g', &record(b"comment", b"all"), &[]);
    let sparse: &[(usize, &[u8])] =
        &[(257, b"ustar  \0"), (386, b"00000002000\x0000000000005\0"), (483, b"00000002005\0")];
    member(b"sparse", b'S', b"three", sparse);
    archive.extend([0; 2 * BLOCK]);
    archive
}
