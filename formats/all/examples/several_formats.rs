//! Several formats at once: one tree is read once and becomes a QCOW2 disk, a VirtualBox package and a VMware package.
//!
//! `cargo run --example several_formats -- SCAN OUTPUT-DIRECTORY`

use std::path::PathBuf;
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::TarSource;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Files, Monitor, Seed, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(scan), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: several_formats SCAN OUTPUT-DIRECTORY".into());
    };
    let registry = diskwright::builtin_registry()?;
    let compress = true;
    // The two packages hold the same compressed disk: it is encoded once.
    let formats = vec![
        registry.configure("qcow2", compress, &[("compression".to_owned(), "zstd".to_owned())])?,
        registry.configure("virtualbox", compress, &[])?,
        registry.configure("vmware", compress, &[])?,
    ];
    let scan = Arc::new(TarSource::new(&Files::default(), &scan, &std::env::temp_dir())?);
    let order = Order::new(scan, formats, "machine", Seed::from_text("example"), Timestamp::from_seconds(0))
        .with_profile(Profile { boot: Some(BootPolicy::Optional), ..Profile::default() });
    let sink = DirectorySink::create(Files::default(), output, Overwrite::Refuse)?;
    let report = Engine::new().run(&order, Box::new(sink), &Monitor::new())?;
    for output in &report.outputs {
        println!("{} {} {} bytes", output.format, output.path, output.length);
    }
    Ok(())
}
