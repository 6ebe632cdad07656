//! The disk in every variant is the raw one, and its files are the same on every run.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::variant::{BATCHES, Image, Kind, VARIANTS};
use diskwright_e2e::{Tool, debian, disk, generate};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::built::Built;

#[test]
fn every_variant_holds_the_raw_disk() -> Result<()> {
    let tools = [Tool::find("qemu-img"), Tool::find("gzip"), Tool::find("zstd"), Tool::find("tar")];
    let ([Some(qemu_img), Some(gzip), Some(zstd), Some(tar)], Some(built)) = (tools, Built::get()?) else {
        return Ok(());
    };
    let raw = built.raw()?;
    for variant in VARIANTS {
        let image = built.disk(variant, &tar)?;
        let compared = match image.kind {
            Kind::Gzip => assert_unpacks_to(&gzip, &image, &raw),
            Kind::Zstd => assert_unpacks_to(&zstd, &image, &raw),
            _ => assert_identical(&qemu_img, &image, &raw),
        };
        compared.with_context(|| variant.name)?;
    }
    Ok(())
}

#[test]
fn one_and_eight_threads_give_the_same_files() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    for batch in BATCHES {
        let expected = built.batch(batch.name)?;
        for threads in ["1", "8"] {
            let output = built.workshop.path().join(format!("{}-by-{threads}", batch.name));
            let more = [&debian::SETTINGS[..], &["--threads", threads]].concat();
            let again = batch.generate(&built.tree.root(), &output, &more)?;
            assert_eq!(expected.lasting_report(), again.lasting_report(), "{} by {threads}", batch.name);
            ensure!(expected.outputs.len() == again.outputs.len(), "{}: other files", batch.name);
            for (one, other) in expected.outputs.iter().zip(&again.outputs) {
                if let Some(offset) = disk::first_difference(one, other)? {
                    bail!("{} by {threads} threads differs at {offset:#x}", other.display());
                }
            }
            fs::remove_dir_all(output)?;
        }
    }
    Ok(())
}

/// What a format writes does not depend on what else was ordered.
#[test]
fn format_alone_gives_what_it_gave_with_others() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    let together = built.batch("packed")?.output("qcow2", ".qcow2")?;
    let output = built.workshop.path().join("alone");
    let more = [&debian::SETTINGS[..], &["--compress"]].concat();
    let alone = generate(&built.tree.root(), &["qcow2"], &output, &more)?;
    let difference = disk::first_difference(&together, alone.disk()?)?;
    fs::remove_dir_all(output)?;
    assert_eq!(difference, None, "offset of the first difference");
    Ok(())
}

/// The digests in the report are those of the files.
#[test]
fn reported_digests_are_those_of_the_files() -> Result<()> {
    let Some(built) = Built::get()? else { return Ok(()) };
    let generated = built.batch("packed")?;
    let listed = generated.report.get("outputs").and_then(Value::as_array).context("no outputs")?;
    assert_eq!(listed.len(), generated.outputs.len());
    for (entry, path) in listed.iter().zip(&generated.outputs) {
        let text = |field: &str| entry.get(field).and_then(Value::as_str);
        let (tree, plain) = digests(path)?;
        match (text("tree_digest"), text("sha256")) {
            (Some(reported), None) => assert_eq!(reported, tree, "{}", path.display()),
            (None, Some(reported)) => assert_eq!(reported, plain, "{}", path.display()),
            other => panic!("{}: one digest each, not {other:?}", path.display()),
        }
    }
    Ok(())
}

/// The command of `docs/verify.md` makes the tree digest of the report.
#[test]
fn tree_digest_is_made_by_others_as_it_is_told() -> Result<()> {
    let (Some(built), Some(_)) = (Built::get()?, Tool::find("b3sum")) else { return Ok(()) };
    let told = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.md"))?;
    let command = "split --bytes 1M --filter 'b3sum --raw' debian.qcow2 | b3sum";
    ensure!(told.contains(&format!("\n{command}\n")), "docs/verify.md tells another command");
    let generated = built.batch("packed")?;
    let listed = generated.report.get("outputs").and_then(Value::as_array).context("no outputs")?;
    let mut found = 0;
    for (entry, path) in listed.iter().zip(&generated.outputs) {
        let Some(reported) = entry.get("tree_digest").and_then(Value::as_str) else { continue };
        let path = path.to_str().context("a path of this test")?;
        let script = command.replace("debian.qcow2", &format!("'{path}'"));
        let said = Command::new("sh").args(["-c", &script]).output()?;
        let said = String::from_utf8(said.stdout)?;
        assert_eq!(
            Some(reported),
            said.split_whitespace().next().map(|digits| format!("blake3:{digits}")).as_deref(),
            "{path}"
        );
        found += 1;
    }
    ensure!(found > 2, "{found} outputs with a tree digest");
    Ok(())
}

/// The tree digest, BLAKE3 over the BLAKE3s of the pieces of 1 MiB, and SHA-256.
fn digests(path: &Path) -> Result<(String, String)> {
    let mut file = File::open(path)?;
    let (mut tree, mut plain) = (blake3::Hasher::new(), Sha256::new());
    let mut piece = Vec::new();
    loop {
        piece.clear();
        file.by_ref().take(1 << 20).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok((format!("blake3:{}", tree.finalize()), hexadecimal(&plain.finalize())));
        }
        tree.update(blake3::hash(&piece).as_bytes());
        plain.update(&piece);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `qemu-img compare` finds no difference, and `qemu-img check` nothing to complain about.
fn assert_identical(qemu_img: &Tool, image: &Image, raw: &Path) -> Result<()> {
    let format = image.kind.qemu().context("QEMU cannot open it")?;
    let (path, raw) = (image.path.as_os_str(), raw.as_os_str());
    let arguments = ["compare", "-f", "raw", "-F", format].map(AsRef::as_ref);
    let said = qemu_img.run(&[&arguments[..], &[raw, path]].concat())?;
    ensure!(said.trim() == "Images are identical.", "{said}");
    // QEMU has no check for VHD.
    if !matches!(image.kind, Kind::Raw | Kind::Vhd) {
        let said = qemu_img.run(&["check".as_ref(), "-f".as_ref(), format.as_ref(), path])?;
        ensure!(said.starts_with("No errors were found on the image."), "{said}");
    }
    Ok(())
}

/// What `tool` unpacks is the raw disk, compared as it comes.
fn assert_unpacks_to(tool: &Tool, image: &Image, raw: &Path) -> Result<()> {
    let raw = File::open(raw)?;
    let mut command = tool.command();
    let mut child = command.args(["-d", "-c"]).arg(&image.path).stdout(Stdio::piped()).spawn()?;
    let mut unpacked = child.stdout.take().context("no output")?;
    let (mut one, mut other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    loop {
        let len = read_full(&mut unpacked, &mut one)?;
        if len == 0 {
            break;
        }
        raw.read_exact_at(&mut other[..len], offset)?;
        ensure!(one[..len] == other[..len], "another disk in the MiB at {offset:#x}");
        offset += u64::try_from(len)?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "{status}");
    ensure!(offset == raw.metadata()?.len(), "only {offset} bytes");
    Ok(())
}

/// As much of `buffer` as there is input for.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..])? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}
