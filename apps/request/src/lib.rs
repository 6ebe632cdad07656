//! The scan-image API's documents, XML and JSON both ways, to and from what an order needs.
//!
//! ```text
//! bytes ──sniff──> XML or JSON ──> element tree (bounded) ──> ImageRequest, ScannedInstanceRequest, ScanRequest
//! Image, Scan, Status, UForgeError, List<…> … ──> Document::render ──> XML or JSON
//! ```
//!
//! **Received.** Elements are matched by local name: the prefix may be any, declared or not, or none. Order does not
//! matter. Sizes are MiB. What a client merely echoes (ids, URIs, states) is read over; what the schema does not know is
//! read over with a note; what asks for something that cannot be done is an error that names it. A document has at most
//! 1 MiB, 10 000 elements, 32 levels, 32 attributes an element and 256 bytes a name, neither document type declaration
//! nor entities of its own, and is UTF-8.
//!
//! **Sent.** Documents are plain data: every field may be absent, and what is absent is not written. They keep the
//! schema's order, and where the schema lists the values of a field, others cannot be made.
//!
//! ```
//! use diskwright_request::{Document, Image, ImageRequest, Status, Syntax};
//!
//! let body = b"<ns0:image><compress>true</compress><targetFormat><name>QCOW2</name></targetFormat></ns0:image>";
//! let request = ImageRequest::parse(body)?;
//! assert_eq!(request.target_format.as_deref(), Some("QCOW2"));
//!
//! let mut ticket = Image { compress: request.compress, ..Image::default() };
//! ticket.upload.status = Some(Status::running("Queued", 0));
//! assert!(ticket.render(Syntax::Json).starts_with(r#"{"image":{"status":{"cancelled":false,"#));
//! # Ok::<(), diskwright_core::Error>(())
//! ```

mod accounts;
mod document;
mod guest;
mod machine;
#[cfg(test)]
mod machine_tests;
mod profile;
mod read;
mod render;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod schema_tests;
mod syntax;
mod target;
mod text;
mod time;

pub use document::{
    ApiKeyPair, ApiKeyPairs, Architecture, Category, ChangeType, Common, Disk, DiskName, Distribution,
    DistributionName, Entitlement, FamilyName, FileEntry, FileSystemName, Image, ImageFormat,
    ImageFormatName, ImageFormats, Images, InstallProfile, IpAddress, Ipv4Method, Ipv6Method, Item, Keyboard,
    List, LocalizedMessage, LogicalGroup, LogicalVolume, Nic, NicKind, Org, Orgs, OsGroup, OsUser, Partition,
    PartitionKind, PartitionTable, PublishImage, PublishImages, Role, Roles, Scan, ScanImport, ScanImports,
    ScannedFile, ScannedFiles, ScannedInstance, ScannedInstances, ScannedPackage, ScannedPackages, Scans,
    SelinuxMode, ServiceStatus, SoftwareBundle, SoftwareBundles, SshKey, SshKeys, Status, Statuses,
    TargetFormat, TargetFormatKind, TargetFormats, UForgeError, Upload, User, Users, shapes,
};
pub use read::{DistributionRequest, ImageRequest, ScanRequest, ScannedInstanceRequest};
pub use render::{Document, Shape, ShapeField, ShapeKind};
pub use syntax::Syntax;
pub use target::FormatOptionList;
pub use time::Time;

/// The namespace of the API's documents.
pub const NAMESPACE: &str = "http://www.usharesoft.com/uforge";
