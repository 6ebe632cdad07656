use std::io::Write;

use super::*;
use crate::BytesReader;

fn bytes(content: Vec<u8>) -> Arc<dyn ReadAt> {
    Arc::new(BytesReader(Arc::from(content)))
}

fn read(content: Vec<u8>) -> Result<Initramfs> {
    Initramfs::read(bytes(content), &|name| name.starts_with(b"conf/"))
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = CpioWriter::new(1_700_000_000);
    for (name, content) in entries {
        match content.strip_prefix(b"-> ") {
            Some(target) => writer.symlink(name.as_bytes(), target),
            None if content.is_empty() => writer.directory(name.as_bytes()),
            None => writer.file(name.as_bytes(), content),
        }
    }
    writer.finish()
}

fn names(tree: &Initramfs) -> Vec<String> {
    tree.entries().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn microcode() -> Vec<u8> {
    archive(&[
        ("kernel", b""),
        ("kernel/x86", b""),
        ("kernel/x86/microcode", b""),
        ("kernel/x86/microcode/GenuineIntel.bin", b"code"),
    ])
}

fn main() -> Vec<u8> {
    archive(&[
        ("lib", b"-> usr/lib"),
        ("usr", b""),
        ("usr/lib", b""),
        ("conf/a", b"RESUME=x\n"),
        ("b", b"text"),
    ])
}

#[test]
fn every_packing_behind_early_microcode_is_read_and_what_follows_lies_over_it() {
    let xz = {
        let mut writer =
            lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        writer.write_all(&main()).unwrap();
        writer.finish().unwrap()
    };
    let lzma = {
        let options = lzma_rust2::LzmaOptions::with_preset(0);
        let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
        writer.write_all(&main()).unwrap();
        writer.finish().unwrap()
    };
    let zstd = {
        let mut packed = Vec::with_capacity(64 << 10);
        zstd_safe::compress(&mut packed, &main(), 3).unwrap();
        packed
    };
    let bzip2 = {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        writer.write_all(&main()).unwrap();
        writer.finish().unwrap()
    };
    let lz4 = {
        let block = lz4_literals(&main());
        [&[2, 0x21, 0x4c, 0x18][..], &(block.len() as u32).to_le_bytes(), &block, &[0; 4]].concat()
    };
    let packed = [
        (Packing::Plain, main()),
        (Packing::Gzip, gzip(&main())),
        (Packing::Xz, xz),
        (Packing::Lzma, lzma),
        (Packing::Zstd, zstd),
        (Packing::Bzip2, bzip2),
        (Packing::Lz4, lz4),
    ];
    for (packing, packed) in packed {
        let mut file = microcode();
        file.extend(packed);
        file.resize(file.len().next_multiple_of(512), 0);
        file.extend(archive(&[("b", b"other text"), ("usr/lib/c", b"new")]));
        let tree = read(file).unwrap_or_else(|error| panic!("{packing:?}: {error:?}"));
        let kinds: Vec<(Packing, usize, bool)> =
            tree.segments().iter().map(|one| (one.packing, one.entries, one.is_early)).collect();
        let expected = [(Packing::Plain, 4, true), (packing, 5, false), (Packing::Plain, 2, false)];
        assert_eq!(kinds, expected, "{packing:?}");
        assert_eq!(tree.item(b"b"), Some(&Item::File { size: 10 }));
        assert_eq!(tree.content(b"conf/a"), Some(&b"RESUME=x\n"[..]));
        assert_eq!(tree.resolve(b"/lib/c").as_deref(), Some(&b"usr/lib/c"[..]));
    }
}

#[test]
fn names_lose_what_leads_to_the_root() {
    let tree = read(archive(&[("./a", b"1"), ("/b//c", b"2"), ("../d", b"3")])).unwrap();
    assert_eq!(names(&tree), ["a", "b/c"]);
}

#[test]
fn links_are_followed_inside_only_and_not_for_ever() {
    let files =
        [("a", &b"-> ../../b"[..]), ("b", b""), ("loop", b"-> loop"), ("f", b"x"), ("abs", b"-> /b/x")];
    let tree = read(archive(&files)).unwrap();
    assert_eq!(tree.resolve(b"a/new").as_deref(), Some(&b"b/new"[..]));
    assert_eq!(tree.resolve(b"abs").as_deref(), Some(&b"b/x"[..]));
    assert_eq!(tree.resolve(b"loop/x"), None);
    assert_eq!(tree.resolve(b"f/x"), None);
}

#[test]
fn every_truncation_is_refused_or_ends_between_archives() {
    for whole in [[main(), main()].concat(), gzip(&main())] {
        for len in 0..whole.len() {
            let is_between = whole[..len].is_empty() || len == main().len();
            let cut = read(whole[..len].to_vec());
            assert_eq!(cut.is_ok(), is_between && whole[0] == b'0' || len == 0, "{len} of {}", whole.len());
            if let Err(error) = cut {
                assert_eq!(error.kind(), ErrorKind::Source, "{len}: {error:?}");
            }
        }
    }
}

#[test]
fn any_flipped_byte_is_survived() {
    for whole in [main(), gzip(&main())] {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let _ = read(bytes);
        }
    }
}

#[test]
fn archives_where_the_kernel_would_not_find_them_are_refused() {
    let mut file = vec![0; 2];
    file.extend(main());
    let error = read(file).unwrap_err();
    assert!(error.to_string().contains("multiple of 4"), "{error}");
    assert!(read(b"#!/bin/sh".to_vec()).unwrap_err().to_string().contains("neither an archive"));
}

#[test]
fn names_without_end_are_refused() {
    let entry = |at: u32| format!("{at:0300}");
    let mut writer = CpioWriter::new(0);
    for at in 0..120_000 {
        writer.file(entry(at).as_bytes(), b"");
    }
    let error = read(gzip(&writer.finish())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error:?}");
}

/// A block of one sequence of literals.
fn lz4_literals(content: &[u8]) -> Vec<u8> {
    let mut block = vec![0xf0];
    let mut left = content.len() - 15;
    while left >= 255 {
        block.push(255);
        left -= 255;
    }
    block.push(left as u8);
    block.extend_from_slice(content);
    block
}

#[test]
fn reading_asks_for_each_mib_that_is_unpacked_whether_to_go_on() {
    let asked = std::cell::Cell::new(0);
    let check = || {
        asked.set(asked.get() + 1);
        match asked.get() {
            1..=3 => Ok(()),
            _ => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        }
    };
    let content = vec![7; 5 << 20];
    let file = gzip(&archive(&[("a", &content)]));
    let error = Initramfs::unpack(bytes(file), &|_| true, &check).unwrap_err();
    assert_eq!((error.kind(), asked.get()), (ErrorKind::Cancelled, 4));
    asked.set(0);
    let zeros = vec![0; 5 << 20];
    let error = Initramfs::unpack(bytes(zeros), &|_| true, &check).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "zero bytes too");
}

#[test]
fn parts_without_end_and_files_without_end_are_refused() {
    let one = archive(&[("a", b"x")]);
    assert_eq!(read(one.repeat(1000)).unwrap().segments().len(), 1000);
    assert_eq!(read(one.repeat(1001)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let huge = Arc::new(Huge);
    let error = Initramfs::read(huge, &|_| true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "nothing of it is read");
}

#[test]
fn a_file_that_is_laid_over_another_adds_and_replaces() {
    let mut tree = read(archive(&[("conf/a", b"below"), ("conf/b", b"below"), ("c", b"below")])).unwrap();
    tree.lay(read(archive(&[("conf/a", b"-> b"), ("conf/d", b"above")])).unwrap()).unwrap();
    assert_eq!(names(&tree), ["c", "conf/a", "conf/b", "conf/d"]);
    assert_eq!(tree.item(b"conf/a"), Some(&Item::Symlink { target: b"b".to_vec() }));
    assert_eq!((tree.content(b"conf/a"), tree.content(b"conf/b")), (None, Some(&b"below"[..])));
    assert_eq!((tree.content(b"conf/d"), tree.segments().len()), (Some(&b"above"[..]), 2));
}

#[test]
fn files_that_pass_a_limit_together_are_refused() {
    let parts = |number: usize| read(archive(&[("a", b"x")]).repeat(number)).unwrap();
    let mut tree = parts(600);
    tree.lay(parts(400)).unwrap();
    assert_eq!(tree.lay(parts(1)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let large = |number: u8| {
        let names: Vec<String> = (0..5).map(|at| format!("conf/{number}/{at}")).collect();
        let content = vec![b'x'; 4 << 20];
        read(archive(&names.iter().map(|name| (name.as_str(), &content[..])).collect::<Vec<_>>())).unwrap()
    };
    let mut tree = large(0);
    assert_eq!(tree.lay(large(1)).unwrap_err().kind(), ErrorKind::LimitExceeded, "40 MiB to be kept");
}

/// A file that nobody has the time to read.
struct Huge;

impl ReadAt for Huge {
    fn size(&self) -> u64 {
        (2 << 30) + 1
    }

    fn read_exact_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::Other.into())
    }
}

#[test]
fn an_archive_behind_padding_has_the_bytes_of_one_without() {
    let mut plain = CpioWriter::new(7);
    plain.file(b"ab", b"content");
    plain.file(b"c", b"12345");
    let mut behind = CpioWriter::behind(3, 7);
    let mut fill = |bytes: &mut Vec<u8>| {
        bytes.extend_from_slice(b"content");
        Ok(())
    };
    behind.file_from(b"ab", &mut fill).unwrap();
    behind.file(b"c", b"12345");
    assert_eq!(behind.finish(), [vec![0; 3], plain.finish()].concat());
}
