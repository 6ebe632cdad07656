//! Rules about OVF descriptors.

crate::rule::rules! {
    WELL_FORMED Error "ovf-well-formed" "VMware, VirtualBox"
        "The descriptor is well-formed XML in UTF-8." "DSP0243";
    DOCTYPE Error "ovf-no-doctype" "VMware, VirtualBox"
        "A document type declaration is refused, or a way to read foreign files." "DSP0243";
    NAMESPACE Error "ovf-namespace" "VMware"
        "VMware reads the namespace of OVF 1.x only." "BlackArch/blackarch#1937";
    OVF2_ITEMS Error "ovf-2-items" "VMware"
        "The items of OVF 2.0 (`StorageItem`, `EthernetPortItem`) are refused." "BlackArch/blackarch#1937";
    SECTION_ORDER Error "ovf-section-order" "VMware"
        "Sections come in the schema's order." "DSP0243; DSP8023";
    REQUIRED_SECTION Error "ovf-required-section" "VMware, VirtualBox"
        "References, a disk section and one virtual system with its hardware are there." "DSP0243";
    ITEM_ORDER Error "ovf-item-order" "VMware"
        "The children of an item come in the order of the alphabet, as in its schema, and extensions last." "DSP8023; vmware/open-vmdk ova-compose";
    INSTANCE_ID Error "ovf-instance-id" "VirtualBox, VMware"
        "Every item has an InstanceID of its own." "VirtualBox ovfreader.cpp";
    PARENT Error "ovf-parent" "VirtualBox, VMware"
        "A disk's Parent is the InstanceID of a controller." "VirtualBox ovfreader.cpp";
    HOST_RESOURCE Error "ovf-host-resource" "VirtualBox, VMware"
        "A HostResource names a disk of the disk section." "VirtualBox ovfreader.cpp";
    DISK_ATTRIBUTES Error "ovf-disk-attributes" "VirtualBox, VMware"
        "A disk has diskId, format and capacity." "VirtualBox ovfreader.cpp; DSP0243";
    FILE_REF Error "ovf-file-ref" "VirtualBox, VMware"
        "A disk's fileRef is the id of a file." "VirtualBox ovfreader.cpp";
    FILE_MISSING Error "ovf-file-missing" "VMware, VirtualBox"
        "Every file of the references is in the package." "DSP0243";
    FILE_SIZE Error "ovf-file-size" "VMware"
        "A file's size is its length in bytes, not the space it takes." "delphix/appliance-build#732; coreos/coreos-assembler#1141";
    CAPACITY Error "ovf-capacity" "VMware, VirtualBox"
        "A disk's capacity, in its units, is that of its VMDK." "DSP0243";
    DISK_FORMAT Error "ovf-disk-format" "VMware"
        "The format's URI ends in `vmdk.html#streamOptimized`; ESXi refuses a bare `#`." "ilbers/isar#106";
    DISK_CONTENT Error "ovf-disk-content" "VMware, VirtualBox"
        "A disk in a package is a stream-optimised VMDK." "DSP0243; VirtualBox ApplianceImplImport.cpp";
    CONFIG_REQUIRED Error "ovf-config-required" "VMware"
        "A `vmw:Config` that is not `ovf:required=\"false\"` stops the import where its key is unknown." "sexibytes/sexigraf#241";
    EXTENSION_REQUIRED Error "ovf-extension-required" "VMware"
        "Elements of VirtualBox are `ovf:required=\"false\"`: others refuse what they must but cannot understand." "DSP0243";
    UNKNOWN_ITEM Error "ovf-unknown-item" "VirtualBox"
        "Items of a type that VirtualBox does not know stop the import unless they are `ovf:required=\"false\"`." "VirtualBox ApplianceImplImport.cpp";
    SYSTEM_TYPE Error "ovf-system-type" "VMware"
        "VMware needs a virtual hardware family of `vmx-NN`; VirtualBox takes any." "securityroots/dradispro-tracker#297; measured with VirtualBox 7.2";
    VERSION_NEW Warning "ovf-hardware-version-new" "VMware"
        "Hardware above 19 is refused by ESXi before 8.0." "librenms/packer-builds#36";
    VERSION_OLD Warning "ovf-hardware-version-old" "VMware"
        "Hardware below 11 is reported to be refused by ESXi after 7.0." "home-assistant/operating-system#3163";
    VERSION_WORKSTATION Warning "ovf-hardware-version-workstation" "VMware"
        "Versions 12 and 16 are of Workstation; ESXi has its own." "nextcloud/vm#556";
    MEMORY_UNITS Error "ovf-memory-units" "VirtualBox"
        "VirtualBox knows few units of memory, best `byte * 2^20`." "VirtualBox ovfreader.cpp";
    QUANTITY Error "ovf-quantity" "VMware, VirtualBox"
        "One item each says how many processors and how much memory there are." "DSP0243";
    NETWORK Error "ovf-network" "VMware"
        "Every connection is a network of the network section." "vmware/open-vmdk; DSP0243";
    SCSI_SUBTYPE Error "ovf-scsi-subtype" "VMware"
        "The paravirtual controller is written `VirtualSCSI`, the others in small letters." "vmware/open-vmdk d31e3e7";
    CONTROLLER_SUBTYPE Error "ovf-controller-subtype" "VirtualBox"
        "A controller of type 20 is AHCI, NVMe or virtio, in VMware's names or VirtualBox's." "VirtualBox ovfreader.cpp";
    ONE_CONTROLLER Error "ovf-one-controller" "VirtualBox"
        "VirtualBox imports one controller each of SCSI, SATA and NVMe." "VirtualBox ApplianceImplImport.cpp";
    OS_ID Error "ovf-os-id" "VirtualBox, VMware"
        "The operating system section has a numeric `ovf:id`." "VirtualBox ovfreader.cpp; DSP0243";
    MACHINE_DISK Error "ovf-machine-disk" "VirtualBox"
        "The images of a `vbox:Machine` are those of the disks' `vbox:uuid`, each attached." "measured with VirtualBox 7.2; OSInside/kiwi#1417";
    FIRMWARE Warning "ovf-firmware" "VMware"
        "Without a `firmware` key some readers assume BIOS and some UEFI." "kubev2v/forklift#564; vatesfr/xen-orchestra#8162";
    FIRMWARE_VALUE Error "ovf-firmware-value" "VMware"
        "The firmware is `bios` or `efi`." "vmware/open-vmdk";
    BOOT_ORDER Warning "ovf-boot-order-section" "VMware"
        "A boot order section has made vCenter fall back to BIOS." "kubernetes-sigs/image-builder#619";
}
