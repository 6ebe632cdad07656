//! Partition plans: any list of partitions on a disk of any size.

use arbitrary::{Arbitrary, Unstructured};
use diskwright::profile::{
    BootPolicy, ByteSize, FileSystemKind, IdentityPolicy, PartitionFlag, PartitionRequest, PartitionRole,
    Profile, SectorSize, TableKind,
};
use diskwright::scan::EntryObject;

use crate::order;
use crate::target::Reach;
use crate::tree::Tree;

#[derive(Arbitrary, Debug)]
struct Input {
    /// Units of 1 MiB, or, where they are odd, of sectors.
    disk_size: Option<u32>,
    swap_size: Option<u16>,
    is_mbr: bool,
    is_of_4096: bool,
    boot: u8,
    is_new: bool,
    partitions: Option<Vec<Partition>>,
    spare: Option<u16>,
}

#[derive(Arbitrary, Debug)]
struct Partition {
    mount_point: Option<MountPoint>,
    role: Option<u8>,
    file_system: Option<u8>,
    size: Option<u32>,
    grow: Option<bool>,
    label: Option<String>,
    flags: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
enum MountPoint {
    Known(u8),
    Text(String),
}

const MOUNT_POINTS: [&str; 8] = ["/", "/boot", "/boot/efi", "/home", "/var", "/var/log", "/efi", "/missing"];

/// The bytes as a profile for a tree of a few directories.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let mut tree = Tree::new();
    for directory in ["boot", "boot/efi", "home", "var", "var/log", "efi", "etc"] {
        tree.push(directory.as_bytes(), EntryObject::Directory);
    }
    tree.file(b"var/log/log", vec![b'l'; 5000]);
    tree.file(b"boot/kernel", vec![b'k'; 70_000]);
    let partitions = input.partitions.as_ref();
    let partitions =
        partitions.map(|list| list.iter().take(200).enumerate().map(|(at, one)| one.request(at)).collect());
    let sector = if input.is_of_4096 { 4096 } else { 512 };
    let profile = Profile {
        boot: Some(*pick(BootPolicy::ALL, input.boot)),
        disk_size: input.disk_size.map(|size| match size % 2 {
            // A large file system takes its time to read: it is swap that grows to such sizes, or nothing.
            0 => ByteSize::from_bytes(u64::from(size % (1 << 26)) << 20),
            _ => ByteSize::from_bytes(u64::from(size % (1 << 20)) * sector),
        }),
        swap_size: input.swap_size.map(|size| ByteSize::from_bytes(u64::from(size) << 18)),
        partition_table: Some(if input.is_mbr { TableKind::Mbr } else { TableKind::Gpt }),
        sector_size: input.is_of_4096.then_some(SectorSize::Bytes4096),
        spare: input.spare.map(|spare| ByteSize::from_bytes(u64::from(spare) << 12)),
        identity: input.is_new.then_some(IdentityPolicy::New),
        partitions,
        ..Profile::default()
    };
    if has_large_file_system(&profile) {
        return Reach::Refused;
    }
    order::check(tree, profile)
}

/// Whether a file system would get more than a few GiB, all of whose groups are read.
fn has_large_file_system(profile: &Profile) -> bool {
    let is_small = |size: Option<ByteSize>| size.is_none_or(|size| size.bytes() < 4 << 30);
    let Some(list) = &profile.partitions else { return !is_small(profile.disk_size) };
    let is_swap = |one: &PartitionRequest| {
        one.role == Some(PartitionRole::Swap) || one.file_system == Some(FileSystemKind::Swap)
    };
    let grows = list.iter().any(|one| !is_swap(one) && (one.grow == Some(true) || one.size.is_none()));
    list.iter().any(|one| !is_swap(one) && !is_small(one.size)) || grows && !is_small(profile.disk_size)
}

impl Partition {
    fn request(&self, at: usize) -> PartitionRequest {
        let mount_point = match &self.mount_point {
            None => None,
            // Mostly the root first.
            Some(MountPoint::Known(number)) if at == 0 && number % 4 > 0 => Some("/".to_owned()),
            Some(MountPoint::Known(number)) => Some((*pick(&MOUNT_POINTS, *number)).to_owned()),
            Some(MountPoint::Text(text)) => Some(text.clone()),
        };
        PartitionRequest {
            mount_point,
            role: self.role.map(|role| *pick(PartitionRole::ALL, role)),
            file_system: self.file_system.map(|kind| *pick(FileSystemKind::ALL, kind)),
            size: self.size.map(|size| match size % 4 {
                0 => ByteSize::from_bytes(u64::from(size) << 12),
                1 => ByteSize::from_bytes(size.into()),
                _ => ByteSize::from_bytes(u64::from(size % 256) << 20),
            }),
            grow: self.grow,
            label: self.label.clone(),
            flags: (!self.flags.is_empty())
                .then(|| self.flags.iter().map(|flag| *pick(PartitionFlag::ALL, *flag)).collect()),
        }
    }
}

fn pick<T>(list: &[T], number: u8) -> &T {
    &list[usize::from(number) % list.len()]
}
