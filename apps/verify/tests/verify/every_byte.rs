//! Containers whose own structures are few: every byte of these is flipped, and found.

use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use diskwright_verify::{OwnDigests, Verifier};

use crate::containers::{CONTAINERS, Container, made, verifier};

/// Every byte of lines of 64 that hold something, and some of those that hold nothing.
fn offsets(file: &[u8], ranges: &[Range<usize>]) -> Vec<usize> {
    let holds = |at: usize| file[at & !63..file.len().min((at & !63) + 64)].iter().any(|byte| *byte != 0);
    let all = ranges.iter().cloned().flatten();
    let offsets: Vec<usize> = all.filter(|at| holds(*at) || at.is_multiple_of(4099)).collect();
    let step = 1 + offsets.len() / 3000;
    offsets.into_iter().step_by(step).collect()
}

/// Where `bytes` begin in a file.
fn find(file: &[u8], bytes: &[u8]) -> usize {
    file.windows(bytes.len()).position(|window| window == bytes).unwrap()
}

fn one(range: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(range).collect()
}

/// The bytes of a file that are not the disk's own.
fn structures((format, compress, options, suffix): Container, file: &[u8]) -> Vec<Range<usize>> {
    let end = file.len();
    let is_fixed = options.contains(&("subformat", "fixed"));
    match (format, suffix) {
        ("vhd", _) if is_fixed => one(end - 512..end),
        // Before each block of 2 MiB there are 4096 bytes: a gap and the bitmap.
        ("vhd", _) => {
            let before_blocks = (0..end - 512).step_by((2 << 20) + 4096).map(|at| at..at + 4096);
            before_blocks.chain(one(end - 512..end)).collect()
        }
        ("vhdx", _) => one(0..4 << 20),
        ("gce", _) => {
            let size = u64::from_str_radix(std::str::from_utf8(&file[124..135]).unwrap(), 8).unwrap();
            let mut start = 512;
            let mut has_more = file[482] == 1;
            while has_more {
                has_more = file[start + 504] == 1;
                start += 512;
            }
            assert!(start >= 3 * 512, "{start}");
            vec![0..start, start + usize::try_from(size).unwrap()..end]
        }
        // Headers and texts, header and descriptor of the VMDK; its last structures and the archive's end.
        ("vagrant", _) if options.is_empty() => {
            // What the envelope calls the guest's system is not checked.
            let (mut ranges, mut at) = (Vec::new(), 0);
            for system in ["101\" vmw", "other4xLinux64Guest", "Linux (64-bit)", "Linux26_64"] {
                let system_at = find(file, system.as_bytes());
                ranges.push(at..system_at);
                at = system_at + system.trim_end_matches("\" vmw").len();
            }
            let disk = find(file, b"KDMV");
            ranges.extend([at..disk + (64 << 10), end - 9 * 512 - 10_240..end]);
            ranges
        }
        // Headers and texts, header of the QCOW2; its tables and the archive's end.
        ("vagrant", _) => {
            let disk = find(file, b"QFI\xfb");
            vec![0..disk + 4096, end - (256 << 10)..end]
        }
        _ => unreachable!("{format} {compress}"),
    }
}

fn is_noticed(verifier: &Verifier, path: &Path) -> bool {
    !verifier.verify(path).is_ok_and(|outcome| outcome.is_clean())
}

pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().operating_system(255);
    let mut packer = builder.write(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// What is in gzip, or the file itself.
pub(crate) fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !file.starts_with(b"\x1f\x8b") {
        return file.to_vec();
    }
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Flips bytes of an image one at a time; gives those that nobody noticed.
fn unnoticed(container: Container) -> (usize, Vec<usize>) {
    let made = made(container);
    let path = made.path(container.3);
    let verifier = verifier(&made).with_own_digests(OwnDigests::Skip);
    let stored = std::fs::read(&path).unwrap();
    let is_packed = stored.starts_with(b"\x1f\x8b");
    let mut bytes = unpacked(&stored);
    if is_packed {
        std::fs::write(&path, pack(&bytes)).unwrap();
        assert!(!is_noticed(&verifier, &path), "{container:?}, packed again");
    }
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let offsets = offsets(&bytes, &structures(container, &bytes));
    let mut unnoticed = Vec::new();
    for at in &offsets {
        // Any bits: a multiplication mixes the offset.
        let flipped = bytes[*at] ^ ((at.wrapping_mul(0x9e37_79b9) >> 11) as u8 | 1);
        let own = std::mem::replace(&mut bytes[*at], flipped);
        if is_packed {
            std::fs::write(&path, pack(&bytes)).unwrap();
        } else {
            file.write_all_at(&[flipped], *at as u64).unwrap();
        }
        if !is_noticed(&verifier, &path) {
            unnoticed.push(*at);
        }
        bytes[*at] = own;
        if !is_packed {
            file.write_all_at(&[own], *at as u64).unwrap();
        }
    }
    (offsets.len(), unnoticed)
}

#[test]
fn a_byte_flipped_in_the_structures_of_vhd_vhdx_archives_and_boxes_is_found() {
    // What gzip protects is flipped inside it; of VHD and VHDX the plain forms stand for both.
    let is_wanted = |(format, compress, _, _): &Container| {
        matches!((*format, *compress), ("vhd" | "vhdx", false) | ("gce" | "vagrant", _))
    };
    for container in CONTAINERS.into_iter().filter(is_wanted) {
        let (count, unnoticed) = unnoticed(container);
        println!("{container:?}: {count} bytes are flipped");
        assert!(unnoticed.is_empty(), "{container:?}: {} of {count}: {unnoticed:x?}", unnoticed.len());
    }
}
