use super::super::test_tree::tree;
use super::*;
use crate::tree::FileTree;

const SWAP: &str = "99999999-2222-3333-4444-555555555555";
const ROOT: &str = "11111111-2222-3333-4444-555555555555";
const BOOT: &str = "66666666-2222-3333-4444-555555555555";
const OLD: &str = "00000000-2222-3333-4444-555555555555";

const KERNEL_FILES: [(&str, &[u8]); 3] = [
    ("boot/vmlinuz-6.1.0-13-amd64", b"MZ"),
    ("boot/initrd.img-6.1.0-13-amd64", b"x"),
    ("etc/os-release", b"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"),
];

fn request<'a>(parameters: &'a [String]) -> MenuRequest<'a> {
    MenuRequest {
        root_uuid: ROOT,
        separate_boot_uuid: None,
        swap_uuid: None,
        root_device: None,
        swap_device: None,
        known: &[],
        root_names: &[],
        swap_names: &[],
        renamed: &[],
        parameters,
        scanned_cmdline: None,
    }
}

fn debian(more: &[(&str, &[u8])]) -> FileTree {
    tree(&[&KERNEL_FILES[..], more].concat())
}

/// The menu, the text of `path` afterwards, and the number of edits.
fn prepared(tree: &FileTree, request: &MenuRequest<'_>, path: &str) -> (Menu, Option<String>, usize) {
    let mut findings = Findings::default();
    let kernels = super::super::kernels::find(tree, &mut findings).unwrap();
    let mut workspace = GuestWorkspace::new(tree);
    let menu = prepare(&mut workspace, request, &kernels, &mut findings).unwrap();
    let text = workspace.read(path.as_bytes()).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
    (menu, text, workspace.finish().1.len())
}

#[test]
fn a_tree_without_a_menu_gets_one() {
    let parameters = ["console=tty0".to_owned(), "console=ttyS1,9600n8".to_owned()];
    let (menu, text, _) = prepared(&debian(&[]), &request(&parameters), "boot/grub/grub.cfg");
    assert_eq!(menu, Menu { directory: "boot/grub", origin: MenuOrigin::Generated });
    let expected = "# Made together with this disk; grub-mkconfig may replace it.
set default=0
set timeout=3
if [ \"$grub_platform\" = pc ]; then
\tserial --unit=1 --speed=9600
\tterminal_input console serial
\tterminal_output console serial
fi
menuentry 'Debian GNU/Linux 12 (bookworm), with Linux 6.1.0-13-amd64' {
\tsearch --no-floppy --fs-uuid --set=root 11111111-2222-3333-4444-555555555555
\tlinux /boot/vmlinuz-6.1.0-13-amd64 root=UUID=11111111-2222-3333-4444-555555555555 ro console=tty0 console=ttyS1,9600n8
\tinitrd /boot/initrd.img-6.1.0-13-amd64
}
";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn a_separate_boot_file_system_is_searched_and_left_out_of_paths() {
    let request = MenuRequest { separate_boot_uuid: Some(BOOT), ..request(&[]) };
    let text = prepared(&debian(&[]), &request, "boot/grub/grub.cfg").1.unwrap();
    assert!(text.contains(&format!("--set=root {BOOT}\n")), "{text}");
    assert!(text.contains(&format!("linux /vmlinuz-6.1.0-13-amd64 root=UUID={ROOT} ro\n")), "{text}");
    assert!(text.contains("initrd /initrd.img-6.1.0-13-amd64\n"), "{text}");
}

#[test]
fn options_come_from_the_report_else_from_the_configuration() {
    let configured =
        debian(&[("etc/default/grub", b"GRUB_TIMEOUT=7\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\"\n")]);
    let text = prepared(&configured, &request(&[]), "boot/grub/grub.cfg").1.unwrap();
    assert!(text.contains(" ro quiet splash\n") && text.contains("set timeout=7\n"), "{text}");
    let cmdline = "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro net.ifnames=0 evil;halt initrd=x rd.lvm.lv=a/b";
    let request = MenuRequest { scanned_cmdline: Some(cmdline), ..request(&[]) };
    let text = prepared(&configured, &request, "boot/grub/grub.cfg").1.unwrap();
    assert!(text.contains(&format!(" root=UUID={ROOT} ro net.ifnames=0\n")), "{text}");
}

/// As `grub-mkconfig` writes it, with the UUID of the file system and the directory of the kernels.
fn script(uuid: &str, boot: &str) -> String {
    format!(
        "set default=\"0\"\n\
        menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-{uuid}' {{\n\
        \tload_video\n\
        \tset root='hd0,msdos1'\n\
        \tif [ x$feature_platform_search_hint = xy ]; then\n\
        \t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1  {uuid}\n\
        \telse\n\
        \t  search --no-floppy --fs-uuid --set=root {uuid}\n\
        \tfi\n\
        \techo\t'Loading Linux 6.1.0-13-amd64 ...'\n\
        \tlinux\t{boot}/vmlinuz-6.1.0-13-amd64 root=UUID={ROOT} ro  quiet\n\
        \tinitrd\t{boot}/initrd.img-6.1.0-13-amd64\n\
        }}\n"
    )
}

#[test]
fn a_true_menu_stays_to_the_byte() {
    let script = script(ROOT, "/boot");
    let tree = debian(&[("boot/grub/grub.cfg", script.as_bytes())]);
    let (menu, text, edits) = prepared(&tree, &request(&[]), "boot/grub/grub.cfg");
    assert_eq!((menu.origin, text.as_deref(), edits), (MenuOrigin::Kept, Some(script.as_str()), 0));
}

#[test]
fn a_menu_follows_boot_out_of_and_into_the_root_file_system() {
    let own = script(BOOT, "");
    let in_root = script(ROOT, "/boot");
    let tree = debian(&[("boot/grub/grub.cfg", own.as_bytes())]);
    let (menu, text, _) = prepared(&tree, &request(&[]), "boot/grub/grub.cfg");
    assert_eq!(menu.origin, MenuOrigin::Fixed);
    assert_eq!(text.unwrap().replace(&format!("simple-{BOOT}"), &format!("simple-{ROOT}")), in_root);
    let tree = debian(&[("boot/grub/grub.cfg", in_root.as_bytes())]);
    let request = MenuRequest { separate_boot_uuid: Some(BOOT), ..request(&[]) };
    let text = prepared(&tree, &request, "boot/grub/grub.cfg").1.unwrap();
    assert_eq!(text.replace(&format!("simple-{ROOT}"), &format!("simple-{BOOT}")), own);
}

#[test]
fn new_identifiers_and_parameters_reach_every_line() {
    let script = script(OLD, "/boot").replace(ROOT, OLD);
    let tree = debian(&[
        ("boot/grub/grub.cfg", script.as_bytes()),
        ("etc/default/grub", b"GRUB_CMDLINE_LINUX=\"resume=UUID=7a-7a\"\n"),
        ("etc/kernel/cmdline", format!("root=UUID={OLD} ro\n").as_bytes()),
        (
            "boot/loader/entries/a.conf",
            format!("linux /vmlinuz-6.1.0-13-amd64\noptions root=UUID={OLD}\n").as_bytes(),
        ),
    ]);
    let renamed = [(OLD, ROOT), ("7a-7a", SWAP)].map(|(old, new)| (old.to_owned(), new.to_owned()));
    let parameters = ["console=ttyS0".to_owned()];
    let request = MenuRequest { renamed: &renamed, swap_uuid: Some(SWAP), ..request(&parameters) };
    let expected = [
        ("boot/grub/grub.cfg", script.replace(OLD, ROOT).replace("ro  quiet", "ro  quiet console=ttyS0")),
        ("etc/default/grub", format!("GRUB_CMDLINE_LINUX=\"resume=UUID={SWAP} console=ttyS0\"\n")),
        ("etc/kernel/cmdline", format!("root=UUID={ROOT} ro console=ttyS0\n")),
        (
            "boot/loader/entries/a.conf",
            format!("linux /boot/vmlinuz-6.1.0-13-amd64\noptions root=UUID={ROOT} console=ttyS0\n"),
        ),
    ];
    for (path, text) in expected {
        assert_eq!(prepared(&tree, &request, path).1, Some(text), "{path}");
    }
}

#[test]
fn a_menu_that_boots_nothing_is_replaced_and_said_so() {
    let stale = script(ROOT, "/boot").replace("6.1.0-13", "5.10.0-1");
    let by_number = "set root='hd0,msdos1'\nlinux /boot/vmlinuz-6.1.0-13-amd64 root=/dev/sda1\n".to_owned();
    for (script, why) in
        [(stale, "in the tree"), (by_number, "partition numbers"), (String::new(), "no kernel")]
    {
        let tree = debian(&[("boot/grub/grub.cfg", script.as_bytes())]);
        let mut findings = Findings::default();
        let kernels = super::super::kernels::find(&tree, &mut findings).unwrap();
        let mut workspace = GuestWorkspace::new(&tree);
        let menu = prepare(&mut workspace, &request(&[]), &kernels, &mut findings).unwrap();
        assert_eq!(menu.origin, MenuOrigin::Generated);
        let findings = findings.into_vec();
        let said =
            findings.iter().any(|finding| finding.code == "menu-replaced" && finding.text.contains(why));
        assert!(said, "{why}: {findings:?}");
    }
}

#[test]
fn entries_are_enough_for_a_menu_that_reads_them() {
    let tree = debian(&[
        ("boot/grub2/grub.cfg", b"insmod blscfg\nblscfg\n"),
        ("boot/loader/entries/a.conf", b"linux /boot/vmlinuz-6.1.0-13-amd64\noptions ro\n"),
    ]);
    let (menu, _, edits) = prepared(&tree, &request(&[]), "boot/grub2/grub.cfg");
    assert_eq!((menu, edits), (Menu { directory: "boot/grub2", origin: MenuOrigin::Kept }, 0));
}

#[test]
fn parameters_that_menus_cannot_hold_are_all_refused() {
    let parameters =
        ["quiet".to_owned(), "a b".to_owned(), "x='y".to_owned(), "$(x)".to_owned(), String::new()];
    let error = check_parameters(&parameters).unwrap_err();
    assert_eq!((error.kind(), error.also().len()), (ErrorKind::InvalidProfile, 3));
}

#[test]
fn parameters_outlive_a_menu_made_later_by_the_guest() {
    let tree = debian(&[("usr/sbin/grub-mkconfig", b"#!/bin/sh\n")]);
    let parameters = ["console=ttyS0".to_owned()];
    let text = prepared(&tree, &request(&parameters), "etc/default/grub.d/diskwright.cfg").1;
    assert_eq!(text.as_deref(), Some("GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX console=ttyS0\"\n"));
}
