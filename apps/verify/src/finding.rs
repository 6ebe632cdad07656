use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::escape::shown;

/// Something of an image that is not as its scan, its report or its own structure says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Stable name of what was checked, for programs.
    pub code: &'static str,
    /// Name of the image file, or of the one beside or inside it that is meant.
    pub image: String,
    /// Number of the disk, from 1, where the image has several.
    pub disk: Option<usize>,
    /// Number of the partition, as Linux counts, where it is in one.
    pub partition: Option<u32>,
    /// Group and name of the logical volume, joined by a slash, where it is in one.
    pub volume: Option<String>,
    /// Path in the guest (on an EFI system partition: in the partition), with a leading slash, escaped where not printable.
    pub path: Option<String>,
    /// The structure: `GPT header`, `inode 12`, `gap`.
    pub structure: Option<String>,
    /// First byte of what is meant: on the disk, in the logical volume where `volume` is there, or in the image file where `partition` and `path` are absent and the
    /// structure is one of the container.
    pub offset: Option<u64>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// The finding as an object of a `diskwright-verify/1` document.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "code": self.code,
            "image": self.image,
            "expected": self.expected,
            "found": self.found,
        });
        let optional = [
            ("disk", self.disk.map(Value::from)),
            ("partition", self.partition.map(Value::from)),
            ("volume", self.volume.clone().map(Value::from)),
            ("path", self.path.clone().map(Value::from)),
            ("structure", self.structure.clone().map(Value::from)),
            ("offset", self.offset.map(Value::from)),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                object[key] = value;
            }
        }
        object
    }
}

impl fmt::Display for Finding {
    /// `image disk 2 partition 2 /etc/fstab, inode 12 at 0x1234: code: expected …, found …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.image)?;
        if let Some(disk) = self.disk {
            write!(f, " disk {disk}")?;
        }
        if let Some(partition) = self.partition {
            write!(f, " partition {partition}")?;
        }
        if let Some(volume) = &self.volume {
            write!(f, " volume {volume}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        if let Some(structure) = &self.structure {
            write!(f, " [{structure}]")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at {offset:#x}")?;
        }
        write!(f, ": {}: expected {}, found {}", self.code, self.expected, self.found)
    }
}

/// The findings so far, and the place that is being looked at.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) image: String,
    pub(crate) disk: Option<usize>,
    pub(crate) partition: Option<u32>,
    pub(crate) volume: Option<String>,
    /// Path in the guest without leading slash, while an entry is looked at.
    pub(crate) path: Option<Vec<u8>>,
    /// Of the disks at hand, by their numbers from 0: image, and number from 1 where that image has several.
    places: BTreeMap<usize, (String, Option<usize>)>,
    list: Vec<Finding>,
    unlisted: u64,
}

impl Findings {
    pub(crate) fn new(image: &str) -> Self {
        Self { image: image.to_owned(), ..Self::default() }
    }

    /// Says how what is found on a disk, the `number`th from 0, is named.
    pub(crate) fn place(&mut self, number: usize, image: &str, disk: Option<usize>) {
        self.places.insert(number, (image.to_owned(), disk));
    }

    /// What comes is about the `number`th disk, from 0; one without a place stands in the image that is looked at.
    pub(crate) fn go_to(&mut self, number: usize) {
        if let Some((image, disk)) = self.places.get(&number) {
            self.image.clone_from(image);
            self.disk = *disk;
        }
    }

    /// One more, about a structure.
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        structure: impl Into<String>,
        offset: Option<u64>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.push(code, Some(structure.into()), offset, expected.into(), found.into());
    }

    /// One more, about the entry that is looked at.
    pub(crate) fn entry(
        &mut self,
        code: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.push(code, None, None, expected.into(), found.into());
    }

    /// Adds unless the two are equal; says whether they are.
    pub(crate) fn equal<T: PartialEq + fmt::Display>(
        &mut self,
        code: &'static str,
        structure: &str,
        offset: u64,
        (field, found, expected): (&str, T, T),
    ) -> bool {
        let is_equal = found == expected;
        if !is_equal {
            self.add(
                code,
                structure,
                Some(offset),
                format!("{field} {expected}"),
                format!("{field} {found}"),
            );
        }
        is_equal
    }

    /// So many that looking on is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= FINDINGS
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.list.len()).unwrap_or(u64::MAX).saturating_add(self.unlisted)
    }

    pub(crate) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.list, self.unlisted)
    }

    fn push(
        &mut self,
        code: &'static str,
        structure: Option<String>,
        offset: Option<u64>,
        expected: String,
        found: String,
    ) {
        if self.is_full() {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        self.list.push(Finding {
            code,
            image: self.image.clone(),
            disk: self.disk,
            partition: self.partition,
            volume: self.volume.clone(),
            path: self.path.as_deref().map(shown),
            structure,
            offset,
            expected,
            found,
        });
    }
}

/// Findings listed at most; the rest is counted.
const FINDINGS: usize = 500;
