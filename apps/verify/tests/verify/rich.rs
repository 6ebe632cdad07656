//! A tree with everything that ext4 stores in a way of its own.

use std::sync::Arc;

use diskwright::scan::{
    Attributes, DataRange, DeviceNumber, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor,
    SourceContent,
};
use diskwright::{BytesReader, ReadAt, Result, Timestamp};

/// Entries and the content of files, by number.
#[derive(Clone, Default)]
pub(crate) struct Rich {
    pub(crate) entries: Vec<Entry>,
    pub(crate) contents: Vec<Arc<[u8]>>,
}

impl Rich {
    pub(crate) fn new() -> Self {
        let mut tree = Self::default();
        for directory in ["", "boot", "boot/sub", "etc", "many", "var"] {
            tree.push(directory, EntryObject::Directory);
        }
        for name in [
            "boot/KERNEL.IMG",
            "boot/config.txt",
            "boot/sub/A long name of mixed case.conf",
            "boot/sub/\u{e9}t\u{e9}",
        ] {
            tree.file(name, name.repeat(40).into_bytes(), None);
        }
        tree.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n".repeat(7), None);
        tree.file("etc/empty", Vec::new(), None);
        tree.file("var/two-blocks", (0..5000_u32).map(|at| at as u8).collect(), None);
        // Six extents: more than an inode has room for.
        let ranges = (0..6).map(|at| DataRange { offset: at * 8192, len: 4096 }).collect();
        tree.file("var/fragments", vec![7; 6 * 8192], Some(ranges));
        tree.push("var/short", EntryObject::Symlink(b"two-blocks".to_vec()));
        tree.push("var/long", EntryObject::Symlink(vec![b'l'; 200]));
        tree.push("var/again", EntryObject::HardLink(b"etc/passwd".to_vec()));
        tree.push("var/pipe", EntryObject::Fifo);
        tree.push("var/socket", EntryObject::Socket);
        tree.push("var/disk", EntryObject::BlockDevice(DeviceNumber { major: 259, minor: 70_000 }));
        tree.push("var/tty", EntryObject::CharDevice(DeviceNumber { major: 4, minor: 1 }));
        for number in 0..90 {
            tree.push(
                &format!("many/a-name-that-fills-blocks-of-directories-{number:04}"),
                EntryObject::Fifo,
            );
        }
        tree.entry("etc/passwd").attributes.xattrs = vec![
            (b"user.small".to_vec(), b"in the inode".to_vec()),
            (b"user.large".to_vec(), vec![b'v'; 700]),
            (b"system.posix_acl_access".to_vec(), acl()),
        ];
        tree.entry("etc/empty").attributes.xattrs =
            vec![(b"security.selinux".to_vec(), b"system_u".to_vec())];
        tree.entry("var/two-blocks").attributes.uid = 70_000;
        tree
    }

    /// With a loader, such as it is, for UEFI.
    pub(crate) fn with_uefi() -> Self {
        let mut tree = Self::new();
        let folders = ["usr", "usr/lib", "usr/lib/grub", "usr/lib/grub/x86_64-efi"];
        for directory in folders.into_iter().chain(["usr/lib/grub/x86_64-efi/monolithic"]) {
            tree.push(directory, EntryObject::Directory);
        }
        tree.file("usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", b"MZ".repeat(2000), None);
        tree
    }

    pub(crate) fn entry(&mut self, path: &str) -> &mut Entry {
        self.entries.iter_mut().find(|entry| entry.path == path.as_bytes()).unwrap()
    }

    fn push(&mut self, path: &str, object: EntryObject) {
        let mtime = Timestamp { seconds: 1_600_000_000 + self.entries.len() as i64, nanos: 123_456_789 };
        let attributes = Attributes { mode: 0o755, mtime, ..Attributes::default() };
        self.entries.push(Entry { path: path.as_bytes().to_vec(), object, attributes });
    }

    fn file(&mut self, path: &str, content: Vec<u8>, data: Option<Vec<DataRange>>) {
        let number = SourceContent(self.contents.len() as u64);
        let size = content.len() as u64;
        let mut content = content;
        if let Some(data) = &data {
            let is_data =
                |at: u64| data.iter().any(|range| (range.offset..range.offset + range.len).contains(&at));
            for (at, byte) in (0..).zip(&mut content) {
                *byte = if is_data(at) { *byte } else { 0 };
            }
        }
        self.contents.push(content.into());
        self.push(path, EntryObject::File { content: number, size, data });
    }
}

impl ScanSource for Rich {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.entries.iter().try_for_each(|entry| visitor.entry(entry.clone()))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(BytesReader(Arc::clone(&self.contents[content.0 as usize]))))
    }
}

/// Owner, one user, group, mask, others; in the kernel's wire form.
fn acl() -> Vec<u8> {
    let entry = |tag: u16, permissions: u16, id: u32| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let entries = [
        entry(1, 7, u32::MAX),
        entry(2, 5, 1000),
        entry(4, 5, u32::MAX),
        entry(16, 7, u32::MAX),
        entry(32, 5, u32::MAX),
    ];
    [vec![2, 0, 0, 0], entries.concat()].concat()
}
