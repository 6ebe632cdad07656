//! OVA: a tar archive of envelope, manifest and stream-optimised disk.
//!
//! # Reference
//! DMTF DSP0243 (OVF 1.1); POSIX.1-1988 `ustar`; GNU tar manual, "Basic Tar Format".

use std::io;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use sha2::Digest;

use super::Made;
use crate::bytes::{array, first_nonzero, len, len64};
use crate::disk::{Disk, PIECE, expect_zeros, read, read_into};
use crate::finding::Findings;

/// A member of the archive, as a file.
struct Member {
    file: Arc<dyn Disk>,
    name: String,
    start: u64,
    size: u64,
}

/// Whether a file begins with a tar header that is written here.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// The disk in an archive.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let members = members(&file, machine, findings)?;
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
    let disk_size = disk.size;
    if let Some(envelope) = members.iter().find(|member| member.name.ends_with(".ovf")) {
        check_envelope(envelope, (&disk.name, disk_size), machine, findings)?;
    }
    let name = disk.name.clone();
    super::vmdk::open(Arc::new(disk), &name, machine, findings)
}

fn members(file: &Arc<dyn Disk>, machine: &Made<'_>, findings: &mut Findings) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0_u64;
    loop {
        if at.saturating_add(BLOCK) > file.size() {
            return Err(cut_off("the end of the archive", at));
        }
        let header = read(file.as_ref(), at, len(BLOCK))?;
        if first_nonzero(&header).is_none() {
            break;
        }
        let (name, size) = check_header(&header, at, machine.report.timestamp, findings)?;
        let start = at + BLOCK;
        let end = start.saturating_add(size);
        let next = end.div_ceil(BLOCK).saturating_mul(BLOCK);
        if next > file.size() || members.len() >= MAX_MEMBERS {
            return Err(cut_off("a member", start));
        }
        expect_zeros(file.as_ref(), end, next, ("ova-gap", "after a member"), findings)?;
        members.push(Member { file: Arc::clone(file), name, start, size });
        at = next;
    }
    // Two blocks of zeros, then to whole records.
    let end = at.saturating_add(2 * BLOCK).div_ceil(RECORD).saturating_mul(RECORD);
    if file.size() < at.saturating_add(2 * BLOCK) || file.size() < end {
        return Err(cut_off("the end of the archive", file.size()));
    }
    if file.size() != end {
        findings.add(
            "ova-members",
            "archive",
            Some(end),
            format!("{end} bytes"),
            format!("{} bytes", file.size()),
        );
    }
    expect_zeros(file.as_ref(), at, file.size(), ("ova-gap", "the end of the archive"), findings)?;
    Ok(members)
}

/// Checks a header against the one that says the same name and size.
fn check_header(found: &[u8], at: u64, timestamp: i64, findings: &mut Findings) -> Result<(String, u64)> {
    let bad =
        |text: &str| Error::new(ErrorKind::Source, format!("a header of the archive {text}")).with_offset(at);
    let end = found.iter().position(|byte| *byte == 0).unwrap_or(100).min(100);
    let name = std::str::from_utf8(found.get(..end).unwrap_or_default()).map_err(|_| bad("has no name"))?;
    let field: [u8; 12] = array(found, 124);
    let is_large = field[0] == 0x80;
    let size = if is_large {
        u64::from_be_bytes(array(&field, 4))
    } else {
        let digits = std::str::from_utf8(&field[..11]).ok();
        digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()).ok_or_else(|| bad("has no size"))?
    };
    let mut expected = vec![0; found.len()];
    let mut put = |at: usize, bytes: &[u8]| crate::bytes::put(&mut expected, at, bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, &if is_large { field.to_vec() } else { format!("{size:011o}\0").into_bytes() });
    put(136, format!("{timestamp:011o}\0").as_bytes());
    put(148, b"        0");
    put(257, if is_large { b"ustar  \0" } else { b"ustar\x0000" });
    let sum: u32 = expected.iter().map(|byte| u32::from(*byte)).sum();
    crate::bytes::put(&mut expected, 148, format!("{sum:06o}\0 ").as_bytes());
    if let Some(wrong) = crate::bytes::first_difference(found, &expected) {
        let shown = |bytes: &[u8]| {
            bytes.get(wrong..(wrong + 8).min(bytes.len())).unwrap_or_default().escape_ascii().to_string()
        };
        findings.add(
            "ova-header",
            format!("header of {}", name.escape_debug()),
            Some(at + len64(wrong)),
            shown(&expected),
            shown(found),
        );
    }
    Ok((name.to_owned(), size))
}

/// Every member but the manifest has its digest there, in order.
fn check_manifest(manifest: &Member, members: &[Member], findings: &mut Findings) -> Result<()> {
    if manifest.size > 64 * 1024 {
        return Err(Error::new(ErrorKind::Unsupported, "the manifest has more than 64 KiB"));
    }
    let bytes = read(manifest, 0, len(manifest.size))?;
    let text = String::from_utf8_lossy(&bytes);
    let algorithm = text.split('(').next().unwrap_or_default().to_owned();
    let mut expected = String::new();
    for member in members.iter().filter(|member| member.name != manifest.name) {
        let digest = match algorithm.as_str() {
            "SHA1" => member.digest::<sha1::Sha1>()?,
            "SHA512" => member.digest::<sha2::Sha512>()?,
            _ => member.digest::<sha2::Sha256>()?,
        };
        let algorithm = if matches!(algorithm.as_str(), "SHA1" | "SHA512") { &algorithm } else { "SHA256" };
        expected.push_str(&format!("{algorithm}({})= {digest}\n", member.name));
    }
    for (wanted, found) in expected.lines().zip(text.lines()).filter(|(wanted, found)| wanted != found) {
        let shown: String = found.chars().take(200).flat_map(char::escape_debug).collect();
        findings.add("ova-manifest", "manifest", Some(manifest.start), wanted, shown);
    }
    if text != expected && text.lines().eq(expected.lines())
        || text.lines().count() != expected.lines().count()
    {
        findings.add(
            "ova-manifest",
            "manifest",
            Some(manifest.start),
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
    if envelope.size > 1 << 20 {
        return Err(Error::new(ErrorKind::Unsupported, "the envelope has more than 1 MiB"));
    }
    let bytes = read(envelope, 0, len(envelope.size))?;
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
            Some(envelope.start),
            wanted.as_str(),
            "nothing of the kind",
        );
    }
    Ok(())
}

impl Member {
    fn digest<D: Digest>(&self) -> Result<String> {
        let mut hash = D::new();
        let mut buffer = vec![0; PIECE];
        let mut at = 0;
        while at < self.size {
            let part = len(self.size - at).min(PIECE);
            let Some(piece) = buffer.get_mut(..part) else { break };
            read_into(self, at, piece)?;
            hash.update(&*piece);
            at = at.saturating_add(len64(part));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl ReadAt for Member {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(self.start.saturating_add(offset), buf)
    }
}

impl Disk for Member {}

fn cut_off(what: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Source, format!("the image is cut off: {what} lies past its end"))
        .with_offset(offset)
}

const BLOCK: u64 = 512;
/// An archive is whole records.
const RECORD: u64 = 10_240;
const MAX_MEMBERS: usize = 16;
