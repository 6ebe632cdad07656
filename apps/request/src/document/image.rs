use super::{ImageFormat, InstallProfile, TargetFormat};
use crate::render::{Object, Record, ShapeField, Shapes, object};

object! {
    /// A machine image, or the ticket for one that is being made.
    Image: common: Common, upload: Upload = "image" {
        /// URI of the scan.
        parent_uri: String => "parentUri",
        /// Where it would be published.
        base_publish_images_uri: String => "basePublishImagesUri",
        /// Bytes of the files in it.
        complete_installed_size: u64 => "completeInstalledSize",
        /// Bytes of the packages in it.
        complete_size: u64 => "completeSize",
        /// Whether it is one file to download.
        compress: bool => "compress",
        /// Name of the distribution.
        distribution_name: String => "distributionName",
        /// What lets one download through without a login.
        download_key: String => "downloadKey",
        /// Where it is downloaded, with the file's name and the key.
        download_uri: String => "downloadUri",
        /// The file's extension.
        file_extension: String => "fileExtension",
        /// The file's name.
        file_name: String => "fileName",
        /// Bytes of the file; the inherited `size` says the same to other clients.
        file_size: u64 => "fileSize",
        /// The primitive format.
        format: ImageFormat => "format",
        /// The format asked for.
        target_format: TargetFormat => "targetFormat",
        /// Name and version.
        full_name: String => "fullName",
        /// Whether it is made.
        image_created: bool => "imageCreated",
        /// The profile in effect.
        install_profile: InstallProfile => "installProfile",
        /// Name.
        name: String => "name",
        /// URI of the organisation.
        org_uri: String => "orgUri",
        /// Where its packages are listed.
        pkgs_uri: String => "pkgsUri",
        /// Number of the generation.
        revision: i32 => "revision",
        /// Whether nothing is really made.
        simulated: bool => "simulated",
        /// Where its status is polled.
        status_uri: String => "statusUri",
        /// Its place.
        uri: String => "uri",
        /// Version.
        version: String => "version",
        /// Bytes of the machine's disk.
        vm_disk_size: u64 => "vmDiskSize",
        /// MiB of the machine's memory.
        vm_memory_size: i32 => "vmMemorySize",
    }
}

/// A published image: images are not published, so that there is none, and a list of them is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishImage {}

impl Object for PublishImage {
    const NAME: &'static str = "PublishImage";
    const ABOUT: &'static str = "There is none.";

    fn fields(_: &mut Shapes) -> Vec<ShapeField> {
        Vec::new()
    }

    fn write(&self, _: &mut Record) {
        match *self {}
    }
}

/// Software that a format adds to an image: none is ever added, so that a list of it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoftwareBundle {}

impl Object for SoftwareBundle {
    const NAME: &'static str = "SoftwareBundle";
    const ABOUT: &'static str = "There is none.";

    fn fields(_: &mut Shapes) -> Vec<ShapeField> {
        Vec::new()
    }

    fn write(&self, _: &mut Record) {
        match *self {}
    }
}
