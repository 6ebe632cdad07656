use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use diskwright::engine::{Digests, Engine, Order, Report};
use diskwright::format::Registry;
use diskwright::readiness;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::tree::{Finding, Severity};
use diskwright::{Error, ErrorKind, Files, Monitor};

use crate::arguments::GenerateArguments;
use crate::check;
use crate::failure::Failure;
use crate::prepare::prepare;
use crate::watch::Watch;

/// `diskwright generate`.
pub(crate) fn generate(registry: &Registry, arguments: &GenerateArguments) -> Result<(), Failure> {
    let overwrite = if arguments.force { Overwrite::Replace } else { Overwrite::Refuse };
    refuse_standing_report(&arguments.output, overwrite)?;
    let mut engine = Engine::new();
    if let Some(threads) = arguments.threads {
        engine = engine.with_threads(usize::from(threads));
    }
    let spool = existing(&arguments.output);
    let (mut order, notes) = prepare(registry, &arguments.order, &spool, engine.threads())?;
    if arguments.sha256 {
        order.digests = Digests::All;
    }
    let watch = Watch::start(arguments.progress)?;
    let sink = DirectorySink::create(Files::default(), &arguments.output, overwrite)?;
    let result = engine.run(&order, Box::new(sink), watch.monitor());
    drop(watch);
    let report = result?;
    if let Some(path) = &arguments.file_digests {
        write_file_digests(&engine, &order, path)?;
    }
    print_notes(&notes, &report.warnings, &report.readiness.findings);
    let mut out = io::stdout().lock();
    let names = report.outputs.iter().map(|output| output.path.as_str());
    for name in names.chain([Report::FILE_NAME]) {
        // A path need not be UTF-8.
        out.write_all(arguments.output.join(name).as_os_str().as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes the list of what the guest's file systems hold, whole or not at all.
fn write_file_digests(engine: &Engine, order: &Order, path: &Path) -> Result<(), Failure> {
    let plan = engine.plan(order, &Monitor::new())?;
    let failed = |error: io::Error| {
        let error = Error::new(ErrorKind::Sink, "the list of digests cannot be written").with_source(error);
        error.with_path(path.as_os_str().as_bytes())
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = io::BufWriter::new(File::create(&part).map_err(failed)?);
    let written = diskwright_verify::write_file_digests(plan.tree(), &mut file)
        .and_then(|()| file.get_ref().sync_all().map_err(failed))
        .and_then(|()| std::fs::rename(&part, path).map_err(failed));
    if written.is_err() {
        // The list that was begun is of no use to anybody.
        let _ = std::fs::remove_file(&part);
    }
    Ok(written?)
}

/// The one name that is known before anything is read; the engine refuses the others as soon as it knows them.
fn refuse_standing_report(directory: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    let path = directory.join(Report::FILE_NAME);
    if overwrite == Overwrite::Replace || path.symlink_metadata().is_err() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Sink, "there is already a file of this name (--force replaces it)");
    Err(error.with_path(path.as_os_str().as_bytes()).into())
}

/// The directory, or what stands above it: where there is room for the output there is room to unpack, too.
fn existing(directory: &Path) -> PathBuf {
    let above = directory.ancestors().find(|path| path.is_dir());
    above.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// What the user should know, on standard error; the report has all of it.
pub(crate) fn print_notes(notes: &[String], findings: &[Finding], readiness: &[readiness::Finding]) {
    for note in notes {
        eprintln!("note: {note}");
    }
    let warnings = || findings.iter().filter(|finding| finding.severity == Severity::Warning);
    for finding in warnings().take(MAX_SHOWN) {
        eprintln!("warning: {}: {}", finding.path, finding.text);
    }
    let more = warnings().count().saturating_sub(MAX_SHOWN);
    if more > 0 {
        eprintln!("warning: {more} more stand in the report");
    }
    let grave = readiness.iter().filter(|finding| finding.severity >= readiness::Severity::Warning);
    for finding in grave.take(MAX_SHOWN) {
        eprintln!("warning: {}", check::line(finding));
    }
}

const MAX_SHOWN: usize = 20;
