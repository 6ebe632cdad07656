use uuid::Uuid;

use super::encode::BLOCK_SIZE;
use crate::{Error, ErrorKind, Result, Timestamp};

/// How a volume is made.
///
/// Everything in it stands in the volume's bytes: the same options, tree and size give the same volume.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ext4Options {
    /// The volume's UUID; all checksums depend on it.
    pub uuid: Uuid,
    /// Seed of the directory hash.
    pub hash_seed: Uuid,
    /// Creation time of the volume and of every inode.
    pub created: Timestamp,
    /// The volume's label. Default: none.
    pub label: Ext4Label,
    /// What readers must understand. Default: [`Ext4Features::Modern`].
    pub features: Ext4Features,
    /// Bytes only root may fill, rounded down to blocks, at most half of the volume. `None`: 5 % of the volume, at most 1 GiB.
    pub reserved: Option<u64>,
    /// Bytes of volume for each inode, `4096..=4194304`. `None`: 16384 below 4 TiB, 32768 below 16 TiB, else 65536.
    /// There are always a quarter more inodes than the tree needs.
    pub bytes_per_inode: Option<u32>,
    /// Volume size up to which descriptor blocks are reserved (`resize_inode`), so that every kernel can grow the
    /// mounted volume; 0 for none. Linux 3.7 and later grow `Modern` volumes without.
    /// `None`: none for `Modern`, else 64 times the volume's size as far as one reserve reaches.
    pub grow_to: Option<u64>,
}

/// What a reader must understand to use a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ext4Features {
    /// `metadata_csum`, `64bit`: e2fsprogs 1.43 or later (Debian 9, Ubuntu 18.04, RHEL 8, SLES 15).
    #[default]
    Modern,
    /// `uninit_bg` (CRC-16 descriptors), 32-byte descriptors, `resize_inode`: RHEL 6 and 7, Ubuntu 12.04 to 16.04.
    Legacy,
    /// ext3: block maps instead of extents, tables in each group, no checksums, `resize_inode`; with a journal, so at
    /// least 8 MiB. A file reaches almost 2 TiB, a name's inode 32000 links, a directory 31998 subdirectories.
    Ext3,
    /// ext2: as ext3, without a journal.
    Ext2,
}

/// A volume label: at most 16 bytes, none of them NUL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ext4Label([u8; 16]);

impl Ext4Options {
    /// Options with every default.
    pub fn new(uuid: Uuid, hash_seed: Uuid, created: Timestamp) -> Self {
        Self {
            uuid,
            hash_seed,
            created,
            label: Ext4Label::default(),
            features: Ext4Features::default(),
            reserved: None,
            bytes_per_inode: None,
            grow_to: None,
        }
    }

    /// Sets the label.
    pub fn with_label(mut self, label: Ext4Label) -> Self {
        self.label = label;
        self
    }

    /// Sets what readers must understand.
    pub fn with_features(mut self, features: Ext4Features) -> Self {
        self.features = features;
        self
    }

    /// Sets the bytes only root may fill.
    pub fn with_reserved(mut self, bytes: u64) -> Self {
        self.reserved = Some(bytes);
        self
    }

    /// Sets the bytes of volume for each inode.
    pub fn with_bytes_per_inode(mut self, bytes: u32) -> Self {
        self.bytes_per_inode = Some(bytes);
        self
    }

    /// Sets the size up to which descriptor blocks are reserved.
    pub fn with_grow_to(mut self, bytes: u64) -> Self {
        self.grow_to = Some(bytes);
        self
    }

    /// Checks what a caller could set wrongly.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` naming the field.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |field: &str, text: &str| {
            Err(Error::new(ErrorKind::InvalidProfile, text.to_owned()).with_field(field))
        };
        if self.bytes_per_inode.is_some_and(|bytes| !(4096..=4_194_304).contains(&bytes)) {
            return refuse("bytes_per_inode", "an inode is for 4096 to 4194304 bytes of volume");
        }
        if self.created < Timestamp::EXT4_MIN || self.created > Timestamp::EXT4_MAX {
            return refuse("created", "ext4 keeps times from 1901-12-13 to 2446-05-10");
        }
        if self.created.nanos >= 1_000_000_000 {
            return refuse("created", "nanoseconds of a time are below 1000000000");
        }
        Ok(())
    }
}

impl Ext4Features {
    /// Whether all metadata carries CRC-32C.
    pub(super) fn has_metadata_csum(self) -> bool {
        self == Self::Modern
    }

    /// Bytes of a group descriptor.
    pub(super) fn descriptor_len(self) -> u64 {
        if self == Self::Modern { 64 } else { 32 }
    }

    /// Whether extents lead to an inode's blocks, not a block map.
    pub(super) fn has_extents(self) -> bool {
        !self.is_classic()
    }

    /// Whether volumes have a journal.
    pub(super) fn has_journal(self) -> bool {
        self != Self::Ext2
    }

    /// Whether group descriptors have checksums, without which nothing in them can be left to the kernel.
    pub(super) fn has_group_checksum(self) -> bool {
        !self.is_classic()
    }

    /// Groups whose tables stand together; 1 without flex_bg.
    pub(super) fn flex_groups(self) -> u32 {
        if self.is_classic() { 1 } else { 16 }
    }

    /// Names that an inode may have.
    pub(super) fn max_links(self) -> u32 {
        // EXT3_LINK_MAX, EXT4_LINK_MAX.
        if self.is_classic() { 32_000 } else { 65_000 }
    }

    /// Whether a directory may have more subdirectories than links count.
    pub(super) fn has_dir_nlink(self) -> bool {
        !self.is_classic()
    }

    /// Bytes of the largest file.
    pub(super) fn max_file_size(self) -> u64 {
        // Without huge_file, i_blocks has 32 bits for sectors of data, indirect blocks and a block of attributes: what
        // the kernel allows, less that last block.
        let blocks: u64 = if self.is_classic() { 536_346_109 } else { (1 << 32) - 1 };
        blocks.saturating_mul(BLOCK_SIZE)
    }

    /// Whether it is ext3 or ext2.
    fn is_classic(self) -> bool {
        matches!(self, Self::Ext3 | Self::Ext2)
    }

    /// Blocks that a volume may have: 2³² needs 33 bits.
    pub(super) fn max_blocks(self) -> u64 {
        if self == Self::Modern { 1 << 34 } else { (1 << 32) - 1 }
    }
}

impl Ext4Label {
    /// A label from its text.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` when it has more than 16 bytes or a NUL.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self> {
        let text = text.as_ref();
        let mut label = [0; 16];
        match label.get_mut(..text.len()) {
            Some(head) if !text.contains(&0) => head.copy_from_slice(text),
            _ => {
                let problem = "an ext4 label has at most 16 bytes and no NUL";
                return Err(Error::new(ErrorKind::InvalidProfile, problem).with_field("label"));
            }
        }
        Ok(Self(label))
    }

    /// The label's field: filled up with NULs.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
