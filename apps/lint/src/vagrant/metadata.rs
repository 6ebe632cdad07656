use serde_json::{Map, Value};

use crate::report::{Findings, Location, shown};
use crate::rules::vagrant as rules;

/// What `metadata.json` says.
///
/// # Reference
/// Vagrant, "Box File Format"; vagrant-libvirt, "Box Format".
pub(super) struct Metadata {
    pub(super) provider: Option<Provider>,
    /// For libvirt: GiB of the disk, if it is the only one.
    pub(super) virtual_size: Option<u64>,
    /// For libvirt: the files of the disks.
    pub(super) disks: Vec<String>,
}

/// What the box is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Provider {
    VirtualBox,
    Libvirt,
    Other(String),
}

impl Metadata {
    /// Checks the text; nothing if it says nothing.
    pub(super) fn parse(text: Option<&str>, f: &mut Findings) -> Option<Self> {
        let object = match text.map(serde_json::from_str::<Value>) {
            Some(Ok(Value::Object(object))) => object,
            Some(Err(error)) => {
                let line = u64::try_from(error.line()).unwrap_or(0);
                f.add(&rules::METADATA, Location::Line(line), format!("this is no JSON: {error}"));
                return None;
            }
            Some(Ok(_)) => {
                f.add(&rules::METADATA, Location::Whole, "the document is no object");
                return None;
            }
            None => {
                f.add(&rules::METADATA, Location::Whole, "the file is longer than 1 MiB or no UTF-8");
                return None;
            }
        };
        let provider = match object.get("provider") {
            Some(Value::String(name)) => Some(match name.as_str() {
                "virtualbox" => Provider::VirtualBox,
                "libvirt" => Provider::Libvirt,
                other => Provider::Other(other.to_owned()),
            }),
            other => {
                let text = format!("the provider is {}", other.map_or("not there".to_owned(), value));
                f.add(&rules::PROVIDER, Location::Whole, text);
                None
            }
        };
        let mut metadata = Self { provider, virtual_size: None, disks: Vec::new() };
        if metadata.provider == Some(Provider::Libvirt) {
            metadata.read_disks(&object, f);
        }
        Some(metadata)
    }

    /// The list of disks, or the only one and its size.
    fn read_disks(&mut self, object: &Map<String, Value>, f: &mut Findings) {
        let disks = object.get("disks").and_then(Value::as_array).filter(|disks| !disks.is_empty());
        match object.get("format") {
            Some(Value::String(format)) if format == "qcow2" => {}
            // With a list each disk may say it for itself.
            None if disks.is_some() => {}
            other => {
                let text = format!("the format is {}", other.map_or("not there".to_owned(), value));
                f.add(&rules::IMAGE_FORMAT, Location::Whole, text);
            }
        }
        let Some(disks) = disks else {
            self.disks.push("box.img".to_owned());
            let size = object.get("virtual_size");
            self.virtual_size = size.and_then(Value::as_u64).filter(|size| *size > 0);
            if self.virtual_size.is_none() {
                let text = format!("the virtual size is {}", size.map_or("not there".to_owned(), value));
                f.add(&rules::VIRTUAL_SIZE, Location::Whole, text);
            }
            return;
        };
        for disk in disks.iter().take(MAX_DISKS) {
            match disk.get("path").and_then(Value::as_str) {
                Some(path) => self.disks.push(path.to_owned()),
                None => {
                    f.add(&rules::IMAGE, Location::Whole, format!("a disk without a path: {}", value(disk)))
                }
            }
        }
    }
}

fn value(value: &Value) -> String {
    shown(&value.to_string())
}

const MAX_DISKS: usize = 64;
