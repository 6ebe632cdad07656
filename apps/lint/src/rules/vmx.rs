//! Rules about VMX files.

crate::rule::rules! {
    SYNTAX Error "vmx-syntax" "VMware"
        "A line is `key = \"value\"`, the value in quotes." "VMware Workstation; virt-v2v parse_vmx.ml";
    DUPLICATE_KEY Error "vmx-duplicate-key" "VMware"
        "A key stands once: a second one is refused or wins unseen." "VMware Workstation";
    REQUIRED_KEY Error "vmx-required-key" "VMware"
        "Without config.version, virtualHW.version and guestOS no machine opens." "VMware Workstation";
    GUEST_OS Error "vmx-guest-os" "VMware"
        "An unknown guestOS is not supported; its names are not those of OVF (`debian12-64`, not `debian12_64Guest`)." "VMware Workstation";
    MEMORY Error "vmx-memory" "VMware"
        "Without memsize a machine has 32 MiB, and one that is no multiple of 4 is refused." "virt-v2v parse_vmx.ml; VMware Workstation";
    FIRMWARE Error "vmx-firmware" "VMware"
        "The firmware is `bios` or `efi`." "virt-v2v input_vmx.ml";
    NO_DISK Error "vmx-no-disk" "VMware"
        "A machine without a present disk boots nothing." "VMware Workstation";
    NOT_PRESENT Error "vmx-not-present" "VMware"
        "A device is ignored unless it and its controller are present." "VMware Workstation";
    DISK_FILE Error "vmx-disk-file" "VMware"
        "Every disk's file lies beside the machine's." "VMware Workstation";
    DISK_SUBFORMAT Error "vmx-disk-subformat" "VMware"
        "A stream-optimised disk is for transport: no machine runs from it." "Virtual Disk Format 5.0; gns3/gns3-gui#1112";
    PCIE_BRIDGES Error "vmx-pcie-bridges" "VMware"
        "Without pciBridge0 and a root port pvscsi, vmxnet3, e1000e, nvme and sata have no slot." "coreos/scripts#343";
    NVME_VERSION Error "vmx-nvme-version" "VMware"
        "NVMe needs hardware version 13." "VMware hardware versions";
}
