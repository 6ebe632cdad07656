//! A real Debian 12 machine becomes a clone with users, keys, time zone, network and message of a profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::disk;
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, Generated, MachineModel, Tool, generate};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsKt2Xr6EZfG6hXjVQ0hB0q7S5nX0G6cTqkqWwqkQ0f ann@desk";
const PASSWORD: &str = "correct horse:battery";
const ROOT_PASSWORD: &str = "of the root";

/// The clone's disk.
fn build(tree: &DebianTree, room: &Path) -> Result<Generated> {
    let file = |name: &str, text: &str| -> Result<String> {
        let path = room.join(name);
        fs::write(&path, text)?;
        Ok(path.to_str().context("a path")?.to_owned())
    };
    let user = format!(
        "ann,full-name=Ann Example,groups=sudo+adm,shell=/bin/bash,password-file={},ssh-key-file={}",
        file("password", &format!("{PASSWORD}\n"))?,
        file("keys", &format!("# keys\n{KEY}\n"))?,
    );
    let (root, message) =
        (file("root", &format!("{ROOT_PASSWORD}\n"))?, file("message", "Welcome, clone.\n")?);
    let mut arguments: Vec<&str> = debian::SETTINGS.to_vec();
    arguments.extend(["--user", &user, "--root-password-file", &root, "--welcome-message-file", &message]);
    arguments.extend(["--timezone", "Asia/Tokyo", "--hostname", "clone-one", "--clone"]);
    arguments.extend(["--firewall", "true"]);
    arguments.extend(["--nic", "address=10.0.2.77/24,gateway=10.0.2.2,dns=10.0.2.3"]);
    generate(&tree.root(), &["raw"], &room.join("disk"), &arguments)
}

#[test]
fn a_profile_is_in_the_file_system_as_the_trees_own_tools_would_have_it() -> Result<()> {
    let tools = [Tool::find("sfdisk"), Tool::find("debugfs"), Tool::find("e2fsck"), Tool::find("openssl")];
    let ([Some(sfdisk), Some(debugfs), Some(e2fsck), Some(openssl)], Some(tree)) =
        (tools, DebianTree::find())
    else {
        return Ok(());
    };
    let workshop = Workshop::enter("profile")?;
    let generated = build(&tree, workshop.path())?;
    let partitions = disk::partitions(&sfdisk, generated.disk()?)?;
    let root =
        disk::only(&partitions, disk::LINUX_ROOT).or_else(|_| disk::only(&partitions, disk::LINUX_DATA))?;
    let volume = workshop.path().join("root.ext4");
    disk::extract(generated.disk()?, root, &volume)?;
    disk::check_ext4(&e2fsck, &volume)?;
    let ask = |request: String| debugfs.run(&["-R".as_ref(), request.as_ref(), volume.as_os_str()]);
    // Its name and version go to standard error.
    let content = |path: &str| -> Result<String> {
        let mut command = debugfs.command();
        let output = command.arg("-R").arg(format!("cat {path}")).arg(&volume).output()?;
        Ok(String::from_utf8(output.stdout)?)
    };

    let shadow = content("/etc/shadow")?;
    for (name, password) in [("ann", PASSWORD), ("root", ROOT_PASSWORD)] {
        let line = shadow.lines().find(|line| line.starts_with(&format!("{name}:"))).context("no line")?;
        let fields: Vec<&str> = line.split(':').collect();
        let hash = fields[1].strip_prefix("$6$").context("no hash of SHA-512 crypt")?;
        let (salt, _) = hash.rsplit_once('$').context("a hash without a salt")?;
        // The password goes in by its standard input's stand-in, a file.
        let secret = workshop.path().join("secret");
        fs::write(&secret, password)?;
        let made = openssl.run(&[
            "passwd".as_ref(),
            "-6".as_ref(),
            "-salt".as_ref(),
            salt.as_ref(),
            "-in".as_ref(),
            secret.as_os_str(),
        ])?;
        ensure!(made.trim() == fields[1], "openssl makes {made}, the image has {}", fields[1]);
        assert_eq!(fields[2], "19675", "the day of the order's time");
    }
    let (before, after) = (fs::read_to_string(tree.root().join("etc/passwd"))?, content("/etc/passwd")?);
    let (before, added) =
        (before.trim_end(), after.strip_prefix(before.trim_end()).context("passwd changed")?);
    assert_eq!(added.trim(), "ann:x:1001:1001:Ann Example:/home/ann:/bin/bash", "after {before}");
    let attributes = [
        ("/home/ann/.ssh/authorized_keys", "0600", "1001"),
        ("/home/ann/.ssh", "0700", "1001"),
        ("/home/ann/.bashrc", "0644", "1001"),
        ("/etc/shadow", "0640", "0"),
    ];
    for (path, mode, user) in attributes {
        let stat = ask(format!("stat {path}"))?;
        let words: Vec<&str> = stat.split_ascii_whitespace().collect();
        let after =
            |word: &str| words.iter().position(|one| *one == word).and_then(|at| words.get(at + 1).copied());
        assert_eq!((after("Mode:"), after("User:")), (Some(mode), Some(user)), "{path}: {stat}");
    }
    assert_eq!(content("/home/ann/.bashrc")?, fs::read_to_string(tree.root().join("etc/skel/.bashrc"))?);
    assert_eq!(content("/etc/machine-id")?, "", "the clone makes its own");
    assert!(ask("stat /etc/ssh/ssh_host_ed25519_key".into())?.contains("File not found"));
    let report = generated.report.to_string();
    for secret in [PASSWORD, ROOT_PASSWORD, "$6$"] {
        ensure!(!report.contains(secret), "the report has {secret}");
    }
    Ok(())
}

#[test]
fn a_machine_of_a_profile_boots_to_login_with_its_password() -> Result<()> {
    let (Some(emulator), Some(tree)) = (Emulator::find(), DebianTree::find()) else { return Ok(()) };
    let workshop = Workshop::enter("profile-boot")?;
    let generated = build(&tree, workshop.path())?;
    let image = Image { path: generated.disk()?.to_path_buf(), kind: Kind::Raw };
    let questions = "until systemctl is-active -q ssh && systemctl is-active -q networking; do sleep 1; done; id; date +%Z; ip -o addr show \
                     eth0; ip route; echo firewall-$(systemctl is-active nftables); cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id; echo answers-$((40+2))\n";
    let (password, root) = (format!("{PASSWORD}\n"), format!("{ROOT_PASSWORD}\n"));
    let steps = [
        ("clone-one login:", "ann\n"),
        ("Password:", password.as_str()),
        ("Welcome, clone.", ""),
        ("$ ", questions),
        ("answers-42", "su -c 'id; echo root-$((40+2))'\n"),
        ("Password:", root.as_str()),
        ("root-42", ""),
    ];
    let machine = (MachineModel::Q35, Attachment::OnBoard);
    let console = emulator.converse(&image, machine, Firmware::Bios, &steps, Duration::from_secs(600))?;
    let expected = [
        "uid=1001(ann) gid=1001(ann) groups=1001(ann),4(adm),27(sudo)",
        "JST",
        "inet 10.0.2.77/24",
        "default via 10.0.2.2 dev eth0",
        "ssh-ed25519 AAAA",
        "firewall-active",
        "root@clone-one",
        "uid=0(root)",
    ];
    for text in expected {
        ensure!(console.contains(text), "{text} is missing:\n{console}");
    }
    let old: PathBuf = tree.root().join("etc/ssh/ssh_host_ed25519_key.pub");
    let old = fs::read_to_string(old)?;
    ensure!(
        !console.contains(old.split(' ').nth(1).context("a key")?),
        "the clone has the original's host key"
    );
    let old = fs::read_to_string(tree.root().join("etc/machine-id"))?;
    ensure!(!console.contains(old.trim()), "the clone has the original's machine id");
    Ok(())
}

#[test]
fn what_the_machine_has_not_is_refused_by_its_option() -> Result<()> {
    let Some(tree) = DebianTree::find() else { return Ok(()) };
    let workshop = Workshop::enter("profile-refused")?;
    let mut arguments: Vec<&str> = debian::SETTINGS.to_vec();
    arguments.extend(["--user", "ann,sudo=password,shell=/bin/bash", "--keyboard", "de"]);
    arguments.extend(["--selinux", "enforcing", "--timezone", "Europe/Atlantis"]);
    let refused = generate(&tree.root(), &["raw"], &workshop.path().join("disk"), &arguments);
    let error = format!("{:#}", refused.err().context("it cannot be honoured")?);
    for reason in [
        "--user [0] sudo: the tree has no sudo",
        "--keyboard: the tree has neither",
        "--selinux: the tree has no /etc/selinux/config",
        "--timezone: the tree has no time zone",
    ] {
        ensure!(error.contains(reason), "{reason:?} is not in {error}");
    }
    Ok(())
}
