//! OVF: the descriptor of a package.

mod disks;
mod hardware;
mod machine;

use diskwright_core::{ReadAt, Result};

use crate::beside::Beside;
use crate::bytes::read_text;
use crate::report::{Findings, Location, shown};
use crate::rules::ovf as rules;
use crate::xml::{self, Element, Problem};

/// Checks the descriptor and the files that it names; gives their names in the order of the references.
pub(crate) fn check(source: &dyn ReadAt, beside: &dyn Beside, f: &mut Findings) -> Result<Vec<String>> {
    let Some(text) = read_text(source, xml::MAX_BYTES)? else {
        f.add(&rules::WELL_FORMED, Location::Whole, "the descriptor is longer than 4 MiB or no UTF-8");
        return Ok(Vec::new());
    };
    let envelope = match xml::parse(&text) {
        Ok(envelope) => envelope,
        Err(Problem::Doctype(line)) => {
            f.add(&rules::DOCTYPE, Location::Line(line), "there is a document type declaration");
            return Ok(Vec::new());
        }
        Err(Problem::Malformed(line, text)) => {
            f.add(&rules::WELL_FORMED, Location::Line(line), text);
            return Ok(Vec::new());
        }
    };
    if envelope.name != "Envelope" || &*envelope.namespace != NAMESPACE {
        let text = format!("the root is {} of \"{}\"", shown(&envelope.name), shown(&envelope.namespace));
        f.add(&rules::NAMESPACE, envelope.location(), text);
    }
    check_order(&envelope, ENVELOPE, f);
    check_extensions(&envelope, f);
    for name in ["References", "DiskSection", "VirtualSystem"] {
        if envelope.child(name).is_none() {
            let text = format!("the envelope has no {name}");
            f.add(&rules::REQUIRED_SECTION, envelope.location(), text);
        }
    }
    let disks = disks::check(&envelope, beside, f)?;
    if let Some(system) = envelope.child("VirtualSystem") {
        check_order(system, SYSTEM, f);
        check_system(system, f);
        match system.child("VirtualHardwareSection") {
            Some(section) => hardware::check(section, &envelope, &disks, f),
            None => {
                let text = "the system has no VirtualHardwareSection";
                f.add(&rules::REQUIRED_SECTION, system.location(), text);
            }
        }
        if let Some(machine) = system.child("Machine") {
            machine::check(machine, &envelope, f);
        }
    }
    Ok(disks.references)
}

/// The disks' ids and the files' names.
#[derive(Debug, Default)]
struct Disks {
    ids: Vec<String>,
    references: Vec<String>,
}

/// Known children come in the order of `order`; others may stand anywhere behind the last of them.
fn check_order(parent: &Element, order: &[&str], f: &mut Findings) {
    let mut last = 0;
    for child in &parent.children {
        let Some(place) = order.iter().position(|name| *name == child.name) else { continue };
        if place < last {
            let text = format!("{} stands behind {}", shown(&child.name), order[last]);
            f.add(&rules::SECTION_ORDER, child.location(), text);
        }
        last = last.max(place);
    }
}

/// Elements of a vendor's are optional.
fn check_extensions(envelope: &Element, f: &mut Findings) {
    envelope.walk(&mut |element| {
        let is_optional = element.attribute("required") == Some("false");
        let namespace = &*element.namespace;
        if namespace == VMWARE && element.name == "Config" && !is_optional {
            let key = shown(element.attribute("key").unwrap_or_default());
            let text = format!("the key \"{key}\" is required");
            f.add(&rules::CONFIG_REQUIRED, element.location(), text);
        } else if namespace == VIRTUALBOX && !is_optional && matches!(&*element.name, "Machine" | "OSType") {
            let text = format!("{} is required", shown(&element.name));
            f.add(&rules::EXTENSION_REQUIRED, element.location(), text);
        } else if element.name == "BootOrderSection" {
            f.add(&rules::BOOT_ORDER, element.location(), "there is a boot order section");
        }
    });
}

fn check_system(system: &Element, f: &mut Findings) {
    let section = system.child("OperatingSystemSection");
    let id = section.and_then(|section| section.attribute("id")).unwrap_or_default();
    if id.parse::<u16>().is_err() {
        let place = section.unwrap_or(system).location();
        f.add(&rules::OS_ID, place, format!("the operating system's id is \"{}\"", shown(id)));
    }
}

const NAMESPACE: &str = "http://schemas.dmtf.org/ovf/envelope/1";
const VMWARE: &str = "http://www.vmware.com/schema/ovf";
const VIRTUALBOX: &str = "http://www.virtualbox.org/ovf/machine";
const ENVELOPE: &[&str] = &["References", "DiskSection", "NetworkSection", "VirtualSystem"];
const SYSTEM: &[&str] = &[
    "Info",
    "Name",
    "OperatingSystemSection",
    "VirtualHardwareSection",
    "ProductSection",
    "AnnotationSection",
    "EulaSection",
    "Machine",
];
