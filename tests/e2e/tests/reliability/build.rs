//! Small orders in every form of every format.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use diskwright::engine::{Engine, Order, Report};
use diskwright::profile::{BootPolicy, ByteSize, Profile};
use diskwright::scan::ScanSource;
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Files, Monitor, Seed, Timestamp};

/// A format, plain or compressed.
pub(crate) type Form = (&'static str, bool);

pub(crate) const FORMS: [Form; 11] = [
    ("raw", false),
    ("raw", true),
    ("qcow2", false),
    ("qcow2", true),
    ("vdi", false),
    ("vmdk", false),
    ("vmdk", true),
    ("virtualbox", false),
    ("virtualbox", true),
    ("vmware", false),
    ("vmware", true),
];

/// An order of a disk of 64 MiB that need not boot.
pub(crate) fn order(scan: Arc<dyn ScanSource>, forms: &[Form], seed: Seed) -> Result<Order> {
    let registry = diskwright::builtin_registry()?;
    let targets = forms
        .iter()
        .map(|(format, compress)| registry.configure(format, *compress, &[]))
        .collect::<diskwright::Result<Vec<_>>>()?;
    let profile = Profile {
        boot: Some(BootPolicy::None),
        disk_size: Some(ByteSize::from_bytes(64 << 20)),
        ..Profile::default()
    };
    Ok(Order::new(scan, targets, "machine", seed, Timestamp::from_seconds(1)).with_profile(profile))
}

/// Runs an order into a directory.
pub(crate) fn run(
    order: &Order,
    files: &Files,
    output: &Path,
    overwrite: Overwrite,
    threads: usize,
) -> diskwright::Result<Report> {
    let sink = DirectorySink::create(files.clone(), output, overwrite)?;
    Engine::new().with_threads(threads).run(order, Box::new(sink), &Monitor::new())
}

/// Name, length and digest of every output.
pub(crate) fn digests(report: &Report) -> Vec<(String, u64, String)> {
    let outputs = report.outputs.iter();
    outputs.map(|output| (output.path.clone(), output.length, output.digest().to_owned())).collect()
}

/// Some files, names and links.
pub(crate) fn populate(root: &Path) -> Result<()> {
    std::fs::create_dir(root.join("etc"))?;
    std::fs::write(root.join("etc/hostname"), "machine\n")?;
    std::fs::write(root.join("large"), vec![7; 3 << 20])?;
    std::fs::hard_link(root.join("large"), root.join("second"))?;
    std::os::unix::fs::symlink("large", root.join("link"))?;
    Ok(())
}
