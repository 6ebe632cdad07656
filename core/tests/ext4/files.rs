//! Files with holes, with many extents, and large ones.

use diskwright_core::filesystem::ext4::Ext4Features;
use diskwright_core::scan::DataRange;

use crate::compare::assert_same;
use crate::directories::assert_lives_on;
use crate::image::{BLOCK, GIB, Image, MIB, options};
use crate::scan::{Scan, plain};

fn range(offset: u64, len: u64) -> DataRange {
    DataRange { offset, len }
}

/// Every other block holds data.
fn comb(teeth: u64) -> Vec<DataRange> {
    (0..teeth).map(|at| range(2 * at * BLOCK, BLOCK)).collect()
}

#[test]
fn holes_are_where_they_were() {
    let mut scan = Scan::new();
    let mut sparse = |name: &str, size, data: &[DataRange]| {
        scan.file_with(name, size, Some(data.to_vec()), plain(0o644));
    };
    sparse("all-hole", 10 * MIB, &[]);
    sparse("head", 10 * MIB, &[range(0, 1)]);
    sparse("tail", 10 * MIB, &[range(10 * MIB - 1, 1)]);
    sparse(
        "inside",
        10 * MIB + 5,
        &[range(5000, 100), range(6000, 3000), range(20_000, 4096), range(3 * MIB, MIB)],
    );
    sparse("tib", 1 << 40, &[range(1 << 39, 4096)]);
    sparse("largest", ((1 << 32) - 1) * BLOCK, &[range(((1 << 32) - 2) * BLOCK, BLOCK)]);
    sparse("five-tib-hole", 5 << 40, &[]);
    let view = scan.view();
    for features in [Ext4Features::Modern, Ext4Features::Legacy] {
        let image = Image::new(&view, options(features), 64 * MIB);
        image.assert_clean();
        if let Some(mounted) = image.mount("loop,ro") {
            assert_same(&view, &mounted);
        }
    }
}

#[test]
fn extent_trees_have_as_many_levels_as_they_need() {
    let mut scan = Scan::new();
    let teeth = [1, 4, 5, 339, 340, 341, 680, 1360, 1361, 1700, 340 * 5 + 1];
    for teeth in teeth {
        scan.file_with(format!("comb-{teeth}"), 2 * teeth * BLOCK, Some(comb(teeth)), plain(0o644));
    }
    let view = scan.view();
    let image = Image::new(&view, options(Ext4Features::Modern), 128 * MIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
    let deleted: Vec<Vec<u8>> = [5, 341, 1361].map(|teeth| format!("comb-{teeth}").into_bytes()).into();
    assert_lives_on(&image, "", &deleted);
}

#[test]
fn a_hundred_thousand_holes_and_three_levels() {
    let mut scan = Scan::new();
    // 340 × 340 × 4 extents would need a third level of tree blocks; 100 000 need two and a root.
    scan.file_with("comb", 200_000 * BLOCK, Some(comb(100_000)), plain(0o644)).file("after", 5 * MIB);
    scan.file_with("end", 20 * GIB, Some(vec![range(20 * GIB - 1, 1)]), plain(0o644));
    let view = scan.view();
    let image = Image::new(&view, options(Ext4Features::Modern), GIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
    if let Some(dump) = image.ask("debugfs", &["-R", "extents /comb"]) {
        assert!(dump.lines().any(|line| line.trim_start().starts_with("2/ 2")), "depth 2");
    }
    assert_lives_on(&image, "", &[b"comb".to_vec()]);
}

#[test]
fn a_file_over_several_groups_has_its_bytes_in_order() {
    let mut scan = Scan::new();
    scan.file("small", 10).file("large", 700 * MIB + 13).file("z-last", 5000);
    let view = scan.view();
    // Small flexible groups' metadata stand in the way every 2 GiB; copies of the superblock more often.
    let image = Image::new(&view, options(Ext4Features::Legacy), GIB);
    image.assert_clean();
    if let Some(mounted) = image.mount("loop,ro") {
        assert_same(&view, &mounted);
    }
}
