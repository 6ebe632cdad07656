#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{Access, ImagePlan, ImageWriter, Machine, OutputRole, OutputSpec};
use diskwright_core::layout::DiskLayout;
use diskwright_core::{Result, Timestamp};
use diskwright_format_vmdk::{AdapterType, StreamImage};

use crate::digest::Digest;
use crate::envelope::{Envelope, FileFacts};
use crate::tar;
use crate::write::OvaWriter;

/// An OVA: one tar archive of the envelope, its manifest and a stream-optimised VMDK for each disk.
///
/// ```text
/// [tar header | NAME.ovf] [tar header | NAME.mf] [tar header | NAME-disk1.vmdk] [tar header | NAME-disk2.vmdk] … 0
///  └────────────────── head: written at the end ──────────┘                      └ reserved ┘
/// ```
///
/// The envelope says how long the disks' files are and the manifest how they hash, and both stand before them: room of
/// fixed length is kept for both, and filled when all is known. So one pass is enough, and nothing is copied.
pub struct OvaPlan {
    output: OutputSpec,
    pub(crate) package: Package,
    images: Vec<StreamImage>,
}

/// All that a package has but the content of its disks.
pub(crate) struct Package {
    pub(crate) envelope: Envelope,
    pub(crate) digest: Option<Digest>,
    pub(crate) timestamp: Timestamp,
    /// Names and capacities of the disks' files.
    pub(crate) files: Vec<String>,
    /// Bytes of the envelope, padding included.
    pub(crate) envelope_len: u64,
    /// Bytes of the manifest, if there is one.
    pub(crate) manifest_len: Option<u64>,
    /// Names and contents of what stands between those and the disks.
    pub(crate) extras: Vec<(String, Vec<u8>)>,
}

impl OvaPlan {
    /// The package of `machine`, whose `disks` are those of the envelope. `level` is that of zlib, 1..=12; `digest` is
    /// that of the manifest, which is left out for none.
    ///
    /// # Errors
    /// Those of [`StreamImage::new`]; `ErrorKind::LimitExceeded` for more disks than the controller has places, and for a
    /// name that is too long for a member of the archive; `ErrorKind::Unsupported` for a time that an archive cannot hold.
    pub fn new(
        machine: &Machine,
        disks: &[DiskLayout],
        envelope: Envelope,
        digest: Option<Digest>,
        level: u8,
    ) -> Result<Self> {
        envelope.controller.check_disks(disks.len())?;
        let mut images = Vec::new();
        let mut files = Vec::new();
        for (index, disk) in disks.iter().enumerate() {
            let name = envelope.disk_file_name(index);
            let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            // A hint only, and the one under which every product can grow the disk later.
            let adapter = AdapterType::LsiLogic;
            images.push(StreamImage::new(machine, number, disk, &name, level, adapter)?);
            files.push(name);
        }
        // No number can have more digits later.
        let longest: Vec<FileFacts> = images
            .iter()
            .map(|image| FileFacts { size: image.size_bound(), populated: image.capacity() })
            .collect();
        let envelope_len = u64_of(envelope.to_xml(&longest)?.len());
        let own = envelope.file_name();
        let names = std::iter::once(own.as_str()).chain(files.iter().map(String::as_str));
        let manifest_len = digest.map(|digest| u64_of(digest.manifest_len(names)));
        let extras = Vec::new();
        let package = Package {
            envelope,
            digest,
            timestamp: machine.timestamp,
            files,
            envelope_len,
            manifest_len,
            extras,
        };
        package.check_headers()?;
        let name = format!("{}.ova", package.envelope.name);
        let output = output(name, &package, &images);
        Ok(Self { output, package, images })
    }

    /// Puts these files (name, content) into the archive, before the disks, and calls the archive `name`: for packages that
    /// are more than an appliance.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` for a name that is too long for a member of the archive.
    pub fn with_files(mut self, files: Vec<(String, Vec<u8>)>, name: String) -> Result<Self> {
        self.package.extras = files;
        self.package.check_headers()?;
        self.output = output(name, &self.package, &self.images);
        Ok(self)
    }
}

impl ImagePlan for OvaPlan {
    fn outputs(&self) -> &[OutputSpec] {
        std::slice::from_ref(&self.output)
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        let encodings = self.images.iter().map(StreamImage::encoding).collect();
        Ok(ImageWriter { encodings, assembler: Box::new(OvaWriter::new(self.package, self.images)) })
    }
}

impl Package {
    /// The name of the manifest.
    pub(crate) fn manifest_name(&self) -> String {
        format!("{}.mf", self.envelope.name)
    }

    /// Bytes before the header of the first disk.
    pub(crate) fn head(&self) -> u64 {
        let manifest = self.manifest_len.map_or(0, tar::member_len);
        let extras = self.extras.iter().map(|(_, content)| tar::member_len(u64_of(content.len())));
        extras.fold(tar::member_len(self.envelope_len).saturating_add(manifest), u64::saturating_add)
    }

    /// Refuses what no header can hold, before anything is written.
    fn check_headers(&self) -> Result<()> {
        let own = [self.envelope.file_name(), self.manifest_name()];
        let extras = self.extras.iter().map(|(name, _)| name);
        for name in own.iter().chain(&self.files).chain(extras) {
            tar::header(name, 0, self.timestamp)?;
        }
        Ok(())
    }
}

fn output(name: String, package: &Package, images: &[StreamImage]) -> OutputSpec {
    let head = package.head();
    let mut end = head;
    for image in images {
        end = end.saturating_add(tar::member_len(image.size_bound()));
    }
    let access = Access::Patched { head };
    OutputSpec { name, role: OutputRole::Package, size_bound: tar::archive_len(end), access }
}

fn u64_of(len: usize) -> u64 {
    // OK to fall back: no text in memory is that long.
    u64::try_from(len).unwrap_or(u64::MAX)
}
