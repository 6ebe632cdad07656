//! The programs that are compared with.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{command, made, oracles};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Mke2fs,
    QemuImg,
    Fstool,
    VBoxManage,
    SystemdRepart,
    Mkosi,
    Gzip,
    Zstd,
}

/// The tools of this machine.
pub(super) struct Tools {
    /// Each with what it says of its version, or why it is not here.
    found: Vec<(Tool, std::result::Result<String, String>)>,
    /// What scripts need to know of where they are.
    pub(super) environment: Vec<(&'static str, String)>,
}

impl Tools {
    /// Installs what is installed by name, and looks for the others. A tool that cannot be had stands in the table as such.
    pub(super) fn find(workspace: &Workspace) -> Self {
        let mut tools = Self { found: Vec::new(), environment: Vec::new() };
        for tool in ALL {
            let version = tools.find_one(*tool, workspace).map_err(|error| format!("{error:#}"));
            if let Err(reason) = &version {
                println!("{}: {reason}", tool.name());
            }
            tools.found.push((*tool, version));
        }
        tools
    }

    fn find_one(&mut self, tool: Tool, workspace: &Workspace) -> Result<String> {
        match tool {
            Tool::Fstool => {
                let path = oracles::fstool(workspace)?;
                self.environment.push(("FSTOOL", path.display().to_string()));
                version(&path, "--version")
            }
            Tool::VBoxManage => {
                let directory =
                    made::VIRTUALBOX.made(workspace).context("not installed (cargo xtask virtualbox)")?;
                let root = directory.join("root");
                let mut manage = Command::new("unshare");
                manage
                    .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"])
                    .arg(&root);
                manage.args([".", "/usr/lib/virtualbox/VBoxManage", "--version"]).env("HOME", "/tmp");
                let version = command::output(manage.current_dir(&directory))?;
                self.environment.push(("VIRTUALBOX", root.display().to_string()));
                self.environment.push(("ENTER", ENTER.to_owned()));
                Ok(format!("VBoxManage {}", version.trim()))
            }
            plain => {
                let path = command::program(plain.name()).context("not installed")?;
                version(&path, if tool == Tool::Mke2fs { "-V" } else { "--version" })
            }
        }
    }

    /// Why one of `tools` is not here.
    pub(super) fn missing(&self, tools: &[Tool]) -> Option<String> {
        let of_tool = |(tool, version): &(Tool, std::result::Result<String, String>)| match version {
            Err(reason) if tools.contains(tool) => Some(format!("{}: {reason}", tool.name())),
            _ => None,
        };
        self.found.iter().find_map(of_tool)
    }

    /// What each says of its version; of those that are not here, that they are not.
    pub(super) fn versions(&self) -> Vec<String> {
        let of_tool = |(tool, version): &(Tool, std::result::Result<String, String>)| match version {
            Ok(version) => version.clone(),
            Err(reason) => format!("{}: {}", tool.name(), reason.lines().next().unwrap_or_default()),
        };
        self.found.iter().map(of_tool).collect()
    }
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Mke2fs => "mke2fs",
            Self::QemuImg => "qemu-img",
            Self::Fstool => "fstool",
            Self::VBoxManage => "VBoxManage",
            Self::SystemdRepart => "systemd-repart",
            Self::Mkosi => "mkosi",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The first line that a program says of its version, on either output.
fn version(program: &PathBuf, flag: &str) -> Result<String> {
    let output = Command::new(program).arg(flag).output().with_context(|| program.display().to_string())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.lines().next().unwrap_or_default().trim_matches('*').trim().to_owned())
}

const ALL: &[Tool] = &[
    Tool::Mke2fs,
    Tool::QemuImg,
    Tool::Fstool,
    Tool::VBoxManage,
    Tool::SystemdRepart,
    Tool::Mkosi,
    Tool::Gzip,
    Tool::Zstd,
];

/// Mounts what VirtualBox needs and enters its tree: `sh -c ENTER sh ROOT ROOM PROGRAM ARGUMENT …`.
const ENTER: &str = "set -e; root=$1 room=$(realpath $2); shift 2; mount --bind $root $root; \
    mount --rbind /dev $root/dev; mount -t proc proc $root/proc; mount --rbind /sys $root/sys; \
    mount -t tmpfs tmpfs $root/tmp; mount --bind $room $root/mnt; mount -o remount,bind,ro $root; exec chroot $root \"$@\"";
