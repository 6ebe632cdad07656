//! Foreign programs that judge outputs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::readers::Unreadable;

/// Where the program `name` stands: in PATH, /sbin or /usr/sbin.
///
/// # Errors
/// [`Unreadable::Missing`] with its name.
pub fn find(name: &str) -> Result<PathBuf, Unreadable> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/sbin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| Unreadable::Missing(name.to_owned()))
}

/// What the program prints to standard output; it must succeed.
///
/// # Errors
/// [`Unreadable::Failed`] with all that it printed.
pub fn run<Argument: AsRef<OsStr>>(program: &Path, arguments: &[Argument]) -> Result<Vec<u8>, Unreadable> {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").stdin(Stdio::null()).args(arguments);
    let failed = |text: String| Unreadable::Failed(format!("{command:?}: {text}"));
    let output = Command::new(program)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .args(arguments)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        return Err(failed(format!("{}: {}{}", output.status, text(&output.stdout), text(&output.stderr))));
    }
    Ok(output.stdout)
}

/// Says why a test is skipped.
///
/// # Panics
/// Where `DISKWRIGHT_REQUIRE_ORACLES=1` is set: there, a skipped test is a failed one.
pub fn skip(reason: &str) {
    let required = std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    assert!(!required, "cannot be skipped here: {reason}");
    println!("skipped: {reason}");
}
