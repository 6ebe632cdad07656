//! Every form in which a disk can be had.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::{Generated, Tool, generate};

/// One run of the program: several targets of one order.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Its name here.
    pub name: &'static str,
    /// The ids of its formats.
    pub formats: &'static [&'static str],
    /// What else the order says.
    pub settings: &'static [&'static str],
}

/// The runs that make every variant.
pub const BATCHES: &[Batch] = &[
    Batch { name: "stored", formats: &["raw", "qcow2", "vdi", "vmdk"], settings: &[] },
    // By itself, for the disk's room: tests make a batch again while the first is there.
    Batch { name: "products", formats: &["vhd", "vhdx", "virtualbox", "vmware"], settings: &[] },
    Batch {
        name: "packed",
        formats: &["raw", "qcow2", "vmdk", "virtualbox", "vmware"],
        settings: &["--compress"],
    },
    Batch {
        name: "zstd",
        formats: &["raw", "qcow2"],
        settings: &["--compress", "--option", "compression=zstd"],
    },
    Batch { name: "flat", formats: &["vmdk"], settings: &["--option", "subformat=flat"] },
];

/// Further runs, for small disks only: their variants are large, or differ little from others.
pub const SMALL_BATCHES: &[Batch] = &[
    Batch { name: "fixed", formats: &["vhd", "vhdx"], settings: &["--option", "subformat=fixed"] },
    Batch { name: "google", formats: &["gce"], settings: &["--compress"] },
    Batch { name: "box", formats: &["vagrant"], settings: &["--compress"] },
    Batch { name: "box-libvirt", formats: &["vagrant"], settings: &["--option", "provider=libvirt"] },
];

impl Batch {
    /// The batch `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        BATCHES.iter().find(|batch| batch.name == name).with_context(|| format!("no batch {name}"))
    }

    /// Runs it: `scan` becomes the files of its formats in `output`.
    ///
    /// # Errors
    /// If the program fails.
    pub fn generate(&self, scan: &Path, output: &Path, more: &[&str]) -> Result<Generated> {
        generate(scan, self.formats, output, &[self.settings, more].concat())
    }
}

/// One form of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name, in tables and messages.
    pub name: &'static str,
    /// The batch that makes it.
    pub batch: &'static str,
    /// The id of its format.
    pub format: &'static str,
    /// What the name of the file ends with that a reader opens.
    pub suffix: &'static str,
    /// What that file is.
    pub kind: Kind,
}

/// The variants, in the order of the readers' table.
pub const VARIANTS: &[Variant] = &[
    variant("raw", "stored", "raw", ".raw", Kind::Raw),
    variant("raw, gzip", "packed", "raw", ".raw.gz", Kind::Gzip),
    variant("raw, zstd", "zstd", "raw", ".raw.zst", Kind::Zstd),
    variant("qcow2", "stored", "qcow2", ".qcow2", Kind::Qcow2),
    variant("qcow2, deflate", "packed", "qcow2", ".qcow2", Kind::Qcow2),
    variant("qcow2, zstd", "zstd", "qcow2", ".qcow2", Kind::Qcow2),
    variant("vdi", "stored", "vdi", ".vdi", Kind::Vdi),
    variant("vhd", "products", "vhd", ".vhd", Kind::Vhd),
    variant("vhdx", "products", "vhdx", ".vhdx", Kind::Vhdx),
    variant("vmdk, sparse", "stored", "vmdk", ".vmdk", Kind::Vmdk),
    variant("vmdk, flat", "flat", "vmdk", ".vmdk", Kind::Vmdk),
    variant("vmdk, stream-optimised", "packed", "vmdk", ".vmdk", Kind::Vmdk),
    variant("virtualbox: .vdi", "products", "virtualbox", ".vdi", Kind::Vdi),
    variant("virtualbox: .ova", "packed", "virtualbox", ".ova", Kind::Ova),
    variant("vmware: .vmdk", "products", "vmware", ".vmdk", Kind::Vmdk),
    variant("vmware: .ova", "packed", "vmware", ".ova", Kind::Ova),
];

/// The variants of the small batches.
pub const SMALL_VARIANTS: &[Variant] = &[
    variant("vhd, fixed", "fixed", "vhd", ".vhd", Kind::FixedVhd),
    variant("vhdx, fixed", "fixed", "vhdx", ".vhdx", Kind::Vhdx),
    variant("vagrant: VirtualBox", "box", "vagrant", ".box", Kind::VirtualBoxBox),
    variant("vagrant: libvirt", "box-libvirt", "vagrant", ".box", Kind::LibvirtBox),
    variant("gce", "google", "gce", ".tar.gz", Kind::RawInTar),
];

const fn variant(
    name: &'static str,
    batch: &'static str,
    format: &'static str,
    suffix: &'static str,
    kind: Kind,
) -> Variant {
    Variant { name, batch, format, suffix, kind }
}

impl Variant {
    /// The variant `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        VARIANTS.iter().find(|variant| variant.name == name).with_context(|| format!("no variant {name}"))
    }

    /// The file of it that a run of its batch left.
    ///
    /// # Errors
    /// If there is none.
    pub fn image(&self, generated: &Generated) -> Result<Image> {
        let path = generated.output(self.format, self.suffix)?;
        Ok(Image { path, kind: self.kind })
    }
}

/// A file that holds a disk.
#[derive(Clone, Debug)]
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The disk's bytes.
    Raw,
    /// The disk's bytes in gzip members.
    Gzip,
    /// The disk's bytes in zstd frames.
    Zstd,
    /// QCOW2.
    Qcow2,
    /// VDI.
    Vdi,
    /// VMDK, or the descriptor of one.
    Vmdk,
    /// VHD, dynamic.
    Vhd,
    /// VHD, fixed: the disk's bytes and a footer.
    FixedVhd,
    /// VHDX.
    Vhdx,
    /// A tar archive, packed by gzip, with the disk's bytes in it as a sparse `disk.raw`.
    RawInTar,
    /// An appliance: a tar archive with a VMDK in it.
    Ova,
    /// A Vagrant box for VirtualBox: a tar archive with a VMDK in it.
    VirtualBoxBox,
    /// A Vagrant box for libvirt: a tar archive with a QCOW2 in it.
    LibvirtBox,
}

impl Kind {
    /// How QEMU calls it; nothing if QEMU cannot open it.
    pub fn qemu(self) -> Option<&'static str> {
        match self {
            Self::Raw => Some("raw"),
            Self::Qcow2 => Some("qcow2"),
            Self::Vdi => Some("vdi"),
            Self::Vmdk => Some("vmdk"),
            Self::Vhd | Self::FixedVhd => Some("vpc"),
            Self::Vhdx => Some("vhdx"),
            Self::Gzip | Self::Zstd | Self::RawInTar => None,
            Self::Ova | Self::VirtualBoxBox | Self::LibvirtBox => None,
        }
    }

    /// Of a tar archive, what its disk's name ends with, and what the disk is.
    pub fn member(self) -> Option<(&'static str, Self)> {
        match self {
            Self::Ova | Self::VirtualBoxBox => Some((".vmdk", Self::Vmdk)),
            Self::LibvirtBox => Some((".img", Self::Qcow2)),
            _ => None,
        }
    }

    /// What QEMU takes it for when it is not told.
    pub fn qemu_probes(self) -> &'static str {
        match self {
            // It looks for a header.
            Self::FixedVhd => "raw",
            _ => self.qemu().unwrap_or("raw"),
        }
    }
}

impl Image {
    /// The image in the archive, unpacked into `room`; of anything else, itself.
    ///
    /// # Errors
    /// If tar fails or finds no image.
    pub fn innermost(&self, tar: &Tool, room: &Path) -> Result<Self> {
        let Some((ending, kind)) = self.kind.member() else { return Ok(self.clone()) };
        let members = tar.run(&["--list".as_ref(), "--file".as_ref(), self.path.as_os_str()])?;
        let disks: Vec<&str> = members.lines().filter(|name| name.ends_with(ending)).collect();
        let [disk] = disks.as_slice() else { bail!("not one disk in the archive:\n{members}") };
        let path = room.join(disk);
        let mut unpack = tar.command();
        unpack.args(["--extract", "--to-stdout", "--file"]).arg(&self.path).arg(disk);
        let status = unpack.stdout(Stdio::from(File::create(&path)?)).status()?;
        if !status.success() {
            bail!("{unpack:?}: {status}");
        }
        Ok(Self { path, kind })
    }
}
