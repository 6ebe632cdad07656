use std::path::Path;

use diskwright_core::engine::{Engine, OutputEntry};
use diskwright_core::format::{Machine, TargetFormat};
use diskwright_core::layout::DiskLayout;
use diskwright_core::sink::{DirectorySink, Overwrite};
use diskwright_core::{Files, Monitor, Result, Seed, Timestamp};

/// Writes a machine to files of `directory`, whose names begin with the machine's.
///
/// # Errors
/// The engine's, the format's and the directory's: nothing is replaced.
pub fn write(
    format: &dyn TargetFormat,
    machine: &Machine,
    disks: &[DiskLayout],
    directory: &Path,
    threads: usize,
) -> Result<Vec<OutputEntry>> {
    let sink = DirectorySink::create(Files::default(), directory, Overwrite::Refuse)?;
    Engine::new().with_threads(threads).write_disks(disks, format, machine, Box::new(sink), &Monitor::new())
}

/// As [`write()`], for a container, which takes nothing of the machine but its name, `disk`.
///
/// # Errors
/// As [`write()`].
pub fn write_disks(
    format: &dyn TargetFormat,
    disks: &[DiskLayout],
    directory: &Path,
    threads: usize,
) -> Result<Vec<OutputEntry>> {
    let machine = Machine::new("disk", Seed::from_text("conformance"), Timestamp::from_seconds(0));
    write(format, &machine, disks, directory, threads)
}
