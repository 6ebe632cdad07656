//! The README's session with the server, as it stands there: from the command that starts it to an appliance that boots.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::server::{CARGO_RUN, Server};
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, MachineModel, Tool, text};

#[test]
fn the_session_of_the_readme_ends_with_an_appliance_of_the_small_machine() -> Result<()> {
    let Some(shell) = shell() else { return Ok(()) };
    let workshop = Workshop::enter("seed-small")?;
    // The README's paths are those of a checkout.
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"), workshop.path().join("fixtures"))?;
    let session = Session::begin(&shell, &command()?, workshop.path())?;
    let warning = "the disk boots under no firmware";
    ensure!(session.said.contains(warning), "no warning:\n{}", session.said);
    let status = session.until_complete()?;
    ensure!(status.contains(warning), "no warning: {status}");
    session.run(line("/downloads")?)?;
    session.same_as_recorded(&workshop.path().join("small-machine.ova"))?;
    ensure!(
        fs::read_dir(workshop.path().join("server-data/images/1"))?.count() == 2,
        "an appliance and a report"
    );
    session.server.stop()
}

#[test]
fn what_the_readme_asks_for_of_debian_boots_to_login() -> Result<()> {
    let (Some(shell), Some(tar), Some(tree), Some(emulator)) =
        (shell(), Tool::find("tar"), DebianTree::find(), Emulator::find())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("seed-debian")?;
    with_serial_console(&tree, &tar, workshop.path())?;
    // A machine that boots needs no leave not to.
    let command = command()?.replace(SMALL_MACHINE, "debian.tar").replace("--boot optional ", "");
    ensure!(command == format!("{CARGO_RUN}demo debian.tar"), "another command: {command}");
    let session = Session::begin(&shell, &command, workshop.path())?;
    session.until_complete()?;
    let document = session.get("")?;
    let uri = element(&document, "downloadUri")?;
    let (origin, file) = (session.server.origin(), workshop.path().join("downloaded.ova"));
    // No account: the key in the URI is enough, once.
    let download = format!("curl --fail --silent --show-error '{origin}/api/{uri}' --output downloaded.ova");
    session.run(&download)?;
    session.same_as_recorded(&file)?;
    ensure!(session.run(&download).is_err(), "a download key is good twice");
    session.server.stop()?;
    let disk = Image { path: file, kind: Kind::Ova }.innermost(&tar, workshop.path())?;
    debian::assert_boots(&emulator, &disk, (MachineModel::Q35, Attachment::OnBoard), Firmware::Bios)
}

/// A server that was started and asked for an image as the README says.
struct Session<'a> {
    shell: &'a Tool,
    room: &'a Path,
    server: Server,
    /// What the server printed when it had read the scan.
    said: String,
    password: String,
}

impl<'a> Session<'a> {
    /// Starts the server in `room` by `command` and posts the request; the answer is a ticket.
    fn begin(shell: &'a Tool, command: &str, room: &'a Path) -> Result<Self> {
        let (server, said) = Server::demonstrate(command, room)?;
        let password = said.lines().find_map(|line| line.strip_prefix("account guest, password "));
        let password = password.with_context(|| format!("no password: {said}"))?.to_owned();
        let session = Self { shell, room, server, said, password };
        let post = line("-X POST")?;
        // The server says the same, with everything put in.
        let posts = session.said.lines().filter(|line| line.contains("-X POST"));
        let said: Vec<&str> = posts
            .filter_map(|line| line.trim().split_once(" --data-binary "))
            .map(|(said, _)| said)
            .collect();
        let (written, _) = post.split_once(" --data-binary ").context("a request without body")?;
        ensure!(said == [session.put_in(written)], "{said:?} is not {written}");
        session.run(line("representation.xml")?)?;
        let ticket = session.run(&format!("{post} --silent --show-error --write-out '\\n%{{http_code}}'"))?;
        let (ticket, code) = ticket.trim().rsplit_once('\n').context("no code")?;
        ensure!(code == "201", "{code}: {ticket}");
        for (name, value) in
            [("complete", "false"), ("error", "false"), ("memorySize", "512"), ("statusUri", STATUS)]
        {
            ensure!(element(ticket, name)? == value, "{name} is not {value}: {ticket}");
        }
        Ok(session)
    }

    /// Asks as the README does until the image is complete; what the status says then.
    fn until_complete(&self) -> Result<String> {
        let end = Instant::now() + GENERATION_DEADLINE;
        let mut before = 0;
        while Instant::now() < end {
            let status = self.run(line("/status")?)?;
            let percentage: u32 = element(&status, "percentage")?.parse()?;
            ensure!((before..=100).contains(&percentage), "{percentage} after {before}");
            before = percentage;
            ensure!(element(&status, "error")? == "false", "{status}");
            if element(&status, "complete")? == "true" {
                ensure!(percentage == 100, "complete at {percentage}");
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("not complete in {GENERATION_DEADLINE:?}:\n{}", self.server.log())
    }

    /// Fails unless `file` is what the server recorded of the image: in length, by SHA-256.
    fn same_as_recorded(&self, file: &Path) -> Result<()> {
        let document = self.get("")?;
        let sum = self.run(&format!("sha256sum <'{}'", file.display()))?;
        let length = fs::metadata(file)?.len();
        let recorded = element(&document, "sha256sum")?;
        ensure!(sum.split_whitespace().next() == Some(recorded), "{sum} is not that of {document}");
        ensure!(element(&document, "fileSize")? == length.to_string(), "{length} is not that of {document}");
        Ok(())
    }

    /// What is at `path` below the image.
    fn get(&self, path: &str) -> Result<String> {
        self.run(&line("/status")?.replace("/status", path))
    }

    /// Runs a line of the README where the server is, with its address and password put in; what it printed.
    fn run(&self, line: &str) -> Result<String> {
        let line = self.put_in(line);
        let mut command = self.shell.command();
        let output = command.args(["-euo", "pipefail", "-c", &line]).current_dir(self.room).output()?;
        ensure!(
            output.status.success(),
            "{line}: {}\n{}\n{}",
            output.status,
            text(&output),
            self.server.log()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    fn put_in(&self, line: &str) -> String {
        line.replace(ORIGIN, self.server.origin()).replace("PASSWORD", &self.password)
    }
}

/// The shell, if curl is there, too.
fn shell() -> Option<Tool> {
    Tool::find("curl")?;
    Tool::find("bash")
}

/// The README's command that starts a server.
fn command() -> Result<String> {
    let found = README.lines().find(|line| line.starts_with(CARGO_RUN));
    let command = found.context("the README starts no server")?;
    ensure!(command.ends_with(SMALL_MACHINE), "another scan: {command}");
    Ok(command.to_owned())
}

/// The README's line, of those after that command, that holds `part`.
fn line(part: &str) -> Result<&'static str> {
    let (_, rest) = README.split_once(CARGO_RUN).context("the README starts no server")?;
    let found = rest
        .lines()
        .find(|line| line.contains(part) && (line.starts_with("curl ") || line.starts_with("echo ")));
    found.with_context(|| format!("no line of the README has {part}"))
}

/// The text of the first element `name`.
fn element<'a>(document: &'a str, name: &str) -> Result<&'a str> {
    let found = document.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    Ok(found.with_context(|| format!("no {name} in {document}"))?.0)
}

/// Makes `debian.tar` in `room`, the Debian machine whose kernel speaks to the serial line, too.
fn with_serial_console(tree: &DebianTree, tar: &Tool, room: &Path) -> Result<()> {
    let archive = room.join("debian.tar");
    fs::copy(tree.archive(), &archive)?;
    let menu = "boot/grub/grub.cfg";
    let text = fs::read_to_string(tree.root().join(menu))?;
    let changed = text.replace(" ro  quiet", " ro console=ttyS0 quiet");
    ensure!(changed != text, "another menu:\n{text}");
    let path: PathBuf = room.join("changed").join(menu);
    fs::create_dir_all(path.parent().context("no directory")?)?;
    fs::write(&path, changed)?;
    let mut append = tar.command();
    // The later member of a name is the file's.
    append.args(["--append", "--owner=0", "--group=0", "--file"]).arg(&archive);
    append.arg("--directory").arg(room.join("changed")).arg(format!("./{menu}"));
    let output = append.output()?;
    ensure!(output.status.success(), "{append:?}: {}", diskwright_e2e::text(&output));
    Ok(())
}

const README: &str = include_str!("../../../README.md");
const SMALL_MACHINE: &str = "fixtures/valid/small-machine.tar";
/// Where a server listens unless it is told otherwise.
const ORIGIN: &str = "http://127.0.0.1:8080";
const STATUS: &str = "users/guest/scannedinstances/1/scans/1/images/1/status";
const GENERATION_DEADLINE: Duration = Duration::from_secs(600);
