use std::path::PathBuf;

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
    /// Generations that run at once. Default: 2.
    pub generations: usize,
    /// Worker threads of the engine. Default: one for each processor.
    pub threads: Option<usize>,
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
            connection_limits: ConnectionLimits::default(),
            reserve: 1 << 30,
            generations: 2,
            threads: None,
        }
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self { scans: 100, images: 100, bytes: 1 << 40 }
    }
}
