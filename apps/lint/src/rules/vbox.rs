//! Rules about VBOX files.

crate::rule::rules! {
    WELL_FORMED Error "vbox-well-formed" "VirtualBox"
        "The settings are well-formed XML in UTF-8." "VirtualBox Settings.cpp";
    DOCTYPE Error "vbox-no-doctype" "VirtualBox"
        "A document type declaration is refused, or a way to read foreign files." "VirtualBox-settings.xsd";
    NAMESPACE Error "vbox-namespace" "VirtualBox"
        "The root is `VirtualBox` in the namespace `http://www.virtualbox.org/`." "VirtualBox Settings.cpp";
    VERSION Error "vbox-version" "VirtualBox"
        "The version is `MAJOR.MINOR-PLATFORM`; settings of the future are not opened." "VirtualBox Settings.cpp";
    REQUIRED Error "vbox-required" "VirtualBox"
        "Elements and attributes that the parser insists on." "VirtualBox Settings.cpp";
    UUID Error "vbox-uuid" "VirtualBox"
        "A UUID stands in braces and is not zero." "VirtualBox Settings.cpp";
    STORAGE_PLACE Error "vbox-storage-place" "VirtualBox"
        "StorageControllers are a child of Machine before settings 1.17, and of Hardware from then." "VirtualBox Settings.cpp";
    CONTROLLER_TYPE Error "vbox-controller-type" "VirtualBox"
        "A controller of an unknown type is refused." "VirtualBox Settings.cpp";
    REGISTRY Error "vbox-media-registry" "VirtualBox"
        "Every attached image is in the media registry." "VirtualBox MachineImpl.cpp";
    DISK_FILE Error "vbox-disk-file" "VirtualBox"
        "Every registered disk lies beside the settings." "VirtualBox MediumImpl.cpp";
    DISK_FORMAT Error "vbox-disk-format" "VirtualBox"
        "A disk's format is that of its file." "VirtualBox MediumImpl.cpp";
    DISK_UUID Error "vbox-disk-uuid" "VirtualBox"
        "The UUID in the registry is that within the disk." "VirtualBox MediumImpl.cpp; kubernetes/minikube#3198";
    MEMORY Error "vbox-memory" "VirtualBox"
        "Memory is given in MiB, at least 4 of them." "VirtualBox MachineImpl.cpp";
    VIDEO_MEMORY Warning "vbox-video-memory" "VirtualBox"
        "Less than 9 MiB of video memory gives no picture with some graphics controllers." "osbuild/osbuild#1136";
    IOAPIC Error "vbox-ioapic" "VirtualBox"
        "Several processors and 64-bit guests need the I/O APIC." "VirtualBox manual";
    FIRMWARE Error "vbox-firmware" "VirtualBox"
        "The firmware is BIOS, EFI, EFI32, EFI64 or EFIDUAL." "VirtualBox Settings.cpp";
    ADAPTER_TYPE Error "vbox-adapter-type" "VirtualBox"
        "A network adapter of an unknown type is refused." "VirtualBox Settings.cpp";
    MAC Error "vbox-mac" "VirtualBox"
        "A MAC address is 12 hex digits in capitals, of a single station." "VirtualBox NetworkAdapterImpl.cpp";
    BOOT_ORDER Error "vbox-boot-order" "VirtualBox"
        "Boot positions are 1 to 4, each once, with a device." "VirtualBox Settings.cpp";
}
