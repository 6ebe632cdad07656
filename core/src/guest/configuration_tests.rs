//! Time zone, keyboard, message, firewall, SELinux, and what a clone resets.

use super::test_tree::{Item, file, tree};
use super::*;
use crate::ErrorKind;
use crate::tree::FileTree;

/// A path, and the content or link that stands there.
type Read<'p> = (&'p str, Option<String>);

/// The tree with the profile's wishes in it: edits by path, the content or link of each.
fn made<'p>(
    items: Vec<(&str, Item)>,
    settings: &GuestSettings,
    paths: &[&'p str],
) -> Result<(Vec<Read<'p>>, Vec<String>)> {
    let tree: FileTree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    let mut findings = Findings::default();
    make_true(&mut workspace, &VolumesOfTheDisk::default(), settings, &mut findings)?;
    let read = |path: &&'p str| {
        let link = workspace.link_target(path.as_bytes()).map(|target| [b"-> ", &target[..]].concat());
        let text = link.or_else(|| workspace.read(path.as_bytes()).unwrap());
        (*path, text.map(|text| String::from_utf8(text).unwrap()))
    };
    let codes = findings.into_vec().iter().map(|finding| finding.code.to_owned()).collect();
    Ok((paths.iter().map(read).collect(), codes))
}

fn text(items: Vec<(&str, Item)>, settings: &GuestSettings, path: &str) -> Option<String> {
    made(items, settings, &[path]).unwrap().0.pop().unwrap().1
}

fn refused(items: Vec<(&str, Item)>, settings: &GuestSettings) -> Option<String> {
    let error = made(items, settings, &[]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    error.field().map(str::to_owned)
}

#[test]
fn the_time_zone_is_one_that_the_tree_has_and_stands_as_it_stood() {
    let zoneinfo =
        |at: Item| vec![("/usr/share/zoneinfo/Asia/Tokyo", file("TZif2 tokyo")), ("/etc/localtime", at)];
    let settings = GuestSettings { timezone: Some("Asia/Tokyo".into()), ..GuestSettings::default() };
    let zone = |at| text(zoneinfo(at), &settings, "/etc/localtime");
    let absolute = Item::Link("/usr/share/zoneinfo/Etc/UTC");
    assert_eq!(zone(absolute).as_deref(), Some("-> /usr/share/zoneinfo/Asia/Tokyo"));
    let relative = Item::Link("../usr/share/zoneinfo/Etc/UTC");
    assert_eq!(zone(relative).as_deref(), Some("-> ../usr/share/zoneinfo/Asia/Tokyo"));
    assert_eq!(zone(file("TZif2 utc")).as_deref(), Some("TZif2 tokyo"));
    let mut items = zoneinfo(Item::Link("/usr/share/zoneinfo/Etc/UTC"));
    items.push(("/etc/timezone", file("Etc/UTC\n")));
    items.push(("/etc/sysconfig/clock", file("UTC=true\nZONE=\"Etc/UTC\"\n")));
    let (files, _) = made(items, &settings, &["/etc/timezone", "/etc/sysconfig/clock"]).unwrap();
    assert_eq!(files[0].1.as_deref(), Some("Asia/Tokyo\n"));
    assert_eq!(files[1].1.as_deref(), Some("UTC=true\nZONE=\"Asia/Tokyo\"\n"));
    // What the tree has need not have data: clients send it back.
    let same = vec![("/etc/timezone", file("Asia/Tokyo\n"))];
    assert_eq!(text(same, &settings, "/etc/localtime"), None);
    let elsewhere = GuestSettings { timezone: Some("Mars/Base".into()), ..GuestSettings::default() };
    assert_eq!(refused(zoneinfo(Item::Directory), &elsewhere).as_deref(), Some("timezone"));
}

#[test]
fn the_keyboard_is_set_where_the_tree_keeps_it() {
    let settings =
        GuestSettings { keyboard: Some("de-latin1-nodeadkeys".into()), ..GuestSettings::default() };
    let debian = "# comment\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"us\"\nXKBVARIANT=\"\"\n";
    let items = vec![
        ("/etc/default/keyboard", file(debian)),
        ("/etc/vconsole.conf", Item::Link("default/keyboard")),
        ("/usr/share/X11/xkb/symbols/de", file("x")),
    ];
    let expected = debian.replace("\"us\"", "\"de\"").replace("VARIANT=\"\"", "VARIANT=\"nodeadkeys\"");
    assert_eq!(text(items, &settings, "/etc/default/keyboard"), Some(expected));
    let keymap = "/usr/lib/kbd/keymaps/xkb/de-latin1-nodeadkeys.map.gz";
    let items = vec![("/etc/vconsole.conf", file("KEYMAP=us\nFONT=eurlatgr\n")), (keymap, file("x"))];
    let expected = "KEYMAP=de-latin1-nodeadkeys\nFONT=eurlatgr\n";
    assert_eq!(text(items, &settings, "/etc/vconsole.conf").as_deref(), Some(expected));
    let same = vec![("/etc/vconsole.conf", file("KEYMAP=de-latin1-nodeadkeys\n"))];
    assert!(made(same, &settings, &[]).is_ok(), "clients send back what the tree has");
    let items = vec![("/etc/vconsole.conf", file("KEYMAP=us\n")), ("/usr/lib/kbd/keymaps/us.map", file("x"))];
    assert_eq!(refused(items, &settings).as_deref(), Some("keyboard"));
    assert_eq!(refused(vec![("/a", file("x"))], &settings).as_deref(), Some("keyboard"));
}

#[test]
fn the_welcome_message_ends_with_its_line() {
    let settings = GuestSettings { welcome_message: Some("Hello".into()), ..GuestSettings::default() };
    assert_eq!(text(vec![("/etc/motd", file("old\n"))], &settings, "/etc/motd").as_deref(), Some("Hello\n"));
    let items = vec![("/etc/motd", Item::Link("/run/motd"))];
    assert_eq!(text(items, &settings, "/etc/motd").as_deref(), Some("Hello\n"));
}

#[test]
fn the_firewall_is_the_one_that_the_tree_has() {
    let unit = "[Install]\nWantedBy=multi-user.target\nAlias=dbus-fw.service\n";
    let on = GuestSettings { firewall: Some(true), ..GuestSettings::default() };
    let off = GuestSettings { firewall: Some(false), ..GuestSettings::default() };
    let link = "/etc/systemd/system/multi-user.target.wants/firewalld.service";
    let alias = "/etc/systemd/system/dbus-fw.service";
    let path = "/usr/lib/systemd/system/firewalld.service";
    let masked = ("/etc/systemd/system/firewalld.service", Item::Link("/dev/null"));
    let (links, _) = made(vec![(path, file(unit)), masked], &on, &[link, alias, masked_path()]).unwrap();
    let expected = Some(format!("-> {path}"));
    assert_eq!((&links[0].1, &links[1].1, &links[2].1), (&expected, &expected, &None));
    let items = vec![(path, file(unit)), (link, Item::Link("/usr/lib/systemd/system/firewalld.service"))];
    assert_eq!(text(items, &off, link), None);
    let ufw = vec![
        ("/lib/systemd/system/ufw.service", file("[Install]\nWantedBy=multi-user.target\n")),
        ("/etc/ufw/ufw.conf", file("# x\nENABLED=no\nLOGLEVEL=low\n")),
    ];
    assert_eq!(text(ufw, &on, "/etc/ufw/ufw.conf").as_deref(), Some("# x\nENABLED=yes\nLOGLEVEL=low\n"));
    assert_eq!(refused(vec![("/a", file("x"))], &on).as_deref(), Some("firewall"));
    assert!(made(vec![("/a", file("x"))], &off, &[]).is_ok());
}

fn masked_path() -> &'static str {
    "/etc/systemd/system/firewalld.service"
}

#[test]
fn an_empty_list_of_interfaces_is_none_and_the_trees_own_let_go_of_the_old_adapters() {
    let path = "/etc/sysconfig/network-scripts/ifcfg-ens3";
    let items = || vec![(path, file("DEVICE=ens3\nHWADDR=00:0c:29:00:00:01\nONBOOT=yes\n"))];
    for nics in [None, Some(Vec::new())] {
        let settings = GuestSettings { nics, ..GuestSettings::default() };
        assert_eq!(text(items(), &settings, path).as_deref(), Some("DEVICE=ens3\nONBOOT=yes\n"));
    }
}

#[test]
fn selinux_is_switched_on_with_a_relabelling_and_never_without_a_policy() {
    let config = "# mode\nSELINUX=disabled\nSELINUXTYPE=targeted\n";
    let on = GuestSettings { selinux: Some(SelinuxMode::Enforcing), ..GuestSettings::default() };
    let items =
        || vec![("/etc/selinux/config", file(config)), ("/etc/selinux/targeted/policy/policy.33", file("x"))];
    let (files, _) = made(items(), &on, &["/etc/selinux/config", "/.autorelabel"]).unwrap();
    assert_eq!(files[0].1.as_deref(), Some(config.replace("disabled", "enforcing").as_str()));
    assert_eq!(files[1].1.as_deref(), Some(""));
    let permissive = || {
        vec![
            ("/etc/selinux/config", file(config.replace("disabled", "permissive"))),
            ("/etc/selinux/targeted/policy/policy.33", file("x")),
        ]
    };
    assert_eq!(text(permissive(), &on, "/.autorelabel").as_deref(), Some(""), "no file has a label");
    let mut labelled = permissive();
    labelled.push(("/etc", Item::LabelledDirectory("system_u:object_r:etc_t:s0")));
    assert_eq!(text(labelled, &on, "/.autorelabel"), None);
    assert_eq!(refused(vec![("/etc/selinux/config", file(config))], &on).as_deref(), Some("selinux"));
    assert_eq!(refused(vec![("/a", file("x"))], &on).as_deref(), Some("selinux"));
}

#[test]
fn a_clone_forgets_whose_machine_it_was_and_gets_new_host_keys() {
    let items = || {
        vec![
            ("/etc/machine-id", file("3f1c5d9a7b2e4860a1d4c3b29f7e6550\n")),
            ("/var/lib/dbus/machine-id", file("3f1c5d9a7b2e4860a1d4c3b29f7e6550\n")),
            ("/etc/ssh/ssh_host_ed25519_key", file("secret")),
            ("/etc/ssh/ssh_host_ed25519_key.pub", file("public")),
            ("/etc/ssh/sshd_config", file("UsePAM yes\n")),
            ("/var/lib/systemd/random-seed", file("x")),
            ("/etc/udev/rules.d/70-persistent-net.rules", file("x")),
            ("/var/lib/dhcp/dhclient.eth0.leases", file("x")),
            ("/var/lib/cloud/instance", Item::Link("/var/lib/cloud/instances/i-1")),
            ("/var/lib/cloud/instances/i-1/user-data.txt", file("x")),
        ]
    };
    let gone = [
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_ed25519_key.pub",
        "/var/lib/systemd/random-seed",
        "/etc/udev/rules.d/70-persistent-net.rules",
        "/var/lib/dhcp/dhclient.eth0.leases",
        "/var/lib/cloud/instance",
        "/var/lib/cloud/instances/i-1/user-data.txt",
    ];
    let clone = GuestSettings { is_clone: true, ..GuestSettings::default() };
    let debian = || {
        let mut items = items();
        items.push(("/usr/lib/systemd/systemd", file("x")));
        items.push(("/usr/lib/systemd/system/ssh.service", file("[Service]\n")));
        items.push(("/usr/bin/ssh-keygen", file("x")));
        items
    };
    let (files, findings) = made(debian(), &clone, &gone).unwrap();
    assert!(files.iter().all(|(_, text)| text.is_none()) && findings.is_empty(), "{files:?} {findings:?}");
    let unit = "/etc/systemd/system/ssh-host-keys.service";
    let link = "/etc/systemd/system/ssh.service.wants/ssh-host-keys.service";
    let (files, _) =
        made(debian(), &clone, &["/etc/machine-id", "/var/lib/dbus/machine-id", unit, link]).unwrap();
    assert_eq!(files[0].1.as_deref(), Some(""));
    assert_eq!(files[1].1.as_deref(), Some("-> /etc/machine-id"));
    assert!(files[2].1.as_ref().unwrap().contains("Before=ssh.service\n"));
    assert_eq!(files[3].1, Some(format!("-> {unit}")));
    let mut alma = items();
    alma.push(("/usr/lib/systemd/system/sshd-keygen@.service", file("x")));
    let (files, _) = made(alma, &clone, &[gone[0], unit]).unwrap();
    assert_eq!((&files[0].1, &files[1].1), (&None, &None));
    let (files, findings) = made(items(), &clone, &[gone[0]]).unwrap();
    assert_eq!((files[0].1.as_deref(), findings), (Some("secret"), vec!["host-keys-kept".to_owned()]));
    let (files, _) = made(debian(), &GuestSettings::default(), &[gone[0], "/etc/machine-id"]).unwrap();
    assert!(files.iter().all(|(_, text)| text.is_some()), "a move keeps them");
}
