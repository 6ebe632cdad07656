//! Whole disks: the boot plan of a tree, laid out by us, under SeaBIOS and OVMF.

mod boot;

use std::path::Path;

use boot::disk::{DiskRequest, write_disk};
use boot::{copy_files, host_directory, run, tree_of};
use diskwright_core::ErrorKind;
use diskwright_core::boot::BootLoaders;
use diskwright_core::partition::{SectorSize, TableKind};
use diskwright_core::profile::{BootPolicy, Firmware};
use diskwright_core::tree::Findings;

/// A tree with the host's GRUB packages and a menu that says a word; where `stored` is, the packages are there.
fn grub_tree(root: &Path, stored: &str) -> Option<()> {
    let bios = host_directory("/usr/lib/grub/i386-pc")?;
    let uefi = host_directory("/usr/lib/grub/x86_64-efi/monolithic")?;
    copy_files(bios, &root.join(stored).join("i386-pc"), |_| true);
    copy_files(uefi, &root.join(stored).join("x86_64-efi/monolithic"), |name| name == "grubx64.efi");
    Some(())
}

fn marker_menu(root: &Path) {
    std::fs::create_dir_all(root.join("boot/grub")).unwrap();
    let menu = "if [ $grub_platform = pc ]; then\nserial --unit=0\nterminal_output serial\nfi\n\
        echo MARKER-$grub_platform\nhalt\n";
    std::fs::write(root.join("boot/grub/grub.cfg"), menu).unwrap();
}

fn boots(disk: &Path, firmware: boot::Firmware, word: &str) {
    if let Some(console) = run(disk, firmware, &[word], 120) {
        assert!(console.contains(word), "{console}");
    }
}

#[test]
fn one_gpt_disk_boots_under_bios_and_uefi() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let Some(()) = grub_tree(&root, "usr/lib/grub") else { return };
    marker_menu(&root);
    let disk = directory.path().join("disk.raw");
    let request = DiskRequest { policy: BootPolicy::Optional, ..DiskRequest::default() };
    let written = write_disk(tree_of(&root), None, &request, &disk).unwrap();
    let installed = |name: &str| {
        let path = format!("/boot/grub/i386-pc/{name}");
        written.edits.iter().any(|edit| edit.path == path)
    };
    assert!(["normal.mod", "command.lst", "core.img", "boot.img"].into_iter().all(installed));
    assert!(!installed("kernel.img"));
    boots(&disk, boot::Firmware::Bios, "MARKER-pc");
    boots(&disk, boot::Firmware::Uefi, "MARKER-efi");
}

#[test]
fn one_mbr_disk_boots_under_bios_and_uefi() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let Some(()) = grub_tree(&root, "usr/lib/grub") else { return };
    marker_menu(&root);
    let disk = directory.path().join("disk.raw");
    let request =
        DiskRequest { policy: BootPolicy::Optional, table: TableKind::Mbr, ..DiskRequest::default() };
    write_disk(tree_of(&root), None, &request, &disk).unwrap();
    boots(&disk, boot::Firmware::Bios, "MARKER-pc");
    boots(&disk, boot::Firmware::Uefi, "MARKER-efi");
}

#[test]
fn a_donor_brings_what_the_tree_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let (root, donor) = (directory.path().join("root"), directory.path().join("donor"));
    let Some(()) = grub_tree(&donor, "") else { return };
    marker_menu(&root);
    let disk = directory.path().join("disk.raw");
    let request =
        DiskRequest { policy: BootPolicy::Optional, firmware: Firmware::Both, ..DiskRequest::default() };
    write_disk(tree_of(&root), Some(tree_of(&donor)), &request, &disk).unwrap();
    boots(&disk, boot::Firmware::Bios, "MARKER-pc");
    boots(&disk, boot::Firmware::Uefi, "MARKER-efi");
}

#[test]
fn what_is_missing_is_named_and_large_sectors_have_no_bios() {
    let directory = tempfile::tempdir().unwrap();
    marker_menu(directory.path());
    let tree = tree_of(directory.path());
    let mut findings = Findings::default();
    let loaders = BootLoaders::find(&tree, None, None, &mut findings).unwrap();
    let choose =
        |firmware, policy, sectors| loaders.choose(firmware, policy, sectors, &mut Findings::default());
    let error = choose(Firmware::Both, BootPolicy::Required, SectorSize::Bytes4096).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("firmware")));
    let text = error.to_string();
    for named in ["sectors of 4096 bytes", "monolithic/grubx64.efi", "/boot/vmlinuz-*"] {
        assert!(text.contains(named), "{named}: {text}");
    }
    let error = choose(Firmware::Auto, BootPolicy::Required, SectorSize::Bytes512).unwrap_err();
    assert!(error.to_string().contains("grub-pc-bin"), "{error}");
    let mut findings = Findings::default();
    let chosen =
        loaders.choose(Firmware::Auto, BootPolicy::Optional, SectorSize::Bytes512, &mut findings).unwrap();
    assert!(!chosen.bios && !chosen.uefi);
    assert_eq!(findings.into_vec().iter().filter(|finding| finding.code == "does-not-boot").count(), 2);
}
