//! Whole disks laid out by the engine, and what sgdisk, e2fsck and fsck.fat say about them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use diskwright_core::engine::{Engine, Order, Plan};
use diskwright_core::format::{
    Access, FormatInfo, Hardware, ImagePlan, ImageWriter, Machine, OutputRole, OutputSpec, TargetFormat,
};
use diskwright_core::layout::DiskLayout;
use diskwright_core::profile::{BootPolicy, Profile};
use diskwright_core::scan::ScanSource;
use diskwright_core::tree::Strictness;
use diskwright_core::{Error, ErrorKind, Monitor, Result, Seed, Timestamp};
use diskwright_oracle::tool;

/// Lays out a disk of the scan, which need not boot, and has it checked: the engine's refusal is inside, what a checker
/// finds outside.
pub(crate) fn check_disk(scan: Arc<dyn ScanSource>, mode: Strictness) -> Result<Result<()>, String> {
    let profile = Profile { boot: Some(BootPolicy::None), ..Profile::default() };
    match plan(scan, mode, profile) {
        Ok((order, plan)) => judged(&order, &plan).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// The plan of an order for the one format here.
pub(crate) fn plan(scan: Arc<dyn ScanSource>, mode: Strictness, profile: Profile) -> Result<(Order, Plan)> {
    let (seed, time) = (Seed::from_text("odd"), Timestamp::from_seconds(1_700_000_000));
    let mut order = Order::new(scan, vec![Arc::new(LayoutOnly)], "odd", seed, time).with_profile(profile);
    order.strictness = mode;
    let plan = Engine::new().with_threads(1).plan(&order, &Monitor::new())?;
    Ok((order, plan))
}

/// What the checkers find on the disk of a plan: nothing, or the words of the first that finds something.
pub(crate) fn judged(order: &Order, plan: &Plan) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("disk");
    let disk = &plan.disks()[0];
    write(disk, 0, disk.size(), &path).map_err(|error| format!("unreadable: {error}"))?;
    let report = plan.report(order);
    if report.disks[0].table == "gpt" {
        find_nothing("sgdisk", &["-v"], &path, &[], &["No problems found."])?;
    }
    for partition in &report.disks[0].partitions {
        let volume = place.path().join("volume");
        write(disk, partition.start, partition.size, &volume).map_err(|error| error.to_string())?;
        match partition.file_system.as_ref().map(|file_system| file_system.kind.as_str()) {
            Some("ext2" | "ext3" | "ext4") => {
                find_nothing("e2fsck", &["-fn"], &volume, &["e2fsck ", "Pass "], &[" files ("])?;
            }
            Some("vfat") => {
                find_nothing("fsck.fat", &["-n", "-v"], &volume, &[], &[" files, "])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Runs a checker, which succeeds and prints each of `words`; if `lines` are given, only lines that begin so or contain one
/// of the words.
fn find_nothing(
    name: &str,
    arguments: &[&str],
    file: &Path,
    lines: &[&str],
    words: &[&str],
) -> Result<(), String> {
    let Some(program) = tool(name) else { return Ok(()) };
    let output = Command::new(program).args(arguments).arg(file).env("LC_ALL", "C").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let is_said = words.iter().all(|word| text.contains(word));
    let is_known = |line: &str| {
        line.is_empty()
            || lines.iter().any(|start| line.starts_with(start))
            || words.iter().any(|word| line.contains(word))
    };
    if output.status.success() && is_said && (lines.is_empty() || text.lines().all(is_known)) {
        return Ok(());
    }
    Err(format!("{name} {}:\n{text}", output.status))
}

/// Writes the part of a disk that begins at `start` to a sparse file of its own.
fn write(disk: &DiskLayout, start: u64, len: u64, path: &Path) -> Result<(), Error> {
    let file = File::create(path).unwrap();
    file.set_len(len).unwrap();
    let end = start + len;
    let mut reader = disk.reader();
    let mut buffer = vec![0; 1 << 20];
    for region in disk.regions().filter(|region| !region.is_zero) {
        let mut at = region.start.max(start);
        let last = (region.start + region.len).min(end);
        while at < last {
            let len = buffer.len().min((last - at) as usize);
            reader.read_exact_at(at, &mut buffer[..len])?;
            file.write_all_at(&buffer[..len], at - start).unwrap();
            at += len as u64;
        }
    }
    Ok(())
}

/// A format that is planned and never written: the disk is what counts.
#[derive(Debug)]
struct LayoutOnly;

const INFO: FormatInfo = FormatInfo {
    id: "layout-only",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".layout",
    compressed: None,
    qemu: None,
    options: &[],
};

impl TargetFormat for LayoutOnly {
    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> Result<Box<dyn ImagePlan>> {
        let name = format!("{}.layout", machine.name);
        let size_bound = disks[0].size();
        let spec = OutputSpec { name, role: OutputRole::Disk, size_bound, access: Access::Stream };
        Ok(Box::new(NeverWritten([spec])))
    }
}

struct NeverWritten([OutputSpec; 1]);

impl ImagePlan for NeverWritten {
    fn outputs(&self) -> &[OutputSpec] {
        &self.0
    }

    fn start(self: Box<Self>) -> Result<ImageWriter> {
        Err(Error::new(ErrorKind::Internal, "only planned"))
    }
}
