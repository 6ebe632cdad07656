use super::Case;
use crate::support::Package;
use crate::support::vdi::{MAP, dynamic};

pub(super) fn cases() -> Vec<Case> {
    let field = |at: usize, value: u32| dynamic().patched(at, &value.to_le_bytes());
    let cut = |len: usize| {
        let mut package = dynamic();
        package.files.get_mut("disk.vdi").unwrap().truncate(len);
        package
    };
    vec![
        Case::new("vdi-truncated", cut(300)),
        Case::new("vdi-truncated", field(0x154, 1 << 30)).also(&["vdi-data-offset"]),
        Case::new("vdi-signature", field(0x40, 1)),
        Case::new("vdi-version", field(0x44, 0x0001_0002)),
        Case::new("vdi-header-size", field(0x48, 300)),
        Case::new("vdi-type", field(0x4c, 4)),
        Case::new("vdi-flags", field(0x50, 2)),
        Case::new("vdi-map-offset", unaligned_map()),
        Case::new("vdi-data-offset", field(0x158, 1023)),
        Case::new("vdi-sector-size", field(0x168, 4096)),
        Case::new("vdi-sector-size", field(0x1d4, 0)),
        Case::new("vdi-disk-size", field(0x170, (3 << 20) - 1)),
        Case::new("vdi-block-size", field(0x17c, 512)).also(&["vdi-file-length"]),
        Case::new("vdi-block-count", field(0x170, 2 << 20)),
        Case::new("vdi-allocated-count", field(MAP + 8, u32::MAX)),
        Case::new("vdi-allocated-count", field(0x4c, 2)),
        Case::new("vdi-block-range", field(MAP + 8, 2)),
        Case::new("vdi-block-duplicate", field(MAP + 8, 0)),
        Case::new("vdi-file-length", cut(1024 + (2 << 20) - 1)),
        Case::new("vdi-uuid", dynamic().patched(0x188, &[0; 16])),
        Case::new("vdi-uuid", dynamic().patched(0x198, &[0; 16])),
        Case::new("vdi-parent", field(0x1a8, 1)),
    ]
}

/// The map four bytes further.
fn unaligned_map() -> Package {
    let map: Vec<u8> = dynamic().files["disk.vdi"][MAP..MAP + 12].to_vec();
    dynamic().patched(0x154, &(MAP as u32 + 4).to_le_bytes()).patched(MAP + 4, &map)
}
