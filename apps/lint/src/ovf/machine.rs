//! The machine of VirtualBox's own within a descriptor.

use std::collections::BTreeSet;

use crate::report::{Findings, shown};
use crate::rules::ovf as rules;
use crate::uuid::normal;
use crate::xml::Element;

/// Checks that its images are the disks.
pub(super) fn check(machine: &Element, envelope: &Element, f: &mut Findings) {
    let disks = envelope.child("DiskSection");
    let known: BTreeSet<String> = disks
        .into_iter()
        .flat_map(|section| section.all("Disk"))
        .filter_map(|disk| disk.attribute("uuid").and_then(normal))
        .collect();
    let mut attached = BTreeSet::new();
    machine.walk(&mut |device| {
        if device.name != "AttachedDevice" || device.attribute("type") != Some("HardDisk") {
            return;
        }
        for image in device.all("Image") {
            let uuid = image.attribute("uuid").unwrap_or_default();
            match normal(uuid) {
                Some(uuid) if known.contains(&uuid) => {
                    attached.insert(uuid);
                }
                _ => {
                    let text = format!("no disk has the vbox:uuid \"{}\"", shown(uuid));
                    f.add(&rules::MACHINE_DISK, image.location(), text);
                }
            }
        }
    });
    for uuid in known.difference(&attached) {
        let text = format!("the machine does not attach the disk {uuid}");
        f.add(&rules::MACHINE_DISK, machine.location(), text);
    }
}
