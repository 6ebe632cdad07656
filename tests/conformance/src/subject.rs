use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diskwright_core::format::{FormatEntry, FormatInfo, FormatOptions, TargetFormat};
use diskwright_core::{Error, ErrorKind, Result};

use crate::corpus::Disk;
use crate::readers::Reader;

/// A format in one configuration, how its outputs are read back, and what it declares.
///
/// Everything that is declared is held against the format: a size outside [`Sizes`] must be refused by the plan, one
/// inside must work.
#[derive(Clone)]
pub struct Subject {
    pub(crate) info: &'static FormatInfo,
    configure: Configure,
    pub(crate) reader: Reader,
    pub(crate) compress: bool,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) granularity: u64,
    pub(crate) sizes: Sizes,
    pub(crate) zeros: Zeros,
    pub(crate) identifiers: Identifiers,
    pub(crate) disks: DiskCount,
    pub(crate) sectors: Sectors,
    pub(crate) writing: Writing,
    pub(crate) looks: Vec<Look>,
    pub(crate) memory: u64,
    pub(crate) patience: Duration,
}

type Configure = Arc<dyn Fn(&FormatOptions) -> Result<Arc<dyn TargetFormat>> + Send + Sync>;

/// The sizes of disks that a format holds; the plan refuses all others with `Unsupported` or `LimitExceeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Every size is a multiple of this. Default: 1.
    pub multiple_of: u64,
    /// The smallest. Default: 1.
    pub min: u64,
    /// The largest. Default: no limit that the trials reach.
    pub max: u64,
}

/// What zeros cost that a disk has for long stretches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Nothing but entries of tables: less than a 256th of their length is written.
    Free,
    /// They are written like everything else.
    Stored,
}

/// Whether outputs hold identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifiers {
    /// Another seed gives other bytes.
    FromSeed,
    /// The seed changes nothing.
    None,
}

/// How many disks a machine may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskCount {
    /// One; the plan refuses more with `Unsupported` or `LimitExceeded`.
    One,
    /// Several.
    Several,
}

/// The sectors in which a machine's disks may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sectors {
    /// Of 512 bytes; the plan refuses others with `Unsupported`, and `sector_size` as the field.
    Only512,
    /// Of 512 or 4096 bytes: the files say nothing of them, or say either.
    Also4096,
}

/// How outputs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// All from front to back.
    Streams,
    /// Some are patched.
    Patches,
}

/// What a file looks like to programs that probe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Look {
    /// QCOW2.
    Qcow2,
    /// VMDK, sparse or descriptor.
    Vmdk,
    /// VDI.
    Vdi,
    /// VHD.
    Vhd,
    /// VHDX.
    Vhdx,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
    /// A tar archive with ustar headers.
    Tar,
}

impl Subject {
    /// The format of `entry` without the compress flag and without options, read back by `reader`.
    pub fn new(entry: FormatEntry, reader: Reader) -> Self {
        Self {
            info: entry.info,
            configure: Arc::new(entry.configure),
            reader,
            compress: false,
            options: Vec::new(),
            granularity: 64 << 10,
            sizes: Sizes::default(),
            zeros: Zeros::Free,
            identifiers: Identifiers::None,
            disks: DiskCount::Several,
            sectors: Sectors::Also4096,
            writing: Writing::Patches,
            looks: Vec::new(),
            memory: 64 << 20,
            patience: Duration::from_secs(5),
        }
    }

    /// Makes formats by `configure` instead of the entry's function, for one that needs what a function cannot hold.
    pub fn with_configure(
        mut self,
        configure: impl Fn(&FormatOptions) -> Result<Arc<dyn TargetFormat>> + Send + Sync + 'static,
    ) -> Self {
        self.configure = Arc::new(configure);
        self
    }

    /// Asks for one downloadable file.
    pub fn with_compress(mut self) -> Self {
        self.compress = true;
        self
    }

    /// Sets an option of the format.
    pub fn with_option(mut self, key: &str, value: &str) -> Self {
        self.options.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Declares the unit of allocation in bytes: sizes around it are tried. Default: 64 KiB.
    pub fn with_granularity(mut self, granularity: u64) -> Self {
        self.granularity = granularity;
        self
    }

    /// Declares which sizes of disks the format holds. Default: all.
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// Declares what zeros cost. Default: nothing.
    pub fn with_zeros(mut self, zeros: Zeros) -> Self {
        self.zeros = zeros;
        self
    }

    /// Declares whether outputs hold identifiers. Default: none.
    pub fn with_identifiers(mut self, identifiers: Identifiers) -> Self {
        self.identifiers = identifiers;
        self
    }

    /// Declares how many disks a machine may have. Default: several.
    pub fn with_disks(mut self, disks: DiskCount) -> Self {
        self.disks = disks;
        self
    }

    /// Declares in which sectors disks may count. Default: of 512 or 4096 bytes.
    pub fn with_sectors(mut self, sectors: Sectors) -> Self {
        self.sectors = sectors;
        self
    }

    /// Declares how outputs are written. Default: some are patched.
    pub fn with_writing(mut self, writing: Writing) -> Self {
        self.writing = writing;
        self
    }

    /// Declares what an output may look like to programs that probe it; at least one output must. Default: nothing known.
    pub fn with_look(mut self, look: Look) -> Self {
        self.looks.push(look);
        self
    }

    /// Sets the most bytes of heap that a run may take beyond what is in use before it. Default: 64 MiB, the engine's own
    /// promise.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how soon a cancelled run must end. Default: five seconds, for test machines that are busy; the engine's own
    /// promise is one.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The configured format.
    pub(crate) fn format(&self) -> Result<Arc<dyn TargetFormat>> {
        self.configured(self.compress, &self.options)
    }

    /// The format with other options, as a registry configures it.
    pub(crate) fn configured(
        &self,
        compress: bool,
        options: &[(String, String)],
    ) -> Result<Arc<dyn TargetFormat>> {
        if compress && self.info.compressed.is_none() {
            let text = format!("format {} has no compressed form", self.info.id);
            return Err(Error::new(ErrorKind::InvalidOption, text).with_field("compress"));
        }
        (self.configure)(&FormatOptions::check(self.info, compress, options)?)
    }

    /// [`Disk::random`] of `bytes`, or more where the format holds no such disk: zeros then, for large units make no more
    /// data.
    pub(crate) fn random_disk(&self, seed: u64, bytes: u64) -> Disk {
        Disk::random(seed, bytes).extended_to(self.size_of_at_least(bytes))
    }

    /// The least size of at least `bytes` that the format holds.
    pub(crate) fn size_of_at_least(&self, bytes: u64) -> u64 {
        bytes.max(self.sizes.min).next_multiple_of(self.sizes.multiple_of)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({}, compress: {}, {:?})", self.info.id, self.compress, self.options)
    }
}

impl Sizes {
    /// Whole sectors of 512 bytes.
    pub const SECTORS: Self = Self::multiple_of(512);

    /// Every multiple of `unit` bytes.
    pub const fn multiple_of(unit: u64) -> Self {
        Self { multiple_of: unit, min: unit, max: u64::MAX }
    }

    /// Sets the smallest size.
    pub const fn with_min(mut self, min: u64) -> Self {
        self.min = min;
        self
    }

    /// Sets the largest size.
    pub const fn with_max(mut self, max: u64) -> Self {
        self.max = max;
        self
    }

    /// Whether a disk of `size` bytes is one of these.
    pub fn contains(self, size: u64) -> bool {
        size.is_multiple_of(self.multiple_of) && (self.min..=self.max).contains(&size)
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self::multiple_of(1)
    }
}
