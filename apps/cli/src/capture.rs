use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use diskwright::Files;
use diskwright::capture::Capture;
use diskwright::scan::{Excluded, OneFileSystem};
use diskwright::sink::Overwrite;

use crate::arguments::CaptureArguments;
use crate::failure::Failure;
use crate::generate::print_notes;
use crate::watch::Watch;

/// `diskwright capture`.
pub(crate) fn capture(arguments: &CaptureArguments) -> Result<(), Failure> {
    let excluded = Excluded::new(arguments.exclude.iter().map(|pattern| pattern.as_bytes()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let capture = Capture::new(&arguments.root)
        .with_excluded(excluded)
        .with_one_file_system(if arguments.one_file_system {
            OneFileSystem::Stay
        } else {
            OneFileSystem::Own
        })
        .with_overwrite(if arguments.force { Overwrite::Replace } else { Overwrite::Refuse })
        .with_threads(threads);
    let watch = Watch::start(arguments.progress)?;
    let result = capture.run(&Files::default(), &arguments.output, watch.monitor());
    drop(watch);
    let captured = result?;
    // Where it was left out what is mounted is no warning, but the user shall know of it.
    let mounted = captured.findings.iter().filter(|finding| finding.code == "mount-point");
    let notes: Vec<String> = mounted.map(|finding| format!("{}: {}", finding.path, finding.text)).collect();
    print_notes(&notes, &captured.findings, &[]);
    let (entries, content, archive) = (captured.entries, captured.content_bytes, captured.archive_bytes);
    eprintln!("{entries} entries with {content} bytes of content in an archive of {archive} bytes");
    let mut out = io::stdout().lock();
    out.write_all(arguments.output.as_os_str().as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}
