//! Each container boots under both firmwares, and from each controller that QEMU imitates.

use anyhow::Result;
use diskwright_e2e::variant::Variant;
use diskwright_e2e::{Attachment, Emulator, Firmware, MachineModel, Tool, debian};

use crate::built::Built;

/// Tests of one variant each: under BIOS, and under UEFI.
macro_rules! boots_to_login {
    ($($test:ident: $variant:literal, $firmware:ident, $model:ident, $attachment:ident;)*) => {$(
        #[test]
        fn $test() -> Result<()> {
            let machine = (MachineModel::$model, Attachment::$attachment);
            boots_to_login($variant, machine, Firmware::$firmware)
        }
    )*};
}

// The raw disk boots in the tests of the Debian machine. Debian's OVMF is built without drivers for VMware's and LSI
// Logic's SCSI controllers, so these boot under SeaBIOS only.
boots_to_login! {
    boots_to_login_from_qcow2_deflate_on_virtio: "qcow2, deflate", Bios, Q35, VirtioBlock;
    boots_to_login_from_qcow2_deflate_on_nvme_under_ovmf: "qcow2, deflate", Uefi, Q35, Nvme;
    boots_to_login_from_qcow2_zstd_on_nvme: "qcow2, zstd", Bios, Q35, Nvme;
    boots_to_login_from_qcow2_zstd_on_virtio_under_ovmf: "qcow2, zstd", Uefi, Q35, VirtioBlock;
    boots_to_login_from_vdi_on_ahci: "vdi", Bios, Q35, OnBoard;
    boots_to_login_from_vdi_on_ide_under_ovmf: "vdi", Uefi, Pc, OnBoard;
    boots_to_login_from_vhd_on_ide: "vhd", Bios, Pc, OnBoard;
    boots_to_login_from_vhdx_on_ahci_under_ovmf: "vhdx", Uefi, Q35, OnBoard;
    boots_to_login_from_sparse_vmdk_on_pvscsi: "vmdk, sparse", Bios, Q35, Pvscsi;
    boots_to_login_from_sparse_vmdk_on_ahci_under_ovmf: "vmdk, sparse", Uefi, Q35, OnBoard;
    boots_to_login_from_stream_vmdk_on_lsi_sas: "vmdk, stream-optimised", Bios, Q35, LsiSas;
    boots_to_login_from_stream_vmdk_on_virtio_under_ovmf: "vmdk, stream-optimised", Uefi, Q35, VirtioBlock;
    boots_to_login_from_virtualbox_ova_on_ide: "virtualbox: .ova", Bios, Pc, OnBoard;
    boots_to_login_from_virtualbox_ova_on_ahci_under_ovmf: "virtualbox: .ova", Uefi, Q35, OnBoard;
    boots_to_login_from_vmware_ova_on_lsi_sas: "vmware: .ova", Bios, Pc, LsiSas;
    boots_to_login_from_vmware_ova_on_nvme_under_ovmf: "vmware: .ova", Uefi, Q35, Nvme;
}

fn boots_to_login(variant: &str, machine: (MachineModel, Attachment), firmware: Firmware) -> Result<()> {
    let variant = Variant::named(variant)?;
    let (Some(emulator), Some(tar), Some(built)) = (Emulator::find(), Tool::find("tar"), Built::get()?)
    else {
        return Ok(());
    };
    debian::assert_boots(&emulator, &built.disk(variant, &tar)?, machine, firmware)
}
