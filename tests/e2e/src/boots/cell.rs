//! The values of the boot matrix, and the cells that are made of them.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use crate::{Attachment, Firmware, MachineModel};

/// The factors: for each the field of a [`Cell`], and its values with the names that stand in lists and tables.
macro_rules! factors {
    ($(
        $(#[$about:meta])*
        $field:ident: $factor:ident { $($(#[$what:meta])* $value:ident = $name:literal,)+ }
    )+) => {
        $(
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

                fn named(name: &str) -> Result<Self> {
                    let value = Self::ALL.iter().copied().find(|value| value.name() == name);
                    value.with_context(|| format!("{name:?} is no {}", stringify!($field)))
                }
            }
        )+

        /// One machine: a value of each factor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Cell {
            $($(#[$about])* pub $field: $factor,)+
        }

        impl Cell {
            /// How many factors there are.
            pub const FACTORS: usize = Self::COUNTS.len();

            /// How many values each factor has.
            pub const COUNTS: [usize; [$(stringify!($field)),+].len()] = [$($factor::ALL.len()),+];

            /// The cell with these values by their places in `ALL`; nothing where one has no such place.
            pub fn of_places([$($field),+]: [usize; Self::FACTORS]) -> Option<Self> {
                Some(Self { $($field: *$factor::ALL.get($field)?,)+ })
            }

            /// The places of its values in `ALL`.
            pub fn places(&self) -> [usize; Self::FACTORS] {
                [$(self.$field as usize),+]
            }

            /// The names of its values.
            pub fn names(&self) -> [&'static str; Self::FACTORS] {
                [$(self.$field.name()),+]
            }
        }

        impl FromStr for Cell {
            type Err = Error;

            /// Reads a cell as it is written: the names of its values, blanks between them.
            fn from_str(text: &str) -> Result<Self> {
                let words: Vec<&str> = text.split_whitespace().collect();
                let [$($field),+] = words[..] else {
                    bail!("{text:?} has not {} values", Self::FACTORS);
                };
                Ok(Self { $($field: $factor::named($field)?,)+ })
            }
        }
    };
}

factors! {
    /// Debian's release.
    release: Release {
        /// Debian 12.
        Bookworm = "debian-12",
        /// Debian 11.
        Bullseye = "debian-11",
        /// Debian 13.
        Trixie = "debian-13",
    }

    /// What made the initial RAM disk, and for which machines.
    ramdisk: Ramdisk {
        /// initramfs-tools, with the drivers of most machines.
        Tools = "initramfs-tools",
        /// initramfs-tools for the scanned machine alone, which had its disk on AHCI.
        ToolsHostOnly = "initramfs-tools-host-only",
        /// dracut, with the drivers of most machines.
        Dracut = "dracut",
        /// dracut for the scanned machine alone.
        DracutHostOnly = "dracut-host-only",
    }

    /// What starts the kernel.
    loader: Loader {
        /// GRUB, in its builds for BIOS and UEFI.
        Grub = "grub",
        /// systemd-boot.
        SystemdBoot = "systemd-boot",
    }

    /// How the disk is divided.
    layout: Layout {
        /// GPT, all on one root file system.
        Plain = "plain",
        /// GPT, `/boot` on a file system of its own.
        SeparateBoot = "separate-boot",
        /// GPT, the root on a logical volume, `/boot` on a partition.
        LogicalVolume = "lvm-root",
        /// MBR, the root on a logical partition.
        LogicalPartition = "mbr-logical",
    }

    /// Whether the disk has swap space.
    swap: Swap {
        /// It has.
        With = "swap",
        /// It has none.
        Without = "no-swap",
    }

    /// What the disk hangs on.
    controller: Controller {
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

    /// What starts the machine.
    firmware: Start {
        /// SeaBIOS.
        Bios = "bios",
        /// OVMF.
        Uefi = "uefi",
    }

    /// The file that holds the disk: every kind that QEMU opens.
    container: Container {
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

    /// How the file is packed.
    packing: Packing {
        /// As it is.
        Stored = "stored",
        /// QCOW2 with deflated clusters, stream-optimised VMDK.
        Packed = "packed",
    }
}

impl Cell {
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
