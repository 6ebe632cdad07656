#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{
    Access, Assembler, Codec, DiskController, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter,
    Machine, NetworkAdapter, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Error, ErrorKind, Result};

use crate::descriptor::{Descriptor, Extent, ExtentKind};
use crate::encode::{GRAIN, SECTOR};
use crate::options::{Subformat, VmdkOptions};
use crate::sparse::SparseImage;
use crate::stream::{MAX_CAPACITY, StreamImage};
use crate::write::{FlatAssembler, SparseAssembler, StreamAssembler};

/// VMware's disk image: monolithic sparse, flat or stream-optimised.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vmdk {
    options: VmdkOptions,
}

impl Vmdk {
    /// A VMDK format with these options.
    pub fn new(options: VmdkOptions) -> Self {
        Self { options }
    }
}

impl TargetFormat for Vmdk {
    fn info(&self) -> &'static FormatInfo {
        match self.options.subformat {
            Subformat::Flat => &crate::FLAT_INFO,
            Subformat::Sparse | Subformat::Stream { .. } => &crate::INFO,
        }
    }

    fn hardware(&self) -> Hardware {
        Hardware {
            controllers: &[DiskController::LsiLogic, DiskController::Pvscsi, DiskController::Ahci],
            adapters: &[NetworkAdapter::E1000, NetworkAdapter::Vmxnet3],
        }
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let mut plan = VmdkPlan { outputs: Vec::new(), images: Images::new(self.options.subformat) };
        for (number, disk) in (1_u32..).zip(disks) {
            plan.add(self.options, machine, number, disk)?;
        }
        Ok(Box::new(plan))
    }
}

struct VmdkPlan {
    outputs: Vec<OutputSpec>,
    images: Images,
}

enum Images {
    Sparse(Vec<SparseImage>),
    Stream(Vec<StreamImage>),
    /// Bytes of each disk, and its descriptor.
    Flat(Vec<(u64, String)>),
}

impl VmdkPlan {
    /// Plans one more disk.
    fn add(&mut self, options: VmdkOptions, machine: &Machine, number: u32, disk: &DiskLayout) -> Result<()> {
        machine.require_sectors_of_512("VMDK")?;
        let adapter = options.adapter;
        let stem = machine.disk_name(number);
        let name = format!("{stem}.vmdk");
        match (&mut self.images, options.subformat) {
            (Images::Stream(images), Subformat::Stream { level }) => {
                let image = StreamImage::new(machine, number, disk, &name, level, adapter)?;
                self.outputs.push(output(name, OutputRole::Package, image.size_bound()));
                images.push(image);
            }
            (Images::Flat(disks), _) => {
                let size = disk.size();
                check_capacity(size, MAX_CAPACITY)?;
                let data = format!("{stem}-flat.vmdk");
                let extent = Extent { kind: ExtentKind::Flat, file_name: &data };
                let sectors = size.checked_div(SECTOR).unwrap_or(0);
                let text = Descriptor { machine, number, extent, sectors, adapter }.text()?;
                let text_len = u64::try_from(text.len()).unwrap_or(u64::MAX);
                self.outputs.push(output(data, OutputRole::Disk, size));
                self.outputs.push(output(name, OutputRole::Descriptor, text_len));
                disks.push((size, text));
            }
            (Images::Sparse(images), _) => {
                let image = SparseImage::new(machine, number, disk, &name, adapter)?;
                self.outputs.push(output(name, OutputRole::Disk, image.len()));
                images.push(image);
            }
            (Images::Stream(_), _) => {
                return Err(Error::new(ErrorKind::Internal, "a plan has one form for all its disks"));
            }
        }
        Ok(())
    }
}

impl Images {
    fn new(subformat: Subformat) -> Self {
        match subformat {
            Subformat::Sparse => Self::Sparse(Vec::new()),
            Subformat::Flat => Self::Flat(Vec::new()),
            Subformat::Stream { .. } => Self::Stream(Vec::new()),
        }
    }
}

impl ImagePlan for VmdkPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        // OK to fall back: a grain has 2^16 bytes.
        let granularity = u32::try_from(GRAIN).unwrap_or(0);
        let stored = Encoding { granularity, codec: Codec::Stored };
        let (encodings, assembler): (_, Box<dyn Assembler>) = match self.images {
            Images::Sparse(images) => (vec![stored; images.len()], Box::new(SparseAssembler::new(images))),
            Images::Flat(disks) => (vec![stored; disks.len()], Box::new(FlatAssembler { disks })),
            Images::Stream(images) => {
                let encodings = images.iter().map(StreamImage::encoding).collect();
                (encodings, Box::new(StreamAssembler::new(images)))
            }
        };
        Ok(ImageWriter { encodings, assembler })
    }
}

fn output(name: String, role: OutputRole, size_bound: u64) -> OutputSpec {
    OutputSpec { name, role, size_bound, access: Access::Stream }
}

/// Refuses a disk that is not whole grains, or has more than `max` bytes.
pub(crate) fn check_capacity(size: u64, max: u64) -> Result<()> {
    if size == 0 || !size.is_multiple_of(GRAIN) {
        let text = format!(
            "VMDK holds whole grains of 64 KiB, at least one, and readers disagree about a part of one: not {size} bytes"
        );
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("disk_size"));
    }
    if size > max {
        let text = format!("a disk of {size} bytes is too large: this form of VMDK holds up to {max} bytes");
        return Err(Error::new(ErrorKind::LimitExceeded, text).with_field("disk_size"));
    }
    Ok(())
}

/// Sectors of a directory of `tables` tables: 4 bytes for each.
pub(crate) fn directory_sectors(tables: u64) -> u64 {
    tables.saturating_mul(4).div_ceil(SECTOR)
}
