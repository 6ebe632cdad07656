#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Codec, DiskController, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter, Machine,
    NetworkAdapter, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use crate::encode::{BLOCK, Header, MAP_OFFSET};
use crate::options::VdiOptions;
use crate::write::VdiWriter;

/// VirtualBox's disk image, dynamic.
///
/// ```text
/// header │ 1 MiB: block map │ next MiB: stored blocks of 1 MiB in disk order
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Vdi {}

impl Vdi {
    /// A VDI format with these options.
    pub fn new(VdiOptions {}: VdiOptions) -> Self {
        Self {}
    }
}

impl TargetFormat for Vdi {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware { controllers: &[DiskController::Ahci], adapters: &[NetworkAdapter::E1000] }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        machine.require_sectors_of_512("VDI")?;
        let mut outputs = Vec::new();
        let mut images = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let name = format!("{}.vdi", machine.disk_name(number));
            let image = Image::new(machine, number, disk)?;
            let size_bound = image.len;
            outputs.push(OutputSpec { name, role: OutputRole::Disk, size_bound, access: Access::Stream });
            images.push(image);
        }
        Ok(Box::new(VdiPlan { outputs, images }))
    }
}

/// An image, known but for the content of its blocks.
pub(crate) struct Image {
    pub(crate) header: Header,
    pub(crate) map: AllocationMap,
    /// Bytes of the file.
    pub(crate) len: u64,
}

impl Image {
    fn new(machine: &Machine, number: u32, disk: &DiskLayout) -> Result<Self> {
        let size = disk.size();
        if !size.is_multiple_of(SECTOR) || size < BLOCK {
            let text = format!("VDI holds whole sectors of {SECTOR} bytes, at least 1 MiB: not {size} bytes");
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
        }
        let map = AllocationMap::new(disk, BLOCK);
        let too_large = || {
            let text = format!("a disk of {size} bytes is too large for VDI");
            Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size")
        };
        // The data's offset has 32 bits: less than QEMU's own limit of 2^30 - 1 blocks.
        let number_of = |value: u64| u32::try_from(value).map_err(|_| too_large());
        let blocks = number_of(map.units())?;
        let map_end = u64::from(blocks).saturating_mul(4).saturating_add(u64::from(MAP_OFFSET));
        let data_offset = map_end.next_multiple_of(BLOCK);
        let len = map.stored().checked_mul(BLOCK).and_then(|data| data.checked_add(data_offset));
        let header = Header {
            data_offset: number_of(data_offset)?,
            size,
            blocks,
            stored_blocks: number_of(map.stored())?,
            creation_uuid: image_uuid(machine, number).to_bytes_le(),
            modification_uuid: uuid(machine, number, "modification").to_bytes_le(),
        };
        Ok(Self { header, map, len: len.ok_or_else(too_large)? })
    }
}

/// The UUID by which VirtualBox knows the image of disk `number` (from 1): what its header holds, and what a `.vbox` file
/// names. It differs between machines of one seed that have different names.
pub fn image_uuid(machine: &Machine, number: u32) -> Uuid {
    uuid(machine, number, "creation")
}

fn uuid(machine: &Machine, number: u32, what: &str) -> Uuid {
    machine.seed.uuid(&format!("vdi {} {number} {what}", machine.name))
}

struct VdiPlan {
    outputs: Vec<OutputSpec>,
    images: Vec<Image>,
}

impl ImagePlan for VdiPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![Encoding { granularity: HOLE, codec: Codec::Stored }; self.images.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(VdiWriter::new(self.images)) })
    }
}

const SECTOR: u64 = 512;
/// What is zero for this many bytes of a stored block becomes a hole of the file.
const HOLE: u32 = 64 << 10;
