//! The judges on trial: each rejects what is not as it should be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use diskwright_conformance::corpus::{Disk, text};
use diskwright_oracle::{Judges, assert_converts_back, check, path, run, tool};

#[test]
fn a_missing_program_is_skipped_or_fails_where_it_must_be_there() {
    let must = std::env::var_os("DISKWRIGHT_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    match catch_unwind(|| tool("no-such-program")) {
        Ok(found) => assert!(found.is_none() && !must),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().unwrap();
            assert!(must && said.contains("no-such-program is not installed"), "{said}");
        }
    }
}

#[test]
fn a_program_that_fails_is_told_with_what_it_said() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let said = rejection(|| drop(run(&qemu_img, &["info", "no-such-image"])));
    assert!(said.contains("no-such-image"), "{said}");
}

#[test]
fn a_byte_that_differs_is_found_in_its_place() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { size: 4 << 20, parts: vec![(1 << 20, text(5000))] };
    let image = stored(folder.path(), &disk);
    assert_converts_back(&qemu_img, "raw", &image, &disk);
    let mut bytes = std::fs::read(&image).unwrap();
    bytes[(1 << 20) + 0x123] ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let said = rejection(|| assert_converts_back(&qemu_img, "raw", &image, &disk));
    assert!(said.contains("byte 0x100123 differs"), "{said}");
}

#[test]
fn a_cluster_that_nobody_refers_to_is_found() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let raw = stored(folder.path(), &Disk { size: 4 << 20, parts: vec![(1 << 20, text(5000))] });
    let image = raw.with_extension("qcow2");
    run(&qemu_img, &["convert", "-O", "qcow2", path(&raw), path(&image)]);
    check(&qemu_img, "qcow2", path(&image));
    let mut bytes = std::fs::read(&image).unwrap();
    // l1_table_offset, then the only entry of the L1 table, which leads to the L2 table.
    let l1 = u64::from_be_bytes(bytes[40..48].try_into().unwrap()) as usize;
    bytes[l1..l1 + 8].fill(0);
    std::fs::write(&image, bytes).unwrap();
    rejection(|| check(&qemu_img, "qcow2", path(&image)));
}

#[test]
fn xml_that_is_not_well_formed_is_rejected() {
    let Some(judges) = Judges::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.xml");
    std::fs::write(&file, "<a xmlns:x='urn:x'><b x:key='1'> word </b><b/></a>").unwrap();
    let root = judges.xml(&file);
    assert_eq!((root.tag(), root.all("b").len(), root.text_of("b").as_deref()), ("a", 2, Some("word")));
    assert_eq!(root.all("b")[0].attribute("key"), "1");
    std::fs::write(&file, "<a><b></a>").unwrap();
    rejection(|| drop(judges.xml(&file)));
}

/// What a judge says that must reject something.
#[track_caller]
fn rejection(judge: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(judge)).expect_err("it lets it pass");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// A disk's bytes in a file.
fn stored(folder: &Path, disk: &Disk) -> PathBuf {
    let image = folder.join("disk.img");
    std::fs::write(&image, disk.bytes(0, disk.size)).unwrap();
    image
}
