//! Running a case: what `diskwright check` foretells of it, the disk, and the boot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::case::Case;
use super::cell::{Controller, Layout, Release, Start, Swap};
use crate::debian::Workshop;
use crate::made::made;
use crate::variant::Image;
use crate::{Boot, Emulator, End, Generated, Watched, diskwright, generate};

/// What the boots need: QEMU, and the trees.
#[derive(Debug)]
pub struct Bench {
    emulator: Emulator,
    workshop: Workshop,
}

/// What is foretold of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foretold {
    /// The digests of the files that the disk is in.
    pub image: String,
    /// The verdict of `diskwright check` on the case's controller and firmware: `boots`, `does-not-boot` or `unknown`.
    pub verdict: String,
    /// The ids of the findings that are blocking, or that were mended.
    pub findings: Vec<String>,
}

/// What was foretold of a case, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was foretold.
    pub foretold: Foretold,
    /// Whether it came up as the machine that was scanned.
    pub came_up: bool,
    /// What it ended with.
    pub end: String,
}

/// A case of which there is a disk.
#[derive(Debug)]
pub struct Prepared {
    /// What is foretold of it.
    pub foretold: Foretold,
    generated: Generated,
}

impl Bench {
    /// Finds QEMU and takes the workshop `name`.
    ///
    /// # Errors
    /// If the workshop cannot be had.
    ///
    /// # Panics
    /// If QEMU is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let Some(emulator) = Emulator::find() else { return Ok(None) };
        Ok(Some(Self { emulator, workshop: Workshop::enter(name)? }))
    }

    /// Asks `diskwright check` and makes the disk, in the place of that of the case before. Nothing where the tree of its
    /// release was not made.
    ///
    /// # Errors
    /// If the program fails, or if the report foretells something else than the check did.
    ///
    /// # Panics
    /// If the tree is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn prepare(&self, case: &Case) -> Result<Option<Prepared>> {
        let Some(tree) = tree(case.cell.release) else { return Ok(None) };
        let room = self.workshop.path().join("case");
        if room.exists() {
            fs::remove_dir_all(&room)?;
        }
        fs::create_dir(&room)?;
        let (first, arguments) = arguments(case, &tree, &room)?;
        let (format, _) = case.format();
        let answer = check(format, &first, &arguments)?;
        let verdict = verdict(case, &answer)?;
        let generated = generate(&first, &[format], &room.join("disk"), &arguments)?;
        let of_report = generated.report.pointer("/readiness/predictions");
        ensure!(of_report == answer.get("predictions"), "the report foretells {of_report:?}, check {answer}");
        let foretold = Foretold { image: digests(&generated)?, verdict, findings: findings(case, &answer) };
        Ok(Some(Prepared { foretold, generated }))
    }

    /// Boots the disk of a case.
    ///
    /// # Errors
    /// If QEMU fails, or if a machine that came up is not the one that was asked for.
    pub fn run(&self, case: &Case, prepared: Prepared) -> Result<Outcome> {
        let (came_up, end) = self.boot(case, &prepared.generated)?;
        Ok(Outcome { foretold: prepared.foretold, came_up, end })
    }

    /// Boots a disk until the machine has answered or will not; again where it did not and this process was stopped meanwhile, for
    /// the guest's own deadlines then passed in its absence, or where a sound machine missed one on a busy host.
    fn boot(&self, case: &Case, generated: &Generated) -> Result<(bool, String)> {
        let image = Image { path: disk(case, generated)?, kind: case.kind() };
        let boot = Boot {
            machine: case.cell.machine(),
            firmware: case.cell.start(),
            // No firmware tries the network where the disk does not boot.
            adapters: &["none"],
            sector_size: case.flaw.map_or(512, |flaw| flaw.sector_size),
        };
        let steps =
            [("boots login:", "root\n"), ("Password:", "test\n"), ("# ", QUESTIONS), ("answers-42", "")];
        let deadline = if case.flaw.is_none() { DEADLINE } else { FLAWED_DEADLINE };
        for _ in 0..ATTEMPTS {
            let watched = self.emulator.watch(&[&image], &boot, &steps, deadline)?;
            let confirmed = match watched.end {
                End::Reached => confirm(case, &watched.console),
                _ => Ok(()),
            };
            let is_late = case.flaw.is_none() && LATE.iter().any(|sign| watched.console.contains(sign));
            if (watched.was_stopped || is_late) && (confirmed.is_err() || watched.end != End::Reached) {
                continue;
            }
            confirmed?;
            if watched.end != End::Reached && case.flaw.is_none() {
                eprintln!("{}\n{}", case.name(), tail(&watched.console));
            }
            return ended(&watched).with_context(|| case.name());
        }
        bail!("{}: {ATTEMPTS} boots were stopped or late", case.name())
    }
}

/// Whether the machine came up, and what it ended with.
///
/// # Errors
/// If QEMU failed: that says nothing of the machine.
fn ended(watched: &Watched) -> Result<(bool, String)> {
    let has_kernel = watched.console.contains("Linux version");
    Ok(match &watched.end {
        End::Reached => (true, "answers at its prompt".to_owned()),
        End::BrokeDown(sign) => (false, format!("`{sign}`")),
        End::Exited(status, errors) if !status.success() => bail!("QEMU: {status}: {errors}"),
        End::Exited(..) if has_kernel => (false, "the machine resets".to_owned()),
        End::Silent(_) if has_kernel => (false, "hangs".to_owned()),
        End::Exited(..) | End::Silent(_) => (false, "no kernel starts".to_owned()),
    })
}

/// The tree of a release.
fn tree(release: Release) -> Option<PathBuf> {
    made(&format!("{}-boot-tree", release.name()), "tree for boots", "cargo xtask tree --boots")
}

/// The lowest layer, and the arguments of `check` and `generate` with the others.
fn arguments(case: &Case, tree: &Path, room: &Path) -> Result<(PathBuf, Vec<String>)> {
    let mut layers = case.layers().into_iter().map(|layer| tree.join(layer));
    let first = layers.next().context("a case without layers")?;
    let mut arguments = Vec::new();
    for layer in layers {
        arguments
            .extend(["--scan".to_owned(), layer.to_str().context("a path that is not UTF-8")?.to_owned()]);
    }
    let profile = room.join("profile.json");
    fs::write(&profile, case.profile())?;
    arguments
        .extend(["--profile".to_owned(), profile.to_str().context("a path that is not UTF-8")?.to_owned()]);
    let (_, options) = case.format();
    let controller = ["--controller", case.cell.controller.name()];
    // Where the kernel says nothing, silence does not tell whether it started.
    let flawed = ["--kernel-parameter", "loglevel=6"];
    let flaw = case.flaw.map_or_else(Vec::new, |flaw| [&flawed[..], flaw.arguments].concat());
    let more = SETTINGS.iter().chain(&controller).chain(&options).chain(&flaw);
    arguments.extend(more.map(|argument| (*argument).to_owned()));
    Ok((first, arguments))
}

/// What `diskwright check` answers.
fn check(format: &str, first: &Path, arguments: &[String]) -> Result<Value> {
    let mut command = diskwright()?;
    command.args([
        "check",
        "--json",
        "--seed",
        "end to end",
        "--timestamp",
        "1700000000",
        "--format",
        format,
    ]);
    let output = command.arg("--scan").arg(first).args(arguments).output()?;
    let answer = serde_json::from_slice(&output.stdout);
    answer.with_context(|| {
        format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}

/// What is foretold of the case's controller and firmware.
fn verdict(case: &Case, answer: &Value) -> Result<String> {
    let predictions = answer.get("predictions").and_then(Value::as_array).context("no predictions")?;
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let (controller, firmware) = (case.cell.controller.name(), case.cell.firmware.name());
    let is_it = |one: &&Value| {
        text(one, "controller").as_deref() == Some(controller)
            && text(one, "firmware").as_deref() == Some(firmware)
    };
    let prediction =
        predictions.iter().find(is_it).with_context(|| format!("nothing is foretold: {answer}"))?;
    text(prediction, "verdict").context("no verdict")
}

/// The ids of the findings that decide whether the case boots, each once, in their order: those on other controllers, and
/// on another firmware, are left out.
fn findings(case: &Case, answer: &Value) -> Vec<String> {
    let all = answer.get("findings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut ids: Vec<String> = Vec::new();
    for finding in all {
        let text = |field: &str| finding.get(field).and_then(Value::as_str);
        let is_of_it = text("controller").is_none_or(|name| name == case.cell.controller.name())
            && text("firmware").is_none_or(|name| name == case.cell.firmware.name());
        let id = text("id").unwrap_or_default();
        // Where the disk boots under another firmware a missing loader is a note.
        let decides = matches!(text("severity"), Some("blocking" | "mended")) || id == "no-loader";
        if is_of_it && decides && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The digests of the outputs, which tell whether a disk is one that was booted before.
fn digests(generated: &Generated) -> Result<String> {
    let outputs = generated.report.get("outputs").and_then(Value::as_array).context("no outputs")?;
    let digest = |output: &Value| {
        let digest = output.get("tree_digest").or_else(|| output.get("sha256"))?;
        digest.as_str().map(str::to_owned)
    };
    let digests: Option<Vec<String>> = outputs.iter().map(digest).collect();
    Ok(digests.context("an output without a digest")?.join(" "))
}

/// The file that QEMU opens.
fn disk(case: &Case, generated: &Generated) -> Result<PathBuf> {
    let (format, _) = case.format();
    generated.output(format, &format!(".{format}"))
}

/// That the machine is the one that was asked for: its firmware, the controller of its disk, its file systems, its swap.
fn confirm(case: &Case, console: &str) -> Result<()> {
    for complaint in COMPLAINTS {
        ensure!(!console.contains(complaint), "{}: {complaint}:\n{}", case.name(), tail(console));
    }
    let disk = match case.cell.controller {
        Controller::Virtio => "/dev/vda",
        Controller::Nvme => "/dev/nvme0n1p",
        Controller::Ide | Controller::Ahci | Controller::LsiSas | Controller::Pvscsi => "/dev/sda",
    };
    let firmware = match case.cell.firmware {
        Start::Bios => "firmware-bios.",
        Start::Uefi => "firmware-uefi.",
    };
    let swap = if case.cell.swap == Swap::With { "swaps-1." } else { "swaps-0." };
    let mut expected = vec![firmware.to_owned(), swap.to_owned()];
    expected.push(match case.cell.layout {
        Layout::LogicalVolume => "root-/dev/mapper/system-root.".to_owned(),
        Layout::Plain | Layout::SeparateBoot | Layout::LogicalPartition => format!("root-{disk}"),
    });
    if case.cell.layout == Layout::LogicalPartition {
        let number = console.split(&format!("root-{disk}")).nth(1).and_then(|rest| rest.split('.').next());
        // Numbers of logical partitions begin with 5.
        let is_logical =
            number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number >= 5);
        ensure!(is_logical, "{}: the root is on partition {number:?}", case.name());
    }
    if matches!(case.cell.layout, Layout::SeparateBoot | Layout::LogicalVolume) {
        expected.push("boot-/boot.".to_owned());
    }
    for expected in expected {
        ensure!(console.contains(&expected), "{}: no {expected}\n{}", case.name(), tail(console));
    }
    Ok(())
}

fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(4000);
    let start = (start..text.len()).find(|&index| text.is_char_boundary(index)).unwrap_or(0);
    &text[start..]
}

const SETTINGS: [&str; 4] = ["--kernel-parameter", "console=ttyS0", "--name", "machine"];

/// What is typed at the prompt. What the terminal echoes has none of the answers in it.
const QUESTIONS: &str = "dmesg -n 1; echo firmware-$(test -d /sys/firmware/efi && echo uefi || echo bios). \
    root-$(findmnt -no SOURCE /). boot-$(findmnt -no TARGET /boot). swaps-$(tail -n +2 /proc/swaps | wc -l). \
    answers-$((40+2))\n";

/// What a machine that is in order does not say.
const COMPLAINTS: [&str; 6] = [
    "recovering journal",
    "Failed to mount",
    "Failed to activate swap",
    "Gave up waiting",
    "Timed out waiting for device",
    "[FAILED]",
];

/// What a machine says that waited too long for itself: its host is busy with others, or it never comes.
const LATE: [&str; 2] = ["Timed out waiting for device", "IO-APIC + timer doesn't work"];

const ATTEMPTS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(1200);
/// dracut waits for three minutes for a root. A kernel that starts shows itself within half a minute, on a busy machine within a
/// few.
const FLAWED_DEADLINE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn an_end_tells_how_far_the_machine_came_and_a_failure_of_qemu_nothing() {
        let of = |console: &str, end: End| {
            let told = ended(&Watched { console: console.to_owned(), end, was_stopped: false });
            told.map_err(|error| error.to_string())
        };
        let came_no_further = |text: &str| Ok((false, text.to_owned()));
        let silent = || End::Silent("boots login:".to_owned());
        let exited = |code: i32| End::Exited(ExitStatus::from_raw(code << 8), "no such file".to_owned());
        let kernel = "[    0.000000] Linux version 6.1";
        assert_eq!(of(kernel, silent()), came_no_further("hangs"));
        assert_eq!(of("GRUB", silent()), came_no_further("no kernel starts"));
        assert_eq!(of(kernel, exited(0)), came_no_further("the machine resets"));
        assert_eq!(of("GRUB", exited(0)), came_no_further("no kernel starts"));
        assert_eq!(of(kernel, End::BrokeDown("(initramfs)")), came_no_further("`(initramfs)`"));
        assert_eq!(of(kernel, exited(1)), Err("QEMU: exit status: 1: no such file".to_owned()));
        assert!(of(kernel, End::Reached).is_ok_and(|(came_up, _)| came_up));
    }
}
