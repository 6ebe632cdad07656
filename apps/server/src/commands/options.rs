use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint, value_parser};
use diskwright::profile::{BootPolicy, ByteSize};

use crate::{ConnectionLimits, Limits, Settings, Tls};

/// TLS, if at all.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArguments {
    /// PEM file of the certificate and those that vouch for it; read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "DISKWRIGHT_TLS_CERT", requires = "tls_key", value_hint = ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,

    /// PEM file of the certificate's private key
    #[arg(long, value_name = "FILE", env = "DISKWRIGHT_TLS_KEY", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
}

impl TlsArguments {
    pub(super) fn open(&self) -> Result<Option<Tls>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::open(certificate, key).map(Some),
            _ => Ok(None),
        }
    }
}

/// What the server does at once, and for whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Work")]
pub(super) struct WorkArguments {
    /// What becomes of a scan whose disk would boot under no firmware: its images are refused, made with a warning, or all
    /// disks are laid out for data only
    #[arg(long, value_name = "POLICY", env = "DISKWRIGHT_BOOT", default_value = "required", value_parser = boot_policy())]
    boot: BootPolicy,

    /// Images that are made at once
    #[arg(long, value_name = "N", env = "DISKWRIGHT_GENERATIONS", default_value_t = 2, value_parser = value_parser!(u16).range(1..=256))]
    generations: u16,

    /// Worker threads of the engine, at most 256 [default: one for each processor]
    #[arg(long, value_name = "N", env = "DISKWRIGHT_THREADS", value_parser = value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    /// Memory that the images being made share, at least 64M; the one that was begun first gets what it needs in any case
    #[arg(long, value_name = "SIZE", env = "DISKWRIGHT_MEMORY", default_value = "512M", value_parser = memory)]
    memory: ByteSize,

    /// Images of all users that may wait for their turn
    #[arg(long, value_name = "N", env = "DISKWRIGHT_QUEUE", default_value_t = 1000, value_parser = value_parser!(u64).range(1..))]
    queue: u64,

    /// Scans that a user may have, unless the account says otherwise
    #[arg(long, value_name = "N", env = "DISKWRIGHT_QUOTA_SCANS", default_value_t = 100)]
    quota_scans: u64,

    /// Images that a user may have, waiting ones too, unless the account says otherwise
    #[arg(long, value_name = "N", env = "DISKWRIGHT_QUOTA_IMAGES", default_value_t = 100)]
    quota_images: u64,

    /// Bytes of uploads and images that a user may have, unless the account says otherwise, as in 500G
    #[arg(long, value_name = "SIZE", env = "DISKWRIGHT_QUOTA_BYTES", default_value = "1T")]
    quota_bytes: ByteSize,

    /// Entries that a scan's tree may have
    #[arg(long, value_name = "N", env = "DISKWRIGHT_MAX_ENTRIES", default_value_t = Limits::default().entries, value_parser = value_parser!(u64).range(1..))]
    max_entries: u64,

    /// Bytes that a scan's archive may have once it is unpacked, as in 100G
    #[arg(long, value_name = "SIZE", env = "DISKWRIGHT_MAX_UNPACKED", default_value = "1T")]
    max_unpacked: ByteSize,

    /// How many times as long as it was a packed archive may become, beyond its first GiB
    #[arg(long, value_name = "N", env = "DISKWRIGHT_MAX_RATIO", default_value_t = Limits::default().ratio, value_parser = value_parser!(u64).range(1..))]
    max_ratio: u64,

    /// Free bytes of the data directory below which the server says that it is not ready, as in 10G
    #[arg(long, value_name = "SIZE", env = "DISKWRIGHT_RESERVE", default_value = "1G")]
    reserve: ByteSize,
}

impl WorkArguments {
    pub(super) fn set(&self, settings: &mut Settings) {
        settings.boot = self.boot;
        settings.generations = usize::from(self.generations);
        settings.memory = self.memory.bytes();
        settings.queue = self.queue;
        settings.threads = self.threads.map(usize::from);
        settings.quota.scans = self.quota_scans;
        settings.quota.images = self.quota_images;
        settings.quota.bytes = self.quota_bytes.bytes();
        settings.limits.entries = self.max_entries;
        settings.limits.unpacked = self.max_unpacked.bytes();
        settings.limits.ratio = self.max_ratio;
        settings.reserve = self.reserve.bytes();
    }
}

/// What one client may cost. Times are whole seconds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArguments {
    /// Connections at once; one more closes that which has waited longest for its next request
    #[arg(long, value_name = "N", env = "DISKWRIGHT_CONNECTIONS", default_value_t = 2048, value_parser = value_parser!(u32).range(1..=1_000_000))]
    connections: u32,

    /// Time for a TLS handshake
    #[arg(long, value_name = "SECONDS", env = "DISKWRIGHT_HANDSHAKE_TIMEOUT", default_value_t = 10, value_parser = value_parser!(u64).range(SECONDS))]
    handshake_timeout: u64,

    /// Time for the head of a request
    #[arg(long, value_name = "SECONDS", env = "DISKWRIGHT_HEAD_TIMEOUT", default_value_t = 10, value_parser = value_parser!(u64).range(SECONDS))]
    head_timeout: u64,

    /// Time that a connection may wait for a further request
    #[arg(long, value_name = "SECONDS", env = "DISKWRIGHT_IDLE_TIMEOUT", default_value_t = 60, value_parser = value_parser!(u64).range(SECONDS))]
    idle_timeout: u64,

    /// Time that a client may let the server wait for a body's bytes, or for room for an answer's
    #[arg(long, value_name = "SECONDS", env = "DISKWRIGHT_STALL_TIMEOUT", default_value_t = 30, value_parser = value_parser!(u64).range(SECONDS))]
    stall_timeout: u64,

    /// Bytes a second that a client moves at least while the server waits for it; 0 for none but the time-out
    #[arg(long, value_name = "BYTES", env = "DISKWRIGHT_MIN_RATE", default_value_t = 1024)]
    min_rate: u64,

    /// Time that requests have to end when the server is told to stop
    #[arg(long, value_name = "SECONDS", env = "DISKWRIGHT_SHUTDOWN_TIMEOUT", default_value_t = 30, value_parser = value_parser!(u64).range(0..=86_400))]
    shutdown_timeout: u64,
}

impl LimitArguments {
    pub(super) fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            handshake: Duration::from_secs(self.handshake_timeout),
            head: Duration::from_secs(self.head_timeout),
            idle: Duration::from_secs(self.idle_timeout),
            stall: Duration::from_secs(self.stall_timeout),
            rate: self.min_rate,
            shutdown: Duration::from_secs(self.shutdown_timeout),
            ..ConnectionLimits::default()
        }
    }
}

fn boot_policy() -> impl TypedValueParser<Value = BootPolicy> {
    PossibleValuesParser::new(BootPolicy::ALL.iter().map(|policy| policy.name()))
        .try_map(|name| name.parse::<BootPolicy>())
}

/// What one generation takes, at least.
fn memory(text: &str) -> Result<ByteSize> {
    let size: ByteSize = text.parse()?;
    ensure!(size.bytes() >= 64 << 20, "an image takes 64M at least");
    Ok(size)
}

/// A time-out of nothing would refuse everything.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=86_400;
