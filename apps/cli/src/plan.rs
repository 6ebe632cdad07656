use std::io::{self, Write};

use diskwright::engine::{DiskEntry, Engine, FileSystemEntry, Report};
use diskwright::format::Registry;
use diskwright::layout::DiskLayout;

use crate::arguments::{OutputMode, PlanArguments, ProgressMode};
use crate::failure::Failure;
use crate::generate::print_notes;
use crate::prepare::prepare;
use crate::watch::Watch;

/// `diskwright plan`.
pub(crate) fn plan(registry: &Registry, arguments: &PlanArguments) -> Result<(), Failure> {
    let engine = Engine::new();
    let (order, notes) = prepare(registry, &arguments.order, &std::env::temp_dir(), engine.threads())?;
    let watch = Watch::start(ProgressMode::None)?;
    let plan = engine.plan(&order, watch.monitor())?;
    drop(watch);
    let report = plan.report(&order);
    print_notes(&notes, &report.warnings, &report.readiness.findings);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match arguments.output {
        OutputMode::Json => out.write_all(&report.to_json()?)?,
        OutputMode::Text => {
            print_report(&report, &mut out)?;
            if arguments.regions {
                for (at, disk) in plan.disks().iter().enumerate() {
                    print_regions(at, disk, &mut out)?;
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn print_report(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let machine = &report.machine;
    let boots: Vec<String> = machine.boots_under.iter().map(|firmware| format!("{firmware:?}")).collect();
    let boots = if boots.is_empty() { "nothing".to_owned() } else { boots.join(", ").to_lowercase() };
    writeln!(
        out,
        "machine {}: {} bytes of memory, {} CPUs, boots under {boots}",
        machine.name, machine.memory, machine.cpus
    )?;
    writeln!(out, "seed {}, timestamp {}", report.seed, report.timestamp)?;
    for (at, disk) in report.disks.iter().enumerate() {
        print_disk(at, disk, out)?;
    }
    writeln!(out, "\noutputs:")?;
    for output in &report.outputs {
        writeln!(out, "  {} ({}, at most {} bytes)", output.path, output.format, output.length)?;
    }
    writeln!(out, "\nedits of the tree: {}", report.edits.len())?;
    for edit in &report.edits {
        writeln!(out, "  {}: {}", edit.path, edit.reason)?;
    }
    Ok(())
}

fn print_disk(at: usize, disk: &DiskEntry, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\ndisk {}: {} bytes, sectors of {}, {} {}",
        at + 1,
        disk.size,
        disk.sector_size,
        disk.table,
        disk.id
    )?;
    writeln!(out, "  {:>3} {:>15} {:>15} {:9} {:36} content", "#", "start", "size", "role", "id")?;
    for partition in &disk.partitions {
        let content = match (&partition.file_system, &partition.physical_volume) {
            (Some(fs), _) => content(fs),
            (None, Some(physical)) => format!("volume group {}, {}", physical.volume_group, physical.uuid),
            (None, None) => String::new(),
        };
        let line = format!(
            "  {:>3} {:>15} {:>15} {:9} {:36} {content}",
            partition.number, partition.start, partition.size, partition.role, partition.id
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    for group in &disk.volume_groups {
        writeln!(out, "  volume group {}: extents of {}, {}", group.name, group.extent_size, group.uuid)?;
        for volume in &group.volumes {
            let place = match volume.segments.as_slice() {
                [only] => format!("from {}", only.start),
                segments => format!("in {} pieces", segments.len()),
            };
            let content = volume.file_system.as_ref().map(content).unwrap_or_default();
            writeln!(out, "    {:20} {:>15} {place}, {content}", volume.name, volume.size)?;
        }
    }
    Ok(())
}

/// A file system or swap area in a line.
fn content(fs: &FileSystemEntry) -> String {
    let mount = fs.mount_point.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
    let label = if fs.label.is_empty() { String::new() } else { format!(" {:?}", fs.label) };
    format!("{}{mount}, {}{label}", fs.kind, fs.uuid)
}

/// Regions of one label that touch are one line.
fn print_regions(at: usize, disk: &DiskLayout, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nregions of disk {}:\n  {:>15} {:>15} content", at + 1, "start", "length")?;
    let mut line: Option<(u64, u64, &str)> = None;
    for region in disk.regions() {
        match &mut line {
            Some((_, len, label)) if *label == region.label => *len += region.len,
            _ => {
                if let Some((start, len, label)) = line.replace((region.start, region.len, region.label)) {
                    writeln!(out, "  {start:>15} {len:>15} {label}")?;
                }
            }
        }
    }
    match line {
        Some((start, len, label)) => writeln!(out, "  {start:>15} {len:>15} {label}"),
        None => Ok(()),
    }
}
