//! Vagrant boxes, for VirtualBox and for libvirt.
//!
//! # Reference
//! Vagrant, "Box File Format"; vagrant-libvirt, "Box Format".

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::tar::{Codes, Member};
use super::{Made, expect_bytes, qcow2, vmdk};
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
    let size = disk.content.size;
    let disk = vmdk::open(Arc::new(disk.content), disk_name, machine, findings)?;
    if let Some(envelope) = members.iter().find(|member| member.name == VIRTUALBOX[0]) {
        check_envelope(envelope, (size, stored(disk.as_ref())), machine, findings)?;
    }
    Ok(disk)
}

/// Bytes of the grains that are stored.
fn stored(disk: &dyn Disk) -> u64 {
    let (mut at, mut stored) = (disk.next_data(0), 0);
    while at < disk.size() {
        stored += GRAIN;
        at = disk.next_data(at + GRAIN);
    }
    stored
}

/// Every byte of the envelope but what it calls the guest's system. Blanks before its last tag fill the room that was kept for
/// longer numbers.
fn check_envelope(
    envelope: &Member,
    (file_size, populated): (u64, u64),
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let content = &envelope.content;
    let found = text(envelope)?;
    let own = String::from_utf8_lossy(&found);
    let between = |before: &str, after: char| {
        let rest = own.split_once(before).map_or("", |(_, rest)| rest);
        let value = rest.split(after).next().unwrap_or_default().chars();
        // No value has keys of the template in it, or is long.
        value.filter(|sign| *sign != '{').take(100).collect::<String>()
    };
    let about = &machine.report.machine;
    let setting = |key: &str, value: &str| {
        format!("      <vmw:Config ovf:required=\"false\" vmw:key=\"{key}\" vmw:value=\"{value}\"/>\n")
    };
    let firmware = if about.firmware == "uefi" {
        setting("firmware", "efi") + &setting("bootOptions.efiSecureBootEnabled", "false")
    } else {
        setting("firmware", "bios")
    };
    let capacity = machine.report.disks.first().map_or(0, |disk| disk.size);
    let values = [
        ("{file size}", file_size.to_string()),
        ("{capacity}", capacity.to_string()),
        ("{populated}", populated.to_string()),
        ("{cpus}", about.cpus.to_string()),
        ("{memory}", (about.memory >> 20).to_string()),
        ("{firmware}", firmware),
        ("{system id}", between("<OperatingSystemSection ovf:id=\"", '"')),
        ("{system of VMware}", between(" vmw:osType=\"", '"')),
        ("{system}", between("<Info>The operating system</Info>\n      <Description>", '<')),
        ("{system of VirtualBox}", between("<vbox:OSType ovf:required=\"false\">", '<')),
    ];
    let mut expected = ENVELOPE.to_owned();
    for (key, value) in values {
        expected = expected.replace(key, &value);
    }
    let room = found.len().saturating_sub(expected.len());
    let last = expected.rfind("</Envelope>").unwrap_or(expected.len());
    expected.insert_str(last, &" ".repeat(room));
    expect_bytes((&found, expected.as_bytes()), content.start, ("box-envelope", &envelope.name), findings);
    Ok(())
}

/// The file, which is not larger than it may be.
fn text(member: &Member) -> Result<Vec<u8>> {
    let content = &member.content;
    if content.size > MAX_TEXT {
        let text = format!("{} has more than {MAX_TEXT} bytes", member.name);
        return Err(Error::new(ErrorKind::Unsupported, text).with_offset(content.start));
    }
    read(content, 0, len(content.size))
}

fn check_text(member: &Member, expected: &str, findings: &mut Findings) -> Result<()> {
    let (found, at) = (text(member)?, member.content.start);
    expect_bytes((&found, expected.as_bytes()), at, ("box-text", &member.name), findings);
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
    let metadata = format!(
        "{{\n  \"provider\": \"libvirt\",\n  \"format\": \"qcow2\",\n  \"virtual_size\": {size}\n}}\n"
    );
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
/// The envelope of a machine with a disk, an adapter and, for VirtualBox, the controller that every version knows.
///
/// # Reference
/// DMTF DSP0243 (OVF 1.1).
const ENVELOPE: &str = include_str!("box.ovf");
/// Bytes of a grain of a stream-optimised VMDK.
const GRAIN: u64 = 64 << 10;
const MAX_TEXT: u64 = 64 << 10;
