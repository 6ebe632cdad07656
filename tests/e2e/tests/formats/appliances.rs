//! The archive, manifest and descriptor of every appliance.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::variant::{Kind, VARIANTS};
use diskwright_e2e::{Tool, generate};

/// The manifest's digests are right, it names every other member, the descriptor comes first and is well-formed XML.
#[test]
fn manifests_verify_and_descriptors_parse() -> Result<()> {
    let (Some(tar), Some(xmllint)) = (Tool::find("tar"), Tool::find("xmllint")) else { return Ok(()) };
    for settings in
        [&[][..], &["--option", "vmware.hardware-version=20"], &["--option", "vmware.digest=sha1"]]
    {
        for variant in VARIANTS.iter().filter(|variant| variant.kind == Kind::Ova) {
            let concerns =
                settings.iter().all(|setting| !setting.contains('.') || variant.format == "vmware");
            if !concerns {
                continue;
            }
            let room = tempfile::tempdir()?;
            let more = [&["--compress", "--boot", "none", "--name", "machine"], settings].concat();
            let generated = generate(&small_scan(), &[variant.format], &room.path().join("out"), &more)?;
            let unpacked = room.path().join("unpacked");
            fs::create_dir(&unpacked)?;
            check(generated.disk()?, &unpacked, &tar, &xmllint).with_context(|| format!("{more:?}"))?;
        }
    }
    Ok(())
}

fn check(appliance: &Path, room: &Path, tar: &Tool, xmllint: &Tool) -> Result<()> {
    let listed = tar.run(&["--list".as_ref(), "--file".as_ref(), appliance.as_os_str()])?;
    let members: Vec<&str> = listed.lines().collect();
    ensure!(members.first().is_some_and(|first| first.ends_with(".ovf")), "the first member: {members:?}");
    let flags = ["--extract", "--file"].map(AsRef::as_ref);
    tar.run(&[&flags[..], &[appliance.as_os_str(), "--directory".as_ref(), room.as_os_str()]].concat())?;
    let manifest = members.iter().find(|name| name.ends_with(".mf")).context("no manifest")?;
    let text = fs::read_to_string(room.join(manifest))?;
    for member in members.iter().filter(|name| *name != manifest) {
        ensure!(text.contains(&format!("({member})= ")), "{member} is not in the manifest:\n{text}");
    }
    let algorithm = text.split('(').next().context("an empty manifest")?;
    let program = match algorithm {
        "SHA1" => "sha1sum",
        "SHA256" => "sha256sum",
        "SHA512" => "sha512sum",
        other => bail!("digests of {other}"),
    };
    let mut verify = Command::new(program);
    let verified = verify.args(["--check", "--strict"]).arg(manifest).current_dir(room).output()?;
    ensure!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let ok = String::from_utf8_lossy(&verified.stdout).lines().filter(|line| line.ends_with(": OK")).count();
    ensure!(ok + 1 == members.len(), "{program} verified {ok} of {members:?}");
    xmllint.run(&["--noout".as_ref(), "--nonet".as_ref(), room.join(members[0]).as_os_str()])?;
    Ok(())
}

fn small_scan() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar")
}
