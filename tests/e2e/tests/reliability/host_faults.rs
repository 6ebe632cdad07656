//! The program itself on a host whose system calls fail, or whose disk is full: it fails with a word, and leaves nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::{Tool, is_root, text};
use diskwright_oracle::{figure, is_full};

use crate::build::{FORMS, Form};
use crate::chance::rounds;
use crate::scene::{Scene, Standing, generate, names, standing, succeed};

/// Errors of the system calls with which outputs are made, some of which show only when data are made durable.
#[test]
fn a_failing_system_call_is_told_and_leaves_nothing() -> Result<()> {
    let Some(strace) = Tool::find("strace") else { return Ok(()) };
    let scene = Scene::new(1 << 20)?;
    let (mut runs, mut failed) = (0, 0);
    for form in FORMS {
        let output = scene.path("out");
        let counts = Counts::of(&strace, &scene, form)?;
        let expected = standing(&output)?.0;
        std::fs::remove_dir_all(&output)?;
        rounds(if is_full() { 100 } else { 4 }, |_, chance| {
            let (call, error) = chance.pick(&FAULTS);
            let at = 1 + chance.below(counts.calls(call).max(1));
            let fault = format!("inject={call}:error={error}:when={at}");
            let met = inject(&strace, &scene, form, &fault, &expected)
                .with_context(|| format!("{form:?}, {fault}"))?;
            runs += 1;
            failed += usize::from(met);
            Ok(())
        })?;
    }
    ensure!(failed * 3 > runs, "only {failed} of {runs} runs met their fault");
    figure(
        "Runs of the program in which one system call fails",
        &format!(
            "{} forms of formats under strace; {}, each at a random call",
            FORMS.len(),
            FAULTS.map(|(call, error)| format!("{call} {error}")).join(", ")
        ),
        format_args!("{runs} runs, {failed} told an error and left nothing, the others were whole"),
        "an error told and nothing left, or all bytes as they should be",
        true,
    );
    Ok(())
}

/// The outputs do not fit: the file system says so, at a write or only when it has to find room.
#[test]
fn a_full_disk_is_told_and_leaves_nothing() -> Result<()> {
    let Some(unshare) = Tool::find("unshare") else { return Ok(()) };
    if !is_root() {
        return Ok(());
    }
    let scene = Scene::new(3 << 20)?;
    let mut found = String::new();
    let forms: &[Form] = if is_full() { &FORMS } else { &FORMS[..3] };
    for form in forms {
        let mut full = FullDisk::new(&unshare, &scene, *form)?;
        for percent in (10..=100).step_by(10) {
            let is_whole = full.run(percent).with_context(|| format!("{form:?}, {percent} %"))?;
            ensure!(!is_whole || percent == 100, "{form:?}: {percent} % of the room was enough");
        }
        ensure!(full.run(200)?, "{form:?}: twice the room was not enough");
        write!(found, "{}{} KiB", if found.is_empty() { "" } else { ", " }, full.need / 1024)?;
    }
    figure(
        "A full disk at 10, 20 … 100 % of what is needed",
        &format!("{} forms of formats, each on a file system of its own of that size; {found}", forms.len()),
        "an error told and nothing left below 100 %, all whole with twice the room",
        "an error told and nothing left",
        true,
    );
    Ok(())
}

/// Runs a form with one fault; whether it failed for it.
fn inject(strace: &Tool, scene: &Scene, form: Form, fault: &str, expected: &Standing) -> Result<bool> {
    let output = scene.path("out");
    let finished = traced(strace, scene, form, &["-e", fault])?;
    let said = text(&finished);
    let (standing, work) = standing(&output)?;
    match finished.status.code() {
        Some(0) => {
            // It was never met, or by something that a result does not need.
            ensure!(standing == *expected, "it succeeded with {:?}", standing.keys());
            std::fs::remove_dir_all(&output)?;
        }
        Some(1) => {
            ensure!(said.contains("error: "), "no error was told: {said}");
            ensure!(standing.is_empty(), "{:?} was left: {said}", standing.keys());
            // What cannot be removed now is removed by the next run.
            if !work.is_empty() {
                ensure!(fault.contains("unlink") || fault.contains("rmdir"), "{work:?} was left: {said}");
                succeed(&mut command(scene, form)?)?;
                ensure!(names(&output)?.len() == expected.len(), "the next run left {:?}", names(&output)?);
                std::fs::remove_dir_all(&output)?;
            }
        }
        _ => bail!("{}: {said}", finished.status),
    }
    Ok(!finished.status.success())
}

fn command(scene: &Scene, (format, compress): Form) -> Result<Command> {
    let mut command = generate(&scene.tree(), &[format], &scene.path("out"))?;
    command.args(compress.then_some("--compress"));
    Ok(command)
}

/// Runs a form under strace with further arguments of it; the log of it is at `log`.
fn traced(strace: &Tool, scene: &Scene, form: Form, arguments: &[&str]) -> Result<Output> {
    let generate = command(scene, form)?;
    let mut command = strace.command();
    command.args(["-f", "-qq", "-o"]).arg(scene.path("log")).args(arguments);
    command.arg(generate.get_program()).args(generate.get_args());
    let output = command.output()?;
    std::fs::remove_file(scene.path("log"))?;
    Ok(output)
}

/// How often a run makes each system call.
struct Counts(String);

impl Counts {
    fn of(strace: &Tool, scene: &Scene, form: Form) -> Result<Self> {
        let generate = command(scene, form)?;
        let calls: BTreeSet<&str> = FAULTS.iter().map(|(call, _)| *call).collect();
        let calls: Vec<&str> = calls.into_iter().collect();
        let mut command = strace.command();
        command.args(["-f", "-qq", "-e"]).arg(format!("trace={}", calls.join(",")));
        command.arg("-o").arg(scene.path("log")).arg(generate.get_program()).args(generate.get_args());
        succeed(&mut command)?;
        let log = String::from_utf8_lossy(&std::fs::read(scene.path("log"))?).into_owned();
        std::fs::remove_file(scene.path("log"))?;
        Ok(Self(log))
    }

    fn calls(&self, call: &str) -> u64 {
        let begins = format!("{call}(");
        let is_it =
            |line: &&str| line.split_whitespace().nth(1).is_some_and(|word| word.starts_with(&begins));
        self.0.lines().filter(is_it).count() as u64
    }
}

/// Runs of one form into file systems of chosen sizes.
struct FullDisk<'a> {
    unshare: &'a Tool,
    scene: &'a Scene,
    form: Form,
    expected: Standing,
    /// Bytes that a whole run takes.
    need: u64,
}

impl<'a> FullDisk<'a> {
    fn new(unshare: &'a Tool, scene: &'a Scene, form: Form) -> Result<Self> {
        let mut full = Self { unshare, scene, form, expected: Standing::new(), need: 64 << 20 };
        full.mounted(full.need)?.context("64 MiB are not enough")?;
        let output = scene.path("copy");
        full.expected = standing(&output)?.0;
        full.need = disk_usage(&output)?;
        std::fs::remove_dir_all(output)?;
        Ok(full)
    }

    /// Whether a run was whole with so many per cent of the need.
    fn run(&mut self, percent: u64) -> Result<bool> {
        let is_whole = self.mounted(self.need * percent / 100)?.is_some();
        if is_whole {
            let copy = self.scene.path("copy");
            ensure!(standing(&copy)?.0 == self.expected, "other bytes");
            std::fs::remove_dir_all(copy)?;
        }
        Ok(is_whole)
    }

    /// Runs on a file system of `size` bytes that only that run sees, and copies what it made to `copy`; `None` if it failed,
    /// with a word and without anything left.
    fn mounted(&self, size: u64) -> Result<Option<()>> {
        let mount = self.scene.path("mount");
        std::fs::create_dir(&mount)?;
        let output = mount.join("out");
        let mut generate = generate(&self.scene.tree(), &[self.form.0], &output)?;
        generate.args(self.form.1.then_some("--compress"));
        let script = "mount -t tmpfs -o size=$0 tmpfs \"$1\" || exit 90; mount=$1; copy=$2; shift 2\n\
            \"$@\"; code=$?; test $code = 0 && exec cp -r --sparse=always \"$mount/out\" \"$copy\"\n\
            find \"$mount\" -mindepth 1 >&2; exit $code";
        let mut command = self.unshare.command();
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(size.to_string());
        command.arg(&mount).arg(self.scene.path("copy"));
        command.arg(generate.get_program()).args(generate.get_args());
        let finished = command.output()?;
        std::fs::remove_dir(&mount)?;
        let said = text(&finished);
        match finished.status.code() {
            Some(0) => Ok(Some(())),
            Some(1) => {
                let told = said.contains("error: ") && said.contains("No space left on device");
                ensure!(told, "what was told: {said}");
                let left: Vec<&str> =
                    said.lines().filter(|line| Path::new(line).starts_with(&mount)).collect();
                ensure!(left.is_empty(), "left: {left:?}");
                Ok(None)
            }
            _ => bail!("{}: {said}", finished.status),
        }
    }
}

/// The room that the files in a directory take.
fn disk_usage(directory: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let blocks = |name| Ok(directory.join(name).metadata()?.blocks() * 512);
    names(directory)?.into_iter().map(blocks).sum()
}

const FAULTS: [(&str, &str); 10] = [
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("fsync", "EIO"),
    ("fsync", "ENOSPC"),
    ("close", "EIO"),
    ("ftruncate", "EFBIG"),
    ("rename", "EIO"),
    ("openat", "EMFILE"),
    ("mkdir", "EACCES"),
    ("unlink", "EIO"),
];
