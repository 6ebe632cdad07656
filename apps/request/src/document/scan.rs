use super::{Distribution, Image, InstallProfile, ScannedPackage, Status};
use crate::render::{Object, Record, ShapeField, Shapes, object};

object! {
    /// A machine, under which the scans of it stand.
    ScannedInstance: common: Common = "scannedInstance" {
        /// Its operating system.
        distribution: Distribution => "distribution",
        /// A group that its owner puts it in.
        group: String => "group",
        /// Name.
        name: String => "name",
        /// URI of its owner.
        parent_uri: String => "parentUri",
        /// What it runs on.
        platform_type: String => "platformType",
        /// MiB of memory.
        ram_size: i32 => "ramSize",
        /// Whether its scans carry the files of the machine.
        overlay_included: bool => "overlayIncluded",
        /// Its scans, where they are asked for.
        scans: Vec<Scan> => "scans" ["scan"],
        /// Where its scans are listed.
        scans_uri: String => "scansUri",
        /// Number of its scans.
        total_scans: i32 => "totalScans",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A scan of a machine; the schema's `ScanSummary` is the same without the lists at its end.
    Scan: common: Common = "scan" {
        /// Whether what was uploaded is indexed.
        binaries_extracted: bool => "binariesExtracted",
        /// Whether what was uploaded is there.
        binaries_received: bool => "binariesReceived",
        /// Whether it failed.
        error: bool => "error",
        /// Why it failed.
        error_msg: String => "errorMsg",
        /// Where its files are listed.
        files_uri: String => "filesUri",
        /// Where its images are listed.
        images_uri: String => "imagesUri",
        /// Where its imports are listed.
        imports_uri: String => "importsUri",
        /// Where its golden images are listed.
        golden_imports_uri: String => "goldenImportsUri",
        /// The settings of the machine.
        install_profile: InstallProfile => "installProfile",
        /// Where these settings stand.
        install_profile_uri: String => "installProfileUri",
        /// Where it is brought up to date.
        scan_sync_uri: String => "scanSyncUri",
        /// Name.
        name: String => "name",
        /// Checksum of the overlay, as its sender gave it.
        overlay_crc: String => "overlayCrc",
        /// Whether the overlay is there.
        overlay_imported: bool => "overlayImported",
        /// Name of the overlay's file.
        overlay_path: String => "overlayPath",
        /// Where the overlay is uploaded.
        overlay_uri: String => "overlayUri",
        /// Where partitions of Windows machines are uploaded.
        raw_partitions_uri: String => "rawPartitionsUri",
        /// Where its packages are listed.
        packages_uri: String => "packagesUri",
        /// Whether it was refused.
        rejected: bool => "rejected",
        /// Whether the scan came to its end.
        scanned: bool => "scanned",
        /// URI of the machine.
        scanned_instance_uri: String => "scannedInstanceUri",
        /// How far it is.
        status: Status => "status",
        /// Number of files that no package has.
        total_files_added: i32 => "totalFilesAdded",
        /// Number of files of packages that are not there.
        total_files_deleted: i32 => "totalFilesDeleted",
        /// Number of files of packages that are not as delivered.
        total_files_modified: i32 => "totalFilesModified",
        /// Number of packages.
        total_packages: i32 => "totalPackages",
        /// Bytes of what was uploaded, unpacked.
        uncompressed_binary_size: u64 => "uncompressedBinarySize",
        /// Its place.
        uri: String => "uri",
        /// Whether it can be used.
        validated: bool => "validated",
        /// Whether it is a scan of whole partitions.
        raw_scan: bool => "rawScan",
        /// Its images.
        images: Vec<Image> => "images" ["image"],
        /// Its imports.
        imports: Vec<ScanImport> => "imports" ["import"],
        /// Its packages.
        packages: Vec<ScannedPackage> => "packages" ["package"],
    }
}

/// A scan made into a template: that is not done, so that there is none, and a list of them is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanImport {}

impl Object for ScanImport {
    const NAME: &'static str = "ScanImport";
    const ABOUT: &'static str = "There is none.";

    fn fields(_: &mut Shapes) -> Vec<ShapeField> {
        Vec::new()
    }

    fn write(&self, _: &mut Record) {
        match *self {}
    }
}
