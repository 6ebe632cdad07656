//! OVA: a tar archive of envelope, manifest and stream-optimised disks.
//!
//! # Reference
//! DMTF DSP0243 (OVF 1.1).

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::tar::{Codes, Member};
use super::{Disks, Made};
use crate::bytes::len;
use crate::disk::{Disk, read};
use crate::finding::Findings;

/// The disks in an archive.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(file: Arc<dyn Disk>, machine: &Made<'_>, findings: &mut Findings) -> Result<Disks> {
    let members = super::tar::members(&file, &CODES, machine, findings)?;
    let name = &machine.name;
    let find = |suffix: &str| members.iter().position(|member| member.name == format!("{name}{suffix}"));
    let suffixes: Vec<String> = (1..=machine.count()).map(|number| format!("-disk{number}.vmdk")).collect();
    let places: Option<Vec<usize>> = suffixes.iter().map(|suffix| find(suffix)).collect();
    let (Some(envelope), Some(places)) = (find(".ovf"), places) else {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let wanted = format!("{name}.ovf and {name}{}", suffixes.join(&format!(", {name}")));
        findings.add("ova-members", "archive", None, wanted, format!("{names:?}"));
        return Err(Error::new(ErrorKind::Source, "the archive has not the disks of the machine's name"));
    };
    let before = 1 + usize::from(find(".mf").is_some());
    let is_in_order = places.iter().enumerate().all(|(at, place)| *place == before + at);
    if envelope != 0 || !is_in_order || members.len() != before + places.len() {
        findings.add(
            "ova-members",
            "archive",
            None,
            "envelope, manifest if there is one, disks",
            format!("{} members", members.len()),
        );
    }
    if let Some(manifest) = find(".mf").and_then(|at| members.get(at)) {
        check_manifest(manifest, &members, findings)?;
    }
    let disks: Vec<&Member> = places.iter().filter_map(|place| members.get(*place)).collect();
    if let Some(envelope) = members.get(envelope) {
        check_envelope(envelope, &disks, machine, findings)?;
    }
    let mut opened = Disks::new();
    for (at, member) in disks.into_iter().enumerate() {
        let content: Arc<dyn Disk> = Arc::new(member.content.clone());
        opened.insert(at, super::vmdk::open(content, &member.name, &machine.of_disk(at), findings)?);
    }
    Ok(opened)
}

/// Every member but the manifest has its digest there, in order.
fn check_manifest(manifest: &Member, members: &[Member], findings: &mut Findings) -> Result<()> {
    if manifest.content.size > 64 * 1024 {
        return Err(Error::new(ErrorKind::Unsupported, "the manifest has more than 64 KiB"));
    }
    let bytes = read(&manifest.content, 0, len(manifest.content.size))?;
    let text = String::from_utf8_lossy(&bytes);
    let algorithm = text.split('(').next().unwrap_or_default().to_owned();
    let mut expected = String::new();
    for member in members.iter().filter(|member| member.name != manifest.name) {
        let digest = match algorithm.as_str() {
            "SHA1" => member.content.digest::<sha1::Sha1>()?,
            "SHA512" => member.content.digest::<sha2::Sha512>()?,
            _ => member.content.digest::<sha2::Sha256>()?,
        };
        let algorithm = if matches!(algorithm.as_str(), "SHA1" | "SHA512") { &algorithm } else { "SHA256" };
        expected.push_str(&format!("{algorithm}({})= {digest}\n", member.name));
    }
    for (wanted, found) in expected.lines().zip(text.lines()).filter(|(wanted, found)| wanted != found) {
        let shown: String = found.chars().take(200).flat_map(char::escape_debug).collect();
        findings.add("ova-manifest", "manifest", Some(manifest.content.start), wanted, shown);
    }
    if text != expected && text.lines().eq(expected.lines())
        || text.lines().count() != expected.lines().count()
    {
        findings.add(
            "ova-manifest",
            "manifest",
            Some(manifest.content.start),
            format!("{} lines", expected.lines().count()),
            format!("{} lines", text.lines().count()),
        );
    }
    Ok(())
}

/// The envelope names machine and disks, the disks' lengths and their capacities.
fn check_envelope(
    envelope: &Member,
    disks: &[&Member],
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<()> {
    if envelope.content.size > 1 << 20 {
        return Err(Error::new(ErrorKind::Unsupported, "the envelope has more than 1 MiB"));
    }
    let bytes = read(&envelope.content, 0, len(envelope.content.size))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut wanted = vec![format!("ovf:id=\"{}\"", machine.name)];
    for (at, disk) in disks.iter().enumerate() {
        let (file, disk_id) = (format!("file{}", at + 1), format!("vmdisk{}", at + 1));
        wanted
            .push(format!("ovf:href=\"{}\" ovf:id=\"{file}\" ovf:size=\"{}\"", disk.name, disk.content.size));
        let capacity = machine.of_disk(at).size();
        wanted.push(format!(
            "ovf:capacity=\"{capacity}\" ovf:capacityAllocationUnits=\"byte\" ovf:diskId=\"{disk_id}\" ovf:fileRef=\"{file}\""
        ));
        wanted.push(format!("ovf:/disk/{disk_id}<"));
    }
    for wanted in wanted.iter().filter(|wanted| !text.contains(wanted.as_str())) {
        findings.add(
            "ova-envelope",
            "envelope",
            Some(envelope.content.start),
            wanted.as_str(),
            "nothing of the kind",
        );
    }
    Ok(())
}

const CODES: Codes = Codes { header: "ova-header", gap: "ova-gap", members: "ova-members" };
