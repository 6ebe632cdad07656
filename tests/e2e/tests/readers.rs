//! Every variant before every foreign reader: the bytes are right, and the committed table says who refuses what.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use diskwright::builtin_registry;
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::variant::{BATCHES, Batch, Image, Kind, SMALL_BATCHES, SMALL_VARIANTS, VARIANTS};
use diskwright_e2e::{Generated, READERS, Reader, Readers, Tool, Verdict, generate};

#[test]
fn table_of_readers_is_as_committed() -> Result<()> {
    let (Some(readers), Some(tar)) = (Readers::find(), Tool::find("tar")) else { return Ok(()) };
    let workshop = Workshop::enter("readers")?;
    let layer = workshop.path().join("layer");
    write_layer(&layer)?;
    let made = make_batches(workshop.path(), &layer)?;
    let raw = made.iter().find(|(name, _)| *name == "stored").context("no stored batch")?;
    let raw = raw.1.output("raw", ".raw")?;
    let whole_gib = generate(&scan(), &["raw"], &workshop.path().join("gib"), &settings(&layer, "1G")?)?;
    let whole_gib = whole_gib.output("raw", ".raw")?;

    let mut table = Table::default();
    for variant in VARIANTS.iter().chain(SMALL_VARIANTS) {
        let raw = if variant.kind == Kind::RawInTar { &whole_gib } else { &raw };
        let (_, generated) =
            made.iter().find(|(name, _)| *name == variant.batch).context("a variant without a batch")?;
        let image = variant.image(generated)?;
        table.add_row(variant.name, &readers, &image, raw)?;
        if image.kind.member().is_some() {
            let room = workshop.path().join("unpacked");
            fs::create_dir(&room)?;
            let inner = image.innermost(&tar, &room)?;
            table.add_row(&format!("{}, the disk in it", variant.name), &readers, &inner, raw)?;
            fs::remove_dir_all(&room)?;
        }
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/readers.md");
    let computed = table.page();
    if std::env::var_os("DISKWRIGHT_WRITE_TABLES").is_some() {
        fs::write(&path, &computed)?;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == computed,
        "docs/readers.md is not what the readers say; DISKWRIGHT_WRITE_TABLES=1 writes it:\n{computed}"
    );
    Ok(())
}

#[test]
fn every_format_has_a_variant_in_a_batch() -> Result<()> {
    for entry in builtin_registry()?.entries() {
        let id = entry.info.id;
        let mut variants = VARIANTS.iter().chain(SMALL_VARIANTS);
        assert!(variants.any(|variant| variant.format == id), "{id} is no variant");
    }
    for variant in VARIANTS.iter().chain(SMALL_VARIANTS) {
        let small = SMALL_VARIANTS.iter().any(|one| one.name == variant.name);
        let batch =
            if small { SMALL_BATCHES } else { BATCHES }.iter().find(|batch| batch.name == variant.batch);
        let batch = batch.with_context(|| format!("{} has no batch", variant.name))?;
        assert!(batch.formats.contains(&variant.format), "{} is not in its batch", variant.name);
    }
    Ok(())
}

/// A wrong byte, or a reader that takes our image for another format, is an error of the table, not a line in it.
#[test]
fn reader_that_reads_another_disk_is_an_error() -> Result<()> {
    let Some(readers) = Readers::find() else { return Ok(()) };
    let room = tempfile::tempdir()?;
    let (one, other) = (room.path().join("one.raw"), room.path().join("other.raw"));
    fs::write(&one, vec![7; 1 << 20])?;
    let mut bytes = vec![7; 1 << 20];
    bytes[777_777] = 8;
    fs::write(&other, bytes)?;
    let image = Image { path: one, kind: Kind::Raw };
    for reader in [Reader::QemuConvert, Reader::VirtualBox] {
        let error = readers.read(reader, &image, &other).err().context("it read another disk")?;
        assert!(format!("{error:#}").contains("differs at 0xbde31"), "{error:#}");
    }
    let image = Image { kind: Kind::Vdi, ..image };
    assert!(readers.read(Reader::QemuProbe, &image, &other).is_ok());
    assert!(matches!(readers.read(Reader::QemuConvert, &image, &other)?, Verdict::Refuses(_)));
    Ok(())
}

/// Runs every batch on the small scan, with `layer` over it for its clusters of every sort.
fn make_batches(directory: &Path, layer: &Path) -> Result<Vec<(&'static str, Generated)>> {
    let make = |batch: &Batch| {
        // Compute Engine takes whole GiB alone.
        let size = if batch.formats.contains(&"gce") { "1G" } else { "67M" };
        let more = settings(layer, size)?;
        Ok((batch.name, batch.generate(&scan(), &directory.join(batch.name), &more)?))
    };
    BATCHES.iter().chain(SMALL_BATCHES).map(make).collect()
}

fn scan() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar")
}

fn settings<'a>(layer: &'a Path, disk_size: &'a str) -> Result<[&'a str; 8]> {
    let layer = layer.to_str().context("a path that is no text")?;
    Ok(["--scan", layer, "--boot", "none", "--disk-size", disk_size, "--name", "machine"])
}

/// What does not compress, what compresses, and holes; the same on every run.
fn write_layer(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory.join("srv"))?;
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut noise = Vec::new();
    while noise.len() < 3_000_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    fs::write(directory.join("srv/noise"), noise)?;
    let text: String = (0..200_000).map(|number| format!("line {number}\n")).collect();
    fs::write(directory.join("srv/text"), text)?;
    Ok(())
}

/// The table, as far as it is known.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<String>)>,
    refusals: Vec<String>,
}

impl Table {
    fn add_row(&mut self, name: &str, readers: &Readers, image: &Image, raw: &Path) -> Result<()> {
        let mut cells = Vec::new();
        for &reader in READERS {
            let verdict = readers.read(reader, image, raw)?;
            if let (Reader::QemuProbe, Verdict::Says(format)) = (reader, &verdict) {
                let expected = image.kind.qemu_probes();
                ensure!(format == expected, "{name} is taken for {format}");
            }
            cells.push(self.cell(verdict));
        }
        self.rows.push((name.to_owned(), cells));
        Ok(())
    }

    fn cell(&mut self, verdict: Verdict) -> String {
        match verdict {
            Verdict::SameBytes => "same bytes".to_owned(),
            Verdict::Says(said) => said,
            Verdict::Foreign => String::new(),
            Verdict::Refuses(refusal) => {
                let known = self.refusals.iter().position(|one| *one == refusal);
                let index = known.unwrap_or_else(|| {
                    self.refusals.push(refusal);
                    self.refusals.len() - 1
                });
                format!("refuses ({})", index + 1)
            }
        }
    }

    fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        let names: Vec<&str> = READERS.iter().map(|reader| reader.name()).collect();
        let _ = writeln!(page, "| variant | {} |", names.join(" | "));
        let _ = writeln!(page, "|---{}|", "|---".repeat(names.len()));
        for (name, cells) in &self.rows {
            let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
        }
        page.push_str("\nRefusals, in the readers' words:\n\n");
        for (index, refusal) in self.refusals.iter().enumerate() {
            let _ = writeln!(page, "{}. `{refusal}`", index + 1);
        }
        page
    }
}

const HEAD: &str = "\
# Who reads what

Each variant of one small disk (67 MiB, for Compute Engine 1 GiB: a file system, noise, text, holes) before each foreign reader. The test
`table_of_readers_is_as_committed` computes this page and compares; a reader that gives a wrong byte fails it.

*same bytes*: read back, the disk equals the raw image byte for byte (of an appliance: imported and read back by
VirtualBox, of a box from its envelope; every member the same by GNU tar, bsdtar, Python and 7-Zip; of gce the disk in it). Other words are the reader's own. *raw* is
what `qemu-img info`, not told the format, says of every file it does not know. An empty cell: not its kind of file.

";
