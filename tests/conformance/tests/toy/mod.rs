//! A small format that keeps the contract, and its reader; and the same with one fault of many.
//!
//! ```text
//! magic, UUID, size │ for each chunk: index, length, bytes │ index of all ones, number of chunks
//! ```

mod fault;
mod reader;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use diskwright_conformance::{Identifiers, Reader, Sectors, Sizes, Subject, Writing};
use diskwright_core::format::{
    Access, Assembler, Codec, Encoding, FormatEntry, FormatInfo, FormatOptions, Hardware, ImagePlan,
    ImageWriter, Machine, OptionSpec, OptionValues, OutputRole, OutputSpec, Placer, Run, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::partition::SectorSize;
use diskwright_core::{Error, ErrorKind, Result};

pub(crate) use fault::Fault;

/// The subject of the toy with a fault, or with none.
pub(crate) fn subject(fault: Option<Fault>) -> Subject {
    let info = if fault == Some(Fault::DefaultOutOfRange) { &INFO_WITH_BAD_DEFAULT } else { &INFO };
    let entry = FormatEntry { info, configure: |_| Ok(Arc::new(Toy { info: &INFO, fault: None })) };
    Subject::new(entry, Reader::new(reader::read))
        .with_configure(move |options| configure(info, fault, options))
        .with_sizes(Sizes::SECTORS)
        .with_sectors(Sectors::Only512)
        .with_granularity(CHUNK.into())
        .with_identifiers(Identifiers::FromSeed)
        .with_writing(Writing::Streams)
        .with_patience(Duration::from_secs(1))
}

const INFO: FormatInfo = FormatInfo {
    id: "toy",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".toy",
    compressed: None,
    qemu: None,
    options: &[
        OptionSpec {
            key: "level",
            values: OptionValues::Integer { min: 1, max: 9 },
            default: "3",
            summary: "how hard it tries",
        },
        OptionSpec {
            key: "shape",
            values: OptionValues::Choice(&["round", "square"]),
            default: "",
            summary: "what it is like",
        },
    ],
};

const INFO_WITH_BAD_DEFAULT: FormatInfo = FormatInfo {
    options: &[OptionSpec {
        key: "level",
        values: OptionValues::Integer { min: 1, max: 9 },
        default: "10",
        summary: "how hard it tries",
    }],
    ..INFO
};

fn configure(
    info: &'static FormatInfo,
    fault: Option<Fault>,
    options: &FormatOptions,
) -> Result<Arc<dyn TargetFormat>> {
    let is_largest = options.text("level") == "9";
    match fault {
        Some(Fault::PanicsAtABound) if is_largest => panic!("level 9 was forgotten"),
        Some(Fault::RefusesABoundAsInternal) if is_largest => {
            Err(Error::new(ErrorKind::Internal, "level 9 was forgotten"))
        }
        Some(Fault::RefusesEveryValue) if !options.text("shape").is_empty() => {
            Err(Error::new(ErrorKind::InvalidOption, "no shape").with_field("toy.shape"))
        }
        _ => Ok(Arc::new(Toy { info, fault })),
    }
}

#[derive(Debug)]
struct Toy {
    info: &'static FormatInfo,
    fault: Option<Fault>,
}

impl TargetFormat for Toy {
    fn info(&self) -> &'static FormatInfo {
        self.info
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let fault = self.fault;
        match fault {
            Some(Fault::TakesEverySector) => {}
            Some(Fault::RefusesSectorsWithoutAField) if machine.sector_size != SectorSize::Bytes512 => {
                return Err(Error::new(ErrorKind::Unsupported, "a toy has small sectors"));
            }
            _ => machine.require_sectors_of_512("a toy")?,
        }
        let mut outputs = Vec::new();
        for (number, disk) in (1..).zip(disks) {
            if !disk.size().is_multiple_of(512) && fault != Some(Fault::TakesEverySize) {
                let kind = match fault {
                    Some(Fault::RefusesASizeAsInternal) => ErrorKind::Internal,
                    _ => ErrorKind::Unsupported,
                };
                let refusal = Error::new(kind, "a toy holds whole sectors");
                return Err(match fault {
                    Some(Fault::RefusesASizeWithoutAField) => refusal,
                    _ => refusal.with_field("disk_size"),
                });
            }
            if fault == Some(Fault::ReadsWhilePlanning) {
                // Whether it fails or not.
                let _ = disk.reader().read_exact_at(0, &mut [0; 512]);
            }
            let stem = if fault == Some(Fault::NamesFilesItsOwnWay) { "toy" } else { &machine.name };
            let name = if number == 1 { format!("{stem}.toy") } else { format!("{stem}-disk{number}.toy") };
            let chunks = disk.size().div_ceil(CHUNK.into());
            let short = if fault == Some(Fault::PassesItsBound) { CHUNK.into() } else { 0 };
            let size_bound = HEADER + chunks * (RECORD + u64::from(CHUNK)) + RECORD - short;
            outputs.push(OutputSpec { name, role: OutputRole::Disk, size_bound, access: Access::Stream });
        }
        if fault == Some(Fault::PlansTwiceDifferently) {
            outputs[0].size_bound += RUNS.fetch_add(1, Ordering::Relaxed);
        }
        let identifier = match fault {
            Some(Fault::DrawsIdentifiers) => RUNS.fetch_add(1, Ordering::Relaxed).into(),
            Some(Fault::IgnoresTheSeed) => 7,
            _ => machine.seed.uuid("toy").as_u128(),
        };
        let images = disks.iter().map(|disk| Image::new(disk.clone())).collect();
        Ok(Box::new(ToyPlan { outputs, writer: Writer { fault, identifier, images, puts: 0 } }))
    }
}

struct ToyPlan {
    outputs: Vec<OutputSpec>,
    writer: Writer,
}

impl ImagePlan for ToyPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let codec = match self.writer.fault {
            Some(Fault::CountsInItsCodec) => fault::counting_codec(),
            _ => Codec::Stored,
        };
        let encodings = vec![Encoding { granularity: CHUNK, codec }; self.outputs.len()];
        Ok(ImageWriter { encodings, assembler: Box::new(self.writer) })
    }
}

struct Image {
    disk: DiskLayout,
    position: u64,
    chunks: u64,
    /// The chunk that comes next.
    next: u64,
    /// What a fault holds back: index and bytes.
    held: Vec<(u64, Vec<u8>)>,
}

impl Image {
    fn new(disk: DiskLayout) -> Self {
        Self { disk, position: 0, chunks: 0, next: 0, held: Vec::new() }
    }
}

struct Writer {
    fault: Option<Fault>,
    identifier: u128,
    images: Vec<Image>,
    puts: u64,
}

impl Writer {
    fn begin(&mut self, disk: usize, to: &mut Placer<'_>) -> Result<()> {
        if self.images[disk].position > 0 {
            return Ok(());
        }
        let size = self.images[disk].disk.size();
        let size = match self.fault {
            Some(Fault::RoundsTheSize) => size.next_multiple_of(CHUNK.into()),
            _ => size,
        };
        let looks_like_gzip = self.fault == Some(Fault::LooksLikeGzip);
        let mut header = if looks_like_gzip { b"\x1F\x8B\x08toydsk".to_vec() } else { MAGIC.to_vec() };
        header.truncate(MAGIC.len());
        header.extend(self.identifier.to_be_bytes());
        header.extend(size.to_be_bytes());
        self.images[disk].position = HEADER;
        to.write(disk, 0, &header)
    }

    fn record(&mut self, disk: usize, index: u64, bytes: &[u8], to: &mut Placer<'_>) -> Result<()> {
        let fault = self.fault;
        let image = &mut self.images[disk];
        let shown = if fault == Some(Fault::ShortensIndexes) { index % (1 << 16) } else { index };
        let head = [shown.to_be_bytes(), (bytes.len() as u64).to_be_bytes()].concat();
        let end = image.position + RECORD + bytes.len() as u64;
        let mut place = |offset: u64, bytes: &[u8]| match to.write(disk, offset, bytes) {
            Err(_) if fault == Some(Fault::SwallowsErrors) => Ok(()),
            done => done,
        };
        if fault == Some(Fault::GoesBack) {
            place(image.position + RECORD, bytes)?;
            place(image.position, &head)?;
        } else {
            place(image.position, &head)?;
            place(image.position + RECORD, bytes)?;
        }
        image.position = end;
        image.chunks += 1;
        image.next = index + 1;
        Ok(())
    }

    /// Writes the zeros before chunk `index` that a fault does not leave out.
    fn zeros_to(&mut self, disk: usize, index: u64, to: &mut Placer<'_>) -> Result<()> {
        let known = self.fault == Some(Fault::StoresKnownZeros);
        let found = self.fault == Some(Fault::StoresFoundZeros);
        while (known || found) && self.images[disk].next < index {
            let image = &mut self.images[disk];
            let start = image.next * u64::from(CHUNK);
            let len = u64::from(CHUNK).min(image.disk.size() - start);
            if known == image.disk.is_zero(start, len) {
                self.record(disk, self.images[disk].next, &vec![0; len as usize], to)?;
            } else {
                image.next += 1;
            }
        }
        Ok(())
    }
}

impl Assembler for Writer {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.begin(disk, to)?;
        self.puts += 1;
        match self.fault {
            Some(Fault::Panics) if self.puts == 2 => panic!("a format that panics"),
            Some(Fault::Waits) if self.puts == 1 => thread::sleep(Duration::from_secs(3)),
            Some(Fault::ForgetsOtherDisks) if disk > 0 => return Ok(()),
            Some(Fault::WritesWhatIsNotPlanned) => to.write(self.images.len(), 0, b"more")?,
            _ => {}
        }
        for chunk in run.chunks() {
            self.zeros_to(disk, chunk.index, to)?;
            let mut bytes = chunk.bytes.to_vec();
            match self.fault {
                Some(Fault::FlipsAByte) if chunk.index == 3 => bytes[100] ^= 1,
                Some(Fault::KeepsEverything | Fault::SwallowsErrors | Fault::DropsTheLastChunk) => {
                    self.images[disk].held.push((chunk.index, bytes));
                    let holds_one = self.fault == Some(Fault::DropsTheLastChunk);
                    if holds_one && self.images[disk].held.len() == 2 {
                        let (index, bytes) = self.images[disk].held.remove(0);
                        self.record(disk, index, &bytes, to)?;
                    }
                    continue;
                }
                _ => {}
            }
            self.record(disk, chunk.index, &bytes, to)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        for disk in 0..self.images.len() {
            self.begin(disk, to)?;
            let all = self.images[disk].disk.size().div_ceil(CHUNK.into());
            self.zeros_to(disk, all, to)?;
            if self.fault == Some(Fault::ReadsBehindTheEngine) {
                // A failure here is not told to anybody.
                let _ = self.images[disk].disk.reader().read_exact_at(0, &mut [0; 512]);
            }
            if self.fault != Some(Fault::DropsTheLastChunk) {
                for (index, bytes) in std::mem::take(&mut self.images[disk].held) {
                    self.record(disk, index, &bytes, to)?;
                }
            }
            let image = &self.images[disk];
            let end = [u64::MAX.to_be_bytes(), image.chunks.to_be_bytes()].concat();
            to.write(disk, image.position, &end)?;
        }
        Ok(())
    }
}

/// Bytes of a chunk.
pub(crate) const CHUNK: u32 = 64 << 10;
const MAGIC: &[u8] = b"toydisk1";
const HEADER: u64 = 32;
const RECORD: u64 = 16;
/// What a format must not have: something that differs from run to run.
static RUNS: AtomicU64 = AtomicU64::new(1);
