use diskwright_core::Result;
use diskwright_core::format::{
    Access, Assembler, ImagePlan, ImageWriter, OutputRole, OutputSpec, Placer, Run,
};

/// A container's plan with the text that describes the machine beside it, the last of the outputs.
pub struct WithDescriptor {
    plan: Box<dyn ImagePlan>,
    outputs: Vec<OutputSpec>,
    text: Vec<u8>,
}

impl WithDescriptor {
    /// `plan`, and a file of this name that holds `text`.
    pub fn new(plan: Box<dyn ImagePlan>, name: String, text: Vec<u8>) -> Self {
        let mut outputs = plan.outputs().to_vec();
        let size_bound = text.len() as u64;
        outputs.push(OutputSpec { name, role: OutputRole::Descriptor, size_bound, access: Access::Stream });
        Self { plan, outputs, text }
    }
}

impl ImagePlan for WithDescriptor {
    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let Self { plan, outputs, text } = *self;
        let ImageWriter { encodings, assembler } = plan.start()?;
        let descriptor = outputs.len().saturating_sub(1);
        Ok(ImageWriter { encodings, assembler: Box::new(DescribedWriter { assembler, descriptor, text }) })
    }
}

struct DescribedWriter {
    assembler: Box<dyn Assembler>,
    /// Which output the text goes to.
    descriptor: usize,
    text: Vec<u8>,
}

impl Assembler for DescribedWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.assembler.put(disk, run, to)
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        self.assembler.finish(to)?;
        to.write(self.descriptor, 0, &self.text)
    }
}
