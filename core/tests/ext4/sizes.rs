//! Volumes of every awkward size, the smallest that holds a tree, and growth.

use std::path::Path;
use std::process::Command;

use diskwright_core::ErrorKind;
use diskwright_core::filesystem::ext4::{Ext4Features, Ext4Plan};
use diskwright_core::scan::DataRange;
use diskwright_oracle::tool;

use crate::compare::assert_same;
use crate::directories::assert_lives_on;
use crate::image::{ALL, BLOCK, GIB, Image, MIB, layout, options};
use crate::plain::varied;
use crate::scan::{Scan, plain};

const GROUP: u64 = 32_768;

#[test]
fn every_size_around_group_boundaries_is_clean() {
    let view = varied().view();
    let mut sizes = vec![4000, 32_767, 32_768, 32_769, 33_600, 65_535, 65_536, 65_537, 66_400, 98_300];
    sizes.extend(
        [16, 17].iter().flat_map(|groups| [-1_i64, 0, 1, 900].map(|add| (groups * GROUP) as i64 + add)),
    );
    sizes.extend([16 * GROUP + 4000, 17 * GROUP + 1200, 33 * GROUP + 20_000].map(|blocks| blocks as i64));
    for features in ALL {
        for blocks in &sizes {
            let image = Image::new(&view, options(features), *blocks as u64 * BLOCK);
            println!("{features:?} {blocks}");
            image.assert_clean();
        }
    }
}

#[test]
fn volumes_below_eight_mebibytes_have_no_journal() {
    let mut scan = Scan::new();
    scan.dir("d").file("d/f", 5000);
    let view = scan.view();
    for (blocks, journal) in [(100, 0), (2047, 0), (2048, 1024 * BLOCK)] {
        for features in [Ext4Features::Modern, Ext4Features::Legacy] {
            let size = blocks * BLOCK;
            let plan = Ext4Plan::new(view.clone(), options(features), size).unwrap();
            assert_eq!(plan.summary().journal, journal);
            Image::new(&view, options(features), size).assert_clean();
        }
    }
}

#[test]
fn a_last_group_that_cannot_be_used_is_left_out_and_told() {
    let view = varied().view();
    for (blocks, expected) in [(GROUP + 1, GROUP), (2 * GROUP + 20_000, 2 * GROUP + 20_000)] {
        let plan = Ext4Plan::new(view.clone(), options(Ext4Features::Modern), blocks * BLOCK).unwrap();
        assert_eq!(plan.summary().file_system_size, expected * BLOCK);
    }
}

#[test]
fn the_smallest_volume_fits_and_nothing_smaller_does() {
    let mut many = Scan::new();
    for at in 0..5000 {
        many.file(format!("file-{at}"), at % 3);
    }
    let mut large = Scan::new();
    large.file("large", 3 * GIB).file_with(
        "sparse",
        GIB,
        Some((0..1000).map(|at| DataRange { offset: at * 8192, len: 1 }).collect()),
        plain(0o644),
    );
    for scan in [Scan::new(), varied(), many, large] {
        let view = scan.view();
        for features in ALL {
            for spare in [0, 1, 50 * MIB] {
                let size = Ext4Plan::minimum_size(&view, &options(features), spare).unwrap();
                let free = |size| {
                    Ext4Plan::new(view.clone(), options(features), size).map(|plan| plan.summary().free)
                };
                assert!(free(size).unwrap() >= spare, "{size}");
                match free(size - BLOCK) {
                    Ok(free) => assert!(free < spare, "{size} is not the smallest"),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::DoesNotFit),
                }
                if size < GIB {
                    Image::new(&view, options(features), size).assert_clean();
                }
            }
        }
    }
}

#[test]
fn a_full_volume_is_clean() {
    let view = varied().view();
    let size = Ext4Plan::minimum_size(&view, &options(Ext4Features::Modern), 0).unwrap();
    let image = Image::new(&view, options(Ext4Features::Modern), size);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
}

#[test]
fn large_volumes_stay_thin() {
    let mut scan = varied();
    scan.file("zz", 300 * MIB);
    let view = scan.view();
    for (size, features) in [
        (8 * GIB, Ext4Features::Legacy),
        (64 * GIB, Ext4Features::Modern),
        (512 * GIB, Ext4Features::Legacy),
        (2048 * GIB, Ext4Features::Modern),
        (64 * GIB, Ext4Features::Ext3),
    ] {
        let image = Image::new(&view, options(features), size);
        let allowed = 320 * MIB + size / 8000;
        assert!(image.allocated() < allowed, "{size}: {} bytes", image.allocated());
        image.assert_clean();
    }
}

#[test]
fn a_volume_of_exactly_16_tib_needs_and_has_33_bits() {
    let view = varied().view();
    // Most file systems hold no file of that length; the one in memory does.
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        println!("skipped: no /dev/shm for a file of 16 TiB");
        return;
    }
    let disk = layout(&view, options(Ext4Features::Modern), 16 << 40).unwrap();
    let image = Image::write_in(memory, &disk);
    image.assert_clean();
    if let Some(shown) = image.ask("dumpe2fs", &["-h"]) {
        assert!(shown.contains("Block count:              4294967296\n"), "{shown}");
    }
}

#[test]
fn a_volume_past_what_its_features_allow_is_refused() {
    let view = Scan::new().view();
    let error = layout(&view, options(Ext4Features::Legacy), 16 << 40).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_volume_lives_on_after_the_build() {
    for features in ALL {
        let mut scan = varied();
        for at in 0..600 {
            scan.file(format!("var/f{at}"), at * 13);
        }
        let image = Image::new(&scan.view(), options(features), 128 * MIB);
        let deleted: Vec<Vec<u8>> = (0..500).map(|at| format!("var/f{at}").into_bytes()).collect();
        assert_lives_on(&image, "var", &deleted);
        assert_lives_on(&image, "etc/empty", &[]);
    }
}

#[test]
fn groups_that_were_never_written_can_be_used() {
    let view = varied().view();
    for features in [Ext4Features::Modern, Ext4Features::Legacy] {
        let image = Image::new(&view, options(features), 40 * GIB);
        let Some(mounted) = image.mount("loop,rw") else { return };
        for at in 0..6 {
            let file = std::fs::File::create(mounted.path(format!("filled-{at}"))).unwrap();
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 6 * GIB).unwrap();
            std::fs::create_dir(mounted.path(format!("dir-{at}"))).unwrap();
        }
        std::fs::remove_file(mounted.path("filled-2")).unwrap();
        drop(mounted);
        image.assert_clean();
    }
}

#[test]
fn groups_with_nothing_but_tables_can_be_used() {
    let view = varied().view();
    for features in [Ext4Features::Ext3, Ext4Features::Ext2] {
        let image = Image::new(&view, options(features), 10 * GIB);
        let Some(mounted) = image.mount("loop,rw") else { return };
        // Directories of the root are spread over the groups, their files stand beside them.
        for at in 0..200 {
            std::fs::create_dir(mounted.path(format!("dir-{at}"))).unwrap();
            std::fs::write(mounted.path(format!("dir-{at}/file")), vec![7; 100_000]).unwrap();
        }
        std::fs::remove_dir_all(mounted.path("dir-7")).unwrap();
        drop(mounted);
        image.assert_clean();
    }
}

#[test]
fn volumes_grow_offline_and_mounted() {
    let view = varied().view();
    let modern_reserve = options(Ext4Features::Modern).with_grow_to(200 * GIB);
    let mut all = ALL.map(options).to_vec();
    all.push(modern_reserve);
    for (options, blocks) in
        all.into_iter().flat_map(|options| [(options.clone(), 33_600), (options, 5 * GROUP)])
    {
        let image = Image::new(&view, options.clone(), blocks * BLOCK);
        image.assert_clean();
        let Some(resize2fs) = tool("resize2fs") else { return };
        std::fs::File::options().write(true).open(&image.path).unwrap().set_len(6 * GIB).unwrap();
        let grow = |target: &std::path::Path, to: &str| {
            let output = Command::new(&resize2fs).arg(target).arg(to).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        grow(&image.path, "3G");
        image.assert_clean();
        // resize2fs has cut the file.
        std::fs::File::options().write(true).open(&image.path).unwrap().set_len(6 * GIB).unwrap();
        if !may_resize_mounted() {
            continue;
        }
        let Some(mounted) = image.mount("loop,rw") else { continue };
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let line = mounts.lines().find(|line| line.contains(mounted.root.to_str().unwrap())).unwrap();
        grow(std::path::Path::new(line.split(' ').next().unwrap()), "6G");
        drop(mounted);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

/// Whether the kernel lets this process grow mounted volumes: CAP_SYS_RESOURCE, which containers often lack.
fn may_resize_mounted() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let may = u64::from_str_radix(line.trim(), 16).unwrap() >> 24 & 1 == 1;
    if !may {
        println!("skipped: growing mounted volumes needs CAP_SYS_RESOURCE");
    }
    may
}

#[test]
fn a_new_uuid_can_be_given_afterwards() {
    let image = Image::new(&varied().view(), options(Ext4Features::Modern), 64 * MIB);
    if image.ask("tune2fs", &["-U", "6d1b5f3a-0c0e-4e59-8a0a-0d4f0a7f9b11"]).is_some() {
        image.assert_clean();
    }
}
