use super::ChangeType;
use crate::Common;
use crate::Time;
use crate::render::{Base, object};

object! {
    /// A package of a scanned system.
    ScannedPackage: common: Common, upload: Upload = "scannedPackage" {
        /// Architecture, as the package system writes it.
        arch: String => "arch",
        /// Name, version and architecture in one.
        full_name: String => "fullName",
        /// Name.
        name: String => "name",
        /// URI of the scan.
        parent_uri: String => "parentUri",
        /// When it was built.
        build_date: Time => "pkgBuildDate",
        /// Release.
        release: String => "release",
        /// Kind: `DEB`, `RPM`.
        kind: String => "type",
        /// Its place.
        uri: String => "uri",
        /// Version.
        version: String => "version",
        /// Epoch.
        epoch: i32 => "epoch",
        /// Where its files are listed.
        files_uri: String => "filesUri",
    }
}

object! {
    /// A file (`FileEntry`).
    FileEntry {
        /// Checksum.
        checksum: String => "checksum",
        /// Whether it is a directory.
        directory: bool => "directory",
        /// Path from the root.
        full_path: String => "fullPath",
        /// Name of its group.
        group: String => "group",
        /// Where a symbolic link leads.
        link_target: String => "linkTarget",
        /// Last part of the path.
        name: String => "name",
        /// Name of its owner.
        owner: String => "owner",
        /// URI of the scan.
        parent_uri: String => "parentUri",
        /// Permissions.
        permissions: String => "permissions",
        /// Bytes.
        size: u64 => "size",
        /// Number of entries below a directory.
        sub_entries: i64 => "subEntries",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A file of a scanned system.
    ScannedFile: common: Common, entry: FileEntry = "scannedFile" {
        /// What became of it since it was installed.
        change_type: ChangeType => "changeType",
    }
}

impl Base for FileEntry {
    fn common(&mut self) -> Option<&mut Common> {
        None
    }
}
