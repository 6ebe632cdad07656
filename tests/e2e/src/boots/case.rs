//! What is booted: cells that must come up, and machines with a flaw that must not.

use anyhow::{Context, Result};

use super::cell::{Cell, Container, Layout, Loader, Packing, Swap};
use crate::variant::Kind;

/// A machine that is foretold and booted.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its values.
    pub cell: Cell,
    /// What is wrong with it; nothing where it must come up.
    pub flaw: Option<&'static Flaw>,
}

/// What keeps a machine from coming up.
#[derive(Debug)]
pub struct Flaw {
    /// What is wrong, in the words of the table.
    pub what: &'static str,
    /// The machine's values.
    cell: &'static str,
    /// Layers of the tree that are left out.
    omits: &'static [&'static str],
    /// Layers that come last.
    adds: &'static [&'static str],
    /// What the order says besides.
    pub arguments: &'static [&'static str],
    /// Bytes of the disk's sectors.
    pub sector_size: u32,
    /// The finding that must say why.
    pub finding: &'static str,
}

/// The committed list of cells, one a line.
pub const LIST: &str = include_str!("../../boots.txt");

/// The machines that must come up: those of [`LIST`].
///
/// # Errors
/// If a line is no cell.
pub fn cells() -> Result<Vec<Case>> {
    let lines = LIST.lines().enumerate();
    let case = |(at, line): (usize, &str)| {
        let cell = line.parse().with_context(|| format!("line {}", at + 1))?;
        Ok(Case { cell, flaw: None })
    };
    lines.map(case).collect()
}

/// The machines that must not come up.
///
/// # Errors
/// If the values of one are no cell.
pub fn failures() -> Result<Vec<Case>> {
    let case = |flaw: &'static Flaw| Ok(Case { cell: flaw.cell.parse()?, flaw: Some(flaw) });
    FLAWS.iter().map(case).collect()
}

impl Flaw {
    /// Whether firmware and loader are to find no kernel.
    pub fn lacks_kernel(&self) -> bool {
        matches!(self.finding, "no-loader" | "no-kernel")
    }
}

impl Case {
    /// Its name: the values, and what is wrong.
    pub fn name(&self) -> String {
        match self.flaw {
            None => self.cell.to_string(),
            Some(flaw) => format!("{}: {}", self.cell, flaw.what),
        }
    }

    /// The layers of its release's tree, lowest first.
    pub fn layers(&self) -> Vec<&'static str> {
        let loaders: &[&str] = match self.cell.loader {
            Loader::Grub => &["grub", "grub-bios", "grub-uefi"],
            Loader::SystemdBoot => &["systemd-boot"],
        };
        let mut layers = vec!["machine"];
        layers.extend(loaders);
        layers.push(self.cell.ramdisk.name());
        if let Some(flaw) = self.flaw {
            layers.retain(|layer| !flaw.omits.contains(layer));
            layers.extend(flaw.adds);
        }
        layers
    }

    /// The id of its format, and what the order says of it.
    pub fn format(&self) -> (&'static str, Vec<&'static str>) {
        let (id, mut options) = match self.cell.container {
            Container::Raw => ("raw", Vec::new()),
            Container::Qcow2 => ("qcow2", Vec::new()),
            Container::Vdi => ("vdi", Vec::new()),
            Container::Vmdk => ("vmdk", Vec::new()),
            Container::FlatVmdk => ("vmdk", vec!["--option", "subformat=flat"]),
            Container::Vhd => ("vhd", Vec::new()),
            Container::Vhdx => ("vhdx", Vec::new()),
        };
        if self.cell.packing == Packing::Packed {
            options.push("--compress");
        }
        (id, options)
    }

    /// What the file is.
    pub fn kind(&self) -> Kind {
        match self.cell.container {
            Container::Raw => Kind::Raw,
            Container::Qcow2 => Kind::Qcow2,
            Container::Vdi => Kind::Vdi,
            Container::Vmdk | Container::FlatVmdk => Kind::Vmdk,
            Container::Vhd => Kind::Vhd,
            Container::Vhdx => Kind::Vhdx,
        }
    }

    /// The install profile that divides the disk so.
    pub fn profile(&self) -> String {
        let swap = self.cell.swap == Swap::With;
        let size = if swap { "128M" } else { "0M" };
        let (table, rest) = match self.cell.layout {
            Layout::Plain => ("gpt", String::new()),
            Layout::SeparateBoot => (
                "gpt",
                r#", "partitions": [{"mount_point": "/boot", "size": "512M"}, {"mount_point": "/", "grow": true}]"#
                    .to_owned(),
            ),
            Layout::LogicalVolume => {
                let pages = if swap { r#", {"name": "pages", "file_system": "swap"}"# } else { "" };
                let groups = format!(
                    r#", "partitions": [{{"mount_point": "/boot", "size": "512M"}}, {{"volume_group": "system"}}],
                       "volume_groups": [{{"name": "system", "volumes": [
                           {{"name": "root", "mount_point": "/", "grow": true}}{pages}]}}]"#
                );
                ("gpt", groups)
            }
            // With the EFI system partition, three primary ones; the rest is logical.
            Layout::LogicalPartition => (
                "mbr",
                r#", "partitions": [{"mount_point": "/srv", "size": "64M"}, {"mount_point": "/opt", "size": "64M"},
                     {"mount_point": "/home", "size": "64M"}, {"mount_point": "/", "grow": true}]"#
                    .to_owned(),
            ),
        };
        format!(r#"{{"disk_size": "4G", "partition_table": "{table}", "swap_size": "{size}"{rest}}}"#)
    }
}

/// With initial RAM disks as they are a machine waits for half a minute and more before it gives up.
const FLAWS: &[Flaw] = &[
    Flaw {
        what: "the initial RAM disk, made for one machine only, is kept",
        cell: "debian-12 initramfs-tools-host-only grub plain swap virtio-block bios raw stored",
        arguments: &["--initramfs", "keep"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk, made for one machine only, is kept",
        cell: "debian-13 initramfs-tools-host-only systemd-boot separate-boot no-swap nvme uefi qcow2 stored",
        arguments: &["--initramfs", "keep"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk, made for one machine only, is kept",
        cell: "debian-11 initramfs-tools-host-only grub mbr-logical no-swap lsi-sas bios vmdk packed",
        arguments: &["--initramfs", "keep"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk, made for one machine only, is kept",
        cell: "debian-12 dracut-host-only grub plain no-swap pvscsi bios vdi stored",
        arguments: &["--initramfs", "keep", "--kernel-parameter", "rd.retry=20"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "the tree has no driver of the controller",
        cell: "debian-12 initramfs-tools-host-only grub plain no-swap lsi-sas bios vhd stored",
        adds: &["without-mptsas"],
        arguments: &["--oci-whiteouts"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "systemd-boot has no build for BIOS",
        cell: "debian-13 initramfs-tools systemd-boot plain no-swap ahci bios raw stored",
        finding: "no-loader",
        ..NONE
    },
    Flaw {
        what: "GRUB's build for UEFI only",
        cell: "debian-12 initramfs-tools grub mbr-logical swap ide bios qcow2 packed",
        omits: &["grub-bios"],
        finding: "no-loader",
        ..NONE
    },
    Flaw {
        what: "GRUB's build for BIOS only",
        cell: "debian-11 initramfs-tools grub plain no-swap virtio-block uefi vhdx stored",
        omits: &["grub-uefi"],
        finding: "no-loader",
        ..NONE
    },
    Flaw {
        what: "root= names another disk's UUID",
        cell: "debian-12 initramfs-tools grub separate-boot swap ahci bios vmdk-flat stored",
        arguments: &["--kernel-parameter", "root=UUID=deadbeef-0000-4000-8000-000000000000"],
        finding: "stale-root",
        ..NONE
    },
    Flaw {
        what: "root= names another disk's volume",
        cell: "debian-13 dracut grub lvm-root no-swap nvme uefi vhdx stored",
        arguments: &["--kernel-parameter", "root=/dev/mapper/old-root", "--kernel-parameter", "rd.retry=20"],
        finding: "stale-root",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk has no ext4 and is kept",
        cell: "debian-12 initramfs-tools grub plain no-swap nvme bios qcow2 stored",
        adds: &["ramdisk-without-ext4"],
        arguments: &["--initramfs", "keep"],
        finding: "file-system-driver",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk has no device mapper and is kept",
        cell: "debian-12 initramfs-tools grub lvm-root swap virtio-block bios vdi stored",
        adds: &["ramdisk-without-dm"],
        arguments: &["--initramfs", "keep"],
        finding: "lvm-driver",
        ..NONE
    },
    Flaw {
        what: "the initial RAM disk has no program lvm",
        cell: "debian-12 initramfs-tools grub lvm-root no-swap ahci uefi raw stored",
        adds: &["ramdisk-without-lvm"],
        finding: "lvm-program",
        ..NONE
    },
    Flaw {
        what: "there is no initial RAM disk",
        cell: "debian-12 initramfs-tools grub plain no-swap ahci bios raw stored",
        omits: &["initramfs-tools"],
        finding: "storage-driver",
        ..NONE
    },
    Flaw {
        what: "there is no kernel",
        cell: "debian-12 initramfs-tools grub plain no-swap virtio-block uefi raw stored",
        adds: &["without-kernel"],
        arguments: &["--oci-whiteouts", "--boot", "optional"],
        finding: "no-kernel",
        ..NONE
    },
    Flaw {
        what: "a BIOS reads no sectors of 4096 bytes",
        cell: "debian-13 initramfs-tools grub plain no-swap virtio-block bios raw stored",
        arguments: &["--sector-size", "4096"],
        sector_size: 4096,
        finding: "no-loader",
        ..NONE
    },
];

/// What most of them have.
const NONE: Flaw =
    Flaw { what: "", cell: "", omits: &[], adds: &[], arguments: &[], sector_size: 512, finding: "" };
