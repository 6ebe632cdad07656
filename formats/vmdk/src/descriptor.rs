#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::Machine;
use diskwright_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use crate::encode::{DESCRIPTOR_SECTORS, SECTOR};
use crate::options::AdapterType;

/// The text that describes a disk: in the file of a sparse extent, or beside a flat one.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor<'a> {
    pub(crate) machine: &'a Machine,
    /// Number of the disk, from 1.
    pub(crate) number: u32,
    pub(crate) extent: Extent<'a>,
    /// Sectors of the disk.
    pub(crate) sectors: u64,
    pub(crate) adapter: AdapterType,
}

/// Where the disk's bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent<'a> {
    pub(crate) kind: ExtentKind,
    /// Name of the file.
    pub(crate) file_name: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtentKind {
    Sparse,
    Stream,
    Flat,
}

impl Descriptor<'_> {
    /// The text.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` for a file name that the text cannot hold.
    ///
    /// # Reference
    /// VMware, Virtual Disk Format 5.0, "The Descriptor File".
    pub(crate) fn text(&self) -> Result<String> {
        let Extent { kind, file_name } = self.extent;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if file_name.is_empty() || file_name.len() > MAX_NAME || !file_name.bytes().all(is_plain) {
            let text = format!("the file name {file_name:?} cannot stand in a VMDK descriptor");
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let (create_type, extent_type, extent_offset) = match kind {
            ExtentKind::Sparse => ("monolithicSparse", "SPARSE", ""),
            ExtentKind::Stream => ("streamOptimized", "SPARSE", ""),
            ExtentKind::Flat => ("monolithicFlat", "FLAT", " 0"),
        };
        let Self { machine, number, sectors, .. } = *self;
        let content = content_id(machine.seed.u32(&label(machine, number, "content")));
        let long = machine.seed.uuid(&label(machine, number, "long content")).simple().to_string();
        let image = image_uuid(machine, number);
        let long = long.get(..24).unwrap_or_default();
        let (cylinders, heads, sectors_per_track) = geometry(self.adapter, sectors);
        let adapter = self.adapter.name();
        Ok(format!(
            "# Disk DescriptorFile\n\
             version=1\n\
             encoding=\"UTF-8\"\n\
             CID={content:08x}\n\
             parentCID=ffffffff\n\
             createType=\"{create_type}\"\n\
             \n\
             # Extent description\n\
             RW {sectors} {extent_type} \"{file_name}\"{extent_offset}\n\
             \n\
             # The Disk Data Base\n\
             #DDB\n\
             \n\
             ddb.adapterType = \"{adapter}\"\n\
             ddb.geometry.cylinders = \"{cylinders}\"\n\
             ddb.geometry.heads = \"{heads}\"\n\
             ddb.geometry.sectors = \"{sectors_per_track}\"\n\
             ddb.longContentID = \"{long}{content:08x}\"\n\
             ddb.toolsInstallType = \"4\"\n\
             ddb.toolsVersion = \"2147483647\"\n\
             ddb.uuid.image = \"{image}\"\n\
             ddb.virtualHWVersion = \"4\"\n"
        ))
    }

    /// The text as it stands in a sparse extent: with zeros up to the end of its sectors.
    ///
    /// # Errors
    /// As [`Descriptor::text`].
    pub(crate) fn embedded(&self) -> Result<Vec<u8>> {
        let mut text = self.text()?.into_bytes();
        let room = usize::try_from(DESCRIPTOR_SECTORS.saturating_mul(SECTOR)).unwrap_or(0);
        if text.len() > room {
            return Err(Error::new(ErrorKind::Internal, "the descriptor is too long for its sectors"));
        }
        text.resize(room, 0);
        Ok(text)
    }
}

/// The UUID by which VirtualBox knows the image of disk `number` (from 1): what its descriptor holds, and what a `.vbox`
/// file or an envelope that names it must say. It differs between machines of one seed that have different names.
pub fn image_uuid(machine: &Machine, number: u32) -> Uuid {
    machine.seed.uuid(&label(machine, number, "image"))
}

/// Machines of one seed that have different names have different disks.
fn label(machine: &Machine, number: u32, what: &str) -> String {
    format!("vmdk {} {number} {what}", machine.name)
}

/// A content id must be neither of the two that mean "none".
fn content_id(drawn: u32) -> u32 {
    if drawn >= 0xFFFF_FFFE { drawn & 0x7FFF_FFFF } else { drawn }
}

/// Cylinders, heads, sectors: a hint that no reader takes the capacity from.
fn geometry(adapter: AdapterType, sectors: u64) -> (u64, u64, u64) {
    let (heads, per_track, max) = match adapter {
        AdapterType::LsiLogic => (255_u64, 63_u64, 65_535),
        AdapterType::Ide => (16, 63, 16_383),
    };
    let cylinders = sectors.checked_div(heads.saturating_mul(per_track)).unwrap_or(0);
    (cylinders.clamp(1, max), heads, per_track)
}

/// Bytes of a file name, as file systems limit them.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use diskwright_core::{Seed, Timestamp};

    use super::*;

    fn machine() -> Machine {
        Machine::new("web-1", Seed::from_text("seed"), Timestamp::from_seconds(0))
    }

    fn descriptor<'a>(machine: &'a Machine, kind: ExtentKind, file_name: &'a str) -> Descriptor<'a> {
        let extent = Extent { kind, file_name };
        Descriptor { machine, number: 1, extent, sectors: 20_971_520, adapter: AdapterType::LsiLogic }
    }

    #[test]
    fn the_text_has_header_extent_and_database_in_this_order() {
        let machine = machine();
        let text = descriptor(&machine, ExtentKind::Stream, "web-1.vmdk").text().unwrap();
        let cid = format!("{:08x}", machine.seed.u32("vmdk web-1 1 content"));
        let long = machine.seed.uuid("vmdk web-1 1 long content").simple().to_string();
        let expected = [
            "# Disk DescriptorFile",
            "version=1",
            "encoding=\"UTF-8\"",
            &format!("CID={cid}"),
            "parentCID=ffffffff",
            "createType=\"streamOptimized\"",
            "",
            "# Extent description",
            "RW 20971520 SPARSE \"web-1.vmdk\"",
            "",
            "# The Disk Data Base",
            "#DDB",
            "",
            "ddb.adapterType = \"lsilogic\"",
            "ddb.geometry.cylinders = \"1305\"",
            "ddb.geometry.heads = \"255\"",
            "ddb.geometry.sectors = \"63\"",
            &format!("ddb.longContentID = \"{}{cid}\"", &long[..24]),
            "ddb.toolsInstallType = \"4\"",
            "ddb.toolsVersion = \"2147483647\"",
            &format!("ddb.uuid.image = \"{}\"", machine.seed.uuid("vmdk web-1 1 image")),
            "ddb.virtualHWVersion = \"4\"",
            "",
        ];
        assert_eq!(text.split('\n').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_flat_extent_starts_at_0_of_its_file() {
        let machine = machine();
        let text = descriptor(&machine, ExtentKind::Flat, "web-1-flat.vmdk").text().unwrap();
        assert!(text.contains("\nRW 20971520 FLAT \"web-1-flat.vmdk\" 0\n"), "{text}");
        assert!(text.contains("\ncreateType=\"monolithicFlat\"\n"), "{text}");
    }

    #[test]
    fn an_embedded_descriptor_fills_20_sectors() {
        let machine = machine();
        let descriptor = descriptor(&machine, ExtentKind::Sparse, "web-1.vmdk");
        let (text, embedded) = (descriptor.text().unwrap(), descriptor.embedded().unwrap());
        assert_eq!(embedded.len(), 10_240);
        assert_eq!(embedded[..text.len()], *text.as_bytes());
        assert!(embedded[text.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn file_names_that_break_the_line_are_refused() {
        let machine = machine();
        for name in ["", "a\"b.vmdk", "a\nb.vmdk", "a b.vmdk", &"n".repeat(256)] {
            let error = descriptor(&machine, ExtentKind::Sparse, name).text().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name:?}");
        }
    }

    #[test]
    fn content_ids_never_say_none() {
        assert_eq!(content_id(0xFFFF_FFFF), 0x7FFF_FFFF);
        assert_eq!(content_id(0xFFFF_FFFE), 0x7FFF_FFFE);
        assert_eq!(content_id(0xFFFF_FFFD), 0xFFFF_FFFD);
        assert_eq!(content_id(1), 1);
    }

    #[test]
    fn geometries_stay_within_their_fields() {
        assert_eq!(geometry(AdapterType::LsiLogic, 128), (1, 255, 63));
        assert_eq!(geometry(AdapterType::LsiLogic, 1 << 40), (65_535, 255, 63));
        assert_eq!(geometry(AdapterType::Ide, 20_160), (20, 16, 63));
        assert_eq!(geometry(AdapterType::Ide, 1 << 40), (16_383, 16, 63));
    }
}
