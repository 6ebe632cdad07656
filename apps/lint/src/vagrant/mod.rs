//! Vagrant's boxes: a tar archive, packed or not, of a machine for one provider and what Vagrant is to know of it.

mod metadata;

use std::io;

use diskwright_core::{ReadAt, Result};

use crate::beside::Beside;
use crate::bytes::{read_text, read_up_to};
use crate::report::{Findings, Location, shown};
use crate::rules::vagrant as rules;
use crate::tar::{self, Entry, Flaw, Listing};
use crate::{ovf, qcow2};
use metadata::{Metadata, Provider};

/// Checks the box, which holds what `listing` says. `is_packed`: reading back costs time, and of QCOW2 disks the headers are
/// read alone.
pub(crate) fn check(source: &dyn ReadAt, listing: &Listing, is_packed: bool, f: &mut Findings) -> Result<()> {
    for (flaw, at, text) in &listing.flaws {
        let rule = match flaw {
            Flaw::Truncated => &rules::TRUNCATED,
            Flaw::Checksum => &rules::HEADER_CHECKSUM,
            Flaw::Number | Flaw::SparseMap => &rules::NUMBER,
            Flaw::End => &rules::END_BLOCKS,
        };
        f.add(rule, Location::Offset(*at), text.as_str());
    }
    let members = Members { source, entries: &listing.entries, is_packed };
    members.check_names(f);
    let Some(metadata) = members.metadata(f)? else { return Ok(()) };
    match &metadata.provider {
        Some(Provider::VirtualBox) => members.check_virtualbox(f),
        Some(Provider::Libvirt) => members.check_libvirt(&metadata, f),
        Some(Provider::Other(name)) => {
            let text = format!("the provider is \"{}\"", shown(name));
            f.in_file(METADATA, |f| f.add(&rules::UNKNOWN_PROVIDER, Location::Whole, text));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Whether a member of that name is one of a box.
pub(crate) fn is_of_box(name: &str) -> bool {
    BOX_FILES.contains(&plain(name))
}

struct Members<'a> {
    source: &'a dyn ReadAt,
    entries: &'a [Entry],
    is_packed: bool,
}

impl Beside for Members<'_> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        Ok(self.content(name))
    }
}

impl Members<'_> {
    /// The bytes of a file.
    fn content(&self, name: &str) -> Option<Box<dyn ReadAt + '_>> {
        // Of two the last one is what stays when the box is unpacked.
        let is_it = |entry: &&Entry| entry.is_file() && plain(&entry.name) == name;
        self.entries.iter().rev().find(is_it)?.content(self.source)
    }

    fn check_names(&self, f: &mut Findings) {
        for entry in self.entries {
            let name = plain(&entry.name);
            if name.starts_with('/') || name.split('/').any(|part| part == "..") {
                let text = format!("a member is named \"{}\"", shown(&entry.name));
                f.add(&rules::MEMBER_NAME, Location::Offset(entry.header), text);
            }
        }
        let files = self.entries.iter().filter(|entry| entry.is_file());
        let names = files.map(|entry| (plain(&entry.name), entry.header));
        tar::check_repeated(names, &rules::DUPLICATE_MEMBER, f);
    }

    fn metadata(&self, f: &mut Findings) -> Result<Option<Metadata>> {
        let Some(file) = self.content(METADATA) else {
            f.add(&rules::METADATA, Location::Whole, "there is no file \"metadata.json\"");
            return Ok(None);
        };
        let text = read_text(file.as_ref(), MAX_TEXT)?;
        Ok(f.in_file(METADATA, |f| Metadata::parse(text.as_deref(), f)))
    }

    /// What VirtualBox imports; what other products would say of it is of no interest.
    fn check_virtualbox(&self, f: &mut Findings) -> Result<()> {
        match self.content(ENVELOPE) {
            Some(file) => {
                f.protecting("VirtualBox", |f| f.in_file(ENVELOPE, |f| ovf::check(file.as_ref(), self, f)))?;
            }
            None => f.add(&rules::ENVELOPE, Location::Whole, "there is no file \"box.ovf\""),
        }
        let text = match self.content(VAGRANTFILE) {
            Some(file) => read_text(file.as_ref(), MAX_TEXT)?,
            None => None,
        };
        let mac = text.as_deref().and_then(base_mac);
        if mac.is_none_or(|mac| mac.len() != 12 || !mac.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            let text = match mac {
                Some(mac) => format!("the address is \"{}\"", shown(mac)),
                None => "no line sets the address".to_owned(),
            };
            f.in_file(VAGRANTFILE, |f| f.add(&rules::BASE_MAC, Location::Whole, text));
        }
        Ok(())
    }

    fn check_libvirt(&self, metadata: &Metadata, f: &mut Findings) -> Result<()> {
        for path in &metadata.disks {
            let Some(disk) = self.content(plain(path)) else {
                f.add(&rules::IMAGE, Location::Whole, format!("there is no file \"{}\"", shown(path)));
                continue;
            };
            let disk = disk.as_ref();
            if !qcow2::is_qcow2(&read_up_to(disk, 0, 4)?) {
                let text = "the disk is no QCOW2";
                f.in_file(path, |f| f.add(&rules::IMAGE_FORMAT, Location::Offset(0), text));
                continue;
            }
            f.in_file(path, |f| {
                if self.is_packed { qcow2::check_header(disk, f) } else { qcow2::check(disk, f) }
            })?;
            let size = qcow2::disk_size(disk)?;
            if let Some(gib) = metadata.virtual_size
                && u128::from(gib) << 30 < u128::from(size)
            {
                let text = format!("the virtual size is {gib} GiB, and \"{}\" has {size} bytes", shown(path));
                f.in_file(METADATA, |f| f.add(&rules::VIRTUAL_SIZE, Location::Whole, text));
            }
        }
        Ok(())
    }
}

/// A name without the `./` that says nothing.
fn plain(name: &str) -> &str {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    name
}

/// What a line of a Vagrantfile sets `….vm.base_mac` to.
fn base_mac(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let (_, value) = line.split_once("vm.base_mac")?;
        Some(value.trim().strip_prefix('=')?.trim().trim_matches(['"', '\'']))
    })
}

const METADATA: &str = "metadata.json";
const ENVELOPE: &str = "box.ovf";
const VAGRANTFILE: &str = "Vagrantfile";
const BOX_FILES: &[&str] = &[METADATA, ENVELOPE, VAGRANTFILE, "box.img"];
const MAX_TEXT: usize = 1 << 20;
