use std::path::PathBuf;
use std::sync::Arc;

use diskwright::profile::BootPolicy;
use object_store::ObjectStore;

use crate::net::ConnectionLimits;

/// What a server is told before it starts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Directory of everything the server keeps: database, uploads, images. Made, private, if absent.
    pub data: PathBuf,
    /// What a user may have, unless the account says otherwise.
    pub quota: Quota,
    /// What one client may cost.
    pub connection_limits: ConnectionLimits,
    /// Bytes that must be free in the data directory for the server to call itself ready. Default: 1 GiB.
    pub reserve: u64,
    /// What a tree may be at most.
    pub limits: Limits,
    /// Generations that run at once. Default: 2.
    pub generations: usize,
    /// Where finished images are kept. Default: a directory for each below [`Settings::data`].
    ///
    /// What is there belongs to this server alone: it keeps an image's files as `NUMBER/FILE`. An image is made in the data
    /// directory all the same, and its files are uploaded when they are finished, the report last.
    pub images: Option<Arc<dyn ObjectStore>>,
    /// Worker threads of the engine. Default: one for each processor.
    pub threads: Option<usize>,
    /// Bytes of memory that all generations share; of those that are begun, the first goes on whatever it takes.
    /// Default: 512 MiB.
    pub memory: u64,
    /// Images of all users that may wait for their turn. Default: 1000.
    pub queue: u64,
    /// What becomes of a scan whose disk would boot under no firmware. Default: images of it are refused.
    pub boot: BootPolicy,
}

/// What a tree may be at most: more is refused while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Files, directories and whatever else there is. Default: 4 million, which take 640 MiB of memory while they are read.
    pub entries: u64,
    /// Bytes of an archive once it is unpacked. Default: 1 TiB.
    pub unpacked: u64,
    /// How many times as long as it was a packed archive may become, beyond its first GiB. Default: 200.
    pub ratio: u64,
}

/// What one user may have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// Scans. Default: 100.
    pub scans: u64,
    /// Images, waiting ones too. Default: 100.
    pub images: u64,
    /// Bytes of uploads and images. Default: 1 TiB.
    pub bytes: u64,
}

impl Settings {
    /// The defaults, for a server that keeps its things in `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            quota: Quota::default(),
            limits: Limits::default(),
            connection_limits: ConnectionLimits::default(),
            reserve: 1 << 30,
            images: None,
            generations: 2,
            threads: None,
            memory: 512 << 20,
            queue: 1000,
            boot: BootPolicy::Required,
        }
    }
}

impl Limits {
    /// Bytes that an archive of `packed` bytes may become.
    pub(crate) fn unpacked_from(&self, packed: u64) -> u64 {
        packed.saturating_mul(self.ratio).max(FREE_OF_RATIO).min(self.unpacked)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 4_000_000, unpacked: 1 << 40, ratio: 200 }
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self { scans: 100, images: 100, bytes: 1 << 40 }
    }
}

/// A small archive may be of zeros.
const FREE_OF_RATIO: u64 = 1 << 30;
