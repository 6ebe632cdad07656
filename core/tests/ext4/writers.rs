//! What other writers of ext4 got wrong and no other test here has: ends of files at the boundaries of groups, offsets of
//! more than 31 and 32 bits, a million names in one directory, and many empty files.
//!
//! Elsewhere are owners of 32 bits, times, links to symbolic links and special files (`plain`), extents in trees of several
//! levels (`files`), attributes in every number and order (`attributes`), more subdirectories than links can count and
//! indexes of two levels (`directories`), and sizes of volumes (`sizes`).

use std::os::unix::fs::MetadataExt;

use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Plan};
use diskwright_core::layout::DiskLayout;
use diskwright_core::scan::DataRange;
use diskwright_oracle::{figure, is_full, tool};

use crate::compare::assert_same;
use crate::directories::assert_lives_on;
use crate::image::{ALL, BLOCK, GIB, Image, MIB, layout, options};
use crate::scan::{Scan, plain};

/// Blocks of a group.
const GROUP: u64 = 32_768;

#[test]
fn a_file_that_ends_at_a_boundary_of_groups_or_a_block_beside_it_is_read_back() {
    let (forms, distances) = match is_full() {
        true => (&ALL[..], &[-2_i64, -1, 0, 1, 2][..]),
        // Extents, and a map of blocks.
        false => (&[Ext4Features::Modern, Ext4Features::Ext2][..], &[0, 1][..]),
    };
    for &features in forms {
        let with_end = |len: u64| {
            let mut scan = Scan::new();
            scan.file("f", len).file("z", 3 * BLOCK);
            let view = scan.view();
            (Image::new(&view, options(features), 384 * MIB), view)
        };
        let before = 100 * MIB / BLOCK;
        let (image, _) = with_end(before * BLOCK);
        let Some(shown) = image.ask("debugfs", &["-R", "blocks /f"]) else { return };
        let is_of_blocks = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
        let numbers = shown.lines().find(is_of_blocks).unwrap().split_whitespace();
        let last: u64 = numbers.map(|number| number.parse().unwrap()).max().unwrap();
        // The next group begins so many blocks behind the end of the file.
        let to_boundary = GROUP - (last + 1) % GROUP;
        for &beside in distances {
            let blocks = before.strict_add(to_boundary).strict_add_signed(beside);
            for len in [blocks * BLOCK, blocks * BLOCK + 1] {
                let (image, view) = with_end(len);
                image.assert_clean();
                if let Some(mounted) = image.mount("loop,ro") {
                    assert_same(&view, &mounted);
                }
            }
        }
    }
}

#[test]
fn offsets_past_2_and_4_gib_are_kept() {
    let mut scan = Scan::new();
    for (name, boundary) in [("two", 2 * GIB), ("four", 4 * GIB), ("eight", 8 * GIB)] {
        for beside in [-1_i64, 0, 1] {
            let size = boundary.strict_add_signed(beside);
            let around = DataRange { offset: boundary - MIB, len: size - (boundary - MIB) };
            let data = vec![DataRange { offset: 0, len: 1 }, around];
            scan.file_with(format!("{name}{beside}"), size, Some(data), plain(0o644));
        }
        let across = vec![DataRange { offset: boundary - 3 * BLOCK, len: 6 * BLOCK }];
        scan.file_with(format!("{name}-across"), boundary + MIB, Some(across), plain(0o644));
    }
    let view = scan.view();
    for features in ALL {
        let image = Image::new(&view, options(features), 128 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn each_of_many_empty_files_has_an_inode_of_its_own() {
    let mut scan = Scan::new();
    for at in 0..66_000 {
        scan.file(format!("{at}"), 0);
    }
    let image = Image::new(&scan.view(), options(Ext4Features::Modern), GIB);
    image.assert_clean();
    let Some(mounted) = image.mount("loop,ro") else { return };
    let first = mounted.path("0").metadata().unwrap();
    let last = mounted.path("65999").metadata().unwrap();
    assert_eq!((first.nlink(), last.nlink()), (1, 1));
    assert_ne!(first.ino(), last.ino());
}

#[test]
fn a_directory_of_very_many_names_is_sound() {
    let count = if is_full() { 1_000_000 } else { 100_000 };
    let image = Image::write(&lay_out(count));
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_eq!(std::fs::read_dir(mounted.path("d")).unwrap().count(), count);
        assert!(mounted.path(format!("d/name-{}", count - 1)).symlink_metadata().is_ok());
    }
    assert_lives_on(&image, "d", &[]);
}

/// Instructions, which caches and other programs do not change: a list that is searched from its beginning takes a hundred
/// times as many for ten times the names.
#[test]
fn the_work_for_a_directory_grows_in_proportion_to_its_names() {
    if let Some(count) = std::env::var_os(COUNT) {
        // This is the process whose instructions are counted.
        lay_out(count.to_str().unwrap().parse().unwrap());
        return;
    }
    let few = if is_full() { 100_000 } else { 2000 };
    let Some(nothing) = instructions(0) else { return };
    let work = |count| instructions(count).map(|all| (all - nothing) as f64);
    let (Some(less), Some(more)) = (work(few), work(few * 10)) else { return };
    let ratio = more / less;
    figure(
        &format!("{} names in one directory", few * 10),
        &format!("instructions for tree, plan and layout, over those for {few} names"),
        format_args!("{ratio:.1} times"),
        "at most 12 times",
        ratio <= 12.0,
    );
    assert!(ratio <= 12.0, "{ratio} times the work for ten times the names");
}

/// Instructions of a process that lays out a directory of so many names; `None` where nothing can count them.
fn instructions(names: usize) -> Option<u64> {
    let mut command = std::process::Command::new(tool("valgrind")?);
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "--test-threads=1"]);
    command.arg("writers::the_work_for_a_directory_grows_in_proportion_to_its_names");
    let output = command.env(COUNT, names.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (_, count) = said.split_once("I refs:").or_else(|| said.split_once("I   refs:")).unwrap();
    let digits = count.lines().next().unwrap().replace([',', ' '], "");
    Some(digits.parse().unwrap())
}

/// The layout of a volume with so many names in one directory, every byte of its metadata made once.
fn lay_out(count: usize) -> DiskLayout {
    let mut scan = Scan::new();
    scan.dir("d");
    for at in 0..count {
        scan.symlink(format!("d/name-{at}"), "x");
    }
    let view = scan.view();
    let size = Ext4Plan::minimum_size(&view, &options(Ext4Features::Modern), 64 * MIB).unwrap();
    let disk = layout(&view, options(Ext4Features::Modern), size).unwrap();
    let mut reader = disk.reader();
    let mut buffer = vec![0; MIB as usize];
    for region in disk.regions().filter(|region| !region.is_zero) {
        for at in (0..region.len).step_by(buffer.len()) {
            let len = buffer.len().min((region.len - at) as usize);
            reader.read_exact_at(region.start + at, &mut buffer[..len]).unwrap();
        }
    }
    disk
}

/// How many names the process that is counted lays out.
const COUNT: &str = "DISKWRIGHT_NAMES";
