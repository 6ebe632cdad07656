//! Booting disks in QEMU.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
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

/// A machine that is booted.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The machine, and what its disk hangs on.
    pub machine: (MachineModel, Attachment),
    /// What starts it.
    pub firmware: Firmware,
    /// Its network adapters, each as QEMU's option `-nic` has it; `none` for none.
    pub adapters: &'a [&'a str],
    /// Bytes of the disks' sectors.
    pub sector_size: u32,
}

/// What came of a boot.
#[derive(Clone, Debug)]
pub struct Watched {
    /// All that stood on the serial console.
    pub console: String,
    /// How far it came.
    pub end: End,
    /// Whether this process, and with it most likely the machine, was stopped for seconds, so that the guest's own deadlines
    /// may have passed.
    pub was_stopped: bool,
}

/// How far a boot came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To the last step.
    Reached,
    /// It said this, and will come no further.
    BrokeDown(&'static str),
    /// QEMU ended, with this status and these words. That of a machine that resets succeeds.
    Exited(ExitStatus, String),
    /// This text had not come by the deadline.
    Silent(String),
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
        let Watched { console, end, .. } =
            self.watch(images, &Boot { machine, firmware, adapters, sector_size: 512 }, steps, deadline)?;
        let failure = match end {
            End::Reached => return Ok(console),
            End::BrokeDown(sign) => format!("broke down: {sign}"),
            End::Exited(status, errors) => format!("stopped with {status}: {errors}"),
            End::Silent(text) => format!("did not show {text:?} in {deadline:?}"),
        };
        bail!("{machine:?} with {firmware:?} {failure}\nThe console's end:\n{}", end_of(&console));
    }

    /// Boots the disks in `images`, which stay unchanged, from the first, as `boot` says, and goes through `steps`, as those of
    /// [`Emulator::converse`]. That the machine does not get there is no error here.
    ///
    /// The deadline counts the time in which this process ran, so that one that was stopped meanwhile does not miss it.
    ///
    /// # Errors
    /// If QEMU cannot be started, or a file cannot be read.
    pub fn watch(
        &self,
        images: &[&Image],
        boot: &Boot<'_>,
        steps: &[(&str, &str)],
        deadline: Duration,
    ) -> Result<Watched> {
        let first = images.first().context("a machine without a disk")?;
        let directory = tempfile::tempdir_in(first.path.parent().context("an image without a directory")?)?;
        let console = directory.path().join("console");
        let mut command = self.command(images, boot, &directory)?;
        command.args(["-serial", "stdio"]);
        command.args(boot.adapters.iter().flat_map(|adapter| ["-nic", adapter]));
        // SeaBIOS says there what it does.
        let firmware = directory.path().join("firmware");
        command.args(["-debugcon".into(), format!("file:{}", firmware.display())]);
        command.args(["-global", "isa-debugcon.iobase=0x402"]);
        let errors = directory.path().join("errors");
        command.stdin(Stdio::piped()).stdout(File::create(&console)?).stderr(File::create(&errors)?);
        let _seat = Seat::take();
        let mut running = Running(command.spawn().with_context(|| format!("{command:?}"))?);
        let mut keyboard = running.0.stdin.take().context("QEMU without a standard input")?;
        let mut clock = Clock::start();
        let mut from = 0;
        for (text, typed) in steps {
            loop {
                let stopped = running.0.try_wait()?;
                let said = String::from_utf8_lossy(&std::fs::read(&console)?).into_owned();
                let said_before =
                    || String::from_utf8_lossy(&std::fs::read(&firmware).unwrap_or_default()).into_owned();
                let end = if let Some(at) = said.get(from..).and_then(|new| new.find(text)) {
                    from += at + text.len();
                    break;
                } else if let Some(status) = stopped {
                    End::Exited(status, std::fs::read_to_string(&errors)?)
                } else if let Some(sign) = BREAKDOWNS.iter().find(|sign| said.contains(**sign)) {
                    End::BrokeDown(sign)
                } else if said_before().contains(NO_BOOTABLE_DEVICE) {
                    End::BrokeDown(NO_BOOTABLE_DEVICE)
                } else if clock.awake() > deadline {
                    End::Silent((*text).to_owned())
                } else {
                    std::thread::sleep(PAUSE);
                    clock.tick();
                    continue;
                };
                return Ok(Watched { console: said, end, was_stopped: clock.was_stopped });
            }
            keyboard.write_all(typed.as_bytes())?;
        }
        let console = String::from_utf8_lossy(&std::fs::read(&console)?).into_owned();
        Ok(Watched { console, end: End::Reached, was_stopped: clock.was_stopped })
    }

    fn command(&self, images: &[&Image], boot: &Boot<'_>, directory: &TempDir) -> Result<Command> {
        let Boot { machine: (model, attachment), firmware, sector_size, .. } = *boot;
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
        let sectors = match sector_size {
            512 => String::new(),
            size => format!(",logical_block_size={size},physical_block_size={size}"),
        };
        command.args(attachment.controller().into_iter().flat_map(|device| ["-device", device]));
        for (at, image) in images.iter().enumerate() {
            let format = image.kind.qemu().with_context(|| format!("QEMU cannot open {:?}", image.kind))?;
            let file = image.path.display();
            command.args(["-drive".into(), format!("if=none,id=disk{at},format={format},file={file}")]);
            command.args(["-device".into(), format!("{}{sectors}", attachment.device(at))]);
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

/// The time in which this process ran.
struct Clock {
    awake: Duration,
    last: Instant,
    was_stopped: bool,
}

impl Clock {
    fn start() -> Self {
        Self { awake: Duration::ZERO, last: Instant::now(), was_stopped: false }
    }

    /// Counts the time since the last call, unless it is far more than a pause.
    fn tick(&mut self) {
        let now = Instant::now();
        let passed = now.duration_since(self.last);
        self.last = now;
        self.was_stopped |= passed > STOPPED;
        self.awake += passed.min(STOPPED);
    }

    fn awake(&self) -> Duration {
        self.awake
    }
}

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

/// Between two looks at the console.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the console there is so much on the busiest machine.
const STOPPED: Duration = Duration::from_secs(5);

/// What SeaBIOS says, not on the console, when it finds nothing to start.
const NO_BOOTABLE_DEVICE: &str = "No bootable device.";

/// What a machine says that will show no login prompt.
const BREAKDOWNS: &[&str] = &[
    "Kernel panic",
    "emergency mode",
    "grub rescue>",
    "(initramfs)",
    "dracut:/#",
    "you need to load the kernel first",
    "Shell>",
    "Press any key to enter the Boot Manager Menu",
];
