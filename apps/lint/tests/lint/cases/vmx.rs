use super::Case;
use crate::support::Package;
use crate::support::text::vmx;
use crate::support::vmdk;

pub(super) fn cases() -> Vec<Case> {
    let edited = |from: &str, to: &str| vmx().edited(from, to);
    let mut lost = vmx();
    lost.files.remove("disk.vmdk");
    let stream: Package = vmx().with("disk.vmdk", vmdk::stream().build().bytes);
    vec![
        Case::new("vmx-syntax", edited("\"1024\"", "1024")),
        Case::new("vmx-syntax", edited("# slots", "slots")),
        Case::new("vmx-duplicate-key", edited("# slots", "MEMSIZE = \"1024\"")),
        Case::new("vmx-required-key", edited("virtualHW.version = \"13\"\n", "")),
        Case::new("vmx-guest-os", edited("debian12-64", "debian12_64Guest")),
        Case::new("vmx-guest-os", edited("debian12-64", "plan9")),
        Case::new("vmx-memory", edited("\"1024\"", "\"1023\"")),
        Case::new("vmx-memory", edited("memsize = \"1024\"\n", "")),
        Case::new("vmx-firmware", edited("\"efi\"", "\"uefi\"")),
        Case::new("vmx-no-disk", edited("scsi0:0.fileName = \"disk.vmdk\"\n", "")),
        Case::new("vmx-not-present", edited("scsi0.present = \"TRUE\"", "scsi0.present = \"FALSE\""))
            .also(&["vmx-no-disk"]),
        Case::new("vmx-disk-file", lost),
        Case::new("vmx-disk-subformat", stream),
        Case::new("vmx-disk-subformat", vmx().with("disk.vmdk", vec![0xff; 512])),
        Case::new(
            "vmx-pcie-bridges",
            edited("pciBridge4.present = \"TRUE\"", "pciBridge4.present = \"FALSE\""),
        ),
        Case::new(
            "vmx-pcie-bridges",
            edited("nvme0.present = \"TRUE\"", "")
                .edited("pciBridge0.present = \"TRUE\"\n", "")
                .edited("lsilogic", "pvscsi"),
        ),
        Case::new("vmx-nvme-version", edited("virtualHW.version = \"13\"", "virtualHW.version = \"11\"")),
    ]
}
