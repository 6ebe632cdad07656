use std::sync::Arc;

use super::{FormatOptions, OptionSpec, TargetFormat};
use crate::{Error, ErrorKind, Result};

/// The static description of a format.
#[derive(Clone, Copy, Debug)]
pub struct FormatInfo {
    /// Id: lower case, letters and digits.
    pub id: &'static str,
    /// The name that the scan-image API uses, for formats that it offers.
    pub api_name: Option<&'static str>,
    /// Further names that are understood.
    pub aliases: &'static [&'static str],
    /// The API's primitive format name.
    pub primitive: Option<&'static str>,
    /// What is written without the compress flag, in file extensions.
    pub plain: &'static str,
    /// What the compress flag makes; `None` when the format refuses it.
    pub compressed: Option<&'static str>,
    /// The name by which QEMU opens a disk of this format, where it can.
    pub qemu: Option<&'static str>,
    /// All options.
    pub options: &'static [OptionSpec],
}

/// A format in a [`Registry`].
#[derive(Clone, Copy, Debug)]
pub struct FormatEntry {
    /// The static description.
    pub info: &'static FormatInfo,
    /// Makes a configured format from checked options.
    pub configure: fn(&FormatOptions) -> Result<Arc<dyn TargetFormat>>,
}

/// The formats that an embedder offers: a value, not a global.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: Vec<FormatEntry>,
}

impl Registry {
    /// No formats.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a format.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when one of its names is taken: nothing is ever replaced silently.
    pub fn register(&mut self, entry: FormatEntry) -> Result<()> {
        for name in names(entry.info) {
            if let Some(other) = self.find(name) {
                let text =
                    format!("format name {name} of {} is already taken by {}", entry.info.id, other.info.id);
                return Err(Error::new(ErrorKind::Internal, text));
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The format called `name`: id, API name or alias, without regard to case.
    pub fn find(&self, name: &str) -> Option<&FormatEntry> {
        self.entries.iter().find(|entry| names(entry.info).any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// All formats, in the order of their registration.
    pub fn entries(&self) -> &[FormatEntry] {
        &self.entries
    }

    /// The format called `name`, configured.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` for an unknown name; `ErrorKind::InvalidOption` for bad options, and for `compress`
    /// where the format has nothing to compress to.
    pub fn configure(
        &self,
        name: &str,
        compress: bool,
        options: &[(String, String)],
    ) -> Result<Arc<dyn TargetFormat>> {
        let entry = self.find(name).ok_or_else(|| {
            let known: Vec<&str> = self.entries.iter().map(|entry| entry.info.id).collect();
            let text = format!("no format is called \"{name}\"; there are: {}", known.join(", "));
            Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat")
        })?;
        if compress && entry.info.compressed.is_none() {
            let text = format!("format {} has no compressed form", entry.info.id);
            return Err(Error::new(ErrorKind::InvalidOption, text).with_field("compress"));
        }
        (entry.configure)(&FormatOptions::check(entry.info, compress, options)?)
    }
}

fn names(info: &FormatInfo) -> impl Iterator<Item = &'static str> {
    // An API name may be the id in other case.
    let api_name = info.api_name.filter(|name| !name.eq_ignore_ascii_case(info.id));
    std::iter::once(info.id).chain(api_name).chain(info.aliases.iter().copied())
}
