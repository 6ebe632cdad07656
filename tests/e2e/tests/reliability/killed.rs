//! The program is killed at random moments: what has its final name is whole, and the next run succeeds and tidies up.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::verify;
use diskwright_oracle::{figure, is_full};

use crate::chance::rounds;
use crate::scene::{Scene, Standing, generate, names, standing, succeed};

#[test]
fn a_program_killed_at_any_moment_leaves_nothing_half_done_and_the_next_run_tidies_up() -> Result<()> {
    let scene = Scene::new(6 << 20)?;
    let mut inputs = [Input::new(&scene, scene.tree())?, Input::new(&scene, scene.archive())?];
    let number = if is_full() { 100 } else { 12 };
    let (mut killed, mut begun, mut named) = (0, 0, 0);
    rounds(number, |round, chance| {
        let input = &mut inputs[usize::from(round % 2 == 1)];
        // Names are given within a moment that chance alone hardly meets.
        let mut moment =
            if round % 5 == 4 { Moment::FirstName } else { Moment::After(chance.moment(input.whole)) };
        let left = loop {
            let left = input.kill_at(&scene, moment).with_context(|| format!("killed at {moment:?}"))?;
            if left.was_killed {
                break left;
            }
            // It was over before.
            moment = Moment::After(chance.moment(input.whole));
        };
        killed += 1;
        begun += usize::from(left.has_work);
        named += usize::from(left.has_names);
        Ok(())
    })?;
    figure(
        "Runs killed at a random moment",
        &format!(
            "{number} times SIGKILL, of a directory and of an archive; each final name compared with a whole run"
        ),
        format_args!(
            "{killed} killed, {begun} of them with files begun and {named} with names given: none half there, every next run good"
        ),
        "none half there, nothing left after the next run",
        true,
    );
    Ok(())
}

/// A scan and what a whole run makes of it.
struct Input {
    scan: PathBuf,
    expected: Standing,
    list: Vec<u8>,
    /// How long the last whole run took.
    whole: Duration,
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    After(Duration),
    /// As soon as a file has its final name.
    FirstName,
}

/// What a killed run left.
struct Left {
    was_killed: bool,
    has_work: bool,
    has_names: bool,
}

impl Input {
    fn new(scene: &Scene, scan: PathBuf) -> Result<Self> {
        let mut input = Self { scan, expected: Standing::new(), list: Vec::new(), whole: Duration::ZERO };
        let (output, list) = (scene.path("out"), scene.path("list"));
        input.whole = succeed(&mut input.command(&output, &list)?)?;
        input.expected = standing(&output)?.0;
        input.list = std::fs::read(&list)?;
        ensure!(input.expected.len() == FORMATS.len() + 1, "{:?}", input.expected.keys());
        check(&output, &list)?;
        std::fs::remove_dir_all(&output)?;
        std::fs::remove_file(&list)?;
        Ok(input)
    }

    fn command(&self, output: &Path, list: &Path) -> Result<Command> {
        let mut command = generate(&self.scan, &FORMATS, output)?;
        command.arg("--compress").arg("--file-digests").arg(list);
        Ok(command)
    }

    /// Kills a run, looks at what it left, and runs again where it was.
    fn kill_at(&mut self, scene: &Scene, moment: Moment) -> Result<Left> {
        let (output, list) = (scene.path("out"), scene.path("list"));
        let mut command = self.command(&output, &list)?;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        match moment {
            Moment::After(moment) => std::thread::sleep(moment),
            Moment::FirstName => wait_for_a_name(&mut child, &output)?,
        }
        child.kill()?;
        let status = child.wait()?;
        let was_killed = status.signal() == Some(9);
        ensure!(was_killed || status.success(), "it ended with {status}");

        let (left, work) = standing(&output)?;
        for (name, digest) in &left {
            ensure!(self.expected.get(name) == Some(digest), "{name} is not whole");
        }
        if left.contains_key("report.json") {
            ensure!(left == self.expected, "report.json stands for {:?}", left.keys());
        }
        if list.exists() {
            ensure!(std::fs::read(&list)? == self.list, "the list of digests is not whole");
        }
        let left = Left { was_killed, has_work: !work.is_empty(), has_names: !left.is_empty() };

        let mut again = self.command(&output, &list)?;
        // Names that were given stay: whether they may go says who runs it again.
        again.args(left.has_names.then_some("--force"));
        self.whole = succeed(&mut again).context("the next run")?;
        let (now, work) = standing(&output)?;
        ensure!(now == self.expected, "the next run made {:?}", now.keys());
        ensure!(work.is_empty(), "the next run left {work:?}");
        ensure!(std::fs::read(&list)? == self.list, "the next run's list of digests differs");
        let beside: Vec<_> = scene.beside()?.into_iter().collect();
        ensure!(beside == ["list", "out"], "the next run left {beside:?}");
        std::fs::remove_dir_all(&output)?;
        std::fs::remove_file(&list)?;
        Ok(left)
    }
}

/// Looks at a directory without a pause until a file there has its final name, or the program has ended.
fn wait_for_a_name(child: &mut Child, output: &Path) -> Result<()> {
    while child.try_wait()?.is_none() {
        let is_final = |name: &OsString| !name.as_encoded_bytes().starts_with(b".diskwright-");
        if names(output)?.iter().any(is_final) {
            break;
        }
    }
    Ok(())
}

/// Every image reads back as its report and the list of digests say.
fn check(output: &Path, list: &Path) -> Result<()> {
    let images: Vec<PathBuf> = names(output)?.into_iter().map(|name| output.join(name)).collect();
    let report = output.join("report.json");
    let images: Vec<PathBuf> = images.into_iter().filter(|path| *path != report).collect();
    verify(&images, &report, &["--digests".as_ref(), list.as_os_str()])
}

const FORMATS: [&str; 3] = ["qcow2", "vmdk", "virtualbox"];
