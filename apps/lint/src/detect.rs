use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::bytes::read_up_to;
use crate::report::shown;
use crate::{ova, qcow2, vdi, vmdk};

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
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Ova, Self::Ovf, Self::Vmdk, Self::Vmx, Self::Vbox, Self::Vdi, Self::Qcow2];

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
        }
    }

    /// What a file is by its content, whatever its name.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported`, with what was seen, when it is none of these; `ErrorKind::Source` when it cannot be
    /// read.
    pub fn of(source: &dyn ReadAt) -> Result<Self> {
        let head = read_up_to(source, 0, HEAD)?;
        if vmdk::is_sparse(&head) {
            return Ok(Self::Vmdk);
        }
        if qcow2::is_qcow2(&head) {
            return Ok(Self::Qcow2);
        }
        if vdi::is_vdi(&head) {
            return Ok(Self::Vdi);
        }
        if ova::is_tar(head.get(..512).unwrap_or(&head)) {
            return Ok(Self::Ova);
        }
        let text = text(&head);
        text.and_then(of_text).ok_or_else(|| unknown(&head, text))
    }
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
    let message = format!("this is {seen}, none of OVA, OVF, VMDK, VMX, VBOX, VDI and QCOW2");
    Error::new(ErrorKind::Unsupported, message)
}

const HEAD: usize = 64 * 1024;
const MAGICS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "a gzip stream"),
    (b"\x28\xb5\x2f\xfd", "a zstd stream"),
    (b"\xfd7zXZ\0", "an xz stream"),
    (b"BZh", "a bzip2 stream"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"conectix", "a VHD"),
    (b"vhdxfile", "a VHDX"),
    (b"COWD", "a VMDK of ESX's own sparse form"),
    (b"\x7fELF", "a program"),
];
