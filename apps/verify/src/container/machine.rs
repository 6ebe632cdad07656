//! Machines beside their disks: `.vbox` of VirtualBox, `.vmx` of VMware.

use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use quick_xml::events::{BytesStart, Event};

use super::{Disks, HostFile, Made, open_file};
use crate::bytes::len;
use crate::disk::{Disk, read};
use crate::finding::Findings;

/// Whether a file describes a machine of VirtualBox.
pub(super) fn is_vbox(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).contains("<VirtualBox")
}

/// Whether a file describes a machine of VMware.
pub(super) fn is_vmx(head: &[u8]) -> bool {
    head.starts_with(b".encoding") || String::from_utf8_lossy(head).contains("virtualHW.version")
}

/// The disks that a `.vbox` file names.
///
/// # Errors
/// `ErrorKind::Source` when it names others than the report, or files cannot be read.
pub(super) fn open_vbox(path: &Path, machine: &Made<'_>, findings: &mut Findings) -> Result<Disks> {
    let text = text(path)?;
    let mut disks = Vec::new();
    let mut attached = Vec::new();
    let mut name = None;
    let mut reader = quick_xml::Reader::from_str(&text);
    loop {
        let bad = |error: quick_xml::Error| {
            Error::new(ErrorKind::Source, "the machine's description is no XML").with_source(error)
        };
        match reader.read_event().map_err(bad)? {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "HardDisk" => disks.push((attribute(&element, "location"), attribute(&element, "uuid"))),
                "Image" => attached.push(attribute(&element, "uuid")),
                "Machine" => name = attribute(&element, "name"),
                _ => {}
            },
            _ => {}
        }
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut locations = Vec::new();
    for (at, (location, found)) in disks.iter().enumerate() {
        let uuid = machine.uuid(&machine.of_disk(at).label("vdi", "creation"));
        let wanted = Some(format!("{{{uuid}}}"));
        for (what, found) in [("HardDisk", found), ("Image", attached.get(at).unwrap_or(&None))] {
            if *found != wanted {
                findings.add("vbox", what, None, shown(&wanted), shown(found));
            }
        }
        locations.extend(location.clone());
    }
    if name.as_deref() != Some(&machine.name) {
        findings.add("vbox", "Machine", None, machine.name.clone(), shown(&name));
    }
    all_beside(path, &locations, machine, findings)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok().flatten()?;
    Some(attribute.value.into_owned())
}

/// The disks that a `.vmx` file names.
///
/// # Errors
/// As [`open_vbox`].
pub(super) fn open_vmx(path: &Path, machine: &Made<'_>, findings: &mut Findings) -> Result<Disks> {
    let text = text(path)?;
    let value = |line: &str| line.split_once('=').map(|(_, value)| value.trim().trim_matches('"').to_owned());
    let is_disk = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        key.ends_with(".filename") && line.contains(".vmdk")
    };
    let disks: Vec<String> = text.lines().filter(is_disk).filter_map(value).collect();
    let name = text.lines().find(|line| line.to_ascii_lowercase().starts_with("displayname")).and_then(value);
    if name.as_deref() != Some(&machine.name) {
        findings.add("vmx", "displayName", None, machine.name.clone(), name.unwrap_or_default());
    }
    all_beside(path, &disks, machine, findings)
}

/// The disks of a machine, each in a file beside its description.
fn all_beside(
    path: &Path,
    locations: &[String],
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Disks> {
    let (found, wanted) = (locations.len(), machine.count());
    if found != wanted {
        let text = format!("the machine has {found} disks with a place, not {wanted}");
        return Err(Error::new(ErrorKind::Source, text));
    }
    let mut disks = Disks::new();
    for (at, location) in locations.iter().enumerate() {
        disks.insert(at, beside(path, location, &machine.of_disk(at), findings)?);
    }
    Ok(disks)
}

/// A file of the same directory; no other is opened.
fn beside(path: &Path, location: &str, machine: &Made<'_>, findings: &mut Findings) -> Result<Arc<dyn Disk>> {
    if location.contains('/') || location.is_empty() {
        return Err(Error::new(
            ErrorKind::Source,
            format!("the disk {location:?} is not beside its machine"),
        ));
    }
    let file = HostFile::open(&path.with_file_name(location))?;
    open_file(Arc::new(file), location, machine, findings)
}

fn text(path: &Path) -> Result<String> {
    let file = HostFile::open(path)?;
    if file.size() > 1 << 20 {
        return Err(Error::new(ErrorKind::Unsupported, "the machine's description has more than 1 MiB"));
    }
    let bytes = read(&file, 0, len(file.size()))?;
    String::from_utf8(bytes).map_err(|error| {
        Error::new(ErrorKind::Source, "the machine's description is no text").with_source(error)
    })
}
