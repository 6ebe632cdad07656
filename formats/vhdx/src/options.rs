use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};

/// How a VHDX is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VhdxOptions {
    /// The kind of image; default dynamic.
    pub subformat: Subformat,
    /// Bytes of a block: a power of two from 1 MiB to 256 MiB; default 1 MiB.
    pub block_size: u32,
    /// Level of gzip, 1..=12, of the downloadable form; default none: the image itself.
    pub gzip: Option<u8>,
}

/// The kind of image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subformat {
    /// Blocks that are known to be zero are not stored.
    #[default]
    Dynamic,
    /// Every block is stored, in disk order.
    Fixed,
}

impl Default for VhdxOptions {
    fn default() -> Self {
        Self { subformat: Subformat::Dynamic, block_size: 1 << 20, gzip: None }
    }
}

impl VhdxOptions {
    /// Sets the kind of image.
    pub fn with_subformat(mut self, subformat: Subformat) -> Self {
        self.subformat = subformat;
        self
    }

    /// Sets the bytes of a block.
    pub fn with_block_size(mut self, block_size: u32) -> Self {
        self.block_size = block_size;
        self
    }

    /// Sets the level of gzip for the downloadable form.
    pub fn with_gzip(mut self, level: Option<u8>) -> Self {
        self.gzip = level;
        self
    }

    /// # Errors
    /// `ErrorKind::InvalidOption` for a value out of its range.
    pub(crate) fn check(self) -> Result<Self> {
        let refuse = |key: &str, text: &str| {
            Err(Error::new(ErrorKind::InvalidOption, text).with_field(format!("vhdx.{key}")))
        };
        if !self.block_size.is_power_of_two() || !(1 << 20..=256 << 20).contains(&self.block_size) {
            return refuse("block-size", "a block has a power of two from 1 MiB to 256 MiB");
        }
        if self.gzip.is_some_and(|level| !(1..=12).contains(&level)) {
            return refuse("level", "the levels of gzip are 1 to 12");
        }
        Ok(self)
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let subformat = match options.text("subformat") {
            "fixed" => Subformat::Fixed,
            _ => Subformat::Dynamic,
        };
        let level = options.number_if_given("level")?;
        if level.is_some() && !options.compress() {
            let text = "it needs the compress flag";
            return Err(Error::new(ErrorKind::InvalidOption, text).with_field("vhdx.level"));
        }
        // OK to fall back: the table was checked, and what is out of range here is refused by `check`.
        let gzip = options.compress().then(|| u8::try_from(level.unwrap_or(1)).unwrap_or(0));
        let block_size = u32::try_from(options.number("block-size")?).unwrap_or(0);
        Self { subformat, block_size, gzip }.check()
    }
}
