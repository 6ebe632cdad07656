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

#[cfg(test)]
mod tests {
    use diskwright_core::format::{FormatInfo, FormatOptions, OptionSpec, OptionValues};

    use super::*;

    static INFO: FormatInfo = FormatInfo {
        id: "product",
        api_name: Some("The Product"),
        aliases: &["Product Server"],
        primitive: Some("prod"),
        plain: ".p",
        compressed: None,
        qemu: None,
        options: &[OptionSpec {
            key: HARDWARE_VERSION,
            values: OptionValues::Integer { min: 7, max: 9 },
            default: "7",
            summary: "the version",
        }],
    };
    static PLAIN: FormatInfo = FormatInfo {
        id: "plain",
        api_name: None,
        aliases: &[],
        primitive: None,
        plain: ".q",
        compressed: None,
        qemu: None,
        options: &[],
    };

    fn configure(_: &FormatOptions) -> Result<Arc<dyn TargetFormat>> {
        Err(Error::new(ErrorKind::Unsupported, "configured"))
    }

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.register(FormatEntry { info: &INFO, configure }).unwrap();
        registry.register(FormatEntry { info: &PLAIN, configure }).unwrap();
        registry
    }

    fn request(format: &str) -> ImageRequest {
        ImageRequest { target_format: Some(format.to_owned()), ..ImageRequest::default() }
    }

    #[test]
    fn a_format_is_found_by_each_of_its_names_and_by_its_primitive() {
        let registry = registry();
        for name in ["product", "the product", "PRODUCT SERVER", "Prod"] {
            assert_eq!(request(name).format(&registry).unwrap().info.id, "product", "{name}");
        }
        for refused in [request("other"), ImageRequest::default()] {
            let error = refused.format(&registry).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidProfile, Some("targetFormat")));
            assert!(error.to_string().contains("product, plain"), "{error}");
        }
    }

    #[test]
    fn a_hardware_type_goes_to_the_formats_that_have_one() {
        let registry = registry();
        let [product, plain] = registry.entries() else { panic!() };
        let mut asked = request("product");
        asked.hardware_type = Some("9".to_owned());
        let options = asked.options(&[plain, product]).unwrap();
        assert_eq!(options, [vec![], vec![(HARDWARE_VERSION.to_owned(), "9".to_owned())]]);
        let error = asked.options(&[plain]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("installProfile.hwType")));
        assert_eq!(request("plain").options(&[plain]).unwrap(), [vec![]]);
    }

    #[test]
    fn a_target_is_checked_before_it_is_configured() {
        let mut asked = request("product");
        assert_eq!(asked.target(&registry()).unwrap_err().to_string(), "configured");
        asked.hardware_type = Some("10".to_owned());
        assert_eq!(asked.target(&registry()).unwrap_err().field(), Some("product.hardware-version"));
        asked.compress = Some(true);
        assert_eq!(asked.target(&registry()).unwrap_err().field(), Some("compress"));
    }
}
