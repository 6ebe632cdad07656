use diskwright_core::format::{Codec, FormatOptions};
use diskwright_core::{Error, ErrorKind, Result};

/// How a raw image is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawOptions {
    /// The codec of the downloadable form; default none: a sparse file.
    pub compression: Option<Compression>,
}

/// The codec of a compressed raw image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `.raw.gz`, level 1..=12, default 1.
    #[expect(missing_docs, reason = "said above")]
    Gzip { level: u8 },
    /// `.raw.zst`, level 1..=19, default 3.
    #[expect(missing_docs, reason = "said above")]
    Zstd { level: u8 },
}

impl RawOptions {
    /// Sets the codec of the downloadable form.
    pub fn with_compression(mut self, compression: Option<Compression>) -> Self {
        self.compression = compression;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        if !options.compress() {
            let given = ["compression", "level"].into_iter().filter(|key| !options.text(key).is_empty());
            let refuse = |key| {
                let text = "it needs the compress flag";
                Error::new(ErrorKind::InvalidOption, text).with_field(format!("raw.{key}"))
            };
            Error::collect(given.map(refuse).collect())?;
            return Ok(Self::default());
        }
        let level = options.number_if_given("level")?;
        let is_gzip = options.text("compression") != "zstd";
        let (default, max) = if is_gzip { (1, 12) } else { (3, 19) };
        let level =
            u8::try_from(level.unwrap_or(default)).ok().filter(|level| *level <= max).ok_or_else(|| {
                let codec = if is_gzip { "gzip" } else { "zstd" };
                let text = format!("the levels of {codec} are 1 to {max}");
                Error::new(ErrorKind::InvalidOption, text).with_field("raw.level")
            })?;
        let compression = if is_gzip { Compression::Gzip { level } } else { Compression::Zstd { level } };
        Ok(Self { compression: Some(compression) })
    }
}

impl Compression {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Gzip { .. } => "raw.gz",
            Self::Zstd { .. } => "raw.zst",
        }
    }

    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Gzip { level } => Codec::Gzip { level },
            Self::Zstd { level } => Codec::ZstdFrame { level },
        }
    }
}
