use super::ext4_generation::Ext4Choice;
use super::fstab::{FSTAB_PATH, Fstab};
use super::hostname::hostname;
use super::kept::KeptIdentities;
use super::os_release::OsRelease;
use super::resume::{ResumeSetting, resume_settings};
use super::workspace::GuestWorkspace;
use crate::Result;
use crate::tree::Object;

/// What a tree says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFacts {
    /// The system; `None` when the tree has no release file.
    pub os: Option<OsRelease>,
    /// The processor that its programs are for; `None` when none was found or it is of no known kind.
    pub architecture: Option<Architecture>,
    /// `/etc/fstab`; `None` when the tree has none.
    pub fstab: Option<Fstab>,
    /// `/etc/hostname` and its like.
    pub hostname: Option<String>,
    /// The features that an ext4 file system of this guest may have.
    pub ext4: Ext4Choice,
    /// Where it resumes from.
    pub resume: Vec<ResumeSetting>,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Architecture {
    X86,
    X86_64,
    Arm,
    Aarch64,
    RiscV64,
    Ppc64,
    Ppc64Le,
    S390x,
    LoongArch64,
}

impl GuestFacts {
    /// Reads them.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`] and [`Fstab::parse`].
    pub fn of(workspace: &GuestWorkspace<'_>) -> Result<Self> {
        let os = OsRelease::of(workspace)?;
        let fstab = workspace.read(FSTAB_PATH.as_bytes())?;
        Ok(Self {
            architecture: architecture(workspace)?,
            fstab: fstab.map(|text| Fstab::parse(&text)).transpose()?,
            hostname: hostname(workspace)?,
            ext4: Ext4Choice::of(workspace, os.as_ref())?,
            resume: resume_settings(workspace)?,
            os,
        })
    }

    /// The identifiers by which the tree names its volumes.
    pub fn identities(&self) -> KeptIdentities {
        KeptIdentities::of(self.fstab.as_ref().unwrap_or(&Fstab::default()), &self.resume)
    }
}

impl Architecture {
    /// The name as `uname -m` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "i686",
            Self::X86_64 => "x86_64",
            Self::Arm => "armv7l",
            Self::Aarch64 => "aarch64",
            Self::RiscV64 => "riscv64",
            Self::Ppc64 => "ppc64",
            Self::Ppc64Le => "ppc64le",
            Self::S390x => "s390x",
            Self::LoongArch64 => "loongarch64",
        }
    }

    /// Reads the identification, type and machine of an ELF file.
    ///
    /// # Reference
    /// System V ABI, "ELF Header": `EI_CLASS`, `EI_DATA`, `e_machine`.
    fn of_elf(header: &[u8; 20]) -> Option<Self> {
        let [0x7f, b'E', b'L', b'F', class, data, .., m0, m1] = *header else { return None };
        let machine = if data == 2 { u16::from_be_bytes([m0, m1]) } else { u16::from_le_bytes([m0, m1]) };
        match (machine, class, data) {
            (3, 1, 1) => Some(Self::X86),
            // A 32-bit program for this machine (x32) runs on the same processor.
            (62, _, 1) => Some(Self::X86_64),
            (40, 1, 1) => Some(Self::Arm),
            (183, 2, 1) => Some(Self::Aarch64),
            (243, 2, 1) => Some(Self::RiscV64),
            (21, 2, 2) => Some(Self::Ppc64),
            (21, 2, 1) => Some(Self::Ppc64Le),
            (22, 2, 2) => Some(Self::S390x),
            (258, 2, 1) => Some(Self::LoongArch64),
            _ => None,
        }
    }
}

fn architecture(workspace: &GuestWorkspace<'_>) -> Result<Option<Architecture>> {
    let tree = workspace.tree();
    for path in PROGRAMS {
        let Some(node) = tree.resolve(path.as_bytes()) else { continue };
        let inode = tree.inode_of(node);
        if !matches!(tree.inode(inode).object, Object::File { size, .. } if size >= 20) {
            continue;
        }
        let mut header = [0; 20];
        tree.open(inode)?.read_exact_at(0, &mut header).map_err(|error| {
            let text = "cannot read the program's header";
            crate::Error::new(crate::ErrorKind::Source, text).with_path(path).with_source(error)
        })?;
        if let Some(architecture) = Architecture::of_elf(&header) {
            return Ok(Some(architecture));
        }
    }
    Ok(None)
}

/// Programs that every system has one of.
const PROGRAMS: [&str; 8] = [
    "/bin/sh",
    "/usr/bin/sh",
    "/bin/busybox",
    "/usr/lib/systemd/systemd",
    "/sbin/init",
    "/usr/sbin/init",
    "/usr/bin/bash",
    "/usr/bin/env",
];
