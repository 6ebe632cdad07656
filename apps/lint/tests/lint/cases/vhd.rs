use super::Case;
use crate::support::Package;
use crate::support::vhd::{BITMAP, BLOCK, HEADER, TABLE, dynamic, fixed, with_footer, with_header};

const SIZE: usize = 20 << 20;
/// Of every dynamic image.
const DYNAMIC: &[&str] = &["vhd-azure-type"];

pub(super) fn cases() -> Vec<Case> {
    [fixed_images(), footers(), headers(), tables()].into_iter().flatten().collect()
}

fn footer(at: usize, value: &[u8]) -> Package {
    with_footer(fixed(SIZE), at, value)
}

fn fixed_images() -> Vec<Case> {
    let mut longer = fixed(SIZE).files["disk.vhd"].clone();
    longer.splice(0..0, [0; 512]);
    vec![
        Case::new("vhd-fixed-length", Package::new("disk.vhd", longer)),
        Case::new("vhd-azure-alignment", fixed(SIZE + 512)),
        Case::new("vhd-azure-minimum", fixed(SIZE - (1 << 20))),
        Case::new("vhd-data-offset", footer(16, &512_u64.to_be_bytes())),
        Case::new("vhd-footer-checksum", fixed(SIZE).patched(SIZE + 64, &[1])),
        Case::new("vhd-footer-checksum", fixed(SIZE).patched(SIZE + 500, &[1])),
        Case::new("vhd-version", footer(12, &[0, 2])),
        Case::new("vhd-version", footer(11, &[0])),
        Case::new("vhd-type", footer(60, &[0, 0, 0, 6])),
        Case::new("vhd-parent", footer(60, &[0, 0, 0, 4])),
        Case::new("vhd-unique-id", footer(68, &[0; 16])),
        Case::new("vhd-saved-state", footer(84, &[1])),
        Case::new("vhd-disk-size", footer(48, &[0; 8])).also(&[
            "vhd-fixed-length",
            "vhd-azure-minimum",
            "vhd-geometry",
        ]),
        Case::new("vhd-disk-size", footer(48, &(2041_u64 << 30).to_be_bytes())).also(&["vhd-fixed-length"]),
        Case::new("vhd-geometry", footer(56, &[0; 4])),
        Case::new("vhd-geometry", footer(56, &[3, 0])),
        Case::new("vhd-size-by-geometry", footer(28, b"qemu")),
        Case::new("vhd-creator", footer(28, b"vbox")),
    ]
}

fn cut(package: Package, len: usize) -> Package {
    let mut package = package;
    package.files.get_mut("disk.vhd").unwrap().truncate(len);
    package
}

fn footers() -> Vec<Case> {
    let len = dynamic().files["disk.vhd"].len();
    vec![
        Case::new("vhd-truncated", cut(dynamic(), 400)),
        Case::new("vhd-truncated", cut(dynamic(), 1024)).also(&["vhd-footer", "vhd-azure-type"]),
        Case::new("vhd-truncated", cut(dynamic(), 1540)).also(&["vhd-footer", "vhd-azure-type"]),
        Case::new("vhd-footer", dynamic().patched(len - 512, b"k")).also(DYNAMIC),
        Case::new("vhd-footer-copy", dynamic().patched(100, &[1])).also(DYNAMIC),
        Case::new("vhd-data-offset", with_footer(dynamic(), 16, &[0xff; 8])).also(DYNAMIC),
        Case::new("vhd-data-offset", with_footer(dynamic(), 16, &[0; 8])).also(DYNAMIC),
        // Nothing of a fixed image is looked at in the last part of a dynamic one.
        Case::new("vhd-azure-type", dynamic()),
    ]
}

fn headers() -> Vec<Case> {
    let header = |at: usize, value: u32| with_header(at, &value.to_be_bytes());
    vec![
        Case::new("vhd-header", with_header(0, b"k")).also(DYNAMIC),
        Case::new("vhd-header", header(24, 0x0002_0000)).also(DYNAMIC),
        Case::new("vhd-header-checksum", dynamic().patched(HEADER + 36, &[1])).also(DYNAMIC),
        Case::new("vhd-header-checksum", dynamic().patched(HEADER + 1000, &[1])).also(DYNAMIC),
        Case::new("vhd-parent", with_header(40, b"parent")).also(DYNAMIC),
        Case::new("vhd-parent", with_header(576, b"W2ku")).also(DYNAMIC),
        Case::new("vhd-block-size", header(32, 3 << 19)).also(DYNAMIC),
        Case::new("vhd-block-size", header(32, 2048)).also(DYNAMIC),
        Case::new("vhd-block-table", header(28, 2)).also(DYNAMIC),
        Case::new("vhd-block-table", with_header(16, &512_u64.to_be_bytes())).also(DYNAMIC),
        Case::new("vhd-block-table", with_header(16, &1540_u64.to_be_bytes())).also(DYNAMIC),
        Case::new("vhd-block-table", with_header(16, &[0xff; 8])).also(DYNAMIC),
        Case::new("vhd-truncated", with_header(16, &(1_u64 << 30).to_be_bytes())).also(DYNAMIC),
    ]
}

fn tables() -> Vec<Case> {
    let entry = |value: usize| dynamic().patched(TABLE + 8, &((value / 512) as u32).to_be_bytes());
    let mut for_uefi = dynamic().patched(BITMAP + 512, &[0; 512]);
    for_uefi = for_uefi.patched(BITMAP + 512 + 450, &[0xee]).patched(BITMAP + 512 + 510, &[0x55, 0xaa]);
    vec![
        Case::new("vhd-block-range", entry(BITMAP + 1024 + BLOCK)).also(DYNAMIC),
        Case::new("vhd-block-range", entry(512)).also(DYNAMIC),
        Case::new("vhd-block-range", entry(0)).also(DYNAMIC),
        Case::new("vhd-block-overlap", entry(BITMAP)).also(DYNAMIC),
        Case::new("vhd-block-overlap", entry(BITMAP + BLOCK)).also(DYNAMIC),
        Case::new("vhd-bitmap", dynamic().patched(BITMAP + 3, &[0xfe])).also(DYNAMIC),
        Case::new("vhd-bitmap", dynamic().patched(BITMAP, &[0x7f])).also(DYNAMIC),
        // Behind a run of zeros that no bit is set for.
        Case::new(
            "vhd-bitmap",
            dynamic().patched(BITMAP, &[0x80, 1, 0, 0]).patched(BITMAP + 1024, &[0; 14 * 512]),
        )
        .also(DYNAMIC),
        Case::new("vhd-generation", for_uefi).also(DYNAMIC),
    ]
}
