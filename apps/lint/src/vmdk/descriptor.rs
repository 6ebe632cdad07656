use diskwright_core::{Error, ErrorKind, Result};

use crate::beside::Beside;
use crate::report::{Findings, Location, shown};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;

/// The text that says what the disk is made of.
#[derive(Debug, Default)]
pub(crate) struct Descriptor {
    keys: Vec<(String, String, u64)>,
    extents: Vec<Extent>,
}

#[derive(Debug)]
struct Extent {
    sectors: u64,
    kind: String,
    name: String,
    /// First sector within a flat file.
    start: u64,
    line: u64,
}

impl Descriptor {
    /// Reads the lines and checks each.
    pub(crate) fn parse(text: &str, f: &mut Findings) -> Self {
        let mut descriptor = Self::default();
        let first = text.lines().next().unwrap_or_default();
        if !FIRST_LINES.contains(&first) {
            f.add(&rules::FIRST_LINE, Location::Line(1), format!("the first line is \"{}\"", shown(first)));
        }
        let mut section = Section::Keys;
        for (line, text) in (1_u64..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if descriptor.keys.len() + descriptor.extents.len() >= MAX_LINES {
                f.add(
                    &rules::DESCRIPTOR_SYNTAX,
                    Location::Line(line),
                    "there are more lines than in any descriptor",
                );
                break;
            }
            let here = descriptor.line(text, line, f);
            if here < section {
                let text = format!("\"{}\" stands behind a later section", shown(text));
                f.add(&rules::SECTION_ORDER, Location::Line(line), text);
            }
            section = section.max(here);
        }
        descriptor.check_keys(f);
        descriptor
    }

    fn line(&mut self, text: &str, line: u64, f: &mut Findings) -> Section {
        let is_extent = ACCESSES.iter().any(|access| {
            text.get(..access.len()).is_some_and(|start| start.eq_ignore_ascii_case(access))
                && text[access.len()..].starts_with([' ', '\t'])
        });
        if is_extent {
            match Extent::parse(text, line) {
                Some(extent) => self.extents.push(extent),
                None => f.add(&rules::EXTENT_SYNTAX, Location::Line(line), format!("\"{}\"", shown(text))),
            }
            return Section::Extents;
        }
        let Some((key, value)) = text.split_once('=') else {
            f.add(&rules::DESCRIPTOR_SYNTAX, Location::Line(line), format!("\"{}\"", shown(text)));
            return Section::Keys;
        };
        let (key, value) = (key.trim().to_owned(), value.trim().trim_matches('"').to_owned());
        if self.key(&key).is_some() {
            f.add(&rules::DESCRIPTOR_SYNTAX, Location::Line(line), format!("{} stands twice", shown(&key)));
        }
        let is_database = key.starts_with("ddb.");
        self.keys.push((key, value, line));
        if is_database { Section::Database } else { Section::Keys }
    }

    fn key(&self, name: &str) -> Option<(&str, Location)> {
        let found = self.keys.iter().find(|(key, ..)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value, line)| (value.as_str(), Location::Line(*line)))
    }

    fn check_keys(&self, f: &mut Findings) {
        let missing = ("", Location::Whole);
        let (version, at) = self.key("version").unwrap_or(missing.clone());
        if version != "1" {
            f.add(&rules::DESCRIPTOR_VERSION, at, format!("the version is \"{}\"", shown(version)));
        }
        let (id, at) = self.key("CID").unwrap_or(missing.clone());
        // QEMU leaves leading zeros out, and every reader takes the digits as a number.
        let is_hex = id.len() <= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(id, 16).ok().filter(|_| is_hex);
        if number.is_none_or(|number| number >= 0xffff_fffe) {
            f.add(&rules::CONTENT_ID, at, format!("the CID is \"{}\"", shown(id)));
        }
        let (parent, at) = self.key("parentCID").unwrap_or(missing);
        if !parent.eq_ignore_ascii_case("ffffffff") {
            f.add(&rules::PARENT_CONTENT_ID, at, format!("the parentCID is \"{}\"", shown(parent)));
        }
        for (key, most) in GEOMETRY {
            if let Some((value, at)) = self.key(key)
                && !value.parse::<u64>().is_ok_and(|value| (1..=most).contains(&value))
            {
                f.add(&rules::GEOMETRY, at, format!("{key} is \"{}\"", shown(value)));
            }
        }
        if let Some((value, at)) = self.key("ddb.adapterType")
            && !ADAPTERS.iter().any(|known| known.eq_ignore_ascii_case(value))
        {
            f.add(&rules::ADAPTER, at, format!("the adapter type is \"{}\"", shown(value)));
        }
        let (kind, at) = self.create_type();
        if !CREATE_TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            f.add(&rules::CREATE_TYPE, at, format!("the createType is \"{}\"", shown(kind)));
        }
    }

    fn create_type(&self) -> (&str, Location) {
        self.key("createType").unwrap_or(("", Location::Whole))
    }

    /// Sectors of all extents.
    pub(crate) fn sectors(&self) -> Option<u64> {
        self.extents.iter().try_fold(0_u64, |sum, extent| sum.checked_add(extent.sectors))
    }

    /// The UUID that VirtualBox wrote or was given.
    pub(crate) fn uuid(&self) -> Option<String> {
        self.key("ddb.uuid.image").map(|(uuid, _)| uuid.to_owned())
    }

    /// Checks what a header says, too.
    pub(crate) fn check_embedded(&self, header: &Header, f: &mut Findings) {
        let expected = if header.is_compressed() { "streamOptimized" } else { "monolithicSparse" };
        let (kind, at) = self.create_type();
        if !kind.is_empty() && !kind.eq_ignore_ascii_case(expected) {
            let text = format!("the createType is \"{}\", the header is that of {expected}", shown(kind));
            f.add(&rules::CREATE_TYPE_MISMATCH, at, text);
        }
        if self.sectors() != Some(header.capacity) {
            let sum = self.sectors().unwrap_or(u64::MAX);
            let text = format!("the extents have {sum} sectors, the header says {}", header.capacity);
            f.add(&rules::EXTENT_SIZE, Location::Whole, text);
        }
    }

    /// Checks the files that hold the data.
    pub(crate) fn check_alone(&self, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
        if self.extents.is_empty() {
            f.add(&rules::EXTENT_SIZE, Location::Whole, "the descriptor has no extent");
        }
        for extent in self.extents.iter().filter(|extent| extent.kind != "ZERO") {
            let at = Location::Line(extent.line);
            let opened = beside.open(&extent.name).map_err(|error| {
                Error::new(ErrorKind::Source, "an extent cannot be opened")
                    .with_path(extent.name.as_bytes())
                    .with_source(error)
            })?;
            let Some(file) = opened else {
                f.add(&rules::EXTENT_FILE, at, format!("there is no file \"{}\"", shown(&extent.name)));
                continue;
            };
            let is_flat = FLAT.contains(&extent.kind.as_str());
            let needed = extent.start.saturating_add(extent.sectors).saturating_mul(SECTOR_BYTES);
            if is_flat && file.size() < needed {
                let name = shown(&extent.name);
                let text = format!("\"{name}\" has {} bytes and should have {needed}", file.size());
                f.add(&rules::EXTENT_LENGTH, at, text);
            }
        }
        Ok(())
    }
}

impl Extent {
    /// `RW 2048 FLAT "name" 0`
    fn parse(text: &str, line: u64) -> Option<Self> {
        let mut fields = text.splitn(4, ' ');
        fields.next()?;
        let sectors = fields.next()?;
        let kind = fields.next()?.to_owned();
        if !sectors.bytes().all(|byte| byte.is_ascii_digit()) || !EXTENT_KINDS.contains(&kind.as_str()) {
            return None;
        }
        let sectors = sectors.parse().ok()?;
        if kind == "ZERO" {
            return Some(Self { sectors, kind, name: String::new(), start: 0, line });
        }
        let (name, after) = fields.next()?.strip_prefix('"')?.split_once('"')?;
        let start = match after.strip_prefix(' ') {
            Some(start) => start.parse().ok()?,
            None if after.is_empty() && kind != "FLAT" => 0,
            None => return None,
        };
        (!name.is_empty()).then(|| Self { sectors, kind, name: name.to_owned(), start, line })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Keys,
    Extents,
    Database,
}

const FIRST_LINES: [&str; 4] =
    ["# Disk DescriptorFile", "# Disk Descriptor File", "#Disk DescriptorFile", "#Disk Descriptor File"];
const ACCESSES: [&str; 3] = ["RW", "RDONLY", "NOACCESS"];
const EXTENT_KINDS: [&str; 6] = ["SPARSE", "FLAT", "ZERO", "VMFS", "VMFSSPARSE", "VMFSTHIN"];
const FLAT: [&str; 2] = ["FLAT", "VMFS"];
const ADAPTERS: [&str; 4] = ["ide", "buslogic", "lsilogic", "legacyESX"];
const CREATE_TYPES: [&str; 9] = [
    "monolithicSparse",
    "monolithicFlat",
    "streamOptimized",
    "twoGbMaxExtentSparse",
    "twoGbMaxExtentFlat",
    "vmfs",
    "vmfsSparse",
    "vmfsThin",
    "custom",
];
const GEOMETRY: [(&str, u64); 3] =
    [("ddb.geometry.cylinders", 65_535), ("ddb.geometry.heads", 255), ("ddb.geometry.sectors", 63)];
const MAX_LINES: usize = 10_000;
