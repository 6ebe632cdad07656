//! The VMDK disk container.
