//! File systems of the ext family from any set of entries.

use arbitrary::{Arbitrary, Unstructured};
use diskwright::profile::{
    BootPolicy, ByteSize, FileSystemKind, PartitionRequest, Profile, SectorSize, TableKind,
};

use crate::order;
use crate::target::Reach;
use crate::tree::{Node, Tree};

#[derive(Arbitrary, Debug)]
struct Input {
    nodes: Vec<Node>,
    kind: u8,
    /// Of the file system, where it is given: 64 KiB each.
    size: Option<u16>,
    is_of_4096: bool,
    /// A second file system below this directory of the tree.
    second: Option<u8>,
    label: Option<u8>,
}

/// The bytes as a tree on a disk of its own.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let mut tree = Tree::new();
    tree.grow(b"", &input.nodes);
    let kinds = [FileSystemKind::Ext4, FileSystemKind::Ext3, FileSystemKind::Ext2];
    let kind = kinds[usize::from(input.kind) % kinds.len()];
    let size = input.size.map(|size| ByteSize::from_bytes((u64::from(size % 4096) + 1) << 16));
    let root = PartitionRequest {
        mount_point: Some("/".to_owned()),
        file_system: Some(kind),
        size,
        grow: Some(false),
        label: input.label.map(|len| "L".repeat(usize::from(len) % 17)),
        ..PartitionRequest::default()
    };
    let mut partitions = vec![root];
    if let Some(number) = input.second {
        partitions.push(PartitionRequest {
            mount_point: Some(format!("/n{number}")),
            file_system: Some(kinds[usize::from(number) % kinds.len()]),
            size: Some(ByteSize::from_bytes(24 << 20)),
            ..PartitionRequest::default()
        });
    }
    let profile = Profile {
        boot: Some(BootPolicy::None),
        partition_table: Some(TableKind::Gpt),
        sector_size: input.is_of_4096.then_some(SectorSize::Bytes4096),
        spare: Some(ByteSize::from_bytes(1 << 20)),
        partitions: Some(partitions),
        ..Profile::default()
    };
    order::check(tree, profile)
}
