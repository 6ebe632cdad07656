use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use diskwright::engine::Order;
use diskwright::format::{FormatEntry, Registry, TargetFormat};
use diskwright::profile::{MachineReport, Profile};
use diskwright::readiness::InitramfsPolicy;
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource, without_archive_suffixes};
use diskwright::tree::{Strictness, Whiteouts};
use diskwright::{Error, ErrorKind, Files, Seed, Timestamp};
use diskwright_request::ImageRequest;

use crate::arguments::{InitramfsMode, OrderArguments};
use crate::failure::Failure;

/// The order that the arguments describe, and what was noted on the way, a sentence each.
///
/// Packed archives are spooled in `spool_directory`; directories are scanned by `threads`.
pub(crate) fn prepare(
    registry: &Registry,
    arguments: &OrderArguments,
    spool_directory: &Path,
    threads: usize,
) -> Result<(Order, Vec<String>), Failure> {
    let mut flags = arguments.settings.to_profile();
    arguments.guest.add_to(&mut flags)?;
    arguments.disks.add_to(&mut flags)?;
    let request = match &arguments.request {
        Some(path) => in_file(path, ImageRequest::parse(&read_document(path)?))?,
        None => ImageRequest::default(),
    };
    let profile = match &arguments.profile {
        Some(path) => in_file(path, Profile::from_json(&read_document(path)?))?,
        None => Profile::default(),
    };
    let machine = match &arguments.machine {
        Some(path) => Some(in_file(path, MachineReport::from_json(&read_document(path)?))?),
        None => None,
    };
    let targets = targets(registry, arguments, &request)?;
    let files = Files::default();
    let mut scans = Vec::new();
    for path in &arguments.scan {
        scans.push(open_scan(path, arguments.cross_file_systems, &files, spool_directory, threads)?);
    }
    let layers = [&flags, &request.profile, &profile];
    let name = match layers.iter().find_map(|layer| layer.name.clone()) {
        Some(name) => name,
        None => default_name(arguments)?,
    };
    let seed = match layers.iter().find_map(|layer| layer.seed.clone()) {
        Some(text) => Seed::from_text(text),
        None => Seed::random(),
    };
    let timestamp = match layers.iter().find_map(|layer| layer.timestamp) {
        Some(seconds) => seconds,
        None => default_timestamp()?,
    };
    // clap lets no order through without a scan.
    let first = Arc::clone(scans.first().ok_or_else(|| Failure::Usage("--scan is missing".into()))?);
    let mut order = Order::new(first, targets, name, seed, Timestamp::from_seconds(timestamp));
    order.scans = scans;
    if arguments.oci_whiteouts {
        order.whiteouts = Whiteouts::Oci;
    }
    order.initramfs = match arguments.initramfs {
        InitramfsMode::Amend => InitramfsPolicy::Amend,
        InitramfsMode::Keep => InitramfsPolicy::Keep,
    };
    order.controllers.clone_from(&arguments.controller);
    if arguments.strict {
        order.strictness = Strictness::Strict;
    }
    if let Some(path) = &arguments.boot_files {
        order.donor = Some(Arc::new(DirectorySource::new(path, OneFileSystem::Stay, files)?));
    }
    (order.machine, order.flags, order.request, order.profile) = (machine, flags, request.profile, profile);
    order.notes.clone_from(&request.notes);
    Ok((order, request.notes))
}

/// The scan at a path: a directory, or an archive of one.
pub(crate) fn open_scan(
    path: &Path,
    cross_file_systems: bool,
    files: &Files,
    spool_directory: &Path,
    threads: usize,
) -> Result<Arc<dyn ScanSource>, Failure> {
    let failed = |error| {
        let error = Error::new(ErrorKind::Source, "cannot open the scan").with_source(error);
        error.with_path(path.as_os_str().as_bytes())
    };
    if path.metadata().map_err(failed)?.is_dir() {
        let one_file_system = if cross_file_systems { OneFileSystem::Cross } else { OneFileSystem::Stay };
        let source = DirectorySource::new(path, one_file_system, files.clone())?;
        // More than processors only take memory.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        return Ok(Arc::new(source.with_threads(threads.min(processors))));
    }
    Ok(Arc::new(TarSource::new(files, path, spool_directory)?.with_threads(threads)))
}

/// A document that is read whole.
pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut document = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_DOCUMENT).read_to_end(&mut document));
    match read {
        Ok(_) => Ok(document),
        Err(error) => {
            let error = Error::new(ErrorKind::Source, "cannot read").with_source(error);
            Err(error.with_path(path.as_os_str().as_bytes()).into())
        }
    }
}

fn in_file<T>(path: &Path, parsed: diskwright::Result<T>) -> Result<T, Failure> {
    Ok(parsed.map_err(|error| error.with_path(path.as_os_str().as_bytes()))?)
}

/// The formats of the flags, else that of the request, configured.
fn targets(
    registry: &Registry,
    arguments: &OrderArguments,
    request: &ImageRequest,
) -> Result<Vec<Arc<dyn TargetFormat>>, Failure> {
    let entries = formats(registry, arguments, request)?;
    let mut options = request.options(&entries)?;
    // Flags come later and win.
    for (options, flags) in options.iter_mut().zip(scoped_options(&entries, &arguments.option)?) {
        options.extend(flags);
    }
    let compress = arguments.compress || request.compress == Some(true);
    let configure = |(entry, options): (&&FormatEntry, &Vec<(String, String)>)| {
        registry.configure(entry.info.id, compress, options).map_err(Failure::from)
    };
    entries.iter().zip(&options).map(configure).collect()
}

/// The formats of the flags, else that of the request.
fn formats<'a>(
    registry: &'a Registry,
    arguments: &OrderArguments,
    request: &ImageRequest,
) -> Result<Vec<&'a FormatEntry>, Failure> {
    if arguments.format.is_empty() {
        if request.target_format.is_none() {
            return Err(Failure::Usage(format!("no format is named: --format {}", known(registry))));
        }
        return Ok(vec![request.format(registry)?]);
    }
    let mut entries: Vec<&FormatEntry> = Vec::new();
    for name in &arguments.format {
        let Some(entry) = registry.find(name) else {
            return Err(Failure::Usage(format!("no format is called {name:?}: {}", known(registry))));
        };
        if entries.iter().any(|known| known.info.id == entry.info.id) {
            return Err(Failure::Usage(format!("the format {} is named twice", entry.info.id)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn known(registry: &Registry) -> String {
    let ids: Vec<&str> = registry.entries().iter().map(|entry| entry.info.id).collect();
    ids.join(", ")
}

fn has_option(entry: &FormatEntry, key: &str) -> bool {
    entry.info.options.iter().any(|option| option.key.eq_ignore_ascii_case(key))
}

/// For each format the options that are meant for it.
fn scoped_options(entries: &[&FormatEntry], given: &[String]) -> Result<Vec<Vec<(String, String)>>, Failure> {
    let mut options = vec![Vec::new(); entries.len()];
    for option in given {
        let Some((name, value)) = option.split_once('=') else {
            return Err(Failure::Usage(format!("the option {option:?} is not of the form [ID.]KEY=VALUE")));
        };
        let (id, key) = match name.split_once('.') {
            Some((id, key)) => (Some(id), key),
            None => (None, name),
        };
        let is_meant = |entry: &FormatEntry| match id {
            Some(id) => entry.info.id.eq_ignore_ascii_case(id),
            None => has_option(entry, key),
        };
        let mut is_used = false;
        for (entry, options) in entries.iter().zip(&mut options) {
            if is_meant(entry) {
                options.push((key.to_owned(), value.to_owned()));
                is_used = true;
            }
        }
        if !is_used {
            let message = match id {
                Some(id) => format!("the option {option:?} is for the format {id:?}, which is not asked for"),
                None => format!("no format asked for has the option {key:?}"),
            };
            return Err(Failure::Usage(message));
        }
    }
    Ok(options)
}

/// The first scan's base name without archive suffixes.
fn default_name(arguments: &OrderArguments) -> Result<String, Failure> {
    let path = arguments.scan.first().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    let name = path.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let name = without_archive_suffixes(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "{name:?}, the scan's name, cannot name the image (letters, digits, '.', '_', '-', at most 64): give --name"
    );
    Err(Failure::Usage(message))
}

/// `SOURCE_DATE_EPOCH`, else now.
fn default_timestamp() -> Result<i64, Failure> {
    if let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") {
        let seconds = text.to_str().and_then(|text| text.parse().ok());
        return seconds.ok_or_else(|| Failure::Usage("SOURCE_DATE_EPOCH is not a number of seconds".into()));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the clock enters, shown in the report"
    )]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
    Ok(i64::try_from(since).unwrap_or(i64::MAX))
}

/// More than any reader of a document takes, so that they refuse it.
const MAX_DOCUMENT: u64 = 8 << 20;
