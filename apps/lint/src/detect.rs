use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::bytes::read_up_to;
use crate::packed::{Codec, Packed};
use crate::report::shown;
use crate::tar::{self, Listing};
use crate::{qcow2, vagrant, vdi, vhd, vhdx, vmdk};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A package in one archive.
    Ova,
    /// A package's descriptor.
    Ovf,
    /// A disk, or a disk's descriptor.
    Vmdk,
    /// A machine of VMware.
    Vmx,
    /// A machine of VirtualBox.
    Vbox,
    /// A disk of VirtualBox.
    Vdi,
    /// A disk of QEMU.
    Qcow2,
    /// A disk of Virtual PC, Hyper-V's generation 1 and Azure.
    Vhd,
    /// A disk of Hyper-V.
    Vhdx,
    /// A base box of Vagrant.
    Vagrant,
    /// An archive for Google Compute Engine.
    Gce,
    /// A raw disk, or a file of no kind that is looked into there, packed by gzip.
    Gzip,
    /// The same packed by zstd.
    Zstd,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Ova,
        Self::Ovf,
        Self::Vmdk,
        Self::Vmx,
        Self::Vbox,
        Self::Vdi,
        Self::Qcow2,
        Self::Vhd,
        Self::Vhdx,
        Self::Vagrant,
        Self::Gce,
        Self::Gzip,
        Self::Zstd,
    ];

    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ova => "OVA",
            Self::Ovf => "OVF",
            Self::Vmdk => "VMDK",
            Self::Vmx => "VMX",
            Self::Vbox => "VBOX",
            Self::Vdi => "VDI",
            Self::Qcow2 => "QCOW2",
            Self::Vhd => "VHD",
            Self::Vhdx => "VHDX",
            Self::Vagrant => "BOX",
            Self::Gce => "GCE",
            Self::Gzip => "GZIP",
            Self::Zstd => "ZSTD",
        }
    }

    /// What a file is by its content, whatever its name.
    ///
    /// Cost: a file packed by gzip or zstd is unpacked once, and a packed archive once more.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, with what was seen, when it is none of these; `ErrorKind::Source` when it cannot be
    /// read.
    pub fn of(source: &dyn ReadAt) -> Result<Self> {
        Opened::new(source).map(|opened| opened.kind)
    }
}

/// A file, what it is, and how to read what is packed in it.
pub(crate) struct Opened<'a> {
    pub(crate) kind: Kind,
    /// Of an archive what it holds, which is read once: where it is packed, that takes as long as to unpack it.
    pub(crate) listing: Listing,
    source: &'a dyn ReadAt,
    pub(crate) packed: Option<Packed<'a>>,
}

impl<'a> Opened<'a> {
    /// As [`Kind::of`].
    pub(crate) fn new(source: &'a dyn ReadAt) -> Result<Self> {
        let head = read_up_to(source, 0, HEAD)?;
        let packed = Codec::of(&head).map(|codec| Packed::open(source, codec)).transpose()?;
        let mut listing = Listing::default();
        let kind = match &packed {
            Some(packed) => packed_kind(packed, &mut listing)?,
            None => plain_kind(source, &head, &mut listing)?,
        };
        Ok(Self { kind, listing, source, packed })
    }

    /// The content, unpacked.
    pub(crate) fn content(&self) -> &dyn ReadAt {
        self.packed.as_ref().map_or(self.source, |packed| packed)
    }
}

fn plain_kind(source: &dyn ReadAt, head: &[u8], listing: &mut Listing) -> Result<Kind> {
    if let Some(kind) = by_magic(head) {
        return Ok(kind);
    }
    if vhd::ends_as_vhd(source)? {
        return Ok(Kind::Vhd);
    }
    if is_tar(head) {
        *listing = tar::list(source)?;
        return Ok(archive_kind(listing).unwrap_or(Kind::Ova));
    }
    let text = text(head);
    text.and_then(of_text).ok_or_else(|| unknown(head, text))
}

/// What is packed, if that is a kind which is used packed.
fn packed_kind(packed: &Packed<'_>, listing: &mut Listing) -> Result<Kind> {
    let alone = match packed.codec() {
        Codec::Gzip => Kind::Gzip,
        Codec::Zstd => Kind::Zstd,
    };
    // First, for now the end is at hand.
    let ends_as_vhd = vhd::ends_as_vhd(packed)?;
    let head = read_up_to(packed, 0, HEAD)?;
    match by_magic(&head) {
        Some(kind @ (Kind::Vhd | Kind::Vhdx)) => return Ok(kind),
        Some(_) => return Ok(alone),
        None => {}
    }
    if ends_as_vhd {
        return Ok(Kind::Vhd);
    }
    if packed.codec() == Codec::Gzip && is_tar(&head) {
        *listing = tar::list(packed)?;
        return match archive_kind(listing) {
            Some(kind) => Ok(kind),
            None if packed.is_broken() => Ok(alone),
            None => Err(unknown_archive(listing)),
        };
    }
    Ok(alone)
}

fn unknown_archive(listing: &Listing) -> Error {
    let first = shown(listing.names().next().unwrap_or_default());
    let text = format!("this is a gzip stream of an archive that begins with \"{first}\"");
    Error::new(ErrorKind::Unsupported, text + ", no box of Vagrant and nothing for Compute Engine")
}

/// Whether the first bytes of a file are those of a kind.
type IsKind = fn(&[u8]) -> bool;

fn by_magic(head: &[u8]) -> Option<Kind> {
    let magics: [(IsKind, Kind); 5] = [
        (vmdk::is_sparse, Kind::Vmdk),
        (qcow2::is_qcow2, Kind::Qcow2),
        (vdi::is_vdi, Kind::Vdi),
        (vhd::is_footer, Kind::Vhd),
        (vhdx::is_vhdx, Kind::Vhdx),
    ];
    magics.into_iter().find(|(is_it, _)| is_it(head)).map(|(_, kind)| kind)
}

fn is_tar(head: &[u8]) -> bool {
    tar::block::is_header(head.get(..512).unwrap_or(head))
}

/// What an archive is by its members, if it is no appliance.
fn archive_kind(listing: &Listing) -> Option<Kind> {
    if listing.names().any(vagrant::is_of_box) {
        return Some(Kind::Vagrant);
    }
    let is_disk = |name: &&str| [".raw", ".img"].iter().any(|end| name.ends_with(end));
    listing.names().next().filter(is_disk).map(|_| Kind::Gce)
}

/// The longest beginning that is text.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may have been cut.
        Err(error) if error.error_len().is_none() => {
            head.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok())?
        }
        Err(_) => return None,
    };
    (!text.is_empty() && !text.trim_end_matches('\0').contains('\0')).then_some(text)
}

fn of_text(text: &str) -> Option<Kind> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return match root(text)? {
            "Envelope" => Some(Kind::Ovf),
            "VirtualBox" => Some(Kind::Vbox),
            _ => None,
        };
    }
    let lower = text.to_ascii_lowercase();
    let has_key = |keys: &[&str]| {
        lower.lines().any(|line| {
            keys.iter().any(|key| {
                line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
            })
        })
    };
    if lower.starts_with("# disk descriptor") || has_key(&["createtype", "parentcid"]) {
        return Some(Kind::Vmdk);
    }
    has_key(&["config.version", "virtualhw.version", "guestos", "memsize"]).then_some(Kind::Vmx)
}

/// Local name of the first element, without reading the document.
fn root(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = rest.get(rest.find('<')?.saturating_add(1)..)?;
        let skipped = if let Some(comment) = rest.strip_prefix("!--") {
            comment.split_once("-->").map(|(_, after)| after)
        } else if rest.starts_with(['?', '!']) {
            rest.split_once('>').map(|(_, after)| after)
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
            let name = rest.get(..end)?;
            return Some(name.rsplit_once(':').map_or(name, |(_, local)| local));
        };
        rest = skipped?;
    }
}

fn unknown(head: &[u8], text: Option<&str>) -> Error {
    let known = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| (*name).to_owned());
    let seen = known.or_else(|| {
        let text = text?.trim_start();
        let first = text.lines().next().unwrap_or_default();
        Some(match text.strip_prefix('<').and_then(|_| root(text)) {
            Some(root) => format!("an XML document with the root {}", shown(root)),
            None => format!("text that begins with \"{}\"", shown(first)),
        })
    });
    let seen = seen.unwrap_or_else(|| match head {
        [] => "an empty file".to_owned(),
        _ => format!("a file that begins with {:02x?}", head.get(..16).unwrap_or(head)),
    });
    let kinds = Kind::ALL.map(Kind::name);
    let message = format!("this is {seen}, none of {}", kinds.join(", "));
    Error::new(ErrorKind::Unsupported, message)
}

const HEAD: usize = 64 * 1024;
const MAGICS: &[(&[u8], &str)] = &[
    (b"\xfd7zXZ\0", "an xz stream"),
    (b"BZh", "a bzip2 stream"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"COWD", "a VMDK of ESX's own sparse form"),
    (b"\x7fELF", "a program"),
];
