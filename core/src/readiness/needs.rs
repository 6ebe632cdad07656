use crate::boot::BootRequest;
use crate::format::{DiskController, NetworkAdapter};

/// Something that a kernel must drive before the guest is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// What it is, in words that follow "the driver of".
    pub(super) what: &'static str,
    /// How the device calls itself (its `modalias`), in one of several ways; empty for what is no device.
    pub(super) devices: &'static [&'static str],
    /// Its drivers, any of which will do: the module's name and the kernel's option, without `CONFIG_`.
    pub(super) drivers: &'static [(&'static str, &'static str)],
}

/// What a kernel must drive to see a disk: the controller first, then what it finds there.
///
/// # Reference
/// The PCI, virtio and vmbus tables of the drivers in Linux; the identifiers are those that the hypervisors give.
pub(super) fn of_controller(controller: DiskController) -> &'static [Need] {
    match controller {
        DiskController::VirtioBlock => &[VIRTIO_PCI, VIRTIO_BLOCK],
        DiskController::VirtioScsi => &[VIRTIO_PCI, VIRTIO_SCSI, SCSI_DISK],
        DiskController::Ide => &[PIIX, SCSI_DISK],
        DiskController::Ahci => &[AHCI, SCSI_DISK],
        DiskController::LsiLogic => &[LSI_53C1030, SCSI_DISK],
        DiskController::LsiSas => &[LSI_SAS1068, SCSI_DISK],
        DiskController::Pvscsi => &[PVSCSI, SCSI_DISK],
        DiskController::Nvme => &[NVME],
        DiskController::HyperV => &[VMBUS, HYPER_V_STORAGE, SCSI_DISK],
    }
}

/// What a kernel must drive to see the network.
pub(super) fn of_adapter(adapter: NetworkAdapter) -> &'static [Need] {
    match adapter {
        NetworkAdapter::Virtio => &[VIRTIO_PCI, VIRTIO_NET],
        NetworkAdapter::E1000 => &[E1000],
        NetworkAdapter::Vmxnet3 => &[VMXNET3],
        NetworkAdapter::HyperV => &[VMBUS, HYPER_V_NET],
    }
}

/// What a kernel must have to mount a file system of a type as fstab names it; `None` for one that no disk made here has.
pub(super) fn of_file_system(kind: &str) -> Option<Need> {
    Some(match kind {
        "ext4" => EXT4,
        "ext3" => EXT3,
        "ext2" => EXT2,
        "vfat" => VFAT,
        _ => return None,
    })
}

/// The `root=` among the order's kernel parameters, which stand behind those of menus: the last one counts.
pub(super) fn asked_root<'a>(request: &BootRequest<'a>) -> Option<&'a str> {
    request.parameters.iter().rev().map(String::as_str).find(|option| option.starts_with("root="))
}

/// Whether the kernel's options name the root by its partition; `None` when nothing is known of them.
pub(super) fn root_partition(request: &BootRequest<'_>) -> Option<bool> {
    let mut scanned = request.scanned_cmdline.into_iter().flat_map(str::split_whitespace);
    let option = asked_root(request).or_else(|| scanned.rfind(|option| option.starts_with("root=")))?;
    // Where the disk has no such device, menus name the root by its identifier.
    let option = request.true_options(option).unwrap_or_default();
    let root = option.trim_start_matches("root=").trim_matches(['"', '\'']);
    let is_device = root.strip_prefix("/dev/").is_some_and(|name| !name.contains('/'));
    Some(is_device || root.starts_with("PARTUUID=") || root.starts_with("PARTLABEL="))
}

/// What the volumes of a volume group are to the kernel.
pub(super) const DEVICE_MAPPER: Need = plain("logical volumes", &[("dm_mod", "BLK_DEV_DM")]);

const VIRTIO_PCI: Need = Need {
    what: "virtio devices on PCI",
    devices: &["pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00"],
    drivers: &[("virtio_pci", "VIRTIO_PCI")],
};
const VIRTIO_BLOCK: Need = Need {
    what: "virtio block devices",
    devices: &["virtio:d00000002v00001AF4"],
    drivers: &[("virtio_blk", "VIRTIO_BLK")],
};
const VIRTIO_SCSI: Need = Need {
    what: "virtio SCSI",
    devices: &["virtio:d00000008v00001AF4"],
    drivers: &[("virtio_scsi", "SCSI_VIRTIO")],
};
const VIRTIO_NET: Need = Need {
    what: "virtio network adapters",
    devices: &["virtio:d00000001v00001AF4"],
    drivers: &[("virtio_net", "VIRTIO_NET")],
};
const SCSI_DISK: Need =
    Need { what: "SCSI and SATA disks", devices: &["scsi:t-0x00"], drivers: &[("sd_mod", "BLK_DEV_SD")] };
/// PIIX3 of QEMU, PIIX4 of the others.
const PIIX: Need = Need {
    what: "IDE (Intel PIIX)",
    devices: &[
        "pci:v00008086d00007111sv00000000sd00000000bc01sc01i8a",
        "pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80",
    ],
    drivers: &[("ata_piix", "ATA_PIIX"), ("piix", "BLK_DEV_PIIX")],
};
/// VirtualBox's ICH8; others by their class.
const AHCI: Need = Need {
    what: "SATA (AHCI)",
    devices: &["pci:v00008086d00002829sv00000000sd00000000bc01sc06i01"],
    drivers: &[("ahci", "SATA_AHCI")],
};
const LSI_53C1030: Need = Need {
    what: "LSI Logic parallel SCSI (53C1030)",
    devices: &["pci:v00001000d00000030sv000015ADsd00001976bc01sc00i00"],
    drivers: &[("mptspi", "FUSION_SPI")],
};
const LSI_SAS1068: Need = Need {
    what: "LSI Logic SAS (SAS1068)",
    devices: &["pci:v00001000d00000054sv000015ADsd00001976bc01sc07i00"],
    drivers: &[("mptsas", "FUSION_SAS")],
};
const PVSCSI: Need = Need {
    what: "VMware's paravirtual SCSI",
    devices: &["pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00"],
    drivers: &[("vmw_pvscsi", "VMWARE_PVSCSI")],
};
const NVME: Need = Need {
    what: "NVM Express",
    devices: &["pci:v000015ADd000007F0sv000015ADsd000007F0bc01sc08i02"],
    drivers: &[("nvme", "BLK_DEV_NVME")],
};
/// Before version 6.11 of Linux the first only.
const VMBUS: Need = Need {
    what: "Hyper-V's bus",
    devices: &["acpi:VMBUS:", "acpi:MSFT1000:"],
    drivers: &[("hv_vmbus", "HYPERV")],
};
const HYPER_V_STORAGE: Need = Need {
    what: "Hyper-V's storage",
    devices: &["vmbus:d96361baa104294db60572e2ffb1dc7f"],
    drivers: &[("hv_storvsc", "HYPERV_STORAGE")],
};
const HYPER_V_NET: Need = Need {
    what: "Hyper-V's network adapter",
    devices: &["vmbus:635161f83edfc546913ff2d2f965ed0e"],
    drivers: &[("hv_netvsc", "HYPERV_NET")],
};
const E1000: Need = Need {
    what: "Intel's E1000 network adapter",
    devices: &["pci:v00008086d0000100Fsv000015ADsd00000750bc02sc00i00"],
    drivers: &[("e1000", "E1000")],
};
const VMXNET3: Need = Need {
    what: "VMware's paravirtual network adapter",
    devices: &["pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00"],
    drivers: &[("vmxnet3", "VMXNET3")],
};
const EXT4: Need = plain("ext4", &[("ext4", "EXT4_FS")]);
/// Since version 4.3 of Linux ext4's driver is the only one of ext3.
const EXT3: Need = plain("ext3", &[("ext4", "EXT4_FS"), ("ext3", "EXT3_FS")]);
const EXT2: Need = plain("ext2", &[("ext4", "EXT4_FS"), ("ext2", "EXT2_FS")]);
const VFAT: Need = plain("FAT", &[("vfat", "VFAT_FS")]);

const fn plain(what: &'static str, drivers: &'static [(&'static str, &'static str)]) -> Need {
    Need { what, devices: &[], drivers }
}
