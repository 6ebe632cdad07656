use diskwright_core::format::{Codec, FormatOptions};
use diskwright_core::{Error, ErrorKind, Result};

use crate::cluster::ClusterBits;

/// How a QCOW2 image is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Qcow2Options {
    /// The codec of compressed clusters; default none: clusters are stored as they are.
    pub compression: Option<Compression>,
    /// Unit of allocation and compression; default 64 KiB.
    pub cluster_bits: ClusterBits,
}

/// The codec of compressed clusters. A cluster that would not become smaller is stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Raw deflate with a window of 4 KiB, level 1..=9, default 5: read by all that read QCOW2.
    #[expect(missing_docs, reason = "said above")]
    Deflate { level: u8 },
    /// zstd, level 1..=19, default 3: read by QEMU 5.1 and later.
    #[expect(missing_docs, reason = "said above")]
    Zstd { level: u8 },
}

impl Qcow2Options {
    /// Sets the codec of compressed clusters.
    pub fn with_compression(mut self, compression: Option<Compression>) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the size of clusters.
    pub fn with_cluster_bits(mut self, cluster_bits: ClusterBits) -> Self {
        self.cluster_bits = cluster_bits;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let size = options.number("cluster-size")?;
        let cluster_bits = u64::try_from(size).ok().and_then(ClusterBits::from_size).ok_or_else(|| {
            invalid("cluster-size", format!("{size} is not a power of two from 4 KiB to 2 MiB"))
        })?;
        let compression = if options.compress() { Some(compression(options)?) } else { None };
        if compression.is_none() {
            let given = ["compression", "level"].into_iter().filter(|key| !options.text(key).is_empty());
            let problems = given.map(|key| invalid(key, "it needs the compress flag".to_owned()));
            Error::collect(problems.collect())?;
        }
        Ok(Self { compression, cluster_bits })
    }
}

impl Compression {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Deflate { level } => Codec::Deflate { window_bits: WINDOW_BITS, level },
            Self::Zstd { level } => Codec::Zstd { level },
        }
    }

    /// Refuses a level that the codec does not have.
    pub(crate) fn check(self) -> Result<()> {
        let (name, level, max) = match self {
            Self::Deflate { level } => ("deflate", level, 9),
            Self::Zstd { level } => ("zstd", level, 19),
        };
        if (1..=max).contains(&level) {
            return Ok(());
        }
        Err(invalid("level", format!("the levels of {name} are 1 to {max}")))
    }
}

fn compression(options: &FormatOptions) -> Result<Compression> {
    let given = options.number_if_given("level")?;
    let level = |default| u8::try_from(given.unwrap_or(default)).unwrap_or(u8::MAX);
    let compression = match options.text("compression") {
        "zstd" => Compression::Zstd { level: level(DEFAULT_ZSTD) },
        _ => Compression::Deflate { level: level(DEFAULT_DEFLATE) },
    };
    compression.check()?;
    Ok(compression)
}

fn invalid(key: &str, text: String) -> Error {
    Error::new(ErrorKind::InvalidOption, text).with_field(format!("qcow2.{key}"))
}

/// Readers may inflate a cluster with no more than this window.
const WINDOW_BITS: u8 = 12;
/// The lowest level whose images are smaller than those that QEMU makes.
const DEFAULT_DEFLATE: i64 = 5;
const DEFAULT_ZSTD: i64 = 3;
