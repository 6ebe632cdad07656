//! OVAs to write, and foreign programs that judge them: shared by the tests of packaging and products.
#![allow(dead_code, unreachable_pub, reason = "tests are crates of their own, and use what they need")]

use std::path::{Path, PathBuf};

use diskwright_core::engine::{Engine, OutputEntry};
use diskwright_core::format::{Firmware, Machine, TargetFormat};
use diskwright_core::layout::DiskLayout;
use diskwright_core::sink::{DirectorySink, Overwrite};
use diskwright_core::{Files, Monitor, Result, Seed, Timestamp};
use serde_json::Value;

#[path = "../../../qcow2/tests/support/mod.rs"]
pub mod disks;

pub use disks::oracle::tool;
pub use disks::{Disk, assert_converts_back, path, run, text};

pub const TIME: i64 = 1_700_000_000;

/// A Debian with BIOS.
pub fn machine(name: &str) -> Machine {
    let mut machine = Machine::new(name, Seed::from_text("conformance"), Timestamp::from_seconds(TIME));
    machine.operating_system.id = "debian".to_owned();
    machine.operating_system.version = "12".to_owned();
    machine.operating_system.architecture = "x86_64".to_owned();
    machine
}

/// A machine called `name` with a change.
pub fn altered(name: &str, change: impl FnOnce(&mut Machine)) -> Machine {
    let mut machine = machine(name);
    change(&mut machine);
    machine
}

/// As [`machine`], with UEFI, two processors and this memory in MiB.
pub fn uefi(name: &str, memory_mib: u64) -> Machine {
    altered(name, |machine| {
        machine.firmware = Firmware::Uefi;
        machine.cpus = 2;
        machine.memory = memory_mib << 20;
    })
}

pub fn write(
    format: &dyn TargetFormat,
    machine: &Machine,
    disks: &[DiskLayout],
    directory: &Path,
    threads: usize,
) -> Result<Vec<OutputEntry>> {
    let sink = DirectorySink::create(Files::default(), directory, Overwrite::Refuse)?;
    Engine::new().with_threads(threads).write_disks(disks, format, machine, Box::new(sink), &Monitor::new())
}

/// The programs without which an OVA is not judged.
pub struct Judges {
    pub tar: PathBuf,
    pub python: PathBuf,
    pub qemu_img: PathBuf,
    pub xmllint: PathBuf,
}

impl Judges {
    pub fn find() -> Option<Self> {
        Some(Self {
            tar: tool("tar")?,
            python: tool("python3")?,
            qemu_img: tool("qemu-img")?,
            xmllint: tool("xmllint")?,
        })
    }

    /// An XML file as Python sees it: `{"tag", "attributes", "text", "children"}`, names as `{namespace}name`.
    pub fn xml(&self, file: &Path) -> Xml {
        run(&self.xmllint, &["--noout", path(file)]);
        Xml(serde_json::from_str(&run(&self.python, &["-c", XML_TO_JSON, path(file)])).unwrap())
    }

    /// Takes an OVA apart and judges all that does not depend on the product: the archive, the manifest, the disks.
    pub fn ova(&self, ova: &Path, digest: Option<&str>, disks: &[Disk]) -> Ova {
        let bytes = std::fs::read(ova).unwrap();
        assert_eq!(bytes.len() % 10_240, 0);
        let stem = ova.file_stem().unwrap().to_str().unwrap();
        let mut names = vec![format!("{stem}.ovf")];
        names.extend(digest.map(|_| format!("{stem}.mf")));
        names.extend((1..=disks.len()).map(|number| format!("{stem}-disk{number}.vmdk")));
        let listed = run(&self.tar, &["-tf", path(ova)]);
        assert_eq!(listed.lines().collect::<Vec<_>>(), names);
        let members: Vec<Value> =
            serde_json::from_str(&run(&self.python, &["-c", LIST_TAR, path(ova)])).unwrap();
        for (member, name) in members.iter().zip(&names) {
            assert_eq!(member["name"], name.as_str());
            let owner = [&member["mode"], &member["uid"], &member["gid"], &member["mtime"]];
            assert_eq!(owner, [0o644, 0, 0, TIME]);
            let at = member["offset"].as_u64().unwrap() as usize;
            assert_eq!(bytes[at + 257..at + 265], *b"ustar\x0000");
        }
        assert_eq!(members.len(), names.len());
        let folder = tempfile::tempdir().unwrap();
        run(&self.tar, &["-xf", path(ova), "-C", path(folder.path())]);
        if let Some(digest) = digest {
            self.manifest(&folder.path().join(&names[1]), digest, &names);
        }
        let ovf_path = folder.path().join(&names[0]);
        let raw = std::fs::read(&ovf_path).unwrap();
        assert!(!raw.contains(&0), "no zeros in the envelope");
        let ovf = self.xml(&ovf_path);
        let files = ovf.all("References/File");
        let entries = ovf.all("DiskSection/Disk");
        assert_eq!((files.len(), entries.len()), (disks.len(), disks.len()));
        for (index, disk) in disks.iter().enumerate() {
            let vmdk = folder.path().join(files[index].attribute("href"));
            let length = vmdk.metadata().unwrap().len();
            assert_eq!(files[index].attribute("size"), length.to_string());
            assert_eq!(entries[index].attribute("capacity"), disk.size.to_string());
            assert_eq!(entries[index].attribute("fileRef"), files[index].attribute("id"));
            let populated: u64 = entries[index].attribute("populatedSize").parse().unwrap();
            assert_eq!(populated, populated_size(disk));
            let info = disks::info(&self.qemu_img, path(&vmdk));
            assert_eq!(info["format"], "vmdk");
            assert_eq!(info["virtual-size"], disk.size);
            disks::check(&self.qemu_img, "vmdk", path(&vmdk));
            assert_converts_back(&self.qemu_img, "vmdk", &vmdk, disk);
        }
        check_references(&ovf);
        self.schema(&raw, folder.path());
        Ova { ovf, bytes, xml: String::from_utf8(raw).unwrap() }
    }

    /// The envelope is valid under DMTF's schema, whose file `DISKWRIGHT_OVF_SCHEMA` names: it is not ours to ship. The
    /// schema has no room for `vbox:Machine`, so that it is taken out before.
    fn schema(&self, envelope: &[u8], folder: &Path) {
        let Some(schema) = std::env::var_os("DISKWRIGHT_OVF_SCHEMA").map(PathBuf::from) else { return };
        let mut text = String::from_utf8(envelope.to_vec()).unwrap();
        if let Some((start, end)) = text.find("<vbox:Machine").zip(text.find("</vbox:Machine>")) {
            text.replace_range(start..end + "</vbox:Machine>".len(), "");
        }
        let file = folder.join("plain.ovf");
        std::fs::write(&file, text).unwrap();
        run(&self.xmllint, &["--nonet", "--noout", "--schema", path(&schema), path(&file)]);
    }

    /// Every line has the form that importers demand, and verifies with coreutils.
    fn manifest(&self, file: &Path, digest: &str, names: &[String]) {
        let folder = file.parent().unwrap();
        let manifest = std::fs::read_to_string(file).unwrap();
        let mut listed = Vec::new();
        for line in manifest.lines() {
            let rest = line.strip_prefix(digest).and_then(|rest| rest.strip_prefix('(')).unwrap();
            let (name, hex) = rest.split_once(")= ").unwrap();
            let Some(sum) = tool(&format!("{}sum", digest.to_lowercase())) else { continue };
            let found = run(&sum, &[path(&folder.join(name))]);
            assert_eq!(found.split_whitespace().next(), Some(hex), "{name}");
            listed.push(name.to_owned());
        }
        let expected: Vec<String> = names.iter().filter(|name| !name.ends_with(".mf")).cloned().collect();
        assert_eq!(listed, expected);
        assert!(manifest.ends_with('\n'));
    }
}

/// Grains of 64 KiB with anything in them.
fn populated_size(disk: &Disk) -> u64 {
    let grains = (0..disk.size.div_ceil(65_536)).filter(|grain| {
        let start = grain * 65_536;
        let is_near =
            disk.parts.iter().any(|(at, part)| *at < start + 65_536 && at + part.len() as u64 > start);
        is_near && disk.bytes(start, 65_536).iter().any(|byte| *byte != 0)
    });
    grains.count() as u64 * 65_536
}

/// What VirtualBox and VMware insist on, whatever the machine.
fn check_references(ovf: &Xml) {
    assert_eq!(ovf.tag(), "{http://schemas.dmtf.org/ovf/envelope/1}Envelope");
    let sections: Vec<String> = ovf.children().iter().map(Xml::name).collect();
    assert_eq!(sections, ["References", "DiskSection", "NetworkSection", "VirtualSystem"]);
    let parts: Vec<String> = ovf.only("VirtualSystem").children().iter().map(Xml::name).collect();
    let expected = ["Info", "Name", "OperatingSystemSection", "VirtualHardwareSection", "Machine"];
    assert_eq!(parts, expected[..parts.len()]);
    let items = ovf.all("VirtualSystem/VirtualHardwareSection/Item");
    let mut instances: Vec<String> = Vec::new();
    for item in &items {
        let names: Vec<String> = item.children().iter().map(Xml::name).collect();
        assert!(names.is_sorted(), "{names:?}");
        if let Some(parent) = item.text_of("Parent") {
            assert!(instances.contains(&parent), "a parent stands before its children");
        }
        instances.push(item.text_of("InstanceID").unwrap());
        // Everything else must say that it is not required.
        let kind: u32 = item.text_of("ResourceType").unwrap().parse().unwrap();
        assert!([3, 4, 6, 10, 17, 20].contains(&kind));
    }
    let count = instances.len();
    instances.sort();
    instances.dedup();
    assert!(instances.len() == count && !instances.contains(&"0".to_owned()));
    let ids: Vec<String> = ovf.all("DiskSection/Disk").iter().map(|disk| disk.attribute("diskId")).collect();
    let wanted: Vec<String> = items.iter().filter_map(|item| item.text_of("HostResource")).collect();
    assert_eq!(wanted, ids.iter().map(|id| format!("ovf:/disk/{id}")).collect::<Vec<_>>());
    let network = ovf.only("NetworkSection/Network").attribute("name");
    let connections: Vec<String> = items.iter().filter_map(|item| item.text_of("Connection")).collect();
    assert_eq!(connections, [network]);
    for config in ovf.all("VirtualSystem/VirtualHardwareSection/Config") {
        assert_eq!(config.attribute("required"), "false");
    }
}

/// An OVA, taken apart and found good.
pub struct Ova {
    pub ovf: Xml,
    pub xml: String,
    pub bytes: Vec<u8>,
}

impl Ova {
    /// The item of this resource type, which is the only one.
    pub fn item(&self, kind: u32) -> Xml {
        let items = self.ovf.all("VirtualSystem/VirtualHardwareSection/Item");
        let mut found =
            items.into_iter().filter(|item| item.text_of("ResourceType") == Some(kind.to_string()));
        let item = found.next().unwrap();
        assert!(found.next().is_none());
        item
    }

    /// The value of a `vmw:Config`.
    pub fn config(&self, key: &str) -> Option<String> {
        let configs = self.ovf.all("VirtualSystem/VirtualHardwareSection/Config");
        configs.iter().find(|config| config.attribute("key") == key).map(|config| config.attribute("value"))
    }

    /// The places of all disks on their controller.
    pub fn units(&self) -> Vec<String> {
        let items = self.ovf.all("VirtualSystem/VirtualHardwareSection/Item");
        let disks = items.iter().filter(|item| item.text_of("HostResource").is_some());
        disks.map(|item| item.text_of("AddressOnParent").unwrap()).collect()
    }
}

/// An element.
#[derive(Clone, Debug)]
pub struct Xml(Value);

impl Xml {
    pub fn tag(&self) -> &str {
        self.0["tag"].as_str().unwrap()
    }

    /// The name without its namespace.
    pub fn name(&self) -> String {
        local(self.tag())
    }

    pub fn children(&self) -> Vec<Self> {
        self.0["children"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    pub fn text(&self) -> String {
        self.0["text"].as_str().unwrap_or_default().to_owned()
    }

    /// An attribute by its local name; empty where there is none.
    pub fn attribute(&self, name: &str) -> String {
        let attributes = self.0["attributes"].as_object().unwrap();
        let found = attributes.iter().find(|(key, _)| local(key) == name);
        found.map(|(_, value)| value.as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// All elements on this path of local names.
    pub fn all(&self, names: &str) -> Vec<Self> {
        names.split('/').fold(vec![self.clone()], |found, name| {
            let children = found.iter().flat_map(Self::children);
            children.filter(|child| child.name() == name).collect()
        })
    }

    pub fn only(&self, names: &str) -> Self {
        let mut found = self.all(names);
        assert_eq!(found.len(), 1, "{names}");
        found.remove(0)
    }

    /// The text of the child of this local name.
    pub fn text_of(&self, name: &str) -> Option<String> {
        self.all(name).first().map(Self::text)
    }
}

fn local(name: &str) -> String {
    name.rsplit('}').next().unwrap_or_default().to_owned()
}

const XML_TO_JSON: &str = "
import json, sys, xml.etree.ElementTree as tree
def element(e):
    return {'tag': e.tag, 'attributes': e.attrib, 'text': (e.text or '').strip(), 'children': [element(c) for c in e]}
print(json.dumps(element(tree.parse(sys.argv[1]).getroot())))";

const LIST_TAR: &str = "
import json, sys, tarfile
print(json.dumps([{'name': m.name, 'size': m.size, 'mode': m.mode, 'uid': m.uid, 'gid': m.gid, 'mtime': m.mtime, 'offset': m.offset}
                  for m in tarfile.open(sys.argv[1])]))";
