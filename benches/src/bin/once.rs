//! One generation, for programs that watch another one, such as strace and perf.
//!
//! `once FORMAT FORM SOURCE OUTPUTS THREADS`: FORM is `plain` or `compressed`; SOURCE is a directory or a tar archive; OUTPUTS is
//! a directory that is made.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Files, Monitor, Seed, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [format, form @ ("plain" | "compressed"), source, outputs, threads] = words[..] else {
        return Err("usage: once FORMAT plain|compressed SOURCE OUTPUTS THREADS".into());
    };
    let (files, source, threads) = (Files::default(), Path::new(source), threads.parse()?);
    let scan: Arc<dyn ScanSource> = if source.is_dir() {
        let source = DirectorySource::new(source, OneFileSystem::Stay, files.clone())?;
        Arc::new(source.with_threads(threads))
    } else {
        Arc::new(TarSource::new(&files, source, &std::env::temp_dir())?.with_threads(threads))
    };
    let target = diskwright::builtin_registry()?.configure(format, form == "compressed", &[])?;
    let profile = Profile { boot: Some(BootPolicy::None), ..Profile::default() };
    let (seed, time) = (Seed::from_text("once"), Timestamp::from_seconds(1));
    let order = Order::new(scan, vec![target], "once", seed, time).with_profile(profile);
    let sink = DirectorySink::create(files, Path::new(outputs), Overwrite::Refuse)?;
    Engine::new().with_threads(threads).run(&order, Box::new(sink), &Monitor::new())?;
    Ok(())
}
