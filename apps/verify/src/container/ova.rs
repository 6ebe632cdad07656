//! OVA: a tar archive of envelope, manifest and stream-optimised disk.
//!
//! # Reference
//! DMTF DSP0243 (OVF 1.1).

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::Made;
use super::tar::{Codes, Member};
use crate::bytes::len;
use crate::disk::{Disk, read};
use crate::finding::Findings;

/// The disk in an archive.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let members = super::tar::members(&file, &CODES, machine, findings)?;
    let name = &machine.name;
    let find = |suffix: &str| members.iter().position(|member| member.name == format!("{name}{suffix}"));
    let (Some(envelope), Some(disk)) = (find(".ovf"), find("-disk1.vmdk")) else {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        findings.add(
            "ova-members",
            "archive",
            None,
            format!("{name}.ovf and {name}-disk1.vmdk"),
            format!("{names:?}"),
        );
        return Err(Error::new(ErrorKind::Source, "the archive has no disk of the machine's name"));
    };
    let known = 2 + usize::from(find(".mf").is_some());
    if envelope != 0 || disk != members.len() - 1 || members.len() != known {
        findings.add(
            "ova-members",
            "archive",
            None,
            "envelope, manifest if there is one, disk",
            format!("{} members", members.len()),
        );
    }
    if let Some(manifest) = find(".mf").and_then(|at| members.get(at)) {
        check_manifest(manifest, &members, findings)?;
    }
    let mut members = members;
    let disk = members.swap_remove(disk);
    let disk_size = disk.content.size;
    if let Some(envelope) = members.iter().find(|member| member.name.ends_with(".ovf")) {
        check_envelope(envelope, (&disk.name, disk_size), machine, findings)?;
    }
    let name = disk.name.clone();
    super::vmdk::open(Arc::new(disk.content), &name, machine, findings)
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

/// The envelope names machine and disk, the disk's length and its capacity.
fn check_envelope(
    envelope: &Member,
    (disk, disk_size): (&str, u64),
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<()> {
    if envelope.content.size > 1 << 20 {
        return Err(Error::new(ErrorKind::Unsupported, "the envelope has more than 1 MiB"));
    }
    let bytes = read(&envelope.content, 0, len(envelope.content.size))?;
    let text = String::from_utf8_lossy(&bytes);
    let size = machine.report.disks.first().map_or(0, |disk| disk.size);
    let wanted = [
        format!("ovf:href=\"{disk}\""),
        format!("ovf:size=\"{disk_size}\""),
        format!("ovf:capacity=\"{size}\""),
        format!("ovf:id=\"{}\"", machine.name),
    ];
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
