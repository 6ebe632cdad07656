//! Booting disks in QEMU.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::variant::Image;
use crate::{Tool, skip};

/// The machine that QEMU imitates.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MachineModel {
    /// i440FX.
    Pc,
    /// Q35.
    Q35,
}

/// What the disk hangs on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Attachment {
    /// The machine's own controller: IDE of i440FX, AHCI of Q35.
    OnBoard,
    /// LSI Logic SAS, which stands in for the parallel LSI Logic: QEMU imitates that one with a chip of another family.
    LsiSas,
    /// VMware's paravirtual SCSI.
    Pvscsi,
    /// A virtio block device.
    VirtioBlock,
    /// NVM Express.
    Nvme,
}

/// What starts the machine.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Firmware {
    /// SeaBIOS: the boot sector.
    Bios,
    /// OVMF: the removable path of the EFI system partition. Its variables start out empty.
    Uefi,
}

/// QEMU, on the processor's emulation only: tests run where there is no other.
#[derive(Clone, Debug)]
pub struct Emulator {
    qemu: Tool,
    code: PathBuf,
    variables: PathBuf,
}

impl Emulator {
    /// The network adapter of [`Emulator::converse`].
    pub const ADAPTER: &str = "user,model=virtio-net-pci,restrict=on";

    /// Finds QEMU and OVMF.
    ///
    /// # Panics
    /// If one is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let qemu = Tool::find("qemu-system-x86_64")?;
        let directory = Path::new("/usr/share/OVMF");
        let (code, variables) = (directory.join("OVMF_CODE_4M.fd"), directory.join("OVMF_VARS_4M.fd"));
        if !code.is_file() || !variables.is_file() {
            skip("ovmf is not installed");
            return None;
        }
        Some(Self { qemu, code, variables })
    }

    /// Boots the disk in `image`, which stays unchanged, until `text` is on the serial console.
    ///
    /// No more than two machines run at a time in one test program; others wait.
    ///
    /// # Errors
    /// With the console's text, if the machine stops, breaks down or has not got there by the deadline.
    pub fn boot_until(
        &self,
        image: &Image,
        machine: (MachineModel, Attachment),
        firmware: Firmware,
        text: &str,
        deadline: Duration,
    ) -> Result<String> {
        // Without an adapter no firmware tries the network where the disk does not boot.
        self.converse_over(&[image], (machine, &["none"]), firmware, &[(text, "")], deadline)
    }

    /// As [`Emulator::boot_until`], then types on the serial console: each step is a text to wait for, after that of the
    /// step before, and what is typed then. The machine has a network adapter behind QEMU's own network 10.0.2.0/24.
    ///
    /// # Errors
    /// As [`Emulator::boot_until`], for the first step that is not reached.
    pub fn converse(
        &self,
        image: &Image,
        machine: (MachineModel, Attachment),
        firmware: Firmware,
        steps: &[(&str, &str)],
        deadline: Duration,
    ) -> Result<String> {
        self.converse_over(&[image], (machine, &[Self::ADAPTER]), firmware, steps, deadline)
    }

    /// As [`Emulator::converse`], with several disks, from the first of which the machine starts, and with these network adapters, as
    /// QEMU's option `-nic` has them.
    ///
    /// # Errors
    /// As [`Emulator::converse`].
    pub fn converse_over(
        &self,
        images: &[&Image],
        (machine, adapters): ((MachineModel, Attachment), &[&str]),
        firmware: Firmware,
        steps: &[(&str, &str)],
        deadline: Duration,
    ) -> Result<String> {
        let first = images.first().context("a machine without a disk")?;
        let directory = tempfile::tempdir_in(first.path.parent().context("an image without a directory")?)?;
        let console = directory.path().join("console");
        let mut command = self.command(images, machine, firmware, &directory)?;
        command.args(["-serial", "stdio"]).args(adapters.iter().flat_map(|adapter| ["-nic", adapter]));
        let errors = directory.path().join("errors");
        command.stdin(Stdio::piped()).stdout(File::create(&console)?).stderr(File::create(&errors)?);
        let _seat = Seat::take();
        let mut running = Running(command.spawn().with_context(|| format!("{command:?}"))?);
        let mut keyboard = running.0.stdin.take().context("QEMU without a standard input")?;
        let start = Instant::now();
        let mut from = 0;
        for (text, typed) in steps {
            loop {
                let stopped = running.0.try_wait()?;
                let said = String::from_utf8_lossy(&std::fs::read(&console)?).into_owned();
                let failure = if let Some(at) = said.get(from..).and_then(|new| new.find(text)) {
                    from += at + text.len();
                    break;
                } else if let Some(status) = stopped {
                    format!("stopped with {status}: {}", std::fs::read_to_string(&errors)?)
                } else if let Some(sign) = BREAKDOWNS.iter().find(|sign| said.contains(**sign)) {
                    format!("broke down: {sign}")
                } else if start.elapsed() > deadline {
                    format!("did not show {text:?} in {deadline:?}")
                } else {
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                };
                bail!("{machine:?} with {firmware:?} {failure}\nThe console's end:\n{}", end_of(&said));
            }
            keyboard.write_all(typed.as_bytes())?;
        }
        Ok(String::from_utf8_lossy(&std::fs::read(&console)?).into_owned())
    }

    fn command(
        &self,
        images: &[&Image],
        (model, attachment): (MachineModel, Attachment),
        firmware: Firmware,
        directory: &TempDir,
    ) -> Result<Command> {
        let mut command = self.qemu.command();
        command.env("TMPDIR", directory.path());
        command.args([
            "-nodefaults",
            "-vga",
            "std",
            "-accel",
            "tcg",
            "-m",
            "1024",
            "-display",
            "none",
            "-no-reboot",
            "-snapshot",
        ]);
        command.args(["-machine", if matches!(model, MachineModel::Pc) { "pc" } else { "q35" }]);
        if matches!(firmware, Firmware::Uefi) {
            let own = directory.path().join("variables.fd");
            std::fs::copy(&self.variables, &own)?;
            command.args([
                "-drive".into(),
                format!("if=pflash,format=raw,readonly=on,file={}", self.code.display()),
            ]);
            command.args(["-drive".into(), format!("if=pflash,format=raw,file={}", own.display())]);
        }
        command.args(attachment.controller().into_iter().flat_map(|device| ["-device", device]));
        for (at, image) in images.iter().enumerate() {
            let format = image.kind.qemu().with_context(|| format!("QEMU cannot open {:?}", image.kind))?;
            let file = image.path.display();
            command.args(["-drive".into(), format!("if=none,id=disk{at},format={format},file={file}")]);
            command.args(["-device".into(), attachment.device(at)]);
        }
        Ok(command)
    }
}

impl Attachment {
    /// The controller, where it is neither on board nor a part of each disk.
    fn controller(self) -> Option<&'static str> {
        match self {
            Self::LsiSas => Some("mptsas1068,id=scsi"),
            Self::Pvscsi => Some("pvscsi,id=scsi"),
            Self::OnBoard | Self::VirtioBlock | Self::Nvme => None,
        }
    }

    /// The disk of that number, from 0.
    fn device(self, at: usize) -> String {
        match self {
            // Either model has two of these buses at least.
            Self::OnBoard => format!("ide-hd,drive=disk{at},bus=ide.{at}"),
            // Linux finds no disk on it that has no world wide name.
            Self::LsiSas => {
                format!("scsi-hd,drive=disk{at},bus=scsi.0,scsi-id={at},wwn=0x5000c5000000000{}", at + 1)
            }
            Self::Pvscsi => format!("scsi-hd,drive=disk{at},bus=scsi.0,scsi-id={at}"),
            Self::VirtioBlock => format!("virtio-blk-pci,drive=disk{at}"),
            Self::Nvme => format!("nvme,drive=disk{at},serial=disk{at}"),
        }
    }
}

/// How many machines run at a time: each keeps a core busy, and a deadline is a time on the clock.
const AT_ONCE: usize = 2;

/// Leave to run a machine, given back when dropped.
struct Seat;

impl Seat {
    fn take() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= AT_ONCE {
            taken = GIVEN_BACK.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// A running emulator, killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have stopped by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn end_of(text: &str) -> &str {
    let start = text.len().saturating_sub(4000);
    let start = (start..text.len()).find(|&index| text.is_char_boundary(index)).unwrap_or(0);
    &text[start..]
}

/// What a machine says that will show no login prompt.
const BREAKDOWNS: &[&str] = &[
    "Kernel panic",
    "emergency mode",
    "grub rescue>",
    "(initramfs)",
    "Shell>",
    "Press any key to enter the Boot Manager Menu",
];
