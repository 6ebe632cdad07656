//! Image files: the disks in them, read by code of its own, and what is wrong with the files themselves.

mod blocks;
mod gce;
mod inflate;
mod machine;
mod ova;
mod qcow2;
mod raw;
mod recent;
mod section;
mod tar;
mod vagrant;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result, Seed};
use uuid::Uuid;

use crate::bytes::{first_difference, hex, len, len64};
use crate::disk::Disk;
use crate::finding::Findings;
use crate::report::{DiskRecord, ImageReport};

pub(crate) use raw::HostFile;

/// The machine that an image was made for, and which of its disks is looked at.
#[derive(Clone)]
pub(crate) struct Made<'a> {
    pub(crate) report: &'a ImageReport,
    /// The format of the file of that name.
    format: Option<&'a str>,
    /// Its name in this image: where formats of one order would have written the same file, each has its own.
    name: String,
    /// The disk, from 0; of a file that holds all of them the first.
    pub(crate) disk: usize,
}

/// The disks in an image by their numbers, from 0.
pub(crate) type Disks = BTreeMap<usize, Arc<dyn Disk>>;

impl<'a> Made<'a> {
    /// The machine in the image of that file name.
    pub(crate) fn new(report: &'a ImageReport, file_name: &str) -> Self {
        let name = &report.machine.name;
        let output = report.outputs.iter().find(|output| output.path == file_name);
        let own = output.map(|output| format!("{name}-{}", output.format));
        let number = |name: &str| disk_number(file_name.strip_prefix(name)?);
        let format = output.map(|output| output.format.as_str());
        match own.as_deref().and_then(|own| Some((own, number(own)?))) {
            Some((own, disk)) => Self { report, format, name: own.to_owned(), disk },
            None => Self { report, format, name: name.clone(), disk: number(name).unwrap_or(0) },
        }
    }

    /// The same for another disk.
    fn of_disk(&self, disk: usize) -> Self {
        Self { disk, ..self.clone() }
    }

    /// The file of the same format that has another disk.
    pub(crate) fn partner(&self, disk: usize) -> Option<&'a str> {
        let of_format =
            self.report.outputs.iter().filter(|output| Some(output.format.as_str()) == self.format);
        // Of a flat VMDK the descriptor, which comes after its data, is what is opened.
        let mut names =
            of_format.map(|output| output.path.as_str()).filter(|name| !name.ends_with("-flat.vmdk"));
        names.find(|name| Self::new(self.report, name).disk == disk)
    }

    /// What the report says of the disk.
    fn record(&self) -> Option<&'a DiskRecord> {
        self.report.disks.get(self.disk)
    }

    /// Bytes that the report says the disk has.
    fn size(&self) -> u64 {
        self.record().map_or(0, |disk| disk.size)
    }

    /// The label under which the seed gives the one identifier that a format has for the disk.
    fn own_label(&self, format: &str) -> String {
        format!("{format} {} {}", self.name, self.disk.saturating_add(1))
    }

    /// The label of one of several.
    fn label(&self, format: &str, what: &str) -> String {
        format!("{} {what}", self.own_label(format))
    }

    /// How many disks an image that holds all of them has; one where the report has none.
    fn count(&self) -> usize {
        self.report.disks.len().max(1)
    }

    /// The identifier that the seed gives for a label (UUIDv5).
    fn uuid(&self, label: &str) -> Uuid {
        Seed::from_text(self.report.seed.clone()).uuid(label)
    }

    /// As [`Made::uuid`], 32 bits.
    fn number(&self, label: &str) -> u32 {
        Seed::from_text(self.report.seed.clone()).u32(label)
    }
}

/// The number, from 0, of the disk in a file of whose name this is what follows the machine's; `None` where it is no such name.
fn disk_number(rest: &str) -> Option<usize> {
    let is_end = |rest: &str| rest.starts_with('.') || rest.starts_with("-flat.");
    if is_end(rest) {
        return Some(0);
    }
    let rest = rest.strip_prefix("-disk")?;
    let digits = rest.split(['.', '-']).next().unwrap_or_default();
    let number =
        digits.parse::<usize>().ok().filter(|number| *number > 1 && !digits.starts_with(['0', '+']))?;
    rest.strip_prefix(digits).is_some_and(is_end).then(|| number - 1)
}

/// The disks in an image: that of the file, or all of a machine's or package's.
///
/// # Errors
/// `ErrorKind::Source` when a file cannot be read or is cut off; `ErrorKind::Unsupported` for what is of no known kind, or of a
/// kind that Diskwright does not write.
pub(crate) fn open(path: &Path, machine: &Made<'_>, findings: &mut Findings) -> Result<Disks> {
    let single = |disk: Arc<dyn Disk>| Disks::from([(machine.disk, disk)]);
    let file = HostFile::open(path)?;
    let head = head(&file)?;
    if head.starts_with(b"\x1f\x8b") || head.starts_with(b"\x28\xb5\x2f\xfd") {
        let is_gzip = head.starts_with(b"\x1f\x8b");
        let unpacked = raw::unpack(&file, path, findings)?;
        let disk = if is_gzip { open_unpacked(unpacked, machine, findings)? } else { unpacked };
        return Ok(single(disk));
    }
    if vmdk::is_descriptor(&head) {
        return vmdk::open_flat(path, machine, findings).map(single);
    }
    if machine::is_vbox(&head) {
        return machine::open_vbox(path, machine, findings);
    }
    if machine::is_vmx(&head) {
        return machine::open_vmx(path, machine, findings);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file: Arc<dyn Disk> = Arc::new(file);
    if tar::is_archive(&head) {
        return match name.ends_with(".box") {
            true => vagrant::open(file, machine, findings),
            false => ova::open(file, machine, findings),
        };
    }
    open_file(file, &name, machine, findings).map(single)
}

/// The disk in a file that needs no other.
pub(crate) fn open_file(
    file: Arc<dyn Disk>,
    name: &str,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let head = head(file.as_ref())?;
    if head.starts_with(b"QFI\xfb") {
        return qcow2::open(file, machine, findings);
    }
    if vmdk::is_sparse(&head) {
        return vmdk::open(file, name, machine, findings);
    }
    if head.starts_with(b"<<< Oracle VM VirtualBox Disk Image >>>") {
        return vdi::open(file, machine, findings);
    }
    open_hyper_v(file, &head, machine, findings)
}

/// The disk in what was a gzip file.
fn open_unpacked(file: Arc<dyn Disk>, machine: &Made<'_>, findings: &mut Findings) -> Result<Arc<dyn Disk>> {
    let head = head(file.as_ref())?;
    if tar::is_archive(&head) || machine.format == Some("gce") {
        return gce::open(file, machine, findings);
    }
    open_hyper_v(file, &head, machine, findings)
}

/// The disk in a VHDX or VHD file; what is neither is a raw disk. A fixed VHD begins as its disk does, and is told by its end.
fn open_hyper_v(
    file: Arc<dyn Disk>,
    head: &[u8],
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    if vhdx::is_vhdx(head) || machine.format == Some("vhdx") {
        return vhdx::open(file, machine, findings);
    }
    if vhd::is_vhd(file.as_ref(), head)? || machine.format == Some("vhd") {
        return vhd::open(file, machine, findings);
    }
    Ok(file)
}

fn head(file: &dyn ReadAt) -> Result<Vec<u8>> {
    let mut head = vec![0; len(file.size()).min(HEAD)];
    file.read_exact_at(0, &mut head)
        .map_err(|error| Error::new(ErrorKind::Source, "the image cannot be read").with_source(error))?;
    Ok(head)
}

/// Refuses a disk that is not of the size that the report says, before tables are read that grow with it.
fn check_size(size: u64, machine: &Made<'_>) -> Result<()> {
    let wanted = machine.size();
    if size == wanted {
        return Ok(());
    }
    let text = format!("the image is of a disk of {size} bytes, the report of one of {wanted}");
    Err(Error::new(ErrorKind::Source, text))
}

/// Finds the first byte of a structure at `at` that is not as expected.
fn expect_bytes(
    (found, expected): (&[u8], &[u8]),
    at: u64,
    (code, structure): (&'static str, &str),
    findings: &mut Findings,
) {
    let Some(wrong) = first_difference(found, expected) else { return };
    let shown = |bytes: &[u8]| hex(bytes.get(wrong..bytes.len().min(wrong + 8)).unwrap_or_default());
    let at = at.saturating_add(len64(wrong));
    findings.add(code, structure, Some(at), shown(expected), shown(found));
}

/// A structure that should be at `offset`, which the file does not reach.
fn cut_off(what: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Source, format!("the image is cut off: {what} lies past its end"))
        .with_offset(offset)
}

/// Fills `buf` from pieces of `size` bytes, of which `piece` gives each; `None` for zeros.
fn read_pieces(
    total: u64,
    size: u64,
    offset: u64,
    buf: &mut [u8],
    piece: impl Fn(u64) -> io::Result<Option<Arc<[u8]>>>,
) -> io::Result<()> {
    if offset.checked_add(len64(buf.len())).is_none_or(|end| end > total) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut at = offset;
    let mut rest = buf;
    while !rest.is_empty() {
        let (number, inside) = (at / size, len(at % size));
        let (part, left) = rest.split_at_mut(len(size).saturating_sub(inside).min(rest.len()));
        match piece(number)? {
            None => part.fill(0),
            Some(bytes) => {
                let range = inside..inside.saturating_add(part.len());
                part.copy_from_slice(bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
            }
        }
        at = at.saturating_add(len64(part.len()));
        rest = left;
    }
    Ok(())
}

/// Bytes by which kinds are told.
const HEAD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::disk_number;

    #[test]
    fn names_tell_the_number_of_the_disk() {
        for (rest, number) in [
            (".raw", Some(0)),
            ("-flat.vmdk", Some(0)),
            ("-disk2.vmdk", Some(1)),
            ("-disk12-flat.vmdk", Some(11)),
            ("-disk2.tar.gz", Some(1)),
            ("-disk1.raw", None),
            ("-disk02.raw", None),
            ("-disk2", None),
            ("-diskette.raw", None),
            ("2.raw", None),
        ] {
            assert_eq!(disk_number(rest), number, "{rest}");
        }
    }
}
