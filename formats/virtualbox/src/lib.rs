//! VirtualBox machines: OVA, or .vbox with a VDI.
