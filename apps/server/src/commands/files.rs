use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process have as many open files as it may, which must be enough for so many connections.
///
/// # Errors
/// When it is not, naming the option.
pub(super) fn raise_limit(connections: usize) -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    if let Some(maximum) = maximum {
        ensure!(
            needed <= maximum,
            "--connections {connections} needs {needed} open files, and the system allows {maximum} (ulimit -Hn)"
        );
    }
    let wanted = maximum.unwrap_or(needed).min(needed.max(ENOUGH));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    Ok(())
}

/// Files that are open beside connections: the database, scans and images at work.
const OTHERS: u64 = 1024;
/// As many as any number of images at once needs.
const ENOUGH: u64 = 65_536;
