use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};

/// How a VDI is written: there is nothing to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VdiOptions {}

impl VdiOptions {
    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        if options.compress() {
            let text = "VDI has no compressed form";
            return Err(Error::new(ErrorKind::InvalidOption, text).with_field("compress"));
        }
        Ok(Self {})
    }
}
