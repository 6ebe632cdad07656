//! The smallest embedding: a directory or tar becomes a raw disk.
//!
//! `cargo run --example smallest -- SCAN OUTPUT-DIRECTORY`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{DirectorySource, OneFileSystem, ScanSource, TarSource};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Files, Monitor, Seed, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(scan), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: smallest SCAN OUTPUT-DIRECTORY".into());
    };
    let format = diskwright::builtin_registry()?.configure("raw", false, &[])?;
    let profile = Profile { boot: Some(BootPolicy::Optional), ..Profile::default() };
    let order =
        Order::new(source(&scan, &output)?, vec![format], "disk", Seed::random(), Timestamp::from_seconds(0))
            .with_profile(profile);
    let sink = DirectorySink::create(Files::default(), output, Overwrite::Refuse)?;
    let report = Engine::new().run(&order, Box::new(sink), &Monitor::new())?;
    println!("{}", String::from_utf8_lossy(&report.to_json()?));
    Ok(())
}

fn source(scan: &Path, spool: &Path) -> diskwright::Result<Arc<dyn ScanSource>> {
    let files = Files::default();
    Ok(if scan.is_dir() {
        Arc::new(DirectorySource::new(scan, OneFileSystem::Stay, files)?)
    } else {
        Arc::new(TarSource::new(&files, scan, spool)?)
    })
}
