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
