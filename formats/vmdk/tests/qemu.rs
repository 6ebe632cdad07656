//! VMDK images judged by QEMU, and stream-optimised ones by a small reader that walks their markers.

mod marker_walk;

use std::path::{Path, PathBuf};

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::ErrorKind;
use diskwright_core::engine::OutputEntry;
use diskwright_core::format::{FormatOptions, Machine, OutputRole, TargetFormat};
use diskwright_core::{Seed, Timestamp};
use diskwright_format_vmdk::{AdapterType, ENTRY, INFO, StreamImage, Subformat, Vmdk, VmdkOptions};
use diskwright_oracle::{assert_converts_back, check, info, path, run, tool, write_disks};
use marker_walk::walk;

const STREAM: Subformat = Subformat::Stream { level: 3 };
const ALL: [Subformat; 3] = [Subformat::Sparse, Subformat::Flat, STREAM];
const GRAIN: u64 = 64 << 10;
const MIB: u64 = 1 << 20;

fn format(subformat: Subformat) -> Vmdk {
    Vmdk::new(VmdkOptions::default().with_subformat(subformat))
}

/// Writes `disk`; gives the file that readers open and what was written.
fn written(subformat: Subformat, disk: &Disk, folder: &Path) -> (PathBuf, Vec<OutputEntry>) {
    let entries = write_disks(&format(subformat), &[disk.layout()], folder, 2).unwrap();
    for entry in &entries {
        assert_eq!(entry.length, folder.join(&entry.path).metadata().unwrap().len());
    }
    (folder.join("disk.vmdk"), entries)
}

/// Writes `disk` and has QEMU check it, describe it and convert it back.
fn trial(subformat: Subformat, disk: &Disk) -> Option<OutputEntry> {
    let qemu_img = tool("qemu-img")?;
    let folder = tempfile::tempdir().unwrap();
    let (image, mut entries) = written(subformat, disk, folder.path());
    check(&qemu_img, "vmdk", path(&image));
    let info = info(&qemu_img, path(&image));
    assert_eq!(info["format"], "vmdk");
    assert_eq!(info["virtual-size"], disk.size);
    let data = &info["format-specific"]["data"];
    let name = match subformat {
        Subformat::Sparse => "monolithicSparse",
        Subformat::Flat => "monolithicFlat",
        _ => "streamOptimized",
    };
    assert_eq!(data["create-type"], name);
    assert_eq!(data["parent-cid"], 0xFFFF_FFFF_u32);
    if subformat != Subformat::Flat {
        assert_eq!(info["cluster-size"], GRAIN);
    }
    assert_converts_back(&qemu_img, "vmdk", &image, disk);
    Some(entries.swap_remove(0))
}

#[test]
fn sizes_at_the_edges_of_grains_and_tables_come_back() {
    for subformat in ALL {
        for size in [GRAIN, 2 * GRAIN, MIB, 32 * MIB - GRAIN, 32 * MIB, 32 * MIB + GRAIN, 65 * MIB] {
            trial(subformat, &Disk::mixed(size));
        }
    }
}

#[test]
fn a_sparse_disk_past_4_gib_stores_the_grains_with_data() {
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((5 << 30) + 512, noise(200_000, 9)),
        ((70 << 30) - 4096, text(4096)),
    ];
    let disk = Disk { size: 70 << 30, parts };
    let Some(entry) = trial(Subformat::Sparse, &disk) else { return };
    // 2240 tables: a directory of 18 sectors, twice; 2 + 2 + 4 + 1 grains.
    let overhead = (21 + 2 * (18 + 4 * 2240_u64)).next_multiple_of(128) * 512;
    assert_eq!(entry.length, overhead + 9 * GRAIN);
    assert_eq!(trial(Subformat::Flat, &disk).unwrap().length, 70 << 30);
    // Noise does not shrink: four grains. The directory has 18 sectors, four tables are stored.
    let length = trial(STREAM, &disk).unwrap().length;
    assert!(length > 200_000 + (128 + 18 + 4 * 5 + 4) * 512, "{length}");
    assert!(length < 270_000 + (128 + 18 + 4 * 5 + 4) * 512, "{length}");
}

#[test]
fn a_disk_of_zeros_has_no_grains() {
    let unknown = Disk { size: 40 * MIB, parts: vec![(0, vec![0; 40 << 20])] };
    let known = Disk { size: 40 * MIB, parts: vec![] };
    let length = |subformat, disk| trial(subformat, disk).map(|entry| entry.length);
    if tool("qemu-img").is_none() {
        return;
    }
    assert_eq!(length(Subformat::Sparse, &known), Some(GRAIN));
    // Zeros that only reading shows are holes of the file.
    assert_eq!(length(Subformat::Sparse, &unknown), Some(GRAIN + 40 * MIB));
    assert_eq!(length(Subformat::Flat, &known), Some(40 * MIB));
    // Header to overhead, directory with its marker, footer with its marker, end of stream.
    for disk in [&known, &unknown] {
        assert_eq!(length(STREAM, disk), Some((128 + 2 + 2 + 1) * 512));
    }
}

#[test]
fn zeros_that_only_reading_shows_are_holes() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = Disk { size: 40 * MIB, parts: vec![(0, vec![0; 40 << 20])] };
    for (subformat, name) in [(Subformat::Sparse, "disk.vmdk"), (Subformat::Flat, "disk-flat.vmdk")] {
        let folder = folder.path().join(name);
        written(subformat, &unknown, &folder);
        let file = folder.join(name).metadata().unwrap();
        assert!(std::os::unix::fs::MetadataExt::blocks(&file) * 512 <= 2 * GRAIN);
    }
}

#[test]
fn an_importer_that_sees_a_stream_once_finds_every_grain_and_its_end() {
    let mut disk = Disk::mixed(40 * MIB);
    // Nothing in the second and third 32 MiB but the end of the first part, data in the fifth.
    disk.parts.push((129 * MIB, text(70_000)));
    disk.size = 161 * MIB;
    for level in [1, 12] {
        let folder = tempfile::tempdir().unwrap();
        let (image, entries) = written(Subformat::Stream { level }, &disk, folder.path());
        let walk = walk(&std::fs::read(image).unwrap());
        assert_eq!((walk.capacity * 512, walk.tables), (disk.size, 3));
        let mut expected = Vec::new();
        for grain in 0..disk.size / GRAIN {
            let bytes = disk.bytes(grain * GRAIN, GRAIN);
            if bytes.iter().any(|byte| *byte != 0) {
                expected.push((grain, bytes));
            }
        }
        assert!(walk.grains == expected);
        assert_eq!(entries[0].role, OutputRole::Package);
    }
}

#[test]
fn the_walk_rejects_damaged_streams() {
    type Damage = fn(&mut Vec<u8>);
    const FIRST: usize = 128 * 512;
    const STORED: usize = 129 * 512;
    let folder = tempfile::tempdir().unwrap();
    let (image, _) =
        written(STREAM, &Disk { size: 2 * MIB, parts: vec![(0, noise(2 << 20, 5))] }, folder.path());
    let file = std::fs::read(image).unwrap();
    assert_eq!(walk(&file).grains.len(), 32);
    let damages: [(&str, Damage); 7] = [
        ("a sector behind the end", |file| file.extend([0; 512])),
        ("no end", |file| file.truncate(file.len() - 512)),
        ("two grains in the wrong order", |file| {
            let (one, two) = file[FIRST..FIRST + 2 * STORED].split_at_mut(STORED);
            one.swap_with_slice(two);
        }),
        ("a byte of a grain", |file| file[FIRST + 5000] ^= 1),
        ("an entry of the table", |file| file[FIRST + 32 * STORED + 512] ^= 1),
        ("the directory's place in the footer", |file| {
            let at = file.len() - 1024 + 56;
            file[at] ^= 1;
        }),
        ("the version", |file| file[4] = 1),
    ];
    for (name, damage) in damages {
        let mut file = file.clone();
        damage(&mut file);
        assert!(std::panic::catch_unwind(|| walk(&file)).is_err(), "{name}");
    }
}

#[test]
fn noise_is_stored_within_what_virtualbox_reads() {
    let disk = Disk { size: 3 * MIB, parts: vec![(0, noise(3 << 20, 5))] };
    let folder = tempfile::tempdir().unwrap();
    let (image, entries) = written(STREAM, &disk, folder.path());
    assert_eq!(walk(&std::fs::read(image).unwrap()).grains.len(), 48);
    // 129 sectors for each grain, and one table: the bound is met exactly.
    assert_eq!(entries[0].length, (128 + 48 * 129 + 5 + 2 + 2 + 1) * 512);
    let machine = Machine::new("disk", Seed::from_text("conformance"), Timestamp::from_seconds(0));
    let image = StreamImage::new(&machine, 1, &disk.layout(), "disk.vmdk", 1, AdapterType::LsiLogic).unwrap();
    assert_eq!((image.size_bound(), image.capacity()), (entries[0].length, disk.size));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disk = Disk::mixed(70 << 20).layout();
    for (subformat, name) in ALL.into_iter().zip(["disk.vmdk", "disk-flat.vmdk", "disk.vmdk"]) {
        let images = [1, 2, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            write_disks(&format(subformat), std::slice::from_ref(&disk), folder.path(), threads).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()
        });
        assert!(images[0] == images[1] && images[0] == images[2], "{subformat:?}");
    }
}

#[test]
fn every_disk_has_files_and_content_ids_of_its_own() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let disks = [Disk::mixed(3 << 20), Disk { size: 2 << 20, parts: vec![] }, Disk::mixed(5 << 20)];
    for subformat in ALL {
        let folder = tempfile::tempdir().unwrap();
        let layouts = disks.each_ref().map(Disk::layout);
        let entries = write_disks(&format(subformat), &layouts, folder.path(), 2).unwrap();
        let mut ids = Vec::new();
        for (disk, stem) in disks.iter().zip(["disk", "disk-disk2", "disk-disk3"]) {
            let image = folder.path().join(format!("{stem}.vmdk"));
            check(&qemu_img, "vmdk", path(&image));
            assert_converts_back(&qemu_img, "vmdk", &image, disk);
            ids.push(info(&qemu_img, path(&image))["format-specific"]["data"]["cid"].to_string());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        let names: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        if subformat == Subformat::Flat {
            assert_eq!(names[2..4], ["disk-disk2-flat.vmdk", "disk-disk2.vmdk"]);
            assert_eq!((entries[2].role, entries[3].role), (OutputRole::Disk, OutputRole::Descriptor));
        } else {
            assert_eq!(names, ["disk.vmdk", "disk-disk2.vmdk", "disk-disk3.vmdk"]);
        }
    }
}

#[test]
fn qemu_can_write_into_it_afterwards() {
    let (Some(qemu_img), Some(qemu_io)) = (tool("qemu-img"), tool("qemu-io")) else { return };
    for subformat in [Subformat::Sparse, Subformat::Flat] {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::mixed(24 << 20);
        disk.size = 700 << 20;
        let (image, _) = written(subformat, &disk, folder.path());
        let commands = ["write -P 0x5a 1000k 300k", "write -P 0x5a 600M 2M", "flush"];
        let mut arguments = vec!["-f", "vmdk", path(&image)];
        arguments.extend(commands.iter().flat_map(|command| ["-c", command]));
        run(&qemu_io, &arguments);
        check(&qemu_img, "vmdk", path(&image));
        disk.parts[0].1[1000 << 10..1300 << 10].fill(0x5a);
        disk.parts.push((600 << 20, vec![0x5a; 2 << 20]));
        assert_converts_back(&qemu_img, "vmdk", &image, &disk);
    }
}

#[test]
fn what_the_format_cannot_hold_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |subformat, size: u64| {
        let disk = Disk { size, parts: vec![] };
        write_disks(&format(subformat), &[disk.layout()], folder.path(), 1).unwrap_err()
    };
    for subformat in ALL {
        for size in [512, GRAIN - 512, MIB + 512] {
            let error = refusal(subformat, size);
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("64 KiB"), "{error}");
        }
        assert_eq!(refusal(subformat, (62 << 40) + MIB).kind(), ErrorKind::LimitExceeded);
    }
    assert_eq!(refusal(Subformat::Sparse, (2 << 40) + MIB).kind(), ErrorKind::LimitExceeded);
    assert_eq!(refusal(Subformat::Stream { level: 13 }, MIB).kind(), ErrorKind::InvalidOption);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_adapter_type_decides_the_geometry() {
    let folder = tempfile::tempdir().unwrap();
    let format = Vmdk::new(VmdkOptions::default().with_adapter(AdapterType::Ide));
    write_disks(&format, &[Disk::mixed(10 * MIB).layout()], folder.path(), 1).unwrap();
    let head = std::fs::read(folder.path().join("disk.vmdk")).unwrap();
    let descriptor = String::from_utf8_lossy(&head[512..10_752]);
    assert!(descriptor.contains("ddb.adapterType = \"ide\"\n"), "{descriptor}");
    assert!(descriptor.contains("ddb.geometry.heads = \"16\"\n"), "{descriptor}");
}

fn configured(
    compress: bool,
    given: &[(&str, &str)],
) -> diskwright_core::Result<std::sync::Arc<dyn TargetFormat>> {
    let given: Vec<_> = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    (ENTRY.configure)(&FormatOptions::check(&INFO, compress, &given)?)
}

#[test]
fn the_compress_flag_and_the_subformat_choose_the_form() {
    let subformat = |compress, given: &[(&str, &str)]| {
        let format = format!("{:?}", configured(compress, given).unwrap());
        ["Sparse", "Flat", "Stream { level: 4 }", "Stream { level: 9 }"]
            .into_iter()
            .find(|name| format.contains(&format!("subformat: {name}")))
    };
    assert_eq!(subformat(false, &[]), Some("Sparse"));
    assert_eq!(subformat(false, &[("subformat", "sparse")]), Some("Sparse"));
    assert_eq!(subformat(false, &[("subformat", "flat")]), Some("Flat"));
    assert_eq!(subformat(true, &[]), Some("Stream { level: 4 }"));
    assert_eq!(subformat(true, &[("subformat", "stream"), ("level", "9")]), Some("Stream { level: 9 }"));
}

#[test]
fn a_subformat_against_the_compress_flag_is_refused() {
    for (compress, word) in [(false, "stream"), (true, "sparse"), (true, "flat")] {
        let error = configured(compress, &[("subformat", word)]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("vmdk.subformat")));
    }
    for (compress, value) in [(false, "1"), (true, "0"), (true, "13")] {
        let error = configured(compress, &[("level", value)]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("vmdk.level")));
    }
}

#[test]
fn qemu_opens_the_disk_file_of_each_form_by_the_driver_that_is_named() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    for (subformat, driver) in ALL.into_iter().zip(["vmdk", "raw", "vmdk"]) {
        assert_eq!(format(subformat).info().qemu, Some(driver));
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mixed(3 * MIB);
        let (_, entries) = written(subformat, &disk, folder.path());
        assert_converts_back(&qemu_img, driver, &folder.path().join(&entries[0].path), &disk);
    }
}
