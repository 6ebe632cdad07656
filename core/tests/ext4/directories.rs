//! Directories of one block and of many, and of more subdirectories than links can count.

use std::os::unix::fs::MetadataExt;

use diskwright_core::filesystem::ext4::Ext4Features;

use crate::compare::assert_same;
use crate::image::{ALL, GIB, Image, MIB, Mounted, options};
use crate::scan::Scan;

/// Names of different lengths and bytes, some above 0x7f.
fn name(at: usize) -> Vec<u8> {
    let mut name = format!("{at:x}-").into_bytes();
    name.extend((0..at % 37).map(|step| [b'a', b'_', 0xc3, 0xff][(at / 7 + step) % 4]));
    name
}

fn crowd(count: usize) -> Scan {
    let mut scan = Scan::new();
    scan.dir("d").file("d-first", 5);
    for at in 0..count {
        let path = [b"d/".to_vec(), name(at)].concat();
        if at % 1000 == 999 {
            scan.dir(path)
        } else {
            scan.symlink(path, "x")
        };
    }
    scan
}

fn assert_lookups(mounted: &Mounted, count: usize, step: usize) {
    for at in (0..count).step_by(step) {
        let there = mounted.path([b"d/".to_vec(), name(at)].concat());
        assert!(there.symlink_metadata().is_ok(), "{}", there.display());
        let missing = mounted.path([b"d/!".to_vec(), name(at)].concat());
        assert!(missing.symlink_metadata().is_err(), "{}", missing.display());
    }
}

/// Creates and deletes in a mounted volume, then lets e2fsck look again.
pub(crate) fn assert_lives_on(image: &Image, directory: &str, deleted: &[Vec<u8>]) {
    let Some(mounted) = image.mount("loop,rw") else { return };
    for at in 0..2000 {
        let path = mounted.path(format!("{directory}/created-{at}-{}", "y".repeat(at % 50)));
        std::fs::write(path, vec![7; at % 3 * 3000]).unwrap();
    }
    for path in deleted {
        std::fs::remove_file(mounted.path(path)).unwrap();
    }
    drop(mounted);
    image.assert_clean();
}

#[test]
fn directories_around_one_block_are_read_back() {
    for features in ALL {
        let mut scan = Scan::new();
        // Entries of 16 bytes after 24 of dots: 254 fit 4096 - 12, 254 fit 4096 - 0 as well, 255 do not.
        for count in [252, 253, 254, 255, 256, 300] {
            scan.dir(format!("d{count}"));
            for at in 0..count {
                scan.symlink(format!("d{count}/e{at:07}"), "x");
            }
        }
        // 24 + 15 × 264 + a last one that fills the block to the byte, or passes it.
        for last in [96, 97, 100, 101, 108, 109] {
            scan.dir(format!("l{last}"));
            for at in 0..15 {
                scan.symlink(format!("l{last}/{at:0255}"), "x");
            }
            scan.symlink(format!("l{last}/{}", "z".repeat(last)), "x");
        }
        let view = scan.view();
        let image = Image::new(&view, options(features), 32 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn an_index_of_one_level_finds_every_name() {
    for features in ALL {
        let view = crowd(3000).view();
        let image = Image::new(&view, options(features), 128 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
            assert_lookups(&mounted, 3000, 1);
        }
        let deleted: Vec<Vec<u8>> = (0..500).map(|at| [b"d/".to_vec(), name(at)].concat()).collect();
        assert_lives_on(&image, "d", &deleted);
    }
}

#[test]
fn an_index_of_two_levels_finds_every_name() {
    for (count, features) in
        [(80_000, Ext4Features::Modern), (200_000, Ext4Features::Legacy), (120_000, Ext4Features::Ext3)]
    {
        let image = Image::new(&crowd(count).view(), options(features), GIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_lookups(&mounted, count, 7);
            assert_eq!(std::fs::read_dir(mounted.path("d")).unwrap().count(), count);
        }
        if let Some(dump) = image.ask("debugfs", &["-R", "htree_dump /d"]) {
            assert!(dump.contains("Indirect levels: 1"), "{}", &dump[..500]);
        }
        let deleted: Vec<Vec<u8>> = (0..500).map(|at| [b"d/".to_vec(), name(at * 2)].concat()).collect();
        assert_lives_on(&image, "d", &deleted);
    }
}

#[test]
fn a_root_with_an_index_has_lost_and_found_in_it() {
    let mut scan = Scan::new();
    for at in 0..2000 {
        scan.symlink(name(at), "x");
    }
    let view = scan.view();
    let image = Image::new(&view, options(Ext4Features::Modern), 32 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
}

#[test]
fn more_subdirectories_than_links_can_count() {
    for (count, links) in [(64_998, 65_000), (64_999, 1), (66_000, 1)] {
        let mut scan = Scan::new();
        scan.dir("d");
        for at in 0..count {
            scan.dir(format!("d/{at}"));
        }
        let image = Image::new(&scan.view(), options(Ext4Features::Modern), GIB);
        image.assert_clean();
        let Some(mounted) = image.mount("loop,rw") else { continue };
        assert_eq!(mounted.path("d").metadata().unwrap().nlink(), links);
        for at in 0..1100 {
            std::fs::create_dir(mounted.path(format!("d/more-{at}"))).unwrap();
        }
        drop(mounted);
        image.assert_clean();
    }
}

#[test]
fn a_small_directory_may_grow_past_65_000_subdirectories() {
    let mut scan = Scan::new();
    scan.dir("d").dir("d/one");
    let image = Image::new(&scan.view(), options(Ext4Features::Modern).with_bytes_per_inode(8192), GIB);
    let Some(mounted) = image.mount("loop,rw") else { return };
    for at in 0..66_000 {
        std::fs::create_dir(mounted.path(format!("d/{at}"))).unwrap();
    }
    drop(mounted);
    image.assert_clean();
}

#[test]
fn a_volume_without_a_hash_seed_finds_every_name() {
    let mut options = options(Ext4Features::Modern);
    options.hash_seed = uuid::Uuid::nil();
    let image = Image::new(&crowd(2000).view(), options, 64 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_lookups(&mounted, 2000, 1);
    }
}

#[test]
fn a_very_deep_tree_is_clean() {
    let mut scan = Scan::new();
    let mut path = String::from("d");
    for _ in 0..2048 {
        scan.dir(&path);
        path.push_str("/d");
    }
    scan.file(&path, 10);
    Image::new(&scan.view(), options(Ext4Features::Modern), 64 * MIB).assert_clean();
}
