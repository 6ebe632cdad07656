use super::Case;
use crate::support::text::vbox;
use crate::support::{Package, vmdk};

pub(super) fn cases() -> Vec<Case> {
    let edited = |from: &str, to: &str| vbox().edited(from, to);
    let mut lost = vbox();
    lost.files.remove("img.vdi");
    let other = "10112233-4455-6677-8899-aabbccddeeff";
    let machine = "uuid=\"{6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506}\"";
    vec![
        Case::new("vbox-well-formed", edited("</VirtualBox>", "</Virtual>")),
        Case::new("vbox-no-doctype", edited("<VirtualBox ", "<!DOCTYPE VirtualBox>\n<VirtualBox ")),
        Case::new(
            "vbox-namespace",
            edited("http://www.virtualbox.org/", "http://www.innotek.de/VirtualBox-settings"),
        ),
        Case::new("vbox-version", edited("1.16-linux", "1.99-linux")).also(&["vbox-storage-place"]),
        Case::new("vbox-required", edited(" name=\"img\"", "")),
        Case::new("vbox-required", edited(" port=\"0\"", "")),
        Case::new("vbox-uuid", edited(machine, "uuid=\"6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506\"")),
        Case::new("vbox-uuid", edited(machine, "uuid=\"{00000000-0000-0000-0000-000000000000}\"")),
        Case::new("vbox-storage-place", edited("1.16-linux", "1.19-linux")),
        Case::new("vbox-controller-type", edited("type=\"AHCI\"", "type=\"SATA\"")),
        Case::new("vbox-media-registry", edited("<Image uuid=\"{00", "<Image uuid=\"{10")),
        Case::new("vbox-disk-file", lost),
        Case::new("vbox-disk-format", edited("format=\"VDI\"", "format=\"VMDK\"")),
        Case::new("vbox-disk-uuid", edited(crate::support::vdi::UUID, other)),
        Case::new("vbox-disk-uuid", in_vmdk()),
        Case::new("vbox-memory", edited("RAMSize=\"1024\"", "RAMSize=\"3\"")),
        Case::new("vbox-video-memory", edited("VRAMSize=\"16\"", "VRAMSize=\"8\"")),
        Case::new("vbox-ioapic", edited("<IOAPIC enabled=\"true\"/>", "")),
        Case::new("vbox-firmware", edited("<Firmware type=\"EFI\"/>", "<Firmware type=\"UEFI\"/>")),
        Case::new("vbox-adapter-type", edited("82540EM", "E1000")),
        Case::new("vbox-mac", edited("0800279A1B2C", "08:00:27:9A:1B:2C")),
        Case::new("vbox-mac", edited("0800279A1B2C", "0900279A1B2C")),
        Case::new("vbox-boot-order", edited("position=\"2\"", "position=\"1\"")),
        Case::new("vbox-boot-order", edited("position=\"2\"", "position=\"5\"")),
    ]
}

/// A machine whose VMDK names another UUID.
fn in_vmdk() -> Package {
    let mut stream = vmdk::stream();
    stream.descriptor.push_str("ddb.uuid.image=\"10112233-4455-6677-8899-aabbccddeeff\"\n");
    vbox()
        .edited("img.vdi", "img.vmdk")
        .edited("format=\"VDI\"", "format=\"VMDK\"")
        .with("img.vmdk", stream.build().bytes)
}
