use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use diskwright::engine::{Digests, Engine, Report};
use diskwright::format::Registry;
use diskwright::readiness;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::tree::{Finding, Severity};
use diskwright::{Error, ErrorKind, Files};

use crate::arguments::{GenerateArguments, ProgressMode};
use crate::check;
use crate::digest_list;
use crate::failure::Failure;
use crate::prepare::prepare;
use crate::watch::Watch;

/// `diskwright generate`.
pub(crate) fn generate(registry: &Registry, arguments: &GenerateArguments) -> Result<(), Failure> {
    let overwrite = if arguments.force { Overwrite::Replace } else { Overwrite::Refuse };
    refuse_standing(&arguments.output.join(Report::FILE_NAME), overwrite)?;
    let mut engine = Engine::new();
    if let Some(threads) = arguments.threads {
        engine = engine.with_threads(usize::from(threads));
    }
    let spool = existing(&arguments.output);
    let (mut order, notes) = prepare(registry, &arguments.order, &spool, engine.threads())?;
    if arguments.sha256 {
        order.digests = Digests::All;
    }
    // First, so that there are no images without the list that was asked for.
    let list = match &arguments.file_digests {
        Some(path) => {
            refuse_standing(path, overwrite)?;
            let watch = Watch::start(ProgressMode::None)?;
            Some(digest_list::write(path, overwrite, &engine, &order, watch.monitor())?)
        }
        None => None,
    };
    let watch = Watch::start(arguments.progress)?;
    let sink = DirectorySink::create(Files::default(), &arguments.output, overwrite)?;
    let result = engine.run(&order, Box::new(sink), watch.monitor());
    drop(watch);
    let report = result?;
    if let Some(list) = list {
        list.publish()?;
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

/// Of names that are known before anything is read; the engine refuses the others as soon as it knows them.
fn refuse_standing(path: &Path, overwrite: Overwrite) -> Result<(), Failure> {
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
