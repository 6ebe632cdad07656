use std::io::Write;
use std::sync::Arc;

use diskwright_core::BytesReader;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Bytes that say where they stand.
fn content(len: usize) -> Vec<u8> {
    (0..len / 8).flat_map(|at| (at as u64).to_le_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn reader(bytes: Vec<u8>) -> BytesReader {
    BytesReader(Arc::from(bytes))
}

#[test]
fn content_is_read_forward_back_and_across_members() {
    let content = content(18 << 20);
    let (first, second) = content.split_at((5 << 20) + 3);
    let mut zstd = vec![0; zstd_safe::compress_bound(content.len())];
    let len = zstd_safe::compress(&mut zstd[..], &content, 1).unwrap();
    zstd.truncate(len);
    let gzip = [gzip(first), gzip(&[]), gzip(second), vec![0; 700]].concat();
    for (bytes, codec) in [(gzip, Codec::Gzip), (zstd, Codec::Zstd)] {
        assert_eq!(Codec::of(&bytes), Some(codec));
        let source = reader(bytes);
        let packed = Packed::open(&source, codec).unwrap();
        let mut findings = Findings::new("disk");
        assert!(packed.check(&mut findings) && findings.into_report(crate::Kind::Gzip).findings.is_empty());
        assert_eq!(packed.size(), content.len() as u64);
        for (at, len) in
            [(17 << 20, 1 << 20), (0, 5), (5 << 20, 100), (65_530, 12), (1, 17 << 20), (content.len(), 0)]
        {
            let mut read = vec![0; len];
            packed.read_exact_at(at as u64, &mut read).unwrap();
            assert!(read == content[at..at + len], "{len} bytes at {at}");
        }
        let past = packed.read_exact_at(content.len() as u64 - 4, &mut [0; 5]).unwrap_err();
        assert_eq!(past.kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn what_stands_before_the_damage_can_be_read_again() {
    let content = content((17 << 20) + 72);
    let mut bytes = gzip(&content);
    bytes.truncate(bytes.len() - 12);
    let source = reader(bytes);
    let packed = Packed::open(&source, Codec::Gzip).unwrap();
    assert!(packed.is_broken() && packed.size() > 16 << 20);
    let last = packed.size() - 8;
    for at in [0, last, 8, last] {
        let mut read = [0; 8];
        packed.read_exact_at(at, &mut read).unwrap();
        assert_eq!(read, content[at as usize..at as usize + 8], "at {at}");
    }
}

#[test]
fn who_reads_back_without_end_is_stopped() {
    let source = reader(gzip(&vec![0; 17 << 20]));
    let packed = Packed::open(&source, Codec::Gzip).unwrap();
    let mut reads = 0;
    let error = loop {
        let at = if reads % 2 == 0 { 0 } else { 17 << 20 };
        match packed.read_exact_at(at.min(packed.size() - 1), &mut [0]) {
            Ok(()) => reads += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("unpacked too often"), "{error}");
    assert!(reads > 100, "{reads} reads");
}
