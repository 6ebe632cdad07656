use super::Case;
use crate::support::qcow2::{BLOCK, CLUSTER, L1, L2, PACKED, TABLE, build, deflate, deflated, zstd};
use crate::support::{Package, data};

pub(super) fn cases() -> Vec<Case> {
    [headers(), tables(), clusters()].into_iter().flatten().collect()
}

fn field(at: usize, value: u32) -> Package {
    deflate().patched(at, &value.to_be_bytes())
}

fn headers() -> Vec<Case> {
    let mut short = deflate();
    short.files.get_mut("disk.qcow2").unwrap().truncate(90);
    vec![
        Case::new("qcow2-truncated", short),
        Case::new("qcow2-version", field(4, 4)),
        Case::new("qcow2-header-length", field(100, 108)),
        Case::new("qcow2-cluster-bits", field(20, 8)),
        Case::new("qcow2-size", field(28, 65_537)),
        Case::new("qcow2-incompatible-features", field(76, 1 << 5)),
        Case::new("qcow2-dirty", field(76, 1)),
        Case::new("qcow2-unusual-features", field(76, 1 << 2)).also(&["qcow2-leaked-cluster"]),
        Case::new("qcow2-compression-type", field(76, 1 << 3)),
        Case::new("qcow2-zstd", zstd()),
        Case::new("qcow2-header-extensions", field(112, 0x1234_5678).patched(116, &8192_u32.to_be_bytes())),
        Case::new("qcow2-backing-file", field(12, 200)),
        Case::new("qcow2-encryption", field(32, 1)),
        Case::new("qcow2-snapshots", field(60, 1)),
        Case::new("qcow2-l1-table", field(36, 0)).also(&["qcow2-leaked-cluster"]),
        Case::new("qcow2-l1-table", field(44, 100)),
        Case::new("qcow2-refcount-order", field(96, 7)),
    ]
}

fn tables() -> Vec<Case> {
    let entry = |at: usize, value: u64| deflate().patched(at, &value.to_be_bytes());
    vec![
        Case::new("qcow2-refcount-table", field(56, 0)),
        Case::new("qcow2-refcount-table", entry(TABLE, 1 << 40)),
        Case::new("qcow2-l2-table", entry(L1, 1 << 63 | 1 << 50)).also(&["qcow2-leaked-cluster"]),
        Case::new("qcow2-l2-table", entry(L1, 1 << 63 | L2 as u64 | 1 << 60)),
        Case::new("qcow2-cluster-offset", entry(L2, 1 << 63 | 1 << 50)).also(&["qcow2-leaked-cluster"]),
        Case::new("qcow2-copied-flag", entry(L1, L2 as u64)),
        Case::new(
            "qcow2-copied-flag",
            deflate().patched(L2 + 16, &[deflate().files["disk.qcow2"][L2 + 16] | 0x80]),
        ),
        Case::new("qcow2-refcount", deflate().patched(BLOCK + 12, &[0, 0])),
        Case::new("qcow2-leaked-cluster", deflate().patched(BLOCK + 13, &[2])),
    ]
}

fn clusters() -> Vec<Case> {
    // The same 1000 bytes at both ends of a cluster of 16 KiB: found there by a window of 32 KiB only.
    let mut far = data(4 * CLUSTER, 8);
    let start = far[..1000].to_vec();
    far[15_000..16_000].copy_from_slice(&start);
    let short = deflated(&data(CLUSTER - 1, 5), 12);
    let long = deflated(&data(CLUSTER + 300, 5), 12);
    let outside = (1_u64 << 62 | 1 << 40).to_be_bytes();
    let mut noise = deflated(&data(CLUSTER, 5), 12);
    noise[..8].fill(0xff);
    vec![
        Case::new("qcow2-compressed-range", deflate().patched(L2 + 16, &outside))
            .also(&["qcow2-leaked-cluster"]),
        Case::new("qcow2-compressed-data", build(&short, 0, 12)),
        Case::new("qcow2-compressed-data", build(&long, 0, 12)),
        Case::new("qcow2-compressed-data", build(&noise, 0, 12)),
        Case::new("qcow2-compressed-data", zstd().patched(PACKED + 5, &[0xff; 8])).also(&["qcow2-zstd"]),
        Case::new("qcow2-compressed-window", build(&deflated(&far, 15), 0, 14)),
    ]
}
