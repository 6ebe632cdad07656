//! Vagrant boxes, for VirtualBox and for libvirt.
//!
//! # Reference
//! Vagrant, "Box File Format"; vagrant-libvirt, "Box Format".

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::tar::{Codes, Member};
use super::{Made, expect_bytes, ova, qcow2, vmdk};
use crate::bytes::len;
use crate::disk::{Disk, read};
use crate::finding::Findings;
use crate::report::MachineRecord;

/// The disk in a box.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let mut members = super::tar::members(&file, &CODES, machine, findings)?;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let is_libvirt = names.contains(&LIBVIRT[2]);
    let wanted: &[&str] = if is_libvirt { &LIBVIRT } else { &VIRTUALBOX };
    if names != wanted {
        findings.add("box-members", "archive", None, format!("{wanted:?}"), format!("{names:?}"));
    }
    let (metadata, vagrantfile) = if is_libvirt { libvirt(machine) } else { virtualbox(machine) };
    for (name, expected) in [("metadata.json", metadata), ("Vagrantfile", vagrantfile)] {
        if let Some(member) = members.iter().find(|member| member.name == name) {
            check_text(member, &expected, findings)?;
        }
    }
    let disk_name = wanted.last().copied().unwrap_or_default();
    let Some(at) = members.iter().position(|member| member.name == disk_name) else {
        return Err(Error::new(ErrorKind::Source, format!("the box has no {disk_name}")));
    };
    let disk = members.swap_remove(at);
    if is_libvirt {
        return qcow2::open(Arc::new(disk.content), machine, findings);
    }
    if let Some(envelope) = members.iter().find(|member| member.name == VIRTUALBOX[0]) {
        let about = ("box", disk_name, disk.content.size);
        ova::check_envelope(envelope, about, machine, findings)?;
    }
    vmdk::open(Arc::new(disk.content), disk_name, machine, findings)
}

fn check_text(member: &Member, expected: &str, findings: &mut Findings) -> Result<()> {
    let content = &member.content;
    if content.size > MAX_TEXT {
        let text = format!("{} has more than {MAX_TEXT} bytes", member.name);
        return Err(Error::new(ErrorKind::Unsupported, text).with_offset(content.start));
    }
    let found = read(content, 0, len(content.size))?;
    expect_bytes((&found, expected.as_bytes()), content.start, ("box-text", &member.name), findings);
    Ok(())
}

/// `metadata.json` and `Vagrantfile` of a box for VirtualBox, whose importer takes no firmware from the envelope.
fn virtualbox(machine: &Made<'_>) -> (String, String) {
    let metadata = "{\n  \"provider\": \"virtualbox\"\n}\n".to_owned();
    let drawn = machine.number(&format!("vagrant {} mac", machine.name)) & 0xff_ffff;
    // The vendor's prefix of VirtualBox.
    let address = format!("  config.vm.base_mac = \"080027{drawn:06X}\"\n");
    let is_uefi = machine.report.machine.firmware == "uefi";
    let firmware =
        if is_uefi { "    provider.customize [\"modifyvm\", :id, \"--firmware\", \"efi\"]\n" } else { "" };
    (metadata, vagrantfile(&address, "virtualbox", &machine.report.machine, firmware))
}

/// `metadata.json`, whose `virtual_size` is in GiB, and `Vagrantfile` of a box for libvirt.
fn libvirt(machine: &Made<'_>) -> (String, String) {
    let size = machine.report.disks.first().map_or(0, |disk| disk.size).div_ceil(1 << 30);
    let metadata =
        format!("{{\n  \"provider\": \"libvirt\",\n  \"format\": \"qcow2\",\n  \"virtual_size\": {size}\n}}\n");
    (metadata, vagrantfile("", "libvirt", &machine.report.machine, ""))
}

fn vagrantfile(address: &str, provider: &str, machine: &MachineRecord, firmware: &str) -> String {
    let (memory, cpus) = (machine.memory >> 20, machine.cpus);
    let lines = [
        "Vagrant.configure(\"2\") do |config|\n",
        address,
        "  config.vm.synced_folder \".\", \"/vagrant\", disabled: true\n",
        &format!("  config.vm.provider :{provider} do |provider|\n"),
        &format!("    provider.memory = {memory}\n"),
        &format!("    provider.cpus = {cpus}\n"),
        firmware,
        "  end\n",
        "end\n",
    ];
    lines.concat()
}

const CODES: Codes = Codes { header: "box-header", gap: "box-gap", members: "box-members" };
const VIRTUALBOX: [&str; 4] = ["box.ovf", "metadata.json", "Vagrantfile", "box-disk1.vmdk"];
const LIBVIRT: [&str; 3] = ["metadata.json", "Vagrantfile", "box.img"];
const MAX_TEXT: u64 = 64 << 10;
