//! Vagrant boxes, for VirtualBox and for libvirt.
//!
//! # Reference
//! Vagrant, "Box File Format"; vagrant-libvirt, "Box Format".

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::tar::{Codes, Member};
use super::{Disks, Made, expect_bytes, qcow2, vmdk};
use crate::bytes::len;
use crate::disk::{Disk, read};
use crate::finding::Findings;
use crate::report::MachineRecord;

/// The disks in a box.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for what is not written here.
pub(super) fn open(file: Arc<dyn Disk>, machine: &Made<'_>, findings: &mut Findings) -> Result<Disks> {
    let members = super::tar::members(&file, &CODES, machine, findings)?;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let is_libvirt = names.contains(&LIBVIRT_DISK);
    let disk_names: Vec<String> = match is_libvirt {
        true => vec![LIBVIRT_DISK.to_owned()],
        false => (1..=machine.count()).map(|number| format!("box-disk{number}.vmdk")).collect(),
    };
    let texts: &[&str] =
        if is_libvirt { &[METADATA, VAGRANTFILE] } else { &[ENVELOPE_NAME, METADATA, VAGRANTFILE] };
    let wanted: Vec<&str> = texts.iter().copied().chain(disk_names.iter().map(String::as_str)).collect();
    if names != wanted {
        findings.add("box-members", "archive", None, format!("{wanted:?}"), format!("{names:?}"));
    }
    let (metadata, vagrantfile) = if is_libvirt { libvirt(machine) } else { virtualbox(machine) };
    for (name, expected) in [(METADATA, metadata), (VAGRANTFILE, vagrantfile)] {
        if let Some(member) = members.iter().find(|member| member.name == name) {
            check_text(member, &expected, findings)?;
        }
    }
    let mut disks = Disks::new();
    let mut sizes = Vec::new();
    for (at, name) in disk_names.iter().enumerate() {
        let Some(member) = members.iter().find(|member| member.name == *name) else {
            return Err(Error::new(ErrorKind::Source, format!("the box has no {name}")));
        };
        let (content, machine): (Arc<dyn Disk>, _) = (Arc::new(member.content.clone()), machine.of_disk(at));
        let disk = match is_libvirt {
            true => qcow2::open(content, &machine, findings)?,
            false => vmdk::open(content, name, &machine, findings)?,
        };
        sizes.push((member.content.size, machine.size(), disk.clone()));
        disks.insert(at, disk);
    }
    if let Some(envelope) = members.iter().find(|member| !is_libvirt && member.name == ENVELOPE_NAME) {
        let sizes: Vec<DiskSizes> = sizes
            .into_iter()
            .map(|(file, capacity, disk)| DiskSizes { file, capacity, populated: stored(disk.as_ref()) })
            .collect();
        check_envelope(envelope, &sizes, machine, findings)?;
    }
    Ok(disks)
}

/// What an envelope says of a disk, in bytes.
struct DiskSizes {
    file: u64,
    capacity: u64,
    populated: u64,
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
    sizes: &[DiskSizes],
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
    let values = [
        ("{files}", for_each(FILE, sizes)),
        ("{disks}", for_each(DISK, sizes)),
        ("{hard disks}", for_each(HARD_DISK, sizes)),
        // Behind processors, memory, controller and disks.
        ("{adapter id}", (4 + sizes.len()).to_string()),
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

/// Lines of the envelope for each disk.
fn for_each(lines: &str, sizes: &[DiskSizes]) -> String {
    let mut all = String::new();
    for (at, size) in sizes.iter().enumerate() {
        let values = [
            ("{number}", (at + 1).to_string()),
            ("{unit}", at.to_string()),
            ("{id}", (4 + at).to_string()),
            ("{file size}", size.file.to_string()),
            ("{capacity}", size.capacity.to_string()),
            ("{populated}", size.populated.to_string()),
        ];
        let filled = values.iter().fold(lines.to_owned(), |text, (key, value)| text.replace(key, value));
        all.push_str(&filled);
    }
    all
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
    let size = machine.size().div_ceil(1 << 30);
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
const METADATA: &str = "metadata.json";
const VAGRANTFILE: &str = "Vagrantfile";
const ENVELOPE_NAME: &str = "box.ovf";
const LIBVIRT_DISK: &str = "box.img";
/// Of each disk in the envelope's references, in its disk section, and in the machine.
const FILE: &str = r#"    <File ovf:href="box-disk{number}.vmdk" ovf:id="file{number}" ovf:size="{file size}"/>
"#;
const DISK: &str = r#"    <Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="vmdisk{number}" ovf:fileRef="file{number}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized" ovf:populatedSize="{populated}"/>
"#;
const HARD_DISK: &str = "      <Item>
        <rasd:AddressOnParent>{unit}</rasd:AddressOnParent>
        <rasd:Description>Hard disk</rasd:Description>
        <rasd:ElementName>Hard disk {number}</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk{number}</rasd:HostResource>
        <rasd:InstanceID>{id}</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
";
/// The envelope of a machine with disks, an adapter and, for VirtualBox, the controller that every version knows.
///
/// # Reference
/// DMTF DSP0243 (OVF 1.1).
const ENVELOPE: &str = include_str!("box.ovf");
/// Bytes of a grain of a stream-optimised VMDK.
const GRAIN: u64 = 64 << 10;
const MAX_TEXT: u64 = 64 << 10;
