use sha_crypt::{PasswordVerifier, ShaCrypt};

use super::super::test_tree::{Item, file, tree};
use super::*;
use crate::profile::{Secret, SudoRight};
use crate::scan::Attributes;
use crate::tree::Change;
use crate::{ErrorKind, Seed};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsKt2Xr6EZfG6hXjVQ0hB0q7S5nX0G6cTqkqWwqkQ0f ann@desk";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
                      old:x:1000:1000:Old User,room 3:/home/old:/bin/bash\n+nis::::::\n";
const SHADOW: &str = "root:$6$old$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n\
                      old:!:19000::::2:30:\n";
const GROUP: &str = "root:x:0:\nsudo:x:27:old\nusers:x:100:\nold:x:1000:\n";
const GSHADOW: &str = "root:*::\nsudo:*::old\nusers:*::\nold:!::\n";
const LOGIN_DEFS: &str = "# comment\nPASS_MAX_DAYS\t99999\nPASS_MIN_DAYS\t0\nPASS_WARN_AGE\t7\nUID_MIN 1000\nHOME_MODE 0750\nUSERGROUPS_ENAB yes\n";

fn program() -> Item {
    Item::Labelled(b"\x7fELF".to_vec(), 0o755, 0, "system_u:object_r:bin_t:s0")
}

/// A Debian-like tree, with sudo and an SSH server.
fn debian() -> Vec<(&'static str, Item)> {
    vec![
        ("/etc", Item::LabelledDirectory("system_u:object_r:etc_t:s0")),
        ("/etc/passwd", Item::Labelled(PASSWD.into(), 0o644, 0, "system_u:object_r:passwd_file_t:s0")),
        ("/etc/shadow", Item::Labelled(SHADOW.into(), 0o640, 0, "system_u:object_r:shadow_t:s0")),
        ("/etc/group", file(GROUP)),
        ("/etc/gshadow", file(GSHADOW)),
        ("/etc/subuid", file("old:100000:65536\n")),
        ("/etc/login.defs", file(LOGIN_DEFS)),
        ("/etc/default/useradd", file("SHELL=/bin/sh\n")),
        ("/etc/skel/.bashrc", file("PS1=x\n")),
        ("/etc/skel/bin/hello", file("#!/bin/sh\n")),
        ("/etc/skel/link", Item::Link(".bashrc")),
        ("/etc/sudoers", file("root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")),
        ("/etc/ssh/sshd_config", file("Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n")),
        ("/home", Item::LabelledDirectory("system_u:object_r:home_root_t:s0")),
        ("/bin/sh", program()),
        ("/bin/bash", program()),
        ("/usr/bin/sudo", program()),
        ("/usr/sbin/sshd", program()),
    ]
}

fn user(name: &str) -> UserAccount {
    UserAccount { name: name.to_owned(), ..UserAccount::default() }
}

struct Outcome {
    texts: Vec<(String, String)>,
    shown: String,
    findings: Vec<&'static str>,
    attributes: Vec<(String, Attributes)>,
}

impl Outcome {
    fn text(&self, path: &str) -> &str {
        self.texts.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str()).unwrap()
    }

    fn owned(&self, path: &str) -> (u16, u32, u32, String) {
        let (_, a) = self.attributes.iter().find(|(known, _)| known == path).unwrap();
        let label = a.xattrs.iter().find(|(name, _)| name == b"security.selinux");
        let label = label.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap_or_default();
        (a.mode, a.uid, a.gid, label)
    }
}

fn set(items: Vec<(&str, Item)>, root: Option<RootAccount>, users: Vec<UserAccount>) -> Result<Outcome> {
    let tree = tree(items);
    let mut workspace = GuestWorkspace::new(&tree);
    let mut findings = Findings::default();
    let seed = Seed::from_text("seed");
    let root = root.map(|root| root.with_hash(&seed)).transpose()?;
    let users = users.into_iter().map(|user| user.with_hash(&seed)).collect::<Result<Vec<_>>>()?;
    set_accounts(&mut workspace, root.as_ref(), &users, 20_000, &mut findings)?;
    let (changes, edits) = workspace.finish();
    let mut outcome = Outcome {
        texts: Vec::new(),
        shown: format!("{edits:?}"),
        findings: findings.into_vec().iter().map(|finding| finding.code).collect(),
        attributes: Vec::new(),
    };
    for (path, change) in changes {
        let path = format!("/{}", String::from_utf8(path).unwrap());
        match change {
            Change::Write(new) => {
                outcome.texts.push((path.clone(), String::from_utf8(new.bytes.to_vec()).unwrap()));
                outcome.attributes.extend(new.attributes.map(|attributes| (path, attributes)));
            }
            Change::Directory(attributes) | Change::Symlink(_, attributes) => {
                outcome.attributes.push((path, attributes));
            }
            _ => {}
        }
    }
    Ok(outcome)
}

fn refused(items: Vec<(&str, Item)>, user: UserAccount) -> (String, ErrorKind, String) {
    let error = set(items, None, vec![user]).err().unwrap();
    (error.field().unwrap().to_owned(), error.kind(), error.to_string())
}

#[test]
fn a_new_user_is_what_useradd_makes_and_nothing_around_it_changes() {
    let ann = UserAccount {
        full_name: Some("Ann Example".into()),
        groups: Some(vec!["sudo".into()]),
        password: Some(Secret::new("s3cret pass")),
        authorized_keys: Some(vec![KEY.into()]),
        sudo: Some(SudoRight::Password),
        ..user("ann")
    };
    let made = set(debian(), None, vec![ann]).unwrap();
    let line = "ann:x:1001:1001:Ann Example:/home/ann:/bin/sh\n";
    assert_eq!(made.text("/etc/passwd"), PASSWD.replace("+nis", &format!("{line}+nis")));
    assert_eq!(made.text("/etc/group"), GROUP.replace("27:old", "27:old,ann") + "ann:x:1001:\n");
    assert_eq!(made.text("/etc/gshadow"), GSHADOW.replace("sudo:*::old", "sudo:*::old,ann") + "ann:!::\n");
    assert_eq!(made.text("/etc/subuid"), "old:100000:65536\nann:165536:65536\n");
    let shadow = made.text("/etc/shadow").strip_prefix(SHADOW).unwrap();
    let fields: Vec<&str> = shadow.trim_end().split(':').collect();
    assert_eq!((fields[0], &fields[2..]), ("ann", &["20000", "0", "99999", "7", "", "", ""][..]));
    ShaCrypt::default().verify_password(b"s3cret pass", fields[1]).unwrap();
    assert!(!made.shown.contains("$6$") && !made.shown.contains("s3cret"), "{}", made.shown);
    let home = "system_u:object_r:user_home_dir_t:s0".to_owned();
    assert_eq!(made.owned("/home/ann"), (0o750, 1001, 1001, home));
    let inside = "system_u:object_r:user_home_t:s0".to_owned();
    assert_eq!(made.owned("/home/ann/.bashrc"), (0o644, 1001, 1001, inside.clone()));
    assert_eq!((made.text("/home/ann/bin/hello"), made.owned("/home/ann/link").1), ("#!/bin/sh\n", 1001));
    let ssh = "system_u:object_r:ssh_home_t:s0".to_owned();
    assert_eq!(made.owned("/home/ann/.ssh"), (0o700, 1001, 1001, ssh.clone()));
    assert_eq!(made.owned("/home/ann/.ssh/authorized_keys"), (0o600, 1001, 1001, ssh));
    assert_eq!(made.text("/home/ann/.ssh/authorized_keys"), format!("{KEY}\n"));
    assert_eq!(made.text("/etc/sudoers.d/90-ann"), "ann ALL=(ALL:ALL) ALL\n");
    assert_eq!(made.owned("/etc/sudoers.d/90-ann").0, 0o440);
    assert!(made.attributes.iter().all(|(path, _)| !path.ends_with("passwd") && !path.ends_with("shadow")));
    assert!(made.findings.is_empty(), "{:?}", made.findings);
}

#[test]
fn a_user_of_the_tree_changes_only_where_it_is_asked() {
    let old = UserAccount {
        full_name: Some("New Name".into()),
        groups: Some(vec!["sudo".into(), "users".into()]),
        password_hash: Some(Secret::new("$6$abcdefgh$0123456789")),
        ..user("old")
    };
    let made = set(debian(), None, vec![old]).unwrap();
    assert_eq!(made.text("/etc/passwd"), PASSWD.replace("Old User,room 3", "New Name,room 3"));
    assert_eq!(made.text("/etc/group"), GROUP.replace("users:x:100:", "users:x:100:old"));
    let expected = SHADOW.replace("old:!:19000::::2:30:", "old:$6$abcdefgh$0123456789:20000::::2:30:");
    assert_eq!(made.text("/etc/shadow"), expected);
    assert!(made.texts.iter().all(|(path, _)| !path.starts_with("/home")));
}

#[test]
fn root_gets_a_password_or_none_and_keys_beside_its_own() {
    let mut items = debian();
    items.push((
        "/root/.ssh/authorized_keys",
        Item::Labelled(b"# mine\nssh-rsa AAAA me".to_vec(), 0o600, 0, "l:l:l"),
    ));
    let root = RootAccount {
        disable_password_login: Some(true),
        authorized_keys: Some(vec![KEY.into()]),
        ..RootAccount::default()
    };
    let made = set(items, Some(root.clone()), Vec::new()).unwrap();
    assert_eq!(made.text("/etc/shadow"), SHADOW.replace("$6$old$hash:19000", "*:20000"));
    assert_eq!(made.text("/root/.ssh/authorized_keys"), format!("# mine\nssh-rsa AAAA me\n{KEY}\n"));
    assert!(!made.shown.contains("$6$old"), "the old hash is shown: {}", made.shown);
    let mut items = debian();
    items.push(("/etc/ssh/sshd_config.d/hard.conf", file("PermitRootLogin no\n")));
    let made = set(items, Some(root), Vec::new()).unwrap();
    assert_eq!(made.findings, ["root-login-refused"]);
}

#[test]
fn what_the_tree_cannot_honour_is_refused_by_field() {
    let without = |path: &str| -> Vec<(&'static str, Item)> {
        debian().into_iter().filter(|(known, _)| *known != path).collect()
    };
    let keys = UserAccount { authorized_keys: Some(vec![KEY.into()]), ..user("ann") };
    let sudo = UserAccount { sudo: Some(SudoRight::NoPassword), ..user("ann") };
    let yescrypt = UserAccount { password_hash: Some(Secret::new("$y$j9T$abcdefgh$0123")), ..user("ann") };
    let cases = [
        (without("/usr/sbin/sshd"), keys, "users[0].authorized_keys", ErrorKind::Unsupported),
        (without("/usr/bin/sudo"), sudo, "users[0].sudo", ErrorKind::Unsupported),
        (debian(), yescrypt.clone(), "users[0].password_hash", ErrorKind::Unsupported),
        (without("/etc/shadow"), user("ann"), "users[0]", ErrorKind::Unsupported),
        (without("/etc/passwd"), user("ann"), "users", ErrorKind::Unsupported),
        (
            debian(),
            UserAccount { shell: Some("/bin/zsh".into()), ..user("ann") },
            "users[0].shell",
            ErrorKind::Unsupported,
        ),
        (
            debian(),
            UserAccount { groups: Some(vec!["wheel".into()]), ..user("ann") },
            "users[0].groups",
            ErrorKind::Unsupported,
        ),
        (debian(), UserAccount { uid: Some(1000), ..user("ann") }, "users[0].uid", ErrorKind::InvalidProfile),
        (debian(), UserAccount { uid: Some(1001), ..user("old") }, "users[0].uid", ErrorKind::InvalidProfile),
        (
            debian(),
            UserAccount { home: Some("/srv/old".into()), ..user("old") },
            "users[0].home",
            ErrorKind::InvalidProfile,
        ),
    ];
    for (items, user, field, kind) in cases {
        let (refused_field, refused_kind, text) = refused(items, user);
        assert_eq!((refused_field.as_str(), refused_kind), (field, kind), "{text}");
        assert!(!text.contains("$y$j9T"), "a hash is shown: {text}");
    }
    let mut items = debian();
    items.push(("/usr/lib/x86_64-linux-gnu/libcrypt.so.1.1.0", file("x")));
    assert!(set(items, None, vec![yescrypt]).is_ok());
}

#[test]
fn numbers_and_groups_follow_the_conventions_of_the_tree() {
    // SUSE: no groups of users' own.
    let mut items = debian();
    items.retain(|(path, _)| *path != "/etc/login.defs");
    items.push(("/usr/etc/login.defs", file("USERGROUPS_ENAB no\nUID_MIN 1000\nUID_MAX 1001\nUMASK 077\n")));
    let made = set(items, None, vec![user("ann")]).unwrap();
    assert!(made.text("/etc/passwd").contains("ann:x:1001:100::/home/ann:/bin/sh\n"));
    assert_eq!(made.owned("/home/ann").0, 0o700);
    // Red Hat 6: users from 500 on.
    let mut items = debian();
    items.retain(|(path, _)| !matches!(*path, "/etc/login.defs" | "/etc/passwd"));
    items.push(("/etc/login.defs", file("UID_MIN 500\nUID_MAX 60000\nGID_MIN 500\n")));
    items.push(("/etc/passwd", file("root:x:0:0::/root:/bin/sh")));
    let made = set(items, None, vec![user("ann")]).unwrap();
    assert_eq!(made.text("/etc/passwd"), "root:x:0:0::/root:/bin/sh\nann:x:500:500::/home/ann:/bin/sh\n");
    // The range is used up to its end, and its first free number comes next.
    let mut items = debian();
    items.retain(|(path, _)| !matches!(*path, "/etc/login.defs" | "/etc/passwd"));
    items.push(("/etc/login.defs", file("UID_MIN 1000\nUID_MAX 1001\n")));
    items.push(("/etc/passwd", file("a:x:1001:1::/:/bin/sh\n")));
    let made = set(items, None, vec![user("ann")]).unwrap();
    assert!(made.text("/etc/passwd").contains("ann:x:1000:1001:"), "{}", made.text("/etc/passwd"));
}

#[test]
fn a_skeleton_that_is_no_skeleton_is_not_copied() {
    let mut items = debian();
    items.push(("/etc/skel/large", file(vec![b'x'; 700 << 10])));
    items.push(("/etc/skel/larger", file(vec![b'x'; 700 << 10])));
    let error = set(items, None, vec![user("ann")]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let names: Vec<String> = (0..1001).map(|at| format!("/many/{at}")).collect();
    let mut items: Vec<(&str, Item)> = debian();
    items.retain(|(path, _)| !path.starts_with("/etc/skel"));
    items.push(("/etc/skel", Item::Link("/many")));
    items.extend(names.iter().map(|name| (name.as_str(), file("x"))));
    let error = set(items, None, vec![user("ann")]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn salts_come_from_the_seed_and_the_name() {
    let hash = |seed: &str, label: &str| {
        let hashed = Secret::new("one password").hashed(&Seed::from_text(seed), label).unwrap();
        hashed.reveal().to_owned()
    };
    assert_eq!(hash("a", "root"), hash("a", "root"));
    assert_ne!(hash("a", "root"), hash("a", "ann"));
    assert_ne!(hash("a", "root"), hash("b", "root"));
}
