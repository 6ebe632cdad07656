use super::super::test_tree::tree;
use super::*;

const ROOT: &str = "11111111-2222-3333-4444-555555555555";
const SHIM: (&str, &[u8]) = ("usr/lib/shim/shimx64.efi.signed", b"shim");
const MOK: (&str, &[u8]) = ("usr/lib/shim/mmx64.efi.signed", b"mok");
const SIGNED: (&str, &[u8]) = ("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", b"signed /EFI/debian\0");
const MONOLITHIC: (&str, &[u8]) = ("usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", b"grub /EFI/debian\0");
const SYSTEMD_BOOT: (&str, &[u8]) = ("usr/lib/systemd/boot/efi/systemd-bootx64.efi", b"systemd-boot");
const KERNEL: (&str, &[u8]) = ("boot/vmlinuz-6.1", b"MZ kernel");
const INITRD: (&str, &[u8]) = ("boot/initrd.img-6.1", b"initrd");

const STUB: &str = "search --no-floppy --fs-uuid --set=root 11111111-2222-3333-4444-555555555555\n\
    set prefix=($root)/boot/grub\nexport prefix\nconfigfile $prefix/grub.cfg\n";

/// The files of the partition: path and content.
fn partition(files: &[(&str, &[u8])], donor: &[(&str, &[u8])]) -> Result<Vec<(String, String)>, String> {
    let (tree, donor) = (tree(files), tree(donor));
    let mut findings = Findings::default();
    let kernels = super::super::kernels::find(&tree, &mut findings).unwrap();
    let files = BootFiles { tree: &tree, donor: Some(&donor) };
    let loader = find(&files, Architecture::X86_64, &kernels).unwrap()?;
    let mut workspace = GuestWorkspace::new(&tree);
    let parameters = ["console=ttyS0".to_owned()];
    let request = MenuRequest {
        root_uuid: ROOT,
        separate_boot_uuid: None,
        swap_uuid: None,
        root_device: None,
        swap_device: None,
        known: &[],
        root_names: &[],
        swap_names: &[],
        renamed: &[],
        parameters: &parameters,
        scanned_cmdline: None,
    };
    let plan =
        loader.prepare(&files, &mut workspace, &request, "boot/grub", &kernels, &mut findings).unwrap();
    let (changes, _) = workspace.finish();
    let tree = Arc::new(tree.with_changes(changes, Timestamp::default()).unwrap());
    let listed = plan.fat32_files(&tree, Timestamp::default(), &mut findings).unwrap();
    let files = listed.into_iter().filter_map(|file| {
        let bytes = match file.content {
            Fat32Content::Directory => return None,
            Fat32Content::File { inode, .. } => tree.read(inode, 1 << 20).unwrap(),
            Fat32Content::Bytes(bytes) => bytes.to_vec(),
        };
        Some((file.path.join("/"), String::from_utf8(bytes).unwrap()))
    });
    Ok(files.collect())
}

fn listed(files: &[(&str, &[u8])]) -> Vec<(String, String)> {
    partition(files, &[]).unwrap()
}

fn expected(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_signed_pair_comes_before_everything_else() {
    let files = [SHIM, MOK, SIGNED, MONOLITHIC, SYSTEMD_BOOT, KERNEL];
    let wanted = [
        ("EFI/BOOT/BOOTX64.EFI", "shim"),
        ("EFI/BOOT/grub.cfg", STUB),
        ("EFI/BOOT/grubx64.efi", "signed /EFI/debian\0"),
        ("EFI/BOOT/mmx64.efi", "mok"),
        ("EFI/debian/grub.cfg", STUB),
    ];
    assert_eq!(listed(&files), expected(&wanted));
}

#[test]
fn without_a_pair_grub_stands_alone() {
    let wanted = [
        ("EFI/BOOT/BOOTX64.EFI", "grub /EFI/debian\0"),
        ("EFI/BOOT/grub.cfg", STUB),
        ("EFI/debian/grub.cfg", STUB),
    ];
    assert_eq!(listed(&[SHIM, MONOLITHIC, SYSTEMD_BOOT, KERNEL]), expected(&wanted));
    assert_eq!(partition(&[KERNEL], &[MONOLITHIC]).unwrap(), expected(&wanted));
    assert_eq!(partition(&[KERNEL], &[("grubx64.efi", MONOLITHIC.1)]).unwrap(), expected(&wanted));
}

#[test]
fn systemd_boot_gets_kernels_and_entries() {
    let machine = "0123456789abcdef0123456789abcdef";
    let files = [
        SYSTEMD_BOOT,
        KERNEL,
        INITRD,
        ("etc/machine-id", b"0123456789abcdef0123456789abcdef\n"),
        ("etc/os-release", b"ID=arch\nPRETTY_NAME=\"Arch Linux\"\n"),
    ];
    let entry = format!(
        "title Arch Linux\nversion 6.1\nmachine-id {machine}\nlinux /{machine}/6.1/linux\n\
         initrd /{machine}/6.1/initrd\noptions root=UUID={ROOT} ro console=ttyS0\n"
    );
    let (linux, initrd, entry_path) = (
        format!("{machine}/6.1/linux"),
        format!("{machine}/6.1/initrd"),
        format!("loader/entries/{machine}-6.1.conf"),
    );
    let wanted = [
        (initrd.as_str(), "initrd"),
        (&linux, "MZ kernel"),
        ("EFI/BOOT/BOOTX64.EFI", "systemd-boot"),
        ("EFI/systemd/systemd-bootx64.efi", "systemd-boot"),
        (&entry_path, &entry),
        ("loader/loader.conf", &format!("timeout 3\ndefault {machine}-*\nconsole-mode keep\n")),
    ];
    assert_eq!(listed(&files), expected(&wanted));
    let bare: [(&str, &[u8]); 2] = [SYSTEMD_BOOT, ("boot/vmlinuz-6.1", b"\x1f\x8b")];
    assert!(partition(&bare, &[]).unwrap_err().contains("no EFI stub"));
}

#[test]
fn the_scanned_partition_is_kept_but_for_what_harms_a_clone() {
    let old = format!(
        "search.fs_uuid {ROOT} root hd0,gpt2\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    );
    let files = [
        ("boot/efi/EFI/fedora/shimx64.efi", &b"shim"[..]),
        ("boot/efi/EFI/fedora/grubx64.efi", b"grub /EFI/fedora\0"),
        ("boot/efi/EFI/fedora/mmx64.efi", b"mok"),
        ("boot/efi/EFI/fedora/BOOTX64.CSV", b"csv"),
        ("boot/efi/EFI/fedora/grub.cfg", old.as_bytes()),
        ("boot/efi/EFI/Boot/bootx64.efi", b"old"),
        ("boot/efi/EFI/Boot/fbx64.efi", b"fallback"),
        ("boot/efi/loader/random-seed", b"seed"),
        KERNEL,
    ];
    let wanted = [
        ("EFI/Boot/bootx64.efi", "shim"),
        ("EFI/Boot/grub.cfg", STUB),
        ("EFI/Boot/grubx64.efi", "grub /EFI/fedora\0"),
        ("EFI/Boot/mmx64.efi", "mok"),
        ("EFI/fedora/BOOTX64.CSV", "csv"),
        ("EFI/fedora/grub.cfg", STUB),
        ("EFI/fedora/grubx64.efi", "grub /EFI/fedora\0"),
        ("EFI/fedora/mmx64.efi", "mok"),
        ("EFI/fedora/shimx64.efi", "shim"),
    ];
    assert_eq!(listed(&files), expected(&wanted));
}

#[test]
fn an_unknown_loader_at_the_removable_path_is_kept_with_its_entries_mended() {
    let files = [
        ("boot/efi/EFI/BOOT/BOOTX64.EFI", &b"loader"[..]),
        ("boot/efi/loader/entries/a.conf", b"linux /a/linux\noptions root=UUID=0-0 quiet\n"),
    ];
    let entry = format!("linux /a/linux\noptions root=UUID={ROOT} quiet console=ttyS0\n");
    let wanted = [("EFI/BOOT/BOOTX64.EFI", "loader"), ("loader/entries/a.conf", &entry)];
    assert_eq!(listed(&files), expected(&wanted));
}

#[test]
fn what_is_missing_is_named() {
    let lack = partition(&[KERNEL, SHIM], &[]).unwrap_err();
    for name in ["shimx64.efi.signed", "monolithic/grubx64.efi", "systemd-bootx64.efi", "/boot/efi"] {
        assert!(lack.contains(name), "{lack}");
    }
}
