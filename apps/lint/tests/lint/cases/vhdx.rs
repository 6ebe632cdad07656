use super::Case;
use crate::support::Package;
use crate::support::vhdx::{
    BLOCK, HEADERS, ITEMS, METADATA, PARENT, REGIONS, TABLE, dynamic, with, with_regions,
};

pub(super) fn cases() -> Vec<Case> {
    [headers(), regions(), metadata(), tables()].into_iter().flatten().collect()
}

fn cut(len: usize) -> Package {
    let mut package = dynamic();
    package.files.get_mut("disk.vhdx").unwrap().truncate(len);
    package
}

fn headers() -> Vec<Case> {
    let [first, second] = HEADERS;
    let current = |at: usize, value: &[u8]| with(&[(second + at, value)]);
    vec![
        Case::new("vhdx-truncated", cut(second)).also(&[]),
        Case::new("vhdx-truncated", cut(REGIONS[1])).also(&["vhdx-log-place"]),
        Case::new("vhdx-header", with(&[(first, b"k")])),
        Case::new("vhdx-header", current(66, &[2])),
        Case::new("vhdx-header-checksum", dynamic().patched(first + 4, &[0; 4])),
        Case::new("vhdx-header-checksum", dynamic().patched(second + 4000, &[1])),
        Case::new("vhdx-no-header", with(&[(first, b"k"), (second, b"k")])).also(&["vhdx-header"]),
        Case::new("vhdx-no-header", dynamic().patched(first + 4, &[0; 4]).patched(second + 4, &[0; 4]))
            .also(&["vhdx-header-checksum"]),
        Case::new("vhdx-sequence-number", current(8, &[1])),
        Case::new("vhdx-log-replay", current(48, b"a log in use, id")),
        Case::new("vhdx-log-place", current(64, &[1])),
        Case::new("vhdx-log-place", current(68, &[0, 0, 0])),
        Case::new("vhdx-log-place", current(72, &(1_u64 << 40).to_le_bytes())),
        // The header with the lower number does not count.
        Case::new("vhdx-log-replay", with(&[(first + 48, &[1]), (first + 8, &[3])])),
    ]
}

fn regions() -> Vec<Case> {
    let [first, second] = REGIONS;
    let third: &[u8] =
        &[&[9; 16], &(4_u64 << 20).to_le_bytes()[..], &(1_u32 << 20).to_le_bytes(), &[1]].concat();
    let valid = dynamic();
    let again: &[u8] = &valid.files["disk.vhdx"][first + 16..first + 48];
    let three = |entry: &[u8]| {
        with(&[(first + 8, &[3]), (second + 8, &[3]), (first + 80, entry), (second + 80, entry)])
    };
    vec![
        Case::new("vhdx-region-table", with(&[(second, b"k")])),
        Case::new("vhdx-region-table", with(&[(second + 8, &[0, 8])])),
        Case::new("vhdx-region-checksum", dynamic().patched(second + 60_000, &[1])),
        Case::new("vhdx-region-copy", with(&[(second + 60_000, &[1])])),
        Case::new("vhdx-region", three(again)),
        Case::new("vhdx-region", with_regions(16 + 16, &[1])).also(&["vhdx-region-missing"]),
        Case::new("vhdx-region", with_regions(16 + 24, &[0, 0, 0x11])).also(&["vhdx-region-missing"]),
        Case::new("vhdx-region", with_regions(48 + 16, &(1_u64 << 40).to_le_bytes()))
            .also(&["vhdx-region-missing"]),
        Case::new("vhdx-region-missing", with_regions(8, &[1])),
        // It stands where the block does.
        Case::new("vhdx-region-unknown", three(third)).also(&["vhdx-block-range"]),
        Case::new("vhdx-region-overlap", with_regions(16 + 16, &(1_u64 << 20).to_le_bytes())).also(&[]),
        Case::new("vhdx-region-overlap", with(&[(HEADERS[1] + 72, &(3_u64 << 20).to_le_bytes())])),
    ]
}

fn metadata() -> Vec<Case> {
    let entry = |item: usize, at: usize, value: &[u8]| with(&[(METADATA + 32 + item * 32 + at, value)]);
    let item = |at: usize, value: &[u8]| with(&[(ITEMS + at, value)]);
    let sixth = |id: &[u8], flags: u8| {
        let rest = [&65_600_u32.to_le_bytes()[..], &4_u32.to_le_bytes(), &[flags]].concat();
        with(&[(METADATA + 10, &[6]), (METADATA + 192, &[id, &rest].concat())])
    };
    let first = dynamic().files["disk.vhdx"][METADATA + 32..METADATA + 48].to_vec();
    vec![
        Case::new("vhdx-metadata-table", with(&[(METADATA, b"k")])),
        Case::new("vhdx-metadata-table", with(&[(METADATA + 10, &[0, 8])])),
        Case::new("vhdx-metadata-item", sixth(&first, 4)),
        Case::new("vhdx-metadata-item", entry(2, 16, &[0, 0, 0])).also(&["vhdx-metadata-missing"]),
        Case::new("vhdx-metadata-item", entry(2, 20, &[0, 0, 0, 1])).also(&["vhdx-metadata-missing"]),
        Case::new("vhdx-metadata-missing", with(&[(METADATA + 10, &[4])])),
        // An item may be empty, but not one that has a length.
        Case::new("vhdx-metadata-missing", entry(2, 16, &[0; 8])),
        // A user's item with the id of the system's.
        Case::new("vhdx-metadata-missing", entry(2, 24, &[3])),
        Case::new("vhdx-metadata-missing", entry(1, 20, &[4])),
        Case::new("vhdx-metadata-unknown", sixth(&[9; 16], 4)),
        Case::new("vhdx-parent", sixth(&PARENT, 4)),
        Case::new("vhdx-parent", item(4, &[2])),
        Case::new("vhdx-block-size", item(0, &[0, 0, 0x18])),
        Case::new("vhdx-block-size", item(0, &[0, 0, 8])),
        Case::new("vhdx-disk-size", item(8, &[0; 8])),
        Case::new("vhdx-disk-size", item(8, &[1])),
        Case::new("vhdx-disk-size", item(8, &(65_u64 << 40).to_le_bytes())),
        Case::new("vhdx-disk-pages", item(8, &[0, 0xfe, 0x2f])),
        Case::new("vhdx-page-83", item(16, &[0; 16])),
        Case::new("vhdx-sector-size", item(32, &[0, 4])),
        Case::new("vhdx-sector-size", item(36, &[0, 8])),
        Case::new("vhdx-logical-4096", item(32, &[0, 0x10])),
    ]
}

fn tables() -> Vec<Case> {
    let entry = |block: usize, value: u64| with(&[(TABLE + block * 8, &value.to_le_bytes())]);
    let block = BLOCK as u64;
    vec![
        // More entries than fit into 1 MiB; the last one that is there is of no block.
        Case::new("vhdx-table-length", with(&[(ITEMS + 8, &(1_u64 << 38).to_le_bytes())])),
        Case::new("vhdx-table-entry", entry(1, 7)),
        Case::new("vhdx-table-entry", entry(1, 8)),
        Case::new("vhdx-block-range", entry(1, (block + (1 << 20)) | 6)),
        Case::new("vhdx-block-range", entry(1, (2 << 20) | 6)),
        Case::new("vhdx-block-range", entry(1, 6)),
        Case::new("vhdx-block-overlap", entry(1, block | 6)),
        Case::new("vhdx-fixed-blocks", with(&[(ITEMS + 4, &[1])])),
    ]
}
