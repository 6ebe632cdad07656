use diskwright::Result;
use diskwright::format::{
    Access, Assembler, Encoding, FormatInfo, Hardware, ImagePlan, ImageWriter, Machine, OutputRole,
    OutputSpec, Placer, Run, TargetFormat,
};
use diskwright::layout::DiskLayout;

/// A format that is nothing but its encoding: what is timed is reading, testing for zeros and encoding.
#[derive(Debug)]
pub(crate) struct Chunks {
    encoding: Encoding,
    use_of_them: Use,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Keep,
    Forget,
}

impl Chunks {
    /// Its output has the chunks back to back.
    pub(crate) fn kept(encoding: Encoding) -> Self {
        Self { encoding, use_of_them: Use::Keep }
    }

    /// Its output is empty.
    pub(crate) fn forgotten(encoding: Encoding) -> Self {
        Self { encoding, use_of_them: Use::Forget }
    }
}

impl TargetFormat for Chunks {
    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, _: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let bytes: u64 = disks.iter().map(DiskLayout::size).sum();
        let output = OutputSpec {
            name: "chunks".to_owned(),
            role: OutputRole::Disk,
            // No codec makes its input twice as long.
            size_bound: 2 * bytes,
            access: Access::Stream,
        };
        let writer = ChunksWriter { use_of_them: self.use_of_them, end: 0 };
        Ok(Box::new(ChunksPlan {
            outputs: [output],
            encodings: vec![self.encoding.clone(); disks.len()],
            writer,
        }))
    }
}

struct ChunksPlan {
    outputs: [OutputSpec; 1],
    encodings: Vec<Encoding>,
    writer: ChunksWriter,
}

impl ImagePlan for ChunksPlan {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        Ok(ImageWriter { encodings: self.encodings, assembler: Box::new(self.writer) })
    }
}

struct ChunksWriter {
    use_of_them: Use,
    end: u64,
}

impl Assembler for ChunksWriter {
    fn put(&mut self, _: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        let bytes = std::hint::black_box(run.bytes());
        if self.use_of_them == Use::Keep {
            to.write(0, self.end, bytes)?;
            self.end += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut Placer<'_>) -> Result<()> {
        Ok(())
    }
}

static INFO: FormatInfo = FormatInfo {
    id: "chunks",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".chunks",
    compressed: None,
    qemu: None,
    options: &[],
};
