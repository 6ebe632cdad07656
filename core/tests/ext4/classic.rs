//! What only ext3 and ext2 have: block maps, lower limits, and no features that their own drivers refuse.

use diskwright_core::ErrorKind;
use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Plan};
use diskwright_core::scan::DataRange;

use crate::compare::assert_same;
use crate::directories::assert_lives_on;
use crate::image::{BLOCK, GIB, Image, MIB, options};
use crate::plain::varied;
use crate::scan::{Scan, plain};

const CLASSIC: [(Ext4Features, &str); 2] = [(Ext4Features::Ext3, "ext3"), (Ext4Features::Ext2, "ext2")];
/// First blocks beyond the direct, indirect and double indirect ones.
const INDIRECT: u64 = 12;
const DOUBLE: u64 = INDIRECT + 1024;
const TRIPLE: u64 = DOUBLE + 1024 * 1024;
/// Blocks of the largest file.
const LARGEST: u64 = 536_346_109;

fn runs(blocks: &[(u64, u64)]) -> Option<Vec<DataRange>> {
    Some(blocks.iter().map(|(at, len)| DataRange { offset: at * BLOCK, len: len * BLOCK }).collect())
}

#[test]
fn the_features_are_those_of_mke2fs_and_no_others() {
    let common = "ext_attr resize_inode dir_index filetype sparse_super large_file";
    for (features, prefix) in [(Ext4Features::Ext3, "has_journal "), (Ext4Features::Ext2, "")] {
        for grows in [true, false] {
            let options = match grows {
                true => options(features),
                false => options(features).with_grow_to(0),
            };
            let image = Image::new(&varied().view(), options, 64 * MIB);
            image.assert_clean();
            let Some(shown) = image.ask("dumpe2fs", &["-h"]) else { return };
            let expected = format!("{prefix}{common}");
            let expected = if grows { expected } else { expected.replace("resize_inode ", "") };
            for (field, value) in [
                ("Filesystem features", expected.as_str()),
                ("Filesystem state", "clean"),
                ("Inode size", "256"),
                ("Required extra isize", "32"),
                ("Blocks per group", "32768"),
            ] {
                let line = shown.lines().find(|line| line.starts_with(&format!("{field}:")));
                let found = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
                assert_eq!(found, Some(value), "{field}");
            }
            assert!(!shown.contains("Group descriptor size") && !shown.contains("Flex block group size"));
        }
    }
}

#[test]
fn drivers_of_their_own_type_and_of_ext4_show_every_attribute() {
    let view = varied().view();
    for (features, kind) in CLASSIC {
        let image = Image::new(&view, options(features), 64 * MIB);
        for kind in [kind, "ext4"] {
            if let Some(mounted) = image.mount_as(kind, "loop,ro") {
                assert_same(&view, &mounted);
            }
        }
    }
}

#[test]
fn files_around_every_level_of_the_map_are_read_back() {
    let mut scan = Scan::new();
    for blocks in [INDIRECT, DOUBLE, DOUBLE + 1024, DOUBLE + 2048] {
        for size in [(blocks - 1) * BLOCK, blocks * BLOCK, blocks * BLOCK + 1, (blocks + 1) * BLOCK] {
            scan.file(format!("dense-{size}"), size);
        }
    }
    let mut sparse = |name: &str, blocks: u64, data: &[(u64, u64)]| {
        scan.file_with(name, blocks * BLOCK, runs(data), plain(0o644));
    };
    sparse("no-data", 3 * TRIPLE, &[]);
    sparse("before-triple", TRIPLE, &[(TRIPLE - 1, 1)]);
    sparse("at-triple", TRIPLE + 1, &[(TRIPLE, 1)]);
    sparse("over-triple", TRIPLE + 9000, &[(0, 3), (TRIPLE - 2100, 4200), (TRIPLE + 8000, 10)]);
    sparse("over-double", DOUBLE + 9000, &[(11, 2), (20, 1), (DOUBLE - 1, 2), (DOUBLE + 1023, 2)]);
    sparse("second-double", 3 * TRIPLE, &[(TRIPLE + 1024 * 1024 - 3, 6), (TRIPLE + 2 * 1024 * 1024, 1)]);
    sparse("largest", LARGEST, &[(7, 1), (LARGEST - 1, 1)]);
    let comb: Vec<(u64, u64)> = (0..5000).map(|at| (at * 300, 1 + at % 3)).collect();
    sparse("comb", 5000 * 300, &comb);
    let bytes = [(5000, 100), (6000, 3000), (20_000, 4096), (3 * MIB, MIB), (10 * MIB, 5)];
    let bytes = bytes.map(|(offset, len)| DataRange { offset, len }).to_vec();
    scan.file_with("odd-bytes", 10 * MIB + 5, Some(bytes), plain(0o644));
    let view = scan.view();
    for (features, _) in CLASSIC {
        let image = Image::new(&view, options(features), 256 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
        assert_lives_on(&image, "", &["comb", "over-triple", "at-triple"].map(Vec::from));
    }
}

#[test]
fn a_file_over_several_groups_has_its_bytes_in_order() {
    let mut scan = Scan::new();
    scan.file("small", 10).file("large", 700 * MIB + 13).file("z-last", 5000);
    let view = scan.view();
    let image = Image::new(&view, options(Ext4Features::Ext3), GIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
    if let Some(shown) = image.ask("debugfs", &["-R", "stat /large"]) {
        assert!(shown.contains("(DIND)") && !shown.contains("(TIND)"), "{shown}");
    }
}

#[test]
fn a_file_past_what_sectors_of_32_bits_count_is_refused_with_its_path() {
    for (features, _) in CLASSIC {
        let mut scan = Scan::new();
        scan.dir("d").file_with("d/sparse", LARGEST * BLOCK + 1, runs(&[(0, 1)]), plain(0o644));
        let error = Ext4Plan::new(scan.view(), options(features), GIB).err().unwrap();
        assert_eq!((error.kind(), error.path()), (ErrorKind::LimitExceeded, Some(&b"d/sparse"[..])));
    }
}

#[test]
fn a_directory_has_31_998_subdirectories_and_no_more() {
    let crowd = |count: usize| {
        let mut scan = Scan::new();
        scan.dir("d");
        for at in 0..count {
            scan.dir(format!("d/{at}"));
        }
        scan.view()
    };
    for (features, _) in CLASSIC {
        let view = crowd(31_998);
        let image = Image::new(&view, options(features), 600 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(mounted.path("d").metadata().unwrap().nlink(), 32_000);
        }
        let error = Ext4Plan::new(crowd(31_999), options(features), 600 * MIB).err().unwrap();
        assert_eq!((error.kind(), error.path()), (ErrorKind::LimitExceeded, Some(&b"d"[..])));
        assert!(error.to_string().contains("31998"), "{error}");
    }
}

#[test]
fn the_lost_and_found_that_is_made_counts_as_a_subdirectory() {
    let mut scan = Scan::new();
    for at in 0..31_998 {
        scan.dir(format!("{at}"));
    }
    let error = Ext4Plan::new(scan.view(), options(Ext4Features::Ext3), 600 * MIB).err().unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::LimitExceeded, Some(&b""[..])));
}

#[test]
fn an_inode_has_32_000_names_and_no_more() {
    let linked = |count: usize| {
        let mut scan = Scan::new();
        scan.dir("d").file("d/0", 5000);
        for at in 1..count {
            scan.hard_link(format!("d/{at}"), "d/0");
        }
        scan.view()
    };
    for (features, _) in CLASSIC {
        let image = Image::new(&linked(32_000), options(features), 64 * MIB);
        image.assert_clean();
        let error = Ext4Plan::new(linked(32_001), options(features), 64 * MIB).err().unwrap();
        assert_eq!((error.kind(), error.path()), (ErrorKind::LimitExceeded, Some(&b"d/0"[..])));
        assert!(error.to_string().contains("32000"), "{error}");
    }
}

#[test]
fn ext3_is_not_made_where_it_would_have_no_journal() {
    let view = Scan::new().view();
    let plan = |features, size| Ext4Plan::new(view.clone(), options(features), size);
    let error = plan(Ext4Features::Ext3, 8 * MIB - BLOCK).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::DoesNotFit);
    assert!(error.to_string().contains("journal"), "{error}");
    let size = Ext4Plan::minimum_size(&view, &options(Ext4Features::Ext3), 0).unwrap();
    assert_eq!(size, 8 * MIB);
    let image = Image::new(&view, options(Ext4Features::Ext3), size);
    image.assert_clean();
    drop(image.mount_as("ext3", "loop,rw"));
    image.assert_clean();
    let small = Ext4Plan::minimum_size(&view, &options(Ext4Features::Ext2), 0).unwrap();
    assert!(small < MIB, "{small}");
    Image::new(&view, options(Ext4Features::Ext2), small).assert_clean();
    assert_eq!(plan(Ext4Features::Ext2, GIB).unwrap().summary().journal, 0);
}

#[test]
fn two_builds_are_equal_and_any_piece_can_be_read_first() {
    let mut scan = varied();
    scan.file("large", 60 * MIB).file_with(
        "z-far",
        TRIPLE * 2 * BLOCK,
        runs(&[(TRIPLE, 2000)]),
        plain(0o600),
    );
    let view = scan.view();
    for (features, _) in CLASSIC {
        let layout = || crate::image::layout(&view, options(features), 128 * MIB).unwrap();
        let [whole, pieces] = [layout(), layout()].map(|layout| (layout.reader(), layout.size()));
        let (mut reader, size) = whole;
        let mut bytes = vec![0; size as usize];
        reader.read_exact_at(0, &mut bytes).unwrap();
        let (mut reader, _) = pieces;
        let mut piece = vec![0; 100_003];
        let mut end = size;
        while end > 0 {
            let start = end.saturating_sub(piece.len() as u64);
            let piece = &mut piece[..(end - start) as usize];
            reader.read_exact_at(start, piece).unwrap();
            assert!(*piece == bytes[start as usize..end as usize], "at {start}");
            end = start;
        }
    }
}

#[test]
fn the_oracle_notices_a_pointer_that_leads_elsewhere() {
    use std::os::unix::fs::FileExt;
    let mut scan = Scan::new();
    scan.file("large", 20 * MIB);
    let image = Image::new(&scan.view(), options(Ext4Features::Ext3), 64 * MIB);
    let Some(shown) = image.ask("debugfs", &["-R", "stat /large"]) else { return };
    let leaf = shown.split("(IND):").nth(1).and_then(|rest| rest.split([',', '\n']).next());
    let leaf: u64 = leaf.unwrap().trim().parse().unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&image.path).unwrap();
    let mut pointer = [0; 4];
    file.read_exact_at(&mut pointer, leaf * BLOCK + 400).unwrap();
    file.write_all_at(&(u32::from_le_bytes(pointer) + 1).to_le_bytes(), leaf * BLOCK + 400).unwrap();
    assert!(std::panic::catch_unwind(|| image.assert_clean()).is_err());
}
