#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Codec, DiskController, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter, Machine,
    NetworkAdapter, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result, Timestamp};

use crate::encode::{FOOTER, Footer};
use crate::options::VhdOptions;
use crate::write::VhdWriter;

/// Fixed VHD: the disk, then a footer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vhd {
    options: VhdOptions,
}

impl Vhd {
    /// A VHD format with these options.
    pub fn new(options: VhdOptions) -> Self {
        Self { options }
    }
}

impl TargetFormat for Vhd {
    fn info(&self) -> &'static FormatInfo {
        &crate::INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware { controllers: &[DiskController::HyperV], adapters: &[NetworkAdapter::HyperV] }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        machine.require_sectors_of_512("VHD")?;
        let mut outputs = Vec::new();
        let mut footers = Vec::new();
        for (number, disk) in (1_u32..).zip(disks) {
            let size = checked(disk.size())?;
            let name = format!("{}.vhd", machine.disk_name(number));
            // OK to saturate: a size was checked to be far below.
            let size_bound = size.saturating_add(FOOTER_BYTES);
            outputs.push(OutputSpec { name, role: OutputRole::Disk, size_bound, access: Access::Stream });
            footers.push(Footer {
                size,
                time: since_2000(machine.timestamp),
                creator_host: self.options.creator_host,
                uuid: machine.seed.uuid(&format!("vhd {} {number}", machine.name)).into_bytes(),
            });
        }
        Ok(Box::new(VhdPlan { outputs, footers }))
    }
}

struct VhdPlan {
    outputs: Vec<OutputSpec>,
    footers: Vec<Footer>,
}

impl ImagePlan for VhdPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = vec![Encoding { granularity: HOLE, codec: Codec::Stored }; self.footers.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(VhdWriter::new(self.footers)) })
    }
}

/// Refuses a size that the container cannot hold.
fn checked(size: u64) -> Result<u64> {
    if !size.is_multiple_of(UNIT) {
        let text = format!("VHD disks are multiples of 1 MiB, this one has {size} bytes");
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
    }
    if size > LARGEST {
        let text = format!("a disk of {size} bytes passes the 2040 GiB of VHD");
        return Err(Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size"));
    }
    Ok(size)
}

/// What the footer's time can hold, else 0.
fn since_2000(time: Timestamp) -> u32 {
    time.seconds.checked_sub(YEAR_2000).and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(0)
}

/// What Azure asks of a disk's size.
const UNIT: u64 = 1 << 20;
const LARGEST: u64 = 2040 << 30;
const FOOTER_BYTES: u64 = 512;
const _: () = assert!(FOOTER == 512);
/// What is zero for this many bytes becomes a hole.
const HOLE: u32 = 64 << 10;
/// 2000-01-01T00:00:00Z, in seconds since 1970.
const YEAR_2000: i64 = 946_684_800;
