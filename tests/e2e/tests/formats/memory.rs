//! Peak memory of the whole process stays within the promise, at every format's hardest settings.

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::DebianTree;
use diskwright_e2e::generate;

/// What a generation may take beside what its entries need.
const BASE: u64 = 64 << 20;
/// Bytes for each entry of the tree.
const ENTRY: u64 = 160;

#[test]
fn hardest_settings_of_every_format_stay_within_the_memory_promised() -> Result<()> {
    let Some(tree) = DebianTree::find() else { return Ok(()) };
    // Programs enough to fill every buffer.
    let scan = tree.root().join("usr/sbin");
    let entries = scan.read_dir()?.count() as u64 + 1;
    let hard = |options: &[&'static str]| {
        let mut settings = vec!["--compress"];
        settings.extend(options.iter().flat_map(|option| ["--option", option]));
        settings
    };
    let cases: [(&[&str], Vec<&str>); 13] = [
        (&["raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk", "virtualbox", "vmware"], Vec::new()),
        (&["raw", "qcow2", "vhd", "vhdx", "gce", "vagrant", "vmdk", "virtualbox", "vmware"], hard(&[])),
        (&["raw"], hard(&["level=12"])),
        (&["raw"], hard(&["compression=zstd", "level=19"])),
        (&["qcow2"], hard(&["level=9", "cluster-size=2M"])),
        (&["qcow2"], hard(&["compression=zstd", "level=19"])),
        (&["vmdk"], hard(&["level=12"])),
        (&["virtualbox", "vmware"], hard(&["level=12"])),
        (&["vhd", "vhdx", "gce", "vagrant"], hard(&["level=12"])),
        // The largest items for the most targets, the largest encoders beside each other, and all of it at once.
        (
            &["raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk", "virtualbox", "vmware"],
            vec!["--option", "cluster-size=2M"],
        ),
        (
            &["raw", "qcow2", "vhd", "vhdx", "gce", "vagrant", "vmdk", "virtualbox", "vmware"],
            hard(&["cluster-size=2M"]),
        ),
        (&["raw", "qcow2"], hard(&["compression=zstd", "level=19", "cluster-size=2M"])),
        (
            &["raw", "qcow2", "vmdk", "virtualbox", "vmware"],
            hard(&[
                "compression=zstd",
                "cluster-size=2M",
                "raw.level=19",
                "qcow2.level=19",
                "vmdk.level=12",
                "virtualbox.level=12",
                "vmware.level=11",
            ]),
        ),
    ];
    for (formats, settings) in cases {
        for threads in ["1", "8", "64", "256"] {
            let room = tempfile::tempdir()?;
            let more = [&["--boot", "none", "--name", "m", "--threads", threads], &settings[..]].concat();
            let generated = generate(&scan, formats, &room.path().join("out"), &more)?;
            let peak = generated.report.pointer("/run/peak_memory").and_then(serde_json::Value::as_u64);
            let peak = peak.context("the report has no peak of memory")?;
            ensure!(peak <= BASE + ENTRY * entries, "{formats:?} {more:?}: {peak} bytes");
        }
    }
    Ok(())
}
