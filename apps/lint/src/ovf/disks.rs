//! References and disk section, and the files behind them.

use diskwright_core::{Error, ErrorKind, Result};

use super::Disks;
use crate::beside::Beside;
use crate::bytes::read_up_to;
use crate::report::{Findings, shown};
use crate::rules::ovf as rules;
use crate::vmdk;
use crate::xml::Element;

/// Checks files and disks.
pub(super) fn check(envelope: &Element, beside: &dyn Beside, f: &mut Findings) -> Result<Disks> {
    let mut disks = Disks::default();
    let files: Vec<&Element> =
        envelope.child("References").map(|references| references.all("File").collect()).unwrap_or_default();
    for file in &files {
        check_file(file, beside, f)?;
        disks.references.extend(file.attribute("href").map(str::to_owned));
    }
    let section = envelope.child("DiskSection");
    let mut checked: Vec<&str> = Vec::new();
    for disk in section.into_iter().flat_map(|section| section.all("Disk")) {
        for name in ["diskId", "format", "capacity"] {
            if disk.attribute(name).is_none_or(str::is_empty) {
                f.add(&rules::DISK_ATTRIBUTES, disk.location(), format!("the disk has no {name}"));
            }
        }
        disks.ids.extend(disk.attribute("diskId").map(str::to_owned));
        let Some(reference) = disk.attribute("fileRef") else { continue };
        let file = files.iter().find(|file| file.attribute("id") == Some(reference));
        let Some(href) = file.and_then(|file| file.attribute("href")) else {
            let text = format!("there is no file of id \"{}\"", shown(reference));
            f.add(&rules::FILE_REF, disk.location(), text);
            continue;
        };
        check_format(disk, f);
        // One file behind many disks is read once.
        if !checked.contains(&href) {
            checked.push(href);
            check_content(disk, href, beside, f)?;
        }
    }
    Ok(disks)
}

fn check_file(file: &Element, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
    let href = file.attribute("href").unwrap_or_default();
    let Some(opened) = beside.open(href).map_err(|error| failed(href, error))? else {
        let text = format!("there is no file \"{}\"", shown(href));
        f.add(&rules::FILE_MISSING, file.location(), text);
        return Ok(());
    };
    if let Some(size) = file.attribute("size")
        && size.parse::<u64>().ok() != Some(opened.size())
    {
        let text = format!("the size is {}, the file has {} bytes", shown(size), opened.size());
        f.add(&rules::FILE_SIZE, file.location(), text);
    }
    Ok(())
}

fn check_format(disk: &Element, f: &mut Findings) {
    let format = disk.attribute("format").unwrap_or_default();
    if !format.to_ascii_lowercase().ends_with("/interfaces/specifications/vmdk.html#streamoptimized") {
        f.add(&rules::DISK_FORMAT, disk.location(), format!("the format is \"{}\"", shown(format)));
    }
}

fn check_content(disk: &Element, href: &str, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
    let Some(file) = beside.open(href).map_err(|error| failed(href, error))? else { return Ok(()) };
    if !vmdk::is_sparse(&read_up_to(file.as_ref(), 0, 4)?) {
        let text = format!("\"{}\" is no sparse VMDK", shown(href));
        f.add(&rules::DISK_CONTENT, disk.location(), text);
        return Ok(());
    }
    let facts = f.in_file(href, |f| vmdk::check_sparse(file.as_ref(), f))?;
    if !facts.is_stream {
        let text = format!("\"{}\" is not stream-optimised", shown(href));
        f.add(&rules::DISK_CONTENT, disk.location(), text);
    }
    let capacity = disk.attribute("capacity").and_then(|capacity| capacity.parse::<u64>().ok());
    let unit = unit(disk.attribute("capacityAllocationUnits").unwrap_or("byte"));
    let bytes = capacity.zip(unit).and_then(|(capacity, unit)| capacity.checked_mul(unit));
    if bytes.is_none() || bytes != facts.capacity {
        let text = format!(
            "the capacity is {} × {}, that of the file {} bytes",
            shown(disk.attribute("capacity").unwrap_or_default()),
            shown(disk.attribute("capacityAllocationUnits").unwrap_or("byte")),
            facts.capacity.unwrap_or(0)
        );
        f.add(&rules::CAPACITY, disk.location(), text);
    }
    Ok(())
}

/// `byte` or `byte * 2^30`
fn unit(text: &str) -> Option<u64> {
    let factor = match text.split_once('*') {
        None if text.trim() == "byte" => return Some(1),
        Some((byte, factor)) if byte.trim() == "byte" => factor,
        _ => return None,
    };
    let (base, exponent) = factor.split_once('^')?;
    base.trim().parse::<u64>().ok()?.checked_pow(exponent.trim().parse().ok()?)
}

fn failed(name: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, "a file of the package cannot be opened")
        .with_path(name.as_bytes())
        .with_source(error)
}
