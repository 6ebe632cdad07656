//! Formats whose disks have sectors of 512 bytes refuse disks that count in others.

use std::sync::Arc;

use diskwright::format::Machine;
use diskwright::layout::LayoutBuilder;
use diskwright::partition::SectorSize;
use diskwright::tree::{Findings, TreeBuilder};
use diskwright::{ErrorKind, Seed, Timestamp};

#[test]
fn only_bare_disks_without_a_sector_size_of_their_own_take_sectors_of_4096_bytes() {
    let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
    let disk = LayoutBuilder::new(Arc::new(tree)).finish(1 << 20).unwrap();
    let mut machine = Machine::new("disk", Seed::from_text("sectors"), Timestamp::from_seconds(0));
    machine.sector_size = SectorSize::from_bytes(4096).unwrap();
    let registry = diskwright::builtin_registry().unwrap();
    let mut taken = Vec::new();
    for entry in registry.entries() {
        for compress in [false, true] {
            let Ok(format) = registry.configure(entry.info.id, compress, &[]) else { continue };
            match format.plan(&machine, std::slice::from_ref(&disk)) {
                Ok(_) => taken.push((entry.info.id, compress)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", entry.info.id);
                    assert_eq!(error.field(), Some("sector_size"), "{}", entry.info.id);
                }
            }
        }
    }
    assert_eq!(taken, [("raw", false), ("raw", true), ("qcow2", false), ("qcow2", true)]);
}
