use std::sync::Arc;

use diskwright_core::format::{FormatEntry, Registry, TargetFormat};
use diskwright_core::{Error, ErrorKind, Result};

use crate::ImageRequest;
use crate::text::quoted;

/// Options of a format, keys with their values.
pub type FormatOptionList = Vec<(String, String)>;

impl ImageRequest {
    /// The format that is asked for, by its id, API name or alias or, as old clients do, by the primitive format's name.
    ///
    /// # Errors
    /// `ErrorKind::InvalidProfile` naming `targetFormat` when none is asked for or there is none of that name.
    pub fn format<'a>(&self, registry: &'a Registry) -> Result<&'a FormatEntry> {
        let is_primitive = |entry: &&FormatEntry, name: &str| {
            entry.info.primitive.is_some_and(|primitive| primitive.eq_ignore_ascii_case(name))
        };
        let known = || {
            let ids: Vec<&str> = registry.entries().iter().map(|entry| entry.info.id).collect();
            ids.join(", ")
        };
        let refuse = |text| Error::new(ErrorKind::InvalidProfile, text).with_field("targetFormat");
        let Some(name) = &self.target_format else {
            return Err(refuse(format!("no format is named; there are: {}", known())));
        };
        let found = registry.find(name);
        let found = found.or_else(|| registry.entries().iter().find(|entry| is_primitive(entry, name)));
        found.ok_or_else(|| refuse(format!("no format is called {}; there are: {}", quoted(name), known())))
    }

    /// The options that the request sets, for each of `formats`: its hardware type goes to all that have such a thing.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` naming `installProfile.hwType` when none of them has.
    pub fn options(&self, formats: &[&FormatEntry]) -> Result<Vec<FormatOptionList>> {
        let mut options = vec![Vec::new(); formats.len()];
        let Some(hardware_type) = &self.hardware_type else { return Ok(options) };
        let mut is_used = false;
        for (format, options) in formats.iter().zip(&mut options) {
            if format.info.options.iter().any(|option| option.key == HARDWARE_VERSION) {
                options.push((HARDWARE_VERSION.to_owned(), hardware_type.clone()));
                is_used = true;
            }
        }
        if is_used {
            return Ok(options);
        }
        let message = "no format asked for has a hardware version";
        Err(Error::new(ErrorKind::Unsupported, message).with_field("installProfile.hwType"))
    }

    /// The format that is asked for, configured.
    ///
    /// # Errors
    /// As [`ImageRequest::format`], [`ImageRequest::options`] and [`Registry::configure`].
    pub fn target(&self, registry: &Registry) -> Result<Arc<dyn TargetFormat>> {
        let format = self.format(registry)?;
        let options = self.options(&[format])?.pop().unwrap_or_default();
        registry.configure(format.info.id, self.compress == Some(true), &options)
    }
}

const HARDWARE_VERSION: &str = "hardware-version";
