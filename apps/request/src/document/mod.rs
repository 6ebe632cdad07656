//! The documents that are sent, one file for each family.

mod account;
mod common;
mod disk;
mod distribution;
mod error;
mod format;
mod image;
mod install_profile;
mod list;
mod names;
mod network;
mod package;
mod scan;
mod status;
mod user;

pub use account::{OsGroup, OsUser, SshKey};
pub use common::{Common, Upload};
pub use disk::{Disk, LogicalGroup, LogicalVolume, Partition, PartitionTable};
pub use distribution::Distribution;
pub use error::{LocalizedMessage, UForgeError};
pub use format::{Category, ImageFormat, TargetFormat};
pub use image::{Image, PublishImage, SoftwareBundle};
pub use install_profile::InstallProfile;
pub use list::{
    ApiKeyPairs, ImageFormats, Images, Item, List, Orgs, PublishImages, Roles, ScanImports, ScannedFiles,
    ScannedInstances, ScannedPackages, Scans, SoftwareBundles, SshKeys, Statuses, TargetFormats, Users,
};
pub use names::{
    Architecture, ChangeType, DiskName, DistributionName, FamilyName, FileSystemName, ImageFormatName,
    Ipv4Method, Ipv6Method, Keyboard, NicKind, PartitionKind, SelinuxMode, TargetFormatKind,
};
pub use network::{IpAddress, Nic};
pub use package::{FileEntry, ScannedFile, ScannedPackage};
pub use scan::{Scan, ScanImport, ScannedInstance};
pub use status::{ServiceStatus, Status};
pub use user::{ApiKeyPair, Entitlement, Org, Role, User};

use crate::render::{Document, Shape, Shapes};

/// Describes every object of the documents that are sent, those before that refer to others.
pub fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    shapes.add::<ApiKeyPair>(ApiKeyPair::ROOT);
    shapes.add::<Disk>(Disk::ROOT);
    shapes.add::<Entitlement>(Entitlement::ROOT);
    shapes.add::<Image>(Image::ROOT);
    shapes.add::<ImageFormat>(ImageFormat::ROOT);
    shapes.add::<InstallProfile>(InstallProfile::ROOT);
    shapes.add::<Org>(Org::ROOT);
    shapes.add::<OsUser>(OsUser::ROOT);
    shapes.add::<PartitionTable>(PartitionTable::ROOT);
    shapes.add::<PublishImage>("publishImage");
    shapes.add::<Role>(Role::ROOT);
    shapes.add::<Scan>(Scan::ROOT);
    shapes.add::<ScannedFile>(ScannedFile::ROOT);
    shapes.add::<ScannedInstance>(ScannedInstance::ROOT);
    shapes.add::<ScannedPackage>(ScannedPackage::ROOT);
    shapes.add::<ServiceStatus>(ServiceStatus::ROOT);
    shapes.add::<SshKey>(SshKey::ROOT);
    shapes.add::<Status>(Status::ROOT);
    shapes.add::<TargetFormat>(TargetFormat::ROOT);
    shapes.add::<UForgeError>(UForgeError::ROOT);
    shapes.add::<User>(User::ROOT);
    list::add_lists(&mut shapes);
    shapes.0
}

#[cfg(test)]
mod tests;
