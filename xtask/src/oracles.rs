//! The foreign programs that judge what Diskwright writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{apt, command};

/// Installs what is missing; says by name what cannot be had.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    install_components(workspace)?;
    let packages = missing_packages();
    if !packages.is_empty() {
        if !command::is_root() {
            bail!("not root, so install these first: apt-get install {}", packages.join(" "));
        }
        println!("installing {}", packages.join(", "));
        install_packages(&packages)?;
    }
    deny(workspace)?;
    match missing_packages().as_slice() {
        [] => Ok(()),
        missing => bail!("still missing after installation: {}", missing.join(", ")),
    }
}

/// The cargo-deny program, installed under the target directory if the machine has none.
pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/cargo-deny");
    if own.is_file() {
        return Ok(own);
    }
    if let Some(installed) = command::program("cargo-deny") {
        return Ok(installed);
    }
    println!("installing cargo-deny {CARGO_DENY}");
    let mut install =
        workspace.cargo(&["install", "--locked", "--quiet", "cargo-deny", "--version", CARGO_DENY]);
    install.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
    command::run(&mut install).context("cargo-deny")?;
    std::fs::remove_dir_all(tools.join("build")).context("the build directory of cargo-deny")?;
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
    program("fsck.fat", "dosfstools"),
    program("mdir", "mtools"),
    program("sgdisk", "gdisk"),
    program("sfdisk", "fdisk"),
    program("parted", "parted"),
    program("losetup", "mount"),
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
    program("strace", "strace"),
    program("python3", "python3"),
    program("gzip", "gzip"),
    program("file", "file"),
    program("7zz", "7zip"),
    program("vmdkinfo", "libvmdk-utils"),
    program("qcowinfo", "libqcow-utils"),
    program("xmllint", "libxml2-utils"),
    program("unshare", "util-linux"),
    package("python3-libvmdk"),
    package("python3-libqcow"),
    package("python3-venv"),
    program("time", "time"),
    program("chromium", "chromium"),
    program("chromedriver", "chromium-driver"),
];

const CARGO_DENY: &str = "0.20.2";
const BACKPORTS: &str = "/etc/apt/sources.list.d/diskwright-backports.sources";
