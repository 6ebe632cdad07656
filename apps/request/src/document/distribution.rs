use super::{Architecture, DistributionName, FamilyName};
use crate::render::object;

object! {
    /// An operating system.
    Distribution: common: Common {
        /// Architecture.
        arch: Architecture => "arch",
        /// A sentence about it.
        description: String => "description",
        /// Family.
        family: FamilyName => "family",
        /// Name.
        name: DistributionName => "name",
        /// Kind of its packages: `DEB`, `RPM`.
        package_kind: String => "pkgType",
        /// Its place.
        uri: String => "uri",
        /// Version.
        version: String => "version",
    }
}
