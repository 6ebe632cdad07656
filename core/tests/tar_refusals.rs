//! Archives made by hand: what is kept, what is refused and with which words.

mod tar_support;

use diskwright_core::ErrorKind;
use diskwright_core::scan::{Entry, EntryObject, ScanSource};
use tar_support::{Archive, GNU, Head, V7, base256, hex, octal, record};

fn archive() -> Archive {
    Archive::default()
}

/// Paths of the entries, as text.
fn paths(archive: &Archive) -> Vec<String> {
    let (source, _place) = archive.source();
    let mut paths = Vec::new();
    source
        .scan(&mut |entry: Entry| {
            paths.push(entry.path.escape_ascii().to_string());
            Ok(())
        })
        .unwrap();
    paths
}

fn refused(archive: Archive, words: &str) {
    let error = archive.error();
    assert!(error.contains(words), "expected \"{words}\" in \"{error}\"");
}

#[test]
fn something_else_than_an_archive_is_named() {
    refused(archive(), "truncated");
    refused(Archive(b"PK\x03\x04".repeat(300)), "not a tar archive");
    refused(Archive(vec![b'x'; 100]), "truncated");
    assert!(paths(&archive().end()).is_empty());
}

#[test]
fn the_end_must_be_the_end() {
    let good = archive().file("a", "1");
    refused(good.clone(), "without its end mark");
    refused(Archive([&good.0[..], &[0; 512]].concat()), "without its end mark");
    refused(Archive([&good.0[..], &[0; 512], &good.0[..], &[0; 1024]].concat()), "single block of zeros");
    refused(
        Archive([&good.clone().end().0[..], &good.clone().end().0[..]].concat()),
        "behind the archive's end",
    );
    refused(Archive([&good.clone().end().0[..], &[0; 511], b"x"].concat()), "behind the archive's end");
    refused(Archive([&good.clone().end().0[..], &[0; 100]].concat()), "truncated");
    let padded = Archive([&good.end().0[..], &[0; 8192]].concat());
    assert_eq!(paths(&padded), ["a"]);
}

#[test]
fn a_damaged_header_ends_everything() {
    let mut bad = archive().file("a", "1").file("b", "2").end();
    bad.0[1024 + 3] ^= 1;
    refused(bad, "wrong checksum");
    refused(archive().head(Head::new(b'0', "a").magic(*b"ustar 00")).end(), "magic");
    refused(archive().head(Head { size: b"9".to_vec(), ..Head::new(b'0', "a") }).end(), "malformed number");
    refused(
        archive().head(Head { size: base256(-512, 12), ..Head::new(b'0', "a").magic(GNU) }).end(),
        "malformed size",
    );
    refused(
        archive().head(Head { size: base256(i64::MAX, 12), ..Head::new(b'0', "a").magic(GNU) }).end(),
        "truncated",
    );
    refused(
        archive().head(Head { size: base256(i64::MAX - 511, 12), ..Head::new(b'0', "a").magic(GNU) }).end(),
        "truncated",
    );
    refused(
        archive().head(Head { mode: base256(1 << 20, 8), ..Head::new(b'0', "a").magic(GNU) }).end(),
        "malformed mode",
    );
    refused(archive().head(Head::new(b'0', "")).end(), "without a name");
}

#[test]
fn old_checksums_of_signed_bytes_are_known() {
    let head = Head { signed_checksum: true, ..Head::new(b'0', "\u{fc}\u{e4}") };
    assert_eq!(paths(&archive().head(head).end()), ["\\xc3\\xbc\\xc3\\xa4"]);
}

#[test]
fn kinds_of_members_that_no_tree_has_are_named() {
    for (flag, words) in [
        (b'V', "volume label"),
        (b'M', "multi-volume"),
        (b'D', "incremental"),
        (b'N', "long names"),
        (b'X', "Solaris"),
        (b'A', "Solaris"),
        (b'Z', "unknown type ('Z')"),
        (0xff, "unknown type ('\\xff')"),
    ] {
        refused(archive().head(Head::new(flag, "a")).end(), words);
    }
    assert_eq!(paths(&archive().head(Head::new(b'7', "a")).end()), ["a"]);
}

#[test]
fn content_belongs_to_files_only() {
    for flag in *b"23456" {
        refused(archive().head(Head::new(flag, "a").link("b").size(1)).data("x").end(), "not a file");
    }
    // An old archiver gave a hard link the size of its file, and no content.
    let old = archive().file("f", "123").head(Head::new(b'1', "a").magic(V7).link("f").size(3)).end();
    assert_eq!(paths(&old), ["f", "a"]);
    let with_body = archive().file("f", "123").head(Head::new(b'1', "a").link("f").size(3)).data("123").end();
    refused(with_body, "wrong checksum");
    let pax = archive().pax(b'x', &[("mtime", b"1")]).file("f", "123");
    refused(pax.head(Head::new(b'1', "a").link("f").size(3)).data("123").end(), "not a file");
    refused(archive().pax(b'x', &[("size", b"3")]).symlink("a", "b").end(), "not a file");
    refused(archive().file("a/", "").end(), "slash");
    refused(archive().head(Head::new(b'2', "a")).end(), "without a target");
}

/// An archive within an archive: a reader that loses step sees `inner`.
fn nested() -> Vec<u8> {
    archive().file("inner", "x").end().0
}

#[test]
fn a_pax_size_counts_whatever_the_header_says() {
    let nested = nested();
    let size = nested.len().to_string();
    for in_header in [0, 512, nested.len() as u64] {
        let archive = archive()
            .pax(b'x', &[("size", size.as_bytes())])
            .head(Head::new(b'0', "outer").size(in_header))
            .data(&nested)
            .file("last", "")
            .end();
        assert_eq!(paths(&archive), ["outer", "last"], "header: {in_header}");
    }
    let archive = archive()
        .pax(b'x', &[("size", b"0")])
        .head(Head::new(b'0', "outer").size(2048))
        .file("next", "y")
        .end();
    assert_eq!(paths(&archive), ["outer", "next"]);
}

#[test]
fn a_pax_size_is_not_that_of_a_long_name() {
    let long = "n".repeat(150);
    let nested = nested();
    let archive = archive()
        .pax(b'x', &[("size", nested.len().to_string().as_bytes())])
        .long(b'L', &long)
        .head(Head::new(b'0', "short").magic(GNU))
        .data(&nested)
        .file("last", "")
        .end();
    assert_eq!(paths(&archive), [long, "last".to_owned()]);
}

#[test]
fn records_are_for_one_member_and_globals_for_all() {
    let archive = archive()
        .pax(b'g', &[("uid", b"7"), ("mtime", b"5.5")])
        .pax(b'x', &[("uid", b"8"), ("path", b"long")])
        .file("a", "")
        .file("b", "")
        .pax(b'g', &[("uid", b"9")])
        .file("c", "")
        .end();
    let (source, _place) = archive.source();
    let mut seen = Vec::new();
    source
        .scan(&mut |entry: Entry| {
            let attributes = &entry.attributes;
            seen.push(format!("{} {} {}", entry.path.escape_ascii(), attributes.uid, attributes.mtime.nanos));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, ["long 8 500000000", "b 7 500000000", "c 9 500000000"]);
}

#[test]
fn extension_headers_that_readers_take_differently_are_refused() {
    let x = |records: &[(&str, &[u8])]| archive().pax(b'x', records);
    refused(x(&[("mtime", b"1")]).pax(b'x', &[("mtime", b"2")]).file("a", "").end(), "two extended headers");
    refused(x(&[("mtime", b"1")]).end(), "without a member");
    refused(archive().long(b'L', "a").end(), "without a member");
    refused(archive().file("a", "").pax(b'g', &[("comment", b"c")]).end(), "without a member");
    refused(x(&[("mtime", b"1")]).pax(b'g', &[("uid", b"2")]).file("a", "").end(), "between a member");
    refused(archive().long(b'L', "a").long(b'L', "b").file("a", "").end(), "two long names");
    refused(x(&[("path", b"b")]).long(b'L', "a").file("a", "").end(), "two kinds of long names");
    refused(x(&[("linkpath", b"b")]).long(b'K', "a").symlink("a", "b").end(), "two kinds of long names");
    refused(archive().long(b'L', "a\0b").file("a", "").end(), "NUL");
    refused(archive().long(b'L', "").file("a", "").end(), "empty");
    refused(archive().long(b'L', "a".repeat(65_536)).file("a", "").end(), "at most 65536");
    refused(x(&[("comment", &vec![b'c'; 1 << 20])]).file("a", "").end(), "at most 1048576");
    let mut padding = x(&[("mtime", b"1")]).file("a", "").end();
    padding.0[1000] = b'x';
    refused(padding, "behind its end");
    for key in ["path", "linkpath", "size", "GNU.sparse.size", "SCHILY.acl.access"] {
        refused(archive().pax(b'g', &[(key, b"1")]).file("a", "").end(), key);
    }
    for (key, value) in
        [("path", ""), ("size", ""), ("size", "-1"), ("size", "9223372036854775808"), ("uid", "1x")]
    {
        refused(x(&[(key, value.as_bytes())]).file("a", "").end(), key);
    }
    refused(x(&[("size", b"1"), ("size", b"1")]).file("a", "1").end(), "size");
    refused(x(&[("hdrcharset", b"KLINGON")]).file("a", "").end(), "hdrcharset");
    refused(x(&[("GNU.dumpdir", b"Y")]).file("a", "").end(), "GNU.dumpdir");
    refused(x(&[("colour", b"red")]).file("a", "").end(), "colour");
    refused(archive().pax_body(b'x', b"99 path=short\n").file("a", "").end(), "malformed record");
}

#[test]
fn keywords_of_other_vendors_are_told() {
    let archive = archive().pax(b'x', &[("ACME.colour", b"red")]).file("a", "").end();
    let (source, _place) = archive.source();
    let summary = source.scan(&mut |_: Entry| Ok(())).unwrap();
    assert_eq!(source.ignored_keywords(), ["ACME.colour"]);
    assert!(summary.findings.iter().any(|finding| finding.text.contains("ACME.colour")));
}

#[test]
fn names_of_both_charsets_are_bytes() {
    for charset in [&b"BINARY"[..], b"ISO-IR 10646 2000 UTF-8"] {
        let archive =
            archive().pax(b'x', &[("hdrcharset", charset), ("path", b"\xff\xc3\xa9")]).file("a", "").end();
        assert_eq!(paths(&archive), ["\\xff\\xc3\\xa9"]);
    }
}

#[test]
fn a_prefix_counts_where_all_readers_see_one() {
    let head = Head { prefix: b"pre".to_vec(), ..Head::new(b'0', "a") };
    assert_eq!(paths(&archive().head(head.clone()).end()), ["pre/a"]);
    refused(archive().head(head.clone().magic(V7)).end(), "prefix");
    refused(archive().head(head.magic(GNU)).end(), "incremental");
}

#[test]
fn device_numbers_come_from_records_first() {
    let head = Head { major: octal(8, 8), minor: octal(1, 8), ..Head::new(b'4', "a") };
    let records = [("SCHILY.devmajor", &b"259"[..]), ("SCHILY.devminor", b"1048575")];
    let archive = archive().head(head.clone()).pax(b'x', &records).head(head).end();
    let (source, _place) = archive.source();
    let mut seen = Vec::new();
    source
        .scan(&mut |entry: Entry| {
            if let EntryObject::BlockDevice(number) = entry.object {
                seen.push((number.major, number.minor));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [(8, 1), (259, 1_048_575)]);
}

#[test]
fn sparse_files_must_add_up() {
    let data = vec![b'd'; 512];
    let records = |size: &str, blocks: &str, map: &str| -> Vec<u8> {
        [
            record("GNU.sparse.size", size.as_bytes()),
            record("GNU.sparse.numblocks", blocks.as_bytes()),
            record("GNU.sparse.name", b"s"),
            record("GNU.sparse.map", map.as_bytes()),
        ]
        .concat()
    };
    let with = |body: Vec<u8>| archive().pax_body(b'x', &body).file("GNUSparseFile.1/s", &data).end();
    let mut content = vec![0; 512];
    content.extend(&data);
    content.extend([0; 100]);
    let lines = with(records("1124", "2", "512,512,1124,0")).listing().unwrap();
    use sha2::{Digest, Sha256};
    assert_eq!(lines, [format!("file {} 1124 {}", hex(b"s"), hex(&Sha256::digest(&content)))]);
    for (size, blocks, map, words) in [
        ("1124", "2", "512,512", "numblocks"),
        ("1124", "1", "512,512", "does not reach the end"),
        ("1124", "1", "0,511", "does not reach the end"),
        ("511", "1", "0,511", "than are stored"),
        ("1024", "2", "0,512,0,512", "ascend"),
        ("1024", "2", "0,100,612,412", "odd length"),
        ("1024", "1", "512,513", "ascend"),
        ("18446744073709551615", "1", "18446744073709551615,1", "ascend"),
        ("512", "1", "0,512,", "GNU.sparse.map"),
        ("512", "1", "0", "contradict"),
    ] {
        refused(with(records(size, blocks, map)), words);
    }
    refused(with(record("GNU.sparse.name", b"s")), "without GNU.sparse.size");
    refused(
        with([record("GNU.sparse.major", b"2"), record("GNU.sparse.minor", b"0")].concat()),
        "another format",
    );
    refused(with(record("GNU.sparse.colour", b"1")), "GNU.sparse.colour");
    refused(archive().pax_body(b'x', &records("512", "1", "0,512")).dir("d").end(), "not a file");
    let one = [
        record("GNU.sparse.major", b"1"),
        record("GNU.sparse.minor", b"0"),
        record("GNU.sparse.name", b"s"),
        record("GNU.sparse.realsize", b"512"),
    ]
    .concat();
    refused(
        archive().pax_body(b'x', &one).file("x", "9999999\n0\n\0".to_owned() + &"x".repeat(600)).end(),
        "not made of numbers",
    );
    refused(
        archive().pax_body(b'x', &one).file("x", "99\n".to_owned() + &"1\n".repeat(254) + "\n").end(),
        "sparse map",
    );
    refused(archive().pax_body(b'x', &one).file("x", "").file("y", "").end(), "longer than what is stored");
}

#[test]
fn a_sparse_map_of_too_many_ranges_is_refused_while_it_is_read() {
    let map = "2000000\n".to_owned() + &"0\n0\n".repeat(1_100_000);
    let one = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", b"0"),
    ];
    let (source, _place) = archive().pax(b'x', &one).file("x", map).end().source();
    let error = source.scan(&mut |_: Entry| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[test]
fn the_machine_report_is_no_part_of_the_tree() {
    let archive = archive()
        .dir("./")
        .dir("./.diskwright/")
        .file("./.diskwright/machine.json", "{\"old\":1}")
        .file(".diskwright/machine.json", "{}")
        .file("etc", "")
        .end();
    assert_eq!(paths(&archive), ["./", "etc"]);
    let (source, _place) = archive.source();
    assert_eq!(source.machine_report(), None);
    let summary = source.scan(&mut |_: Entry| Ok(())).unwrap();
    assert_eq!(source.machine_report(), Some(&b"{}"[..]));
    assert_eq!(summary.machine_report.as_deref(), Some(&b"{}"[..]));
}

#[test]
fn a_machine_report_that_is_none_is_refused() {
    let path = ".diskwright/machine.json";
    refused(archive().symlink(path, "/etc/passwd").end(), "machine report");
    refused(archive().hard_link(path, "x").end(), "machine report");
    refused(archive().file(".diskwright", "x").end(), "machine report");
    refused(archive().file(path, vec![b' '; (1 << 20) + 1]).end(), "machine report");
}

#[test]
fn windows_of_more_than_128_mib_are_refused_before_they_are_allocated() {
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3][..], &[0x01, 0, 0], &[0; 64]].concat();
    let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
    xz.extend(crc32fast::hash(&[0, 1]).to_le_bytes());
    let block = [0x02, 0x00, 0x21, 0x01, 40, 0, 0, 0];
    xz.extend(block);
    xz.extend(crc32fast::hash(&block).to_le_bytes());
    xz.extend([0; 64]);
    for packed in [zstd, xz] {
        let start = std::time::Instant::now();
        let (source, _place) = Archive(packed).source();
        let error = source.scan(&mut |_: Entry| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error:?}");
        assert!(start.elapsed().as_secs() < 2);
    }
}
