#![doc = include_str!("../docs.md")]

mod archive;
mod beside;
mod digest;
mod envelope;
mod guest;
mod machine;
mod plan;
mod tar;
mod write;
mod xml;

pub use archive::ImageArchive;
pub use beside::WithDescriptor;
pub use digest::Digest;
pub use diskwright_format_vmdk::{DEFAULT_LEVEL, LEVEL};
pub use envelope::{Controller, Envelope, EnvelopeDisk, SecureBoot};
pub use guest::{Guest, VmwareGuest};
pub use machine::MachineLimits;
pub use plan::OvaPlan;
pub use xml::Element;
