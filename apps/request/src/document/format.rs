use diskwright_core::format::FormatInfo;

use super::{ImageFormatName, TargetFormatKind};
use crate::render::object;

object! {
    /// A format that a user picks by its name.
    TargetFormat: common: Common = "targetFormat" {
        /// Its name: `VirtualBox`.
        name: String => "name",
        /// The primitive format behind it.
        format: ImageFormat => "format",
        /// The group in which it is shown.
        category: Category => "category",
        /// Its kind.
        kind: TargetFormatKind => "type",
        /// What to know of its images.
        image_infos: String => "imageInfos",
        /// Whether the user may use it.
        access: bool => "access",
        /// Whether it is in use at all.
        active: bool => "active",
        /// Whether it is offered first.
        preselected: bool => "preselected",
        /// Its place.
        uri: String => "uri",
    }
}

impl TargetFormat {
    /// A built-in format, in use and open to the user; `None` if the API does not offer it.
    pub fn of_format(info: &FormatInfo) -> Option<Self> {
        let primitive = info.primitive?;
        let (category, kind) =
            if CLOUDS.contains(&primitive) { ("Cloud", "cloud") } else { ("Virtual", "virtual") };
        Some(Self {
            name: Some(info.api_name?.to_owned()),
            format: Some(ImageFormat { name: ImageFormatName::named(primitive), ..ImageFormat::default() }),
            category: Some(Category { name: Some(category.to_owned()), ..Category::default() }),
            kind: TargetFormatKind::named(kind),
            access: Some(true),
            active: Some(true),
            ..Self::default()
        })
    }
}

/// The primitive formats of clouds that a built-in format may have.
const CLOUDS: [&str; 1] = ["google"];

object! {
    /// A primitive format.
    ImageFormat: common: Common = "imageFormat" {
        /// Whether the user may use it.
        access: bool => "access",
        /// Whether it is in use at all.
        active: bool => "active",
        /// Its name: `vbox`.
        name: ImageFormatName => "name",
        /// Whether it is offered first.
        preselected: bool => "preselected",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A group of formats.
    Category: common: Common {
        /// Its name: `Virtual`.
        name: String => "name",
        /// Its place.
        uri: String => "uri",
    }
}
