use diskwright_core::format::{Assembler, Placer, Run};
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_format_vmdk::{StreamImage, StreamWriter};

use crate::digest::Hasher;
use crate::envelope::FileFacts;
use crate::plan::Package;
use crate::tar;

/// Appends disk after disk, then fills in what stands before them.
pub(crate) struct OvaWriter {
    package: Package,
    /// Images not begun, the next one last.
    waiting: Vec<StreamImage>,
    current: Option<Member>,
    done: Vec<DoneMember>,
    /// Where the next member begins.
    end: u64,
}

/// The disk that is being written.
struct Member {
    writer: StreamWriter,
    hasher: Option<Hasher>,
    /// Where its header stands.
    start: u64,
    /// Where its next byte goes.
    end: u64,
}

/// A disk that is written.
struct DoneMember {
    start: u64,
    facts: FileFacts,
    hex: Option<String>,
}

impl OvaWriter {
    pub(crate) fn new(package: Package, mut images: Vec<StreamImage>) -> Self {
        images.reverse();
        let end = package.head();
        Self { package, waiting: images, current: None, done: Vec::new(), end }
    }

    /// The disk with this index (from 0), begun if need be; those before it are ended.
    fn member(&mut self, disk: usize, to: &mut Placer<'_>) -> Result<&mut Member> {
        while self.done.len() < disk {
            self.end_member(to)?;
        }
        self.begin_member(to)
    }

    /// The disk that is being written, or the next one.
    fn begin_member(&mut self, to: &mut Placer<'_>) -> Result<&mut Member> {
        let member = match self.current.take() {
            Some(member) => member,
            None => {
                let image = self.waiting.pop().ok_or_else(|| {
                    Error::new(ErrorKind::Internal, "there are more disks than were planned")
                })?;
                let start = self.end;
                to.reserve(OUTPUT, start, HEADER)?;
                let hasher = self.package.digest.map(|digest| digest.hasher());
                Member { writer: StreamWriter::new(image), hasher, start, end: start + HEADER }
            }
        };
        Ok(self.current.insert(member))
    }

    fn end_member(&mut self, to: &mut Placer<'_>) -> Result<()> {
        self.begin_member(to)?;
        let Some(Member { writer, mut hasher, start, mut end }) = self.current.take() else { return Ok(()) };
        let summary = writer.finish(&mut |bytes| append(&mut hasher, &mut end, bytes, to))?;
        if end - start - HEADER != summary.len {
            let text = format!("a disk of {} bytes has {} in the archive", summary.len, end - start - HEADER);
            return Err(Error::new(ErrorKind::Internal, text));
        }
        self.end = start + tar::member_len(summary.len);
        let facts = FileFacts { size: summary.len, populated: summary.grains * GRAIN };
        self.done.push(DoneMember { start, facts, hex: hasher.map(Hasher::finish) });
        Ok(())
    }

    /// The envelope in its final form, padded by blanks before its last tag.
    fn envelope(&self) -> Result<Vec<u8>> {
        let facts: Vec<FileFacts> = self.done.iter().map(|member| member.facts).collect();
        let mut xml = self.package.envelope.to_xml(&facts)?;
        let room = usize::try_from(self.package.envelope_len).ok().and_then(|len| len.checked_sub(xml.len()));
        let place = xml.len().checked_sub(LAST_TAG.len()).filter(|at| xml.ends_with(LAST_TAG) && *at > 0);
        let (Some(room), Some(at)) = (room, place) else {
            return Err(Error::new(ErrorKind::Internal, "the envelope outgrew its room"));
        };
        xml.splice(at..at, std::iter::repeat_n(b' ', room));
        Ok(xml)
    }

    /// The lines of the manifest: the envelope's, then those of the disks.
    fn manifest(&self, envelope: &[u8]) -> Option<String> {
        let digest = self.package.digest?;
        let mut hasher = digest.hasher();
        hasher.update(envelope);
        let mut manifest = digest.line(&self.package.envelope.file_name(), &hasher.finish());
        for (name, member) in self.package.files.iter().zip(&self.done) {
            manifest.push_str(&digest.line(name, member.hex.as_deref().unwrap_or_default()));
        }
        Some(manifest)
    }

    /// Fills in the head and the headers of the disks.
    fn fill_in(&self, to: &mut Placer<'_>) -> Result<()> {
        let package = &self.package;
        let envelope = self.envelope()?;
        let header = |name: &str, size: u64| tar::header(name, size, package.timestamp);
        to.write(OUTPUT, 0, &header(&package.envelope.file_name(), envelope.len() as u64)?)?;
        to.write(OUTPUT, HEADER, &envelope)?;
        if let Some(manifest) = self.manifest(&envelope) {
            if Some(manifest.len() as u64) != package.manifest_len {
                return Err(Error::new(ErrorKind::Internal, "the manifest outgrew its room"));
            }
            let at = tar::member_len(package.envelope_len);
            to.write(OUTPUT, at, &header(&package.manifest_name(), manifest.len() as u64)?)?;
            to.write(OUTPUT, at + HEADER, manifest.as_bytes())?;
        }
        let mut at = tar::member_len(package.envelope_len) + package.manifest_len.map_or(0, tar::member_len);
        for (name, content) in &package.extras {
            to.write(OUTPUT, at, &header(name, content.len() as u64)?)?;
            to.write(OUTPUT, at + HEADER, content)?;
            at += tar::member_len(content.len() as u64);
        }
        for (name, member) in package.files.iter().zip(&self.done) {
            to.write(OUTPUT, member.start, &header(name, member.facts.size)?)?;
        }
        Ok(())
    }
}

impl Assembler for OvaWriter {
    fn put(&mut self, disk: usize, run: &Run<'_>, to: &mut Placer<'_>) -> Result<()> {
        let Member { writer, hasher, end, .. } = self.member(disk, to)?;
        writer.put(run, &mut |bytes| append(hasher, end, bytes, to))
    }

    fn finish(mut self: Box<Self>, to: &mut Placer<'_>) -> Result<()> {
        while self.current.is_some() || !self.waiting.is_empty() {
            self.end_member(to)?;
        }
        self.fill_in(to)?;
        to.extend_to(OUTPUT, tar::archive_len(self.end))
    }
}

fn append(hasher: &mut Option<Hasher>, end: &mut u64, bytes: &[u8], to: &mut Placer<'_>) -> Result<()> {
    if let Some(hasher) = hasher {
        hasher.update(bytes);
    }
    to.write(OUTPUT, *end, bytes)?;
    *end += bytes.len() as u64;
    Ok(())
}

/// The only output.
const OUTPUT: usize = 0;
const HEADER: u64 = tar::BLOCK as u64;
/// Bytes of a grain.
const GRAIN: u64 = 64 << 10;
const LAST_TAG: &[u8] = b"</Envelope>\n";
