//! VMX: the machine of VMware Workstation, Fusion and Player.

use std::collections::BTreeMap;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::beside::Beside;
use crate::bytes::read_text;
use crate::detect::Kind;
use crate::report::{Findings, Location, shown};
use crate::rules::vmx as rules;
use crate::vmdk;

/// Checks the machine and its disks.
pub(crate) fn check(source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
    let Some(text) = read_text(source, MAX_BYTES)? else {
        f.add(&rules::SYNTAX, Location::Whole, "the file is longer than 1 MiB or no UTF-8");
        return Ok(());
    };
    let machine = Machine::parse(&text, f);
    machine.check_keys(f);
    machine.check_slots(f);
    machine.check_disks(beside, f)
}

/// Keys in small letters, with values and lines.
struct Machine<'a> {
    keys: BTreeMap<String, (&'a str, u64)>,
}

impl<'a> Machine<'a> {
    fn parse(text: &'a str, f: &mut Findings) -> Self {
        let mut keys = BTreeMap::new();
        for (line, text) in (1_u64..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let place = Location::Line(line);
            let Some((key, value)) = text.split_once('=') else {
                f.add(&rules::SYNTAX, place, format!("\"{}\"", shown(text)));
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            if key.is_empty() || quoted.is_none_or(|value| value.contains('"')) {
                f.add(&rules::SYNTAX, place.clone(), format!("\"{}\" is not quoted", shown(text)));
            }
            let value = quoted.unwrap_or(value);
            if keys.insert(key.to_ascii_lowercase(), (value, line)).is_some() {
                f.add(&rules::DUPLICATE_KEY, place, format!("{} stands twice", shown(key)));
            }
        }
        Self { keys }
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.keys.get(key).map(|(value, _)| *value)
    }

    fn place(&self, key: &str) -> Location {
        self.keys.get(key).map_or(Location::Whole, |(_, line)| Location::Line(*line))
    }

    fn is_present(&self, device: &str) -> bool {
        self.value(&format!("{device}.present")).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn check_keys(&self, f: &mut Findings) {
        for key in ["config.version", "virtualHW.version", "guestOS"] {
            if self.value(&key.to_ascii_lowercase()).is_none_or(str::is_empty) {
                f.add(&rules::REQUIRED_KEY, Location::Whole, format!("there is no {key}"));
            }
        }
        if let Some(guest) = self.value("guestos") {
            let is_known = GUESTS.iter().any(|known| guest.to_ascii_lowercase().starts_with(known));
            if !is_known || !guest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
                let text = format!("guestOS is \"{}\"", shown(guest));
                f.add(&rules::GUEST_OS, self.place("guestos"), text);
            }
        }
        let memory = self.value("memsize").unwrap_or_default();
        if !memory.parse::<u64>().is_ok_and(|memory| memory > 0 && memory % 4 == 0) {
            f.add(&rules::MEMORY, self.place("memsize"), format!("memsize is \"{}\"", shown(memory)));
        }
        let firmware = self.value("firmware").unwrap_or("bios");
        if !matches!(firmware, "bios" | "efi") {
            f.add(&rules::FIRMWARE, self.place("firmware"), format!("firmware is \"{}\"", shown(firmware)));
        }
    }

    fn check_slots(&self, f: &mut Findings) {
        let ports = (1..8).any(|number| {
            let bridge = format!("pcibridge{number}");
            let kind = self.value(&format!("{bridge}.virtualdev"));
            self.is_present(&bridge) && kind.is_some_and(|kind| kind.eq_ignore_ascii_case("pcieRootPort"))
        });
        let has_slots = ports && self.is_present("pcibridge0");
        let version = self.value("virtualhw.version").and_then(|version| version.parse::<u32>().ok());
        for (key, (value, line)) in &self.keys {
            let Some((device, field)) = key.rsplit_once('.') else { continue };
            if device.contains(':') || !self.is_present(device) {
                continue;
            }
            let is_nvme = device.starts_with("nvme") && field == "present";
            let is_sata = device.starts_with("sata") && field == "present";
            let is_express = field == "virtualdev"
                && ["pvscsi", "vmxnet3", "e1000e"].iter().any(|kind| value.eq_ignore_ascii_case(kind));
            if (is_nvme || is_sata || is_express) && !has_slots {
                let text = format!("{} has no PCIe slot", shown(device));
                f.add(&rules::PCIE_BRIDGES, Location::Line(*line), text);
            }
            if is_nvme && version.is_some_and(|version| version < 13) {
                let text = format!("NVMe with hardware version {}", version.unwrap_or(0));
                f.add(&rules::NVME_VERSION, Location::Line(*line), text);
            }
        }
    }

    fn check_disks(&self, beside: &dyn Beside, f: &mut Findings) -> Result<()> {
        let mut disks = 0_u64;
        for (key, (name, line)) in &self.keys {
            let Some(device) = key.strip_suffix(".filename") else { continue };
            let controller = device.split_once(':').map(|(controller, _)| controller);
            let Some(controller) = controller else { continue };
            let kind = self.value(&format!("{device}.devicetype")).unwrap_or("disk");
            if kind.contains("cdrom") || kind.contains("floppy") {
                continue;
            }
            let place = Location::Line(*line);
            // IDE controllers are always there.
            let has_controller = controller.starts_with("ide") || self.is_present(controller);
            if !self.is_present(device) || !has_controller {
                let text = format!("{} or its controller is not present", shown(device));
                f.add(&rules::NOT_PRESENT, place.clone(), text);
            } else {
                disks += 1;
            }
            check_disk(name, beside, place, f)?;
        }
        if disks == 0 {
            f.add(&rules::NO_DISK, Location::Whole, "the machine has no disk");
        }
        Ok(())
    }
}

fn check_disk(name: &str, beside: &dyn Beside, place: Location, f: &mut Findings) -> Result<()> {
    let opened = beside.open(name).map_err(|error| {
        Error::new(ErrorKind::Source, "a disk cannot be opened").with_path(name.as_bytes()).with_source(error)
    })?;
    let Some(file) = opened else {
        f.add(&rules::DISK_FILE, place, format!("there is no file \"{}\"", shown(name)));
        return Ok(());
    };
    let kind = match Kind::of(file.as_ref()) {
        Ok(kind) => Some(kind),
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        Err(error) => return Err(error),
    };
    if kind != Some(Kind::Vmdk) {
        f.add(&rules::DISK_SUBFORMAT, place, format!("\"{}\" is no VMDK", shown(name)));
        return Ok(());
    }
    let facts = f.in_file(name, |f| vmdk::check(file.as_ref(), beside, f))?;
    if facts.is_stream {
        let text = format!("\"{}\" is stream-optimised", shown(name));
        f.add(&rules::DISK_SUBFORMAT, place, text);
    }
    Ok(())
}

const MAX_BYTES: usize = 1 << 20;
/// How the names of VMware's guests begin, in small letters.
const GUESTS: &[&str] = &[
    "almalinux",
    "amazonlinux",
    "asianux",
    "centos",
    "coreos",
    "crxpod",
    "crxsys",
    "debian",
    "fedora",
    "freebsd",
    "mandriva",
    "opensuse",
    "oraclelinux",
    "other",
    "redhat",
    "rhel",
    "rockylinux",
    "sles",
    "solaris",
    "suse",
    "ubuntu",
    "vmware-photon",
    "win",
];
