#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::Firmware;
use diskwright_core::{Result, Timestamp};
use diskwright_ovf::Element;
use uuid::Uuid;

use crate::options::{Nic, StorageController};

/// What VirtualBox's settings say of a machine: the `.vbox` file, or the part of it that an envelope can hold.
#[derive(Clone, Debug)]
pub(crate) struct MachineSettings {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) os_type: String,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u64,
    pub(crate) firmware: Firmware,
    pub(crate) controller: StorageController,
    pub(crate) nic: Nic,
    /// The address of each adapter, as twelve upper-case digits.
    pub(crate) macs: Vec<String>,
    /// Port and UUID of each disk.
    pub(crate) disks: Vec<AttachedDisk>,
}

/// A disk on the controller.
#[derive(Clone, Debug)]
pub(crate) struct AttachedDisk {
    pub(crate) port: u32,
    pub(crate) uuid: Uuid,
    /// The file's name, beside the settings.
    pub(crate) location: String,
}

impl MachineSettings {
    /// The `.vbox` file.
    ///
    /// # Reference
    /// `VirtualBox-settings.xsd`, settings version 1.16: read by VirtualBox 5.1 and all later ones.
    pub(crate) fn to_vbox(&self, time: Timestamp) -> Result<Vec<u8>> {
        let disk = |disk: &AttachedDisk| {
            Element::new("HardDisk")
                .with("uuid", braced(disk.uuid))
                .with("location", &disk.location)
                .with("format", "VDI")
                .with("type", "Normal")
        };
        let registry = Element::new("MediaRegistry")
            .child(Element::new("HardDisks").children(self.disks.iter().map(disk)));
        let machine = self
            .head(Element::new("Machine"))
            .with("snapshotFolder", "Snapshots")
            .with("lastStateChange", date_time(time.seconds))
            .child(registry)
            .child(self.hardware())
            .child(self.storage());
        Element::new("VirtualBox")
            .with("xmlns", "http://www.virtualbox.org/")
            .with("version", VERSION)
            .child(machine)
            .to_document()
    }

    /// The element that carries into an envelope what OVF cannot say: the firmware. VirtualBox takes its hardware, network
    /// and storage from it; others pass over it.
    pub(crate) fn to_envelope_element(&self) -> Element {
        let element = Element::new("vbox:Machine").with("ovf:required", "false").with("version", VERSION);
        self.head(element)
            .child(Element::of_text("ovf:Info", "VirtualBox machine configuration"))
            .child(self.hardware())
            .child(self.storage())
    }

    fn head(&self, element: Element) -> Element {
        element.with("uuid", braced(self.uuid)).with("name", &self.name).with("OSType", &self.os_type)
    }

    fn hardware(&self) -> Element {
        let switch = |name, enabled: bool| Element::new(name).with("enabled", enabled.to_string());
        let cpu = Element::new("CPU")
            .with("count", self.cpus.to_string())
            .child(switch("PAE", true))
            .child(switch("LongMode", self.os_type.ends_with("_64")))
            .child(switch("HardwareVirtExLargePages", true));
        let firmware = match self.firmware {
            Firmware::Bios => "BIOS",
            Firmware::Uefi => "EFI",
        };
        let boot = ["HardDisk", "None", "None", "None"];
        let order = |(position, device): (u32, &str)| {
            Element::new("Order").with("position", position.to_string()).with("device", device)
        };
        Element::new("Hardware")
            .child(cpu)
            .child(Element::new("Memory").with("RAMSize", self.memory_mib.to_string()))
            .child(Element::new("Firmware").with("type", firmware))
            .child(Element::new("Boot").children((1..).zip(boot).map(order)))
            // Less than 9 MB give some controllers no picture.
            .child(Element::new("Display").with("controller", "VMSVGA").with("VRAMSize", "16"))
            // Needed by 64-bit guests and by more than one processor.
            .child(Element::new("BIOS").child(switch("IOAPIC", true)))
            .child(self.network())
            .child(Element::new("RTC").with("localOrUTC", "UTC"))
    }

    fn network(&self) -> Element {
        let nic = match self.nic {
            Nic::E1000 => "82545EM",
            Nic::Virtio => "virtio",
        };
        let adapter = |(slot, mac): (usize, &String)| {
            Element::new("Adapter")
                .with("slot", slot.to_string())
                .with("enabled", "true")
                .with("MACAddress", mac)
                .with("type", nic)
                .child(Element::new("NAT"))
        };
        Element::new("Network").children(self.macs.iter().enumerate().map(adapter))
    }

    /// Before version 1.17 these stand beside the hardware, not in it.
    fn storage(&self) -> Element {
        let (name, kind, ports) = match self.controller {
            StorageController::Ahci => ("SATA", "AHCI", self.disks.len()),
            StorageController::LsiLogic => ("SCSI", "LsiLogic", 16),
        };
        let disk = |disk: &AttachedDisk| {
            Element::new("AttachedDevice")
                .with("type", "HardDisk")
                .with("hotpluggable", "false")
                .with("port", disk.port.to_string())
                .with("device", "0")
                .child(Element::new("Image").with("uuid", braced(disk.uuid)))
        };
        let controller = Element::new("StorageController")
            .with("name", name)
            .with("type", kind)
            .with("PortCount", ports.to_string())
            .with("useHostIOCache", "false")
            .with("Bootable", "true")
            .children(self.disks.iter().map(disk));
        Element::new("StorageControllers").child(controller)
    }
}

fn braced(uuid: Uuid) -> String {
    uuid.braced().to_string()
}

/// `xsd:dateTime` in UTC of seconds since 1970, which are not negative.
fn date_time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years of 400 have 146097 days; they begin on the first of March, so that leap days come last.
    let day = days.saturating_add(719_468);
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let leaps = day
        .saturating_sub(day.div_euclid(1460))
        .saturating_add(day.div_euclid(36_524))
        .saturating_sub(day.div_euclid(146_096));
    let year = leaps.div_euclid(365);
    let start =
        year.saturating_mul(365).saturating_add(year.div_euclid(4)).saturating_sub(year.div_euclid(100));
    let day = day.saturating_sub(start);
    // Five months from March have 153 days.
    let month = day.saturating_mul(5).saturating_add(2).div_euclid(153);
    let first = month.saturating_mul(153).saturating_add(2).div_euclid(5);
    let day = day.saturating_sub(first).saturating_add(1);
    let is_next_year = month >= 10;
    let month = if is_next_year { month.saturating_sub(9) } else { month.saturating_add(3) };
    let year = era.saturating_mul(400).saturating_add(year).saturating_add(i64::from(is_next_year));
    let (hour, minute) = (second.div_euclid(3600), second.rem_euclid(3600).div_euclid(60));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second.rem_euclid(60))
}

/// Old on purpose: a program refuses settings that are newer than itself, and converts older ones.
const VERSION: &str = "1.16-linux";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(date_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(date_time(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(date_time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date_time(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(date_time(4_107_542_399), "2100-02-28T23:59:59Z");
        assert_eq!(date_time(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(date_time((1 << 33) - 1), "2242-03-16T12:56:31Z");
    }
}
