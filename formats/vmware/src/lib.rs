//! VMware machines: OVA, or .vmx with a VMDK.
