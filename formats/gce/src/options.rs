use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};

/// How an archive for Google Compute Engine is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GceOptions {
    /// Level of gzip, 1..=12; default 1.
    pub level: u8,
}

impl Default for GceOptions {
    fn default() -> Self {
        Self { level: 1 }
    }
}

impl GceOptions {
    /// Sets the level of gzip.
    pub fn with_level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// # Errors
    /// `ErrorKind::InvalidOption` for a level out of its range.
    pub(crate) fn check(self) -> Result<Self> {
        if (1..=12).contains(&self.level) {
            return Ok(self);
        }
        Err(Error::new(ErrorKind::InvalidOption, "the levels of gzip are 1 to 12").with_field("gce.level"))
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        // OK to fall back: what is out of range is refused by `check`.
        Self { level: u8::try_from(options.number("level")?).unwrap_or(0) }.check()
    }
}
