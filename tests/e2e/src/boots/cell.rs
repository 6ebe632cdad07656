//! The values of the boot matrix, and the cells that are made of them.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use crate::{Attachment, Firmware, MachineModel};

/// One machine: a value of each factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Debian's release.
    pub release: Release,
    /// What made the initial RAM disk.
    pub ramdisk: Ramdisk,
    /// What starts the kernel.
    pub loader: Loader,
    /// How the disk is divided.
    pub layout: Layout,
    /// Whether the disk has swap space.
    pub swap: Swap,
    /// What the disk hangs on.
    pub controller: Controller,
    /// What starts the machine.
    pub firmware: Start,
    /// The file that holds the disk.
    pub container: Container,
    /// How that file is packed.
    pub packing: Packing,
}

/// Values of one factor, each with the name that stands in lists and tables.
macro_rules! factor {
    ($(#[$about:meta])* $factor:ident { $($(#[$what:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $factor {
            $($(#[$what])* $value,)+
        }

        impl $factor {
            /// Every value, in the order in which cells are made.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// Its name in lists and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }
    };
}

factor! {
    /// Debian's release.
    Release {
        /// Debian 12.
        Bookworm = "debian-12",
        /// Debian 11.
        Bullseye = "debian-11",
        /// Debian 13.
        Trixie = "debian-13",
    }
}

factor! {
    /// What made the initial RAM disk, and for which machines.
    Ramdisk {
        /// initramfs-tools, with the drivers of most machines.
        Tools = "initramfs-tools",
        /// initramfs-tools for the scanned machine alone, which had its disk on AHCI.
        ToolsHostOnly = "initramfs-tools-host-only",
        /// dracut, with the drivers of most machines.
        Dracut = "dracut",
        /// dracut for the scanned machine alone.
        DracutHostOnly = "dracut-host-only",
    }
}

factor! {
    /// What starts the kernel.
    Loader {
        /// GRUB, in its builds for BIOS and UEFI.
        Grub = "grub",
        /// systemd-boot.
        SystemdBoot = "systemd-boot",
    }
}

factor! {
    /// How the disk is divided.
    Layout {
        /// GPT, all on one root file system.
        Plain = "plain",
        /// GPT, `/boot` on a file system of its own.
        SeparateBoot = "separate-boot",
        /// GPT, the root on a logical volume, `/boot` on a partition.
        LogicalVolume = "lvm-root",
        /// MBR, the root on a logical partition.
        LogicalPartition = "mbr-logical",
    }
}

factor! {
    /// Whether the disk has swap space.
    Swap {
        /// It has.
        With = "swap",
        /// It has none.
        Without = "no-swap",
    }
}

factor! {
    /// What the disk hangs on.
    Controller {
        /// virtio-block.
        Virtio = "virtio-block",
        /// IDE of the PIIX3.
        Ide = "ide",
        /// AHCI of the ICH9.
        Ahci = "ahci",
        /// LSI Logic SAS1068.
        LsiSas = "lsi-sas",
        /// VMware's paravirtual SCSI.
        Pvscsi = "pvscsi",
        /// NVM Express.
        Nvme = "nvme",
    }
}

factor! {
    /// What starts the machine.
    Start {
        /// SeaBIOS.
        Bios = "bios",
        /// OVMF.
        Uefi = "uefi",
    }
}

factor! {
    /// The file that holds the disk: every kind that QEMU opens.
    Container {
        /// The disk's bytes.
        Raw = "raw",
        /// QCOW2.
        Qcow2 = "qcow2",
        /// VDI.
        Vdi = "vdi",
        /// VMDK, one sparse file.
        Vmdk = "vmdk",
        /// VHD, dynamic.
        Vhd = "vhd",
        /// VHDX, dynamic.
        Vhdx = "vhdx",
        /// VMDK, a descriptor beside the disk's bytes.
        FlatVmdk = "vmdk-flat",
    }
}

factor! {
    /// How the file is packed.
    Packing {
        /// As it is.
        Stored = "stored",
        /// QCOW2 with deflated clusters, stream-optimised VMDK.
        Packed = "packed",
    }
}

impl Cell {
    /// How many factors there are.
    pub const FACTORS: usize = 9;

    /// How many values each factor has.
    pub const COUNTS: [usize; Self::FACTORS] = [
        Release::ALL.len(),
        Ramdisk::ALL.len(),
        Loader::ALL.len(),
        Layout::ALL.len(),
        Swap::ALL.len(),
        Controller::ALL.len(),
        Start::ALL.len(),
        Container::ALL.len(),
        Packing::ALL.len(),
    ];

    /// The cell with these values by their places in `ALL`; nothing where one has no such place.
    pub fn of_places(places: [usize; Self::FACTORS]) -> Option<Self> {
        let [release, ramdisk, loader, layout, swap, controller, firmware, container, packing] = places;
        Some(Self {
            release: *Release::ALL.get(release)?,
            ramdisk: *Ramdisk::ALL.get(ramdisk)?,
            loader: *Loader::ALL.get(loader)?,
            layout: *Layout::ALL.get(layout)?,
            swap: *Swap::ALL.get(swap)?,
            controller: *Controller::ALL.get(controller)?,
            firmware: *Start::ALL.get(firmware)?,
            container: *Container::ALL.get(container)?,
            packing: *Packing::ALL.get(packing)?,
        })
    }

    /// The names of its values.
    pub fn names(&self) -> [&'static str; Self::FACTORS] {
        [
            self.release.name(),
            self.ramdisk.name(),
            self.loader.name(),
            self.layout.name(),
            self.swap.name(),
            self.controller.name(),
            self.firmware.name(),
            self.container.name(),
            self.packing.name(),
        ]
    }

    /// Whether such a machine can be.
    ///
    /// systemd-boot is for UEFI only; OVMF, as Debian builds it, drives neither LSI Logic SAS1068 nor VMware's paravirtual SCSI;
    /// of the containers that QEMU opens QCOW2 and sparse VMDK can be packed.
    pub fn can_be(&self) -> bool {
        let has_loader = self.loader != Loader::SystemdBoot || self.firmware == Start::Uefi;
        let is_driven = self.firmware != Start::Uefi
            || !matches!(self.controller, Controller::LsiSas | Controller::Pvscsi);
        let packs = matches!(self.container, Container::Qcow2 | Container::Vmdk);
        has_loader && is_driven && (packs || self.packing == Packing::Stored)
    }

    /// QEMU's machine with the disk where the cell has it.
    pub fn machine(&self) -> (MachineModel, Attachment) {
        match self.controller {
            Controller::Ide => (MachineModel::Pc, Attachment::OnBoard),
            Controller::Ahci => (MachineModel::Q35, Attachment::OnBoard),
            Controller::LsiSas => (MachineModel::Q35, Attachment::LsiSas),
            Controller::Pvscsi => (MachineModel::Q35, Attachment::Pvscsi),
            Controller::Nvme => (MachineModel::Q35, Attachment::Nvme),
            Controller::Virtio => (MachineModel::Q35, Attachment::VirtioBlock),
        }
    }

    /// What starts QEMU's machine.
    pub fn start(&self) -> Firmware {
        match self.firmware {
            Start::Bios => Firmware::Bios,
            Start::Uefi => Firmware::Uefi,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}

impl FromStr for Cell {
    type Err = Error;

    /// Reads a cell as it is written: the names of its values, blanks between them.
    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [release, ramdisk, loader, layout, swap, controller, firmware, container, packing] = words[..]
        else {
            bail!("{text:?} has not {} values", Self::FACTORS);
        };
        let places = [
            place(Release::ALL, release, Release::name)?,
            place(Ramdisk::ALL, ramdisk, Ramdisk::name)?,
            place(Loader::ALL, loader, Loader::name)?,
            place(Layout::ALL, layout, Layout::name)?,
            place(Swap::ALL, swap, Swap::name)?,
            place(Controller::ALL, controller, Controller::name)?,
            place(Start::ALL, firmware, Start::name)?,
            place(Container::ALL, container, Container::name)?,
            place(Packing::ALL, packing, Packing::name)?,
        ];
        Self::of_places(places).with_context(|| format!("{text:?} is no cell"))
    }
}

/// Where the value of a name stands.
fn place<Value: Copy>(all: &[Value], name: &str, name_of: fn(Value) -> &'static str) -> Result<usize> {
    all.iter().position(|value| name_of(*value) == name).with_context(|| format!("{name:?} is no value"))
}
