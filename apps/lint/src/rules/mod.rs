//! The rules as data, a table for each kind of file.

pub(crate) mod gce;
pub(crate) mod gzip;
pub(crate) mod ova;
pub(crate) mod ovf;
pub(crate) mod qcow2;
pub(crate) mod vagrant;
pub(crate) mod vbox;
pub(crate) mod vdi;
pub(crate) mod vhd;
pub(crate) mod vhdx;
pub(crate) mod vmdk;
pub(crate) mod vmx;
pub(crate) mod zstd;
