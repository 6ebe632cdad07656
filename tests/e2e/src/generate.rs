//! Running the program under test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::program::Program;

/// What one run of `diskwright generate` left.
#[derive(Debug)]
pub struct Generated {
    /// The files it named on standard output, in its order, without the report.
    pub outputs: Vec<PathBuf>,
    /// `report.json`.
    pub report: Value,
}

impl Generated {
    /// The first output: the disk.
    ///
    /// # Errors
    /// If the program named none.
    pub fn disk(&self) -> Result<&Path> {
        Ok(self.outputs.first().context("generate named no output")?)
    }

    /// The output of the format `id` whose name ends with `suffix`.
    ///
    /// # Errors
    /// If the report lists none.
    pub fn output(&self, id: &str, suffix: &str) -> Result<PathBuf> {
        let listed =
            self.report.get("outputs").and_then(Value::as_array).context("the report lists no output")?;
        let name = listed.iter().find_map(|output| {
            let is_it = output.get("format")?.as_str()? == id;
            // The extent of a flat VMDK ends like its descriptor; readers open the descriptor.
            let name = output.get("path")?.as_str()?;
            (is_it && name.ends_with(suffix) && !name.ends_with("-flat.vmdk")).then_some(name)
        });
        let name = name.with_context(|| format!("{id} left no {suffix}: {listed:?}"))?;
        let found = self.outputs.iter().find(|path| path.ends_with(name));
        Ok(found.with_context(|| format!("{name} was not named"))?.clone())
    }

    /// The paths inside the guest that the report says were edited, relative to the root.
    ///
    /// # Errors
    /// If the report has no list of edits, or an edit no path.
    pub fn edited_paths(&self) -> Result<Vec<String>> {
        let edits =
            self.report.get("edits").and_then(Value::as_array).context("the report lists no edits")?;
        let path = |edit: &Value| Some(edit.get("path")?.as_str()?.trim_start_matches('/').to_owned());
        edits
            .iter()
            .map(|edit| path(edit).with_context(|| format!("an edit without a path: {edit}")))
            .collect()
    }

    /// The report without what may differ from run to run.
    pub fn lasting_report(&self) -> Value {
        let mut report = self.report.clone();
        if let Some(fields) = report.as_object_mut() {
            fields.remove("run");
        }
        report
    }
}

/// Runs `diskwright generate --scan SCAN --output OUTPUT` for `formats` with a fixed seed and time and `more` arguments.
///
/// # Errors
/// With all it wrote, if it fails or names what is not there.
pub fn generate<Argument: AsRef<OsStr>>(
    scan: &Path,
    formats: &[&str],
    output: &Path,
    more: &[Argument],
) -> Result<Generated> {
    run(Command::new(program()?), scan, formats, output, more)
}

/// As [`generate`], with these variables of the environment and this umask, in octal digits.
///
/// # Errors
/// As [`generate`].
pub fn generate_in(
    scan: &Path,
    formats: &[&str],
    output: &Path,
    more: &[&str],
    environment: &[(&str, &str)],
    umask: &str,
) -> Result<Generated> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("umask {umask}; exec \"$0\" \"$@\"")).arg(program()?);
    shell.envs(environment.iter().copied());
    run(shell, scan, formats, output, more)
}

fn run<Argument: AsRef<OsStr>>(
    mut command: Command,
    scan: &Path,
    formats: &[&str],
    output: &Path,
    more: &[Argument],
) -> Result<Generated> {
    command.args(["generate", "--seed", "end to end", "--timestamp", "1700000000"]);
    command.args(formats.iter().flat_map(|format| ["--format", format]));
    command.args(["--progress", "none", "--scan"]).arg(scan).arg("--output").arg(output).args(more);
    let finished = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let (out, errors) =
        (String::from_utf8_lossy(&finished.stdout), String::from_utf8_lossy(&finished.stderr));
    if !finished.status.success() {
        bail!("{command:?}: {}\n{out}{errors}", finished.status);
    }
    let report = std::fs::read(output.join("report.json")).context("report.json")?;
    let outputs: Vec<PathBuf> =
        out.lines().map(PathBuf::from).filter(|path| !path.ends_with("report.json")).collect();
    if let Some(absent) = outputs.iter().find(|path| !path.is_file()) {
        bail!("{command:?} named {}, which is not there", absent.display());
    }
    Ok(Generated { outputs, report: serde_json::from_slice(&report)? })
}

/// Runs `diskwright verify IMAGE… --report REPORT` with `more` arguments.
///
/// # Errors
/// With all it wrote, if it finds anything or cannot read.
pub fn verify<Argument: AsRef<OsStr>>(images: &[PathBuf], report: &Path, more: &[Argument]) -> Result<()> {
    let mut command = Command::new(program()?);
    command.arg("verify").args(images).arg("--report").arg(report).args(more);
    let finished = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let (out, errors) =
        (String::from_utf8_lossy(&finished.stdout), String::from_utf8_lossy(&finished.stderr));
    if !finished.status.success() || !out.is_empty() {
        bail!("{command:?}: {}\n{out}{errors}", finished.status);
    }
    Ok(())
}

/// A command that runs the program under test, without arguments and without standard input.
///
/// # Errors
/// If it cannot be built.
pub fn diskwright() -> Result<Command> {
    let mut command = Command::new(program()?);
    command.stdin(Stdio::null());
    Ok(command)
}

fn program() -> Result<&'static Path> {
    static PROGRAM: Program = Program::new("diskwright-cli", "diskwright");
    PROGRAM.path()
}
