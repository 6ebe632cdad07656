//! The foreign programs that judge what Diskwright writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{apt, command};

/// Installs what is missing; says by name what cannot be had.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    install_components(workspace)?;
    install_judges()?;
    deny(workspace)?;
    Ok(())
}

/// Installs what is missing of the packages of programs that judge.
pub(crate) fn install_judges() -> Result<()> {
    install_oracles(|_| true)
}

/// Installs what is missing of the packages that a comparison needs.
pub(crate) fn install_for_comparison() -> Result<()> {
    install_oracles(|package| FOR_COMPARISON.contains(&package))
}

/// Installs the missing oracles whose package is `wanted`.
fn install_oracles(wanted: impl Fn(&str) -> bool) -> Result<()> {
    let missing = || -> Vec<&'static str> {
        missing_packages().into_iter().filter(|package| wanted(package)).collect()
    };
    let packages = missing();
    if !packages.is_empty() {
        if !command::is_root() {
            bail!("not root, so install these first: apt-get install {}", packages.join(" "));
        }
        println!("installing {}", packages.join(", "));
        install_packages(&packages)?;
    }
    match missing().as_slice() {
        [] => Ok(()),
        missing => bail!("still missing after installation: {}", missing.join(", ")),
    }
}

/// The cargo-deny program.
pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    crate_program(workspace, "cargo-deny", CARGO_DENY)
}

/// The cargo-mutants program.
pub(crate) fn mutants(workspace: &Workspace) -> Result<PathBuf> {
    crate_program(workspace, "cargo-mutants", CARGO_MUTANTS)
}

/// The fstool program, which makes ext4 images, raw or in QCOW2, of directories.
pub(crate) fn fstool(workspace: &Workspace) -> Result<PathBuf> {
    crate_program(workspace, "fstool", FSTOOL)
}

/// The program of the crate of that name, installed under the target directory if the machine has none.
fn crate_program(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin").join(name);
    if own.is_file() {
        return Ok(own);
    }
    if let Some(installed) = command::program(name) {
        return Ok(installed);
    }
    println!("installing {name} {version}");
    let mut install = workspace.cargo(&["install", "--locked", "--quiet", name, "--version", version]);
    install.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
    command::run(&mut install).with_context(|| name.to_owned())?;
    std::fs::remove_dir_all(tools.join("build")).with_context(|| format!("the build directory of {name}"))?;
    Ok(own)
}

/// The packages of every oracle that is not there, in the table's order.
fn missing_packages() -> Vec<&'static str> {
    let missing = |oracle: &&Oracle| match oracle.witness {
        Witness::Program(name) => command::program(name).is_none(),
        Witness::File(path) => !Path::new(path).exists(),
        Witness::Package => apt::installed_version(oracle.package).is_none(),
    };
    ORACLES.iter().filter(missing).map(|oracle| oracle.package).collect()
}

fn install_packages(packages: &[&str]) -> Result<()> {
    apt::update()?;
    // QEMU's packages conflict unless they are of one version: where its tools came from the backports, so must it.
    let backported = apt::installed_version("qemu-utils").is_some_and(|version| version.contains("~bpo"));
    let (emulators, others): (Vec<&str>, Vec<&str>) =
        packages.iter().copied().partition(|package| backported && package.starts_with("qemu-"));
    if !others.is_empty() {
        apt::install(&others, None)?;
    }
    if !emulators.is_empty() {
        let suite = format!("{}-backports", apt::release()?);
        let sources = apt::Source::of_machine()?.sources_file(&suite, "main");
        std::fs::write(BACKPORTS, sources).context(BACKPORTS)?;
        apt::update()?;
        apt::install(&emulators, Some(&suite))?;
    }
    Ok(())
}

/// Adds the parts of the toolchain that a minimal installation lacks.
fn install_components(workspace: &Workspace) -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if command::output(&mut workspace.cargo(&[subcommand, "--version"])).is_err() {
            let mut add = Command::new("rustup");
            command::run(add.args(["component", "add", component]).current_dir(&workspace.root))?;
        }
    }
    if command::program("cc").is_none() {
        bail!("there is no C compiler: install gcc");
    }
    Ok(())
}

/// One tool, what shows that it is there, and the Debian package that brings it.
struct Oracle {
    witness: Witness,
    package: &'static str,
}

enum Witness {
    Program(&'static str),
    File(&'static str),
    /// Where it lies depends on the machine: the package itself.
    Package,
}

const fn program(name: &'static str, package: &'static str) -> Oracle {
    Oracle { witness: Witness::Program(name), package }
}

const fn package(name: &'static str) -> Oracle {
    Oracle { witness: Witness::Package, package: name }
}

const ORACLES: &[Oracle] = &[
    program("qemu-img", "qemu-utils"),
    program("qemu-system-x86_64", "qemu-system-x86"),
    Oracle { witness: Witness::File("/usr/share/OVMF/OVMF_CODE_4M.fd"), package: "ovmf" },
    program("grub-mkimage", "grub-common"),
    Oracle { witness: Witness::File("/usr/lib/grub/i386-pc/kernel.img"), package: "grub-pc-bin" },
    Oracle {
        witness: Witness::File("/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"),
        package: "grub-efi-amd64-bin",
    },
    program("e2fsck", "e2fsprogs"),
    program("debugfs", "e2fsprogs"),
    program("openssl", "openssl"),
    program("b3sum", "b3sum"),
    program("fsck.fat", "dosfstools"),
    program("mdir", "mtools"),
    program("sgdisk", "gdisk"),
    program("sfdisk", "fdisk"),
    program("parted", "parted"),
    program("losetup", "mount"),
    program("lvm", "lvm2"),
    program("mmdebstrap", "mmdebstrap"),
    Oracle {
        witness: Witness::File("/usr/share/keyrings/debian-archive-keyring.gpg"),
        package: "debian-archive-keyring",
    },
    program("bsdtar", "libarchive-tools"),
    program("getfattr", "attr"),
    program("setfacl", "acl"),
    program("xz", "xz-utils"),
    program("zstd", "zstd"),
    program("lz4", "lz4"),
    program("cpio", "cpio"),
    program("depmod", "kmod"),
    program("modprobe", "kmod"),
    program("lsinitramfs", "initramfs-tools-core"),
    program("strace", "strace"),
    program("python3", "python3"),
    program("gzip", "gzip"),
    program("file", "file"),
    program("7zz", "7zip"),
    program("vmdkinfo", "libvmdk-utils"),
    program("qcowinfo", "libqcow-utils"),
    program("vhdiinfo", "libvhdi-utils"),
    program("xmllint", "libxml2-utils"),
    program("unshare", "util-linux"),
    package("python3-libvmdk"),
    package("python3-libqcow"),
    package("python3-libvhdi"),
    package("python3-venv"),
    program("vagrant", "vagrant"),
    program("ruby", "ruby"),
    program("time", "time"),
    program("valgrind", "valgrind"),
    program("chromium", "chromium"),
    program("chromedriver", "chromium-driver"),
];

/// What makes the trees, what is compared with, and what measures.
const FOR_COMPARISON: &[&str] = &[
    "qemu-utils",
    "e2fsprogs",
    "mmdebstrap",
    "debian-archive-keyring",
    "attr",
    "acl",
    "python3",
    "gzip",
    "zstd",
    "util-linux",
    "time",
];

const CARGO_DENY: &str = "0.20.2";
const CARGO_MUTANTS: &str = "27.1.0";
const FSTOOL: &str = "0.5.2";
const BACKPORTS: &str = "/etc/apt/sources.list.d/diskwright-backports.sources";
