use super::Case;
use crate::support::text::{ovf, ovf_with_machine};
use crate::support::{Package, vmdk};

pub(super) fn cases() -> Vec<Case> {
    [documents(), disks(), hardware(), vendors()].into_iter().flatten().collect()
}

fn edited(from: &str, to: &str) -> Package {
    ovf().edited(from, to)
}

fn documents() -> Vec<Case> {
    let network = "  <NetworkSection>\n    <Info>Networks</Info>\n    <Network ovf:name=\"NAT\"><Description>NAT</Description></Network>\n  </NetworkSection>\n";
    let moved = edited(network, "").edited("  <DiskSection>", &format!("{network}  <DiskSection>"));
    vec![
        Case::new("ovf-well-formed", edited("</Envelope>", "")),
        Case::new("ovf-well-formed", edited("<Name>img</Name>", "<Name>&unknown;</Name>")),
        Case::new("ovf-no-doctype", edited("<Envelope xmlns=", "<!DOCTYPE Envelope>\n<Envelope xmlns=")),
        Case::new(
            "ovf-namespace",
            edited("http://schemas.dmtf.org/ovf/envelope/1", "http://schemas.dmtf.org/ovf/envelope/2"),
        ),
        Case::new("ovf-2-items", edited("      <vmw:Config", "      <StorageItem/>\n      <vmw:Config")),
        Case::new("ovf-section-order", moved),
        Case::new("ovf-required-section", edited("VirtualHardwareSection>", "OtherSection>")),
        Case::new("ovf-required-section", edited("References>", "Others>")).also(&["ovf-file-ref"]),
        Case::new("ovf-os-id", edited("<OperatingSystemSection ovf:id=\"96\">", "<OperatingSystemSection>")),
    ]
}

fn disks() -> Vec<Case> {
    let format = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
    let mut lost = ovf();
    lost.files.remove("disk.vmdk");
    let sparse = vmdk::sparse().files["disk.vmdk"].clone();
    let size = vmdk::stream().build().bytes.len();
    let swapped = |bytes: Vec<u8>| {
        ovf()
            .edited(&format!("ovf:size=\"{size}\""), &format!("ovf:size=\"{}\"", bytes.len()))
            .with("disk.vmdk", bytes)
    };
    vec![
        Case::new("ovf-disk-attributes", edited(" ovf:capacity=\"524288\"", "")).also(&["ovf-capacity"]),
        Case::new("ovf-file-ref", edited("ovf:fileRef=\"file1\"", "ovf:fileRef=\"file2\"")),
        Case::new("ovf-file-missing", lost),
        Case::new("ovf-file-size", edited(&format!("\"{size}\""), "\"4096\"")),
        Case::new("ovf-capacity", edited("ovf:capacity=\"524288\"", "ovf:capacity=\"524289\"")),
        Case::new("ovf-capacity", edited("\"byte\"", "\"byte * 2^10\"")),
        Case::new("ovf-capacity", edited("\"byte\"", "\"bytes\"")),
        Case::new(
            "ovf-disk-format",
            edited(format, "http://www.vmware.com/interfaces/specifications/vmdk.html#"),
        ),
        Case::new("ovf-disk-content", swapped(sparse)),
        Case::new("ovf-disk-content", swapped(vec![0; 1024])),
    ]
}

fn hardware() -> Vec<Case> {
    let version = |number: &str| edited("vmx-13", &format!("vmx-{number}"));
    let item = "<rasd:InstanceID>2</rasd:InstanceID>\n        <rasd:ResourceType>4</rasd:ResourceType>";
    let reversed = "<rasd:ResourceType>4</rasd:ResourceType>\n        <rasd:InstanceID>2</rasd:InstanceID>";
    let second = "<rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>\n        <rasd:ResourceType>6</rasd:ResourceType>";
    vec![
        Case::new("ovf-item-order", edited(item, reversed)),
        Case::new("ovf-instance-id", edited("<rasd:InstanceID>5<", "<rasd:InstanceID>4<")),
        Case::new("ovf-parent", edited("<rasd:Parent>3<", "<rasd:Parent>9<")),
        Case::new("ovf-host-resource", edited("ovf:/disk/vmdisk1", "ovf:/disk/vmdisk2")),
        Case::new("ovf-unknown-item", edited("<Item ovf:required=\"false\">", "<Item>")),
        Case::new("ovf-system-type", edited("vmx-13", "virtualbox-2.2")),
        Case::new("ovf-hardware-version-new", version("20")),
        Case::new("ovf-hardware-version-old", version("07")),
        Case::new("ovf-hardware-version-workstation", version("16")),
        Case::new("ovf-memory-units", edited("byte * 2^20", "byte*2^20")),
        Case::new("ovf-quantity", edited("<rasd:VirtualQuantity>1024<", "<rasd:VirtualQuantity>0<")),
        Case::new("ovf-network", edited("<rasd:Connection>NAT<", "<rasd:Connection>VM Network<")),
        Case::new("ovf-scsi-subtype", edited("lsilogic", "virtualscsi")),
        Case::new("ovf-controller-subtype", edited(">AHCI<", ">sata<")),
        Case::new(
            "ovf-one-controller",
            edited(
                second,
                &second
                    .replace("<rasd:ResourceType>6<", "<rasd:ResourceType>20<")
                    .replace("lsilogic", "AHCI"),
            ),
        ),
        Case::new("ovf-firmware-value", edited("vmw:value=\"efi\"", "vmw:value=\"uefi\"")),
        Case::new("ovf-firmware", edited("vmw:key=\"firmware\"", "vmw:key=\"other\"")),
    ]
}

fn vendors() -> Vec<Case> {
    let uuid = crate::support::vdi::UUID;
    vec![
        Case::new("ovf-config-required", edited("<vmw:Config ovf:required=\"false\"", "<vmw:Config")),
        Case::new("ovf-extension-required", edited("<vbox:OSType ovf:required=\"false\">", "<vbox:OSType>")),
        Case::new(
            "ovf-boot-order-section",
            edited(
                "  </VirtualSystem>",
                "  <vmw:BootOrderSection ovf:required=\"false\"/>\n  </VirtualSystem>",
            ),
        ),
        Case::new(
            "ovf-machine-disk",
            ovf_with_machine().edited(&format!("{{{uuid}}}"), "{10112233-4455-6677-8899-aabbccddeeff}"),
        ),
        Case::new("ovf-machine-disk", ovf_with_machine().edited("AttachedDevice", "OtherDevice")),
    ]
}
