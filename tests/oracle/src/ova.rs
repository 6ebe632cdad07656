use std::path::{Path, PathBuf};

use diskwright_conformance::corpus::Disk;
use serde_json::Value;

use crate::machine::TIME;
use crate::qemu_img::{assert_converts_back, check, info};
use crate::tool::{path, run, tool};
use crate::xml::Xml;

/// The programs without which an OVA is not judged.
#[derive(Debug)]
pub struct Judges {
    /// tar.
    pub tar: PathBuf,
    /// Python 3.
    pub python: PathBuf,
    /// qemu-img.
    pub qemu_img: PathBuf,
    /// xmllint.
    pub xmllint: PathBuf,
}

impl Judges {
    /// All of them; `None` where one is missing.
    ///
    /// # Panics
    /// If one is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        Some(Self {
            tar: tool("tar")?,
            python: tool("python3")?,
            qemu_img: tool("qemu-img")?,
            xmllint: tool("xmllint")?,
        })
    }

    /// The root of an XML file that is well formed.
    ///
    /// # Panics
    /// If it is not.
    pub fn xml(&self, file: &Path) -> Xml {
        run(&self.xmllint, &["--noout", path(file)]);
        Xml::read(&self.python, file)
    }

    /// Takes an OVA apart and judges all that does not depend on the product: the archive, the manifest, whose
    /// digests have this name (`SHA256`), the disks.
    ///
    /// # Panics
    /// With the first thing that is not as it should be.
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
            let info = info(&self.qemu_img, path(&vmdk));
            assert_eq!(info["format"], "vmdk");
            assert_eq!(info["virtual-size"], disk.size);
            check(&self.qemu_img, "vmdk", path(&vmdk));
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
    assert!(!connections.is_empty() && connections.iter().all(|one| *one == network), "{connections:?}");
    for config in ovf.all("VirtualSystem/VirtualHardwareSection/Config") {
        assert_eq!(config.attribute("required"), "false");
    }
}

/// An OVA, taken apart and found good.
#[derive(Debug)]
pub struct Ova {
    /// The envelope.
    pub ovf: Xml,
    /// The envelope's text.
    pub xml: String,
    /// The archive.
    pub bytes: Vec<u8>,
}

impl Ova {
    /// The item of this resource type.
    ///
    /// # Panics
    /// If there is none, or another.
    pub fn item(&self, kind: u32) -> Xml {
        let mut found = self.items(kind).into_iter();
        let item = found.next().unwrap();
        assert!(found.next().is_none());
        item
    }

    /// All items of this resource type.
    pub fn items(&self, kind: u32) -> Vec<Xml> {
        let mut items = self.ovf.all("VirtualSystem/VirtualHardwareSection/Item");
        items.retain(|item| item.text_of("ResourceType") == Some(kind.to_string()));
        items
    }

    /// The value of a `vmw:Config`; `None` where there is none.
    pub fn config(&self, key: &str) -> Option<String> {
        let configs = self.ovf.all("VirtualSystem/VirtualHardwareSection/Config");
        configs.iter().find(|config| config.attribute("key") == key).map(|config| config.attribute("value"))
    }

    /// The places of all disks on their controllers.
    ///
    /// # Panics
    /// If a disk has none.
    pub fn units(&self) -> Vec<String> {
        let items = self.ovf.all("VirtualSystem/VirtualHardwareSection/Item");
        let disks = items.iter().filter(|item| item.text_of("HostResource").is_some());
        disks.map(|item| item.text_of("AddressOnParent").unwrap()).collect()
    }
}

const LIST_TAR: &str = "
import json, sys, tarfile
print(json.dumps([{'name': m.name, 'size': m.size, 'mode': m.mode, 'uid': m.uid, 'gid': m.gid, 'mtime': m.mtime, 'offset': m.offset}
                  for m in tarfile.open(sys.argv[1])]))";
