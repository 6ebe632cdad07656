//! Names on a FAT file system.

use arbitrary::{Arbitrary, Unstructured};
use diskwright::profile::{
    BootPolicy, ByteSize, FileSystemKind, PartitionRequest, PartitionRole, Profile, SectorSize,
};
use diskwright::scan::EntryObject;

use crate::order;
use crate::target::Reach;
use crate::tree::Tree;

#[derive(Arbitrary, Debug)]
struct Input {
    entries: Vec<Item>,
    is_of_4096: bool,
    label: Option<String>,
}

#[derive(Arbitrary, Debug)]
struct Item {
    /// Which of the directories so far it stands in.
    parent: u8,
    name: Name,
    /// `None` for a directory.
    size: Option<u16>,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Text(String),
    Bytes(Vec<u8>),
    /// Many names that begin alike, whose short names collide.
    Alike {
        count: u8,
        len: u8,
    },
    /// Of letters in mixed case, with dots.
    Letters(Vec<u8>),
}

/// The bytes as what stands below `/boot`, which is a FAT file system.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return Reach::Refused };
    let mut tree = Tree::new();
    tree.push(b"boot", EntryObject::Directory);
    let mut directories = vec![b"boot".to_vec()];
    for item in input.entries.iter().take(100) {
        let parent = directories[usize::from(item.parent) % directories.len()].clone();
        for name in item.name.all() {
            let path = [&parent[..], b"/", &name].concat();
            match item.size {
                Some(size) => tree.file(&path, vec![b'c'; size.into()]),
                None => {
                    tree.push(&path, EntryObject::Directory);
                    directories.push(path);
                }
            }
        }
    }
    let boot = PartitionRequest {
        mount_point: Some("/boot".to_owned()),
        role: Some(PartitionRole::Data),
        file_system: Some(FileSystemKind::Fat32),
        size: Some(ByteSize::from_bytes(if input.is_of_4096 { 300 << 20 } else { 40 << 20 })),
        label: input.label,
        ..PartitionRequest::default()
    };
    let root = PartitionRequest {
        mount_point: Some("/".to_owned()),
        size: Some(ByteSize::from_bytes(16 << 20)),
        ..PartitionRequest::default()
    };
    let profile = Profile {
        boot: Some(BootPolicy::None),
        sector_size: input.is_of_4096.then_some(SectorSize::Bytes4096),
        partitions: Some(vec![root, boot]),
        ..Profile::default()
    };
    order::check(tree, profile)
}

impl Name {
    fn all(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Text(text) => vec![text.clone().into_bytes()],
            Self::Bytes(bytes) => vec![bytes.clone()],
            Self::Alike { count, len } => {
                let start = "alike name".repeat(usize::from(*len) % 20);
                (0..*count).map(|number| format!("{start}{number}.text").into_bytes()).collect()
            }
            Self::Letters(bytes) => {
                const LETTERS: &[u8] = b"abABzZ09. _-~+,;=[]";
                vec![bytes.iter().take(260).map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]).collect()]
            }
        }
    }
}
