use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};

/// How a VHD is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VhdOptions {
    /// The kind of image; default dynamic.
    pub subformat: Subformat,
    /// Level of gzip, 1..=12, of the downloadable form; default none: the image itself.
    pub gzip: Option<u8>,
}

/// The kind of image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subformat {
    /// Blocks of 2 MiB; those known to be zero are not stored.
    #[default]
    Dynamic,
    /// The disk, then a footer.
    Fixed,
}

impl VhdOptions {
    /// Sets the kind of image.
    pub fn with_subformat(mut self, subformat: Subformat) -> Self {
        self.subformat = subformat;
        self
    }

    /// Sets the level of gzip for the downloadable form.
    pub fn with_gzip(mut self, level: Option<u8>) -> Self {
        self.gzip = level;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let subformat = match options.text("subformat") {
            "fixed" => Subformat::Fixed,
            _ => Subformat::Dynamic,
        };
        let refuse = |text: &str| Error::new(ErrorKind::InvalidOption, text).with_field("vhd.level");
        let level = options.number_if_given("level")?;
        if !options.compress() {
            return match level {
                Some(_) => Err(refuse("it needs the compress flag")),
                None => Ok(Self { subformat, gzip: None }),
            };
        }
        let level = u8::try_from(level.unwrap_or(1)).map_err(|_| refuse("the levels of gzip are 1 to 12"))?;
        Ok(Self { subformat, gzip: Some(level) })
    }
}
