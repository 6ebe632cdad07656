//! An appliance whose disk is larger than 8 GiB, the most that a plain tar header can say.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use diskwright::engine::{Engine, Order};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::{Files, Monitor, ReadAt, Seed, Timestamp};
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::virtualbox::{self, VirtualBox};
use diskwright_e2e::{Tool, skip};
use sha2::{Digest, Sha256};

/// GNU tar, Python and 7-Zip give the same member, the one that the manifest names, and VirtualBox takes it: imports it where there
/// is room for its own disk, too, and else says how it would.
#[test]
fn disk_of_more_than_eight_gib_in_an_appliance() -> Result<()> {
    let tools = [Tool::find("tar"), Tool::find("7zz"), Tool::find("python3")];
    let ([Some(tar), Some(seven_zip), Some(python)], Some(virtualbox)) = (tools, VirtualBox::find()) else {
        return Ok(());
    };
    let workshop = Workshop::enter("large")?;
    if room(workshop.path())? < APPLIANCE {
        skip("9 GiB of room in the target directory");
        return Ok(());
    }
    generate(workshop.path())?;
    let appliance = workshop.path().join("out/large.ova");
    let listed =
        tar.run(&["--list".as_ref(), "--verbose".as_ref(), "--file".as_ref(), appliance.as_os_str()])?;
    let line = listed.lines().find(|line| line.ends_with(".vmdk")).context("no disk")?;
    let mut words = line.split_whitespace();
    let size: u64 = words.nth(2).context("no size")?.parse()?;
    let member = words.next_back().context("no name")?;
    ensure!(size > 8 << 30, "only {size} bytes");

    let mut by_tar = tar.command();
    by_tar.args(["--extract", "--to-stdout", "--file"]).arg(&appliance).arg(member);
    let mut by_seven_zip = seven_zip.command();
    by_seven_zip.args(["e", "-so", "-ttar"]).arg(&appliance).arg(member);
    let mut by_python = python.command();
    by_python.args(["-c", UNPACK]).arg(&appliance).arg(member);
    let manifest = manifest(&tar, &appliance)?;
    for command in [&mut by_tar, &mut by_seven_zip, &mut by_python] {
        let (digest, len) = digest_of_output(command)?;
        ensure!(len == size, "{command:?} gives {len} of {size} bytes");
        let line = format!("SHA256({member})= {digest}");
        ensure!(manifest.contains(&line), "{command:?}: {line} is not in the manifest:\n{manifest}");
    }
    let (out, inside) = (workshop.path().join("out"), virtualbox::inside("large.ova"));
    if room(workshop.path())? < APPLIANCE {
        let said = virtualbox.manage(&out, &["import", &inside, "--dry-run"])?;
        ensure!(said.contains(member), "the disk is not imported:\n{said}");
        return Ok(());
    }
    drop(virtualbox.import(&out, &inside)?);
    Ok(())
}

/// Bytes that may still be written there.
fn room(directory: &Path) -> Result<u64> {
    let space = rustix::fs::statvfs(directory)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Orders the appliance of a machine that is one file of noise.
fn generate(directory: &Path) -> Result<()> {
    let format = diskwright::builtin_registry()?.configure("virtualbox", true, &[])?;
    let profile = Profile { boot: Some(BootPolicy::None), ..Profile::default() };
    let (seed, time) = (Seed::from_text("large"), Timestamp::from_seconds(1_700_000_000));
    let order = Order::new(Arc::new(Noise), vec![format], "large", seed, time).with_profile(profile);
    let sink = DirectorySink::create(Files::default(), directory.join("out"), Overwrite::Refuse)?;
    Engine::new().with_threads(2).run(&order, Box::new(sink), &Monitor::new())?;
    Ok(())
}

fn manifest(tar: &Tool, appliance: &Path) -> Result<String> {
    let flags = ["--extract", "--to-stdout", "--file"].map(AsRef::as_ref);
    tar.run(&[&flags[..], &[appliance.as_os_str(), "--wildcards".as_ref(), "*.mf".as_ref()]].concat())
}

fn digest_of_output(command: &mut Command) -> Result<(String, u64)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("no output")?;
    let (mut digest, mut len) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = output.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        len += u64::try_from(read)?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok((digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), len))
}

/// A machine that is one file; its content is computed and does not compress.
struct Noise;

impl ScanSource for Noise {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> diskwright::Result<ScanSummary> {
        let attributes = Attributes { mode: 0o755, ..Attributes::default() };
        visitor.entry(Entry {
            path: Vec::new(),
            object: EntryObject::Directory,
            attributes: attributes.clone(),
        })?;
        let object = EntryObject::File { content: SourceContent(0), size: NOISE, data: None };
        visitor.entry(Entry { path: b"noise".to_vec(), object, attributes })?;
        Ok(ScanSummary::default())
    }

    fn open(&self, _: SourceContent) -> diskwright::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(Self))
    }
}

impl ReadAt for Noise {
    fn size(&self) -> u64 {
        NOISE
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > NOISE) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = buf;
        let mut position = offset;
        while !rest.is_empty() {
            let word = mixed(position / 8).to_le_bytes();
            let from = &word[(position % 8) as usize..];
            let len = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&from[..len]);
            rest = later;
            position += len as u64;
        }
        Ok(())
    }
}

/// The finaliser of SplitMix64: every word of its own.
fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

const UNPACK: &str = "import shutil, sys, tarfile\n\
                      member = tarfile.open(sys.argv[1]).extractfile(sys.argv[2])\n\
                      shutil.copyfileobj(member, sys.stdout.buffer)";
/// More than a header's eleven octal digits.
const NOISE: u64 = (8 << 30) + (16 << 20);
/// The appliance, and as much is the disk that VirtualBox makes of it.
const APPLIANCE: u64 = 9 << 30;
