use diskwright_core::format::{
    Access, Assembler, ImagePlan, ImageWriter, OutputRole, OutputSpec, Placer, Run,
};
use diskwright_core::{Error, ErrorKind, Result, Timestamp};

use crate::tar;

/// A tar archive of some files and one image, which any container makes.
///
/// ```text
/// [tar header | file] … [tar header | image] 0
///                        └ written at the end
/// ```
pub struct ImageArchive {
    inner: Box<dyn ImagePlan>,
    output: OutputSpec,
    head: Head,
}

/// What stands before the image.
struct Head {
    /// The files with their headers.
    bytes: Vec<u8>,
    /// The member that holds the image.
    member: &'static str,
    timestamp: Timestamp,
}

impl ImageArchive {
    /// An archive called `name` of `files` (name, content), and of the only output of `inner`, called `member`.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` for a time that an archive cannot hold, and for more or fewer outputs than one;
    /// `ErrorKind::LimitExceeded` for a name that is too long for a member.
    pub fn new(
        inner: Box<dyn ImagePlan>,
        files: &[(&str, Vec<u8>)],
        member: &'static str,
        name: String,
        timestamp: Timestamp,
    ) -> Result<Self> {
        let [image] = inner.outputs() else {
            let text = format!("an archive of this kind holds one disk: not {}", inner.outputs().len());
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        let mut bytes = Vec::new();
        for (name, content) in files {
            bytes.extend(tar::header(name, content.len() as u64, timestamp)?);
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(tar::BLOCK), 0);
        }
        tar::header(member, 0, timestamp)?;
        let head = Head { bytes, member, timestamp };
        let patched = match image.access {
            Access::Stream => 0,
            Access::Patched { head } => head,
        };
        let output = OutputSpec {
            name,
            role: OutputRole::Package,
            size_bound: tar::archive_len(head.image().saturating_add(tar::padded(image.size_bound))),
            access: Access::Patched { head: head.image().saturating_add(patched) },
        };
        Ok(Self { inner, output, head })
    }
}

impl Head {
    /// Where the image begins.
    fn image(&self) -> u64 {
        (self.bytes.len() + tar::BLOCK) as u64
    }
}

impl ImagePlan for ImageArchive {
    fn outputs(&self) -> &[OutputSpec] {
        std::slice::from_ref(&self.output)
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let Self { inner, head, .. } = *self;
        let ImageWriter { encodings, assembler } = inner.start()?;
        Ok(ImageWriter { encodings, assembler: Box::new(ArchiveWriter { inner: assembler, head }) })
    }
}

struct ArchiveWriter {
    inner: Box<dyn Assembler>,
    head: Head,
}

impl Assembler for ArchiveWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        self.inner.put(disk, run, &mut to.within(0, self.head.image()))
    }

    fn finish(self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        let Self { inner, head } = *self;
        let start = head.image();
        inner.finish(&mut to.within(0, start))?;
        let size = to.len(0)?.saturating_sub(start);
        to.write(0, 0, &head.bytes)?;
        to.write(0, head.bytes.len() as u64, &tar::header(head.member, size, head.timestamp)?)?;
        to.extend_to(0, tar::archive_len(start.saturating_add(tar::padded(size))))
    }
}
