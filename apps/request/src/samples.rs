//! One of every document, with every field set, and with none.

use crate::document::{ScanImport, SoftwareBundle};
use crate::{
    ApiKeyPair, ApiKeyPairs, Disk, Document, Entitlement, Image, ImageFormat, ImageFormats, Images,
    InstallProfile, Nic, Org, Orgs, OsUser, PartitionTable, PublishImage, PublishImages, Role, Roles, Scan,
    ScanImports, ScannedFile, ScannedFiles, ScannedInstance, ScannedInstances, ScannedPackage,
    ScannedPackages, Scans, ServiceStatus, SoftwareBundles, SshKey, SshKeys, Status, Statuses, Syntax,
    TargetFormat, TargetFormats, Time, UForgeError, User, Users,
};

/// A document in both syntaxes.
pub(crate) struct Written {
    pub(crate) root: &'static str,
    pub(crate) xml: String,
    pub(crate) json: String,
}

pub(crate) fn written<D: Document>(document: &D) -> Written {
    Written { root: D::ROOT, xml: document.render(Syntax::Xml), json: document.render(Syntax::Json) }
}

/// Every document, full and empty.
pub(crate) fn documents() -> Vec<Written> {
    let mut all = Vec::new();
    macro_rules! objects {
        ($($name:ident),+) => { $(
            all.push(written(&$name::sample(DEPTH).unwrap()));
            // The schema demands two fields of objects that are no documents without them.
            if stringify!($name) != "Nic" {
                all.push(written(&$name::default()));
            }
        )+ };
    }
    objects!(
        ApiKeyPair,
        Disk,
        Entitlement,
        Image,
        ImageFormat,
        InstallProfile,
        Nic,
        Org,
        OsUser,
        PartitionTable,
        Role,
        Scan,
        ScannedFile,
        ScannedInstance,
        ScannedPackage,
        ServiceStatus,
        SshKey,
        Status,
        TargetFormat,
        UForgeError,
        User
    );
    macro_rules! lists {
        ($($name:ident),+) => { $(
            all.push(written(&$name::page(Vec::from_iter(Sample::sample(DEPTH)), 9)));
            all.push(written(&$name::default()));
            all.push(written(&$name { total: None, items: Vec::new() }));
        )+ };
    }
    lists!(
        ApiKeyPairs,
        ImageFormats,
        Images,
        Orgs,
        PublishImages,
        Roles,
        ScanImports,
        ScannedFiles,
        ScannedInstances,
        ScannedPackages,
        Scans,
        SoftwareBundles,
        SshKeys,
        Statuses,
        TargetFormats,
        Users
    );
    all
}

/// A value with everything in it.
pub(crate) trait Sample: Sized {
    /// At most `depth` objects within each other; `None` at 0, or if there is no value.
    fn sample(depth: usize) -> Option<Self>;
}

impl Sample for String {
    fn sample(_: usize) -> Option<Self> {
        Some("users/guest/a?b=c".to_owned())
    }
}

impl Sample for bool {
    fn sample(_: usize) -> Option<Self> {
        Some(true)
    }
}

impl Sample for i32 {
    fn sample(_: usize) -> Option<Self> {
        Some(i32::MAX)
    }
}

impl Sample for i64 {
    fn sample(_: usize) -> Option<Self> {
        Some(i64::MAX)
    }
}

impl Sample for u64 {
    fn sample(_: usize) -> Option<Self> {
        Some(u64::MAX >> 1)
    }
}

impl Sample for Time {
    fn sample(_: usize) -> Option<Self> {
        Time::from_milliseconds(1_523_879_039_007)
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(depth: usize) -> Option<Self> {
        Some(Self::from_iter(T::sample(depth)))
    }
}

impl Sample for PublishImage {
    fn sample(_: usize) -> Option<Self> {
        None
    }
}

impl Sample for SoftwareBundle {
    fn sample(_: usize) -> Option<Self> {
        None
    }
}

impl Sample for ScanImport {
    fn sample(_: usize) -> Option<Self> {
        None
    }
}

/// A scanned machine holds a scan, that an image, that a profile, that a table with disks, partitions, logical ones.
const DEPTH: usize = 10;
