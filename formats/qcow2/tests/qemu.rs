//! QCOW2 images judged by QEMU and by a small reader of their tables.

use std::path::Path;

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::ErrorKind;
use diskwright_core::format::FormatOptions;
use diskwright_format_qcow2::{ClusterBits, Compression, ENTRY, INFO, Qcow2, Qcow2Options};
use diskwright_oracle::{assert_converts_back, check, info, path, run, tool, write_disks};

const DEFLATE: Option<Compression> = Some(Compression::Deflate { level: 3 });
const ZSTD: Option<Compression> = Some(Compression::Zstd { level: 3 });

fn format(bits: u8, compression: Option<Compression>) -> Qcow2 {
    let bits = ClusterBits::new(bits).unwrap();
    Qcow2::new(Qcow2Options::default().with_cluster_bits(bits).with_compression(compression))
}

/// Writes `disk` and has QEMU check it, describe it and convert it back.
fn trial(bits: u8, compression: Option<Compression>, disk: &Disk) {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.qcow2");
    let entries = write_disks(&format(bits, compression), &[disk.layout()], folder.path(), 2).unwrap();
    assert_eq!(entries[0].length, image.metadata().unwrap().len());
    assert_eq!(entries[0].length % (1 << bits), 0);
    assert_eq!(entries[0].sha256, None);
    check(&qemu_img, "qcow2", path(&image));
    let info = info(&qemu_img, path(&image));
    assert_eq!(info["format"], "qcow2");
    assert_eq!(info["virtual-size"], disk.size);
    assert_eq!(info["cluster-size"], 1 << bits);
    let data = &info["format-specific"]["data"];
    assert_eq!((&data["compat"], &data["refcount-bits"]), (&"1.1".into(), &16.into()));
    assert_eq!(data["compression-type"], if compression == ZSTD { "zstd" } else { "zlib" });
    assert_eq!(data["corrupt"], false);
    assert_converts_back(&qemu_img, "qcow2", &image, disk);
}

#[test]
fn sizes_at_the_edges_of_clusters_and_l2_tables_come_back() {
    for compression in [None, DEFLATE, ZSTD] {
        for bits in [12, 16, 21] {
            let cluster = 1 << bits;
            for size in [512, cluster - 512, cluster, cluster + 512] {
                trial(bits, compression, &Disk::mixed(size));
            }
        }
        // One L2 table of 512 entries, and one more.
        for size in [(2 << 20) - 512, 2 << 20, (2 << 20) + 512] {
            trial(12, compression, &Disk::mixed(size));
        }
    }
}

#[test]
fn many_tables_and_refcount_blocks_come_back() {
    // 4 KiB clusters: a refcount block ends every 8 MiB of the file, an L2 table every 2 MiB of the disk.
    for compression in [None, DEFLATE, ZSTD] {
        trial(12, compression, &Disk::mixed(40 << 20));
        trial(16, compression, &Disk::mixed((24 << 20) + 512));
    }
}

#[test]
fn incompressible_data_is_stored_and_stays_exact() {
    let disk = Disk { size: 20 << 20, parts: vec![(4096, noise(19 << 20, 3))] };
    trial(12, DEFLATE, &disk);
    trial(16, ZSTD, &disk);
    // Compressed and stored clusters take turns: each stored one is aligned after a compressed one.
    let turns: Vec<u8> =
        (0..200).flat_map(|at| if at % 2 == 0 { noise(4096, at + 1) } else { text(4096) }).collect();
    trial(12, DEFLATE, &Disk { size: 1 << 20, parts: vec![(0, turns)] });
}

#[test]
fn thousands_of_tiny_clusters_share_one() {
    // A constant cluster shrinks to about 20 bytes (zstd) or 80 (deflate): refcounts go into the thousands.
    let constant = |len: usize| Disk { size: 1 << 30, parts: vec![(0, vec![0x11; len])] };
    trial(16, ZSTD, &constant(220 << 20));
    trial(16, DEFLATE, &constant(60 << 20));
    trial(21, ZSTD, &constant(60 << 20));
}

#[test]
fn a_sparse_disk_past_4_gib_costs_what_it_holds() {
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((5 << 30) + 512, noise(200_000, 9)),
        ((1 << 40) - 4096, text(4096)),
    ];
    let disk = Disk { size: 1 << 40, parts };
    for compression in [None, DEFLATE, ZSTD] {
        trial(16, compression, &disk);
    }
    let folder = tempfile::tempdir().unwrap();
    let entries = write_disks(&format(16, DEFLATE), &[disk.layout()], folder.path(), 2).unwrap();
    // Header, L1, refcount table and block, five L2 tables, three clusters of noise, and what is aligned between.
    assert!(entries[0].length <= 18 << 16, "{}", entries[0].length);
}

#[test]
fn a_disk_of_zeros_has_no_l2_table() {
    trial(16, None, &Disk { size: 10 << 20, parts: vec![] });
    let disk = Disk { size: 10 << 20, parts: vec![(0, vec![0; 10 << 20])] };
    trial(16, DEFLATE, &disk);
    let folder = tempfile::tempdir().unwrap();
    let entries = write_disks(&format(16, None), &[disk.layout()], folder.path(), 2).unwrap();
    // Header, L1, refcount block and refcount table.
    assert_eq!(entries[0].length, 4 << 16);
}

#[test]
fn several_disks_have_an_image_each() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let disks = [Disk::mixed(3 << 20), Disk::mixed(5 << 20)];
    let layouts = disks.each_ref().map(Disk::layout);
    let entries = write_disks(&format(16, DEFLATE), &layouts, folder.path(), 2).unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, ["disk.qcow2", "disk-disk2.qcow2"]);
    for (disk, name) in disks.iter().zip(names) {
        let image = folder.path().join(name);
        check(&qemu_img, "qcow2", path(&image));
        assert_converts_back(&qemu_img, "qcow2", &image, disk);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disk = Disk::mixed(30 << 20).layout();
    for compression in [None, DEFLATE, ZSTD] {
        let images = [1, 2, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            write_disks(&format(16, compression), std::slice::from_ref(&disk), folder.path(), threads)
                .unwrap();
            std::fs::read(folder.path().join("disk.qcow2")).unwrap()
        });
        assert!(images[0] == images[1] && images[0] == images[2]);
    }
}

#[test]
fn qemu_can_write_into_it_afterwards() {
    let (Some(qemu_img), Some(qemu_io)) = (tool("qemu-img"), tool("qemu-io")) else { return };
    for (bits, compression) in [(12, DEFLATE), (16, None), (16, DEFLATE), (16, ZSTD)] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.qcow2");
        let mut disk = Disk::mixed(24 << 20);
        disk.size = 700 << 20;
        write_disks(&format(bits, compression), &[disk.layout()], folder.path(), 2).unwrap();
        let commands = [
            "write -P 0x5a 1000k 300k",
            "write -P 0x5a 5M 4k",
            "discard 8M 1M",
            "write -P 0x5a 600M 2M",
            "flush",
        ];
        let mut arguments = vec!["-f", "qcow2", path(&image)];
        arguments.extend(commands.iter().flat_map(|command| ["-c", command]));
        run(&qemu_io, &arguments);
        check(&qemu_img, "qcow2", path(&image));
        let bytes = &mut disk.parts[0].1;
        bytes[1000 << 10..1300 << 10].fill(0x5a);
        bytes[5 << 20..(5 << 20) + 4096].fill(0x5a);
        bytes[8 << 20..9 << 20].fill(0);
        disk.parts.push((600 << 20, vec![0x5a; 2 << 20]));
        assert_converts_back(&qemu_img, "qcow2", &image, &disk);
    }
}

#[test]
fn deflated_clusters_inflate_through_a_window_of_4_kib() {
    let Some(python) = tool("python3") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inflate_in_steps.py");
    // Repeats from further back than 4 KiB: an encoder with a larger window would use them.
    let block = noise(6000, 5);
    let bytes: Vec<u8> = (0..40).flat_map(|_| [block.clone(), text(2000)].concat()).collect();
    let disk = Disk { size: 1 << 20, parts: vec![(0, bytes)] };
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    std::fs::write(&raw, disk.bytes(0, disk.size)).unwrap();
    for level in 1..=9 {
        let directory = folder.path().join(level.to_string());
        let format = format(16, Some(Compression::Deflate { level }));
        write_disks(&format, &[disk.layout()], &directory, 2).unwrap();
        let count = run(&python, &[script, path(&directory.join("disk.qcow2")), path(&raw)]);
        assert_eq!(count.trim(), "5", "level {level}");
    }
}

#[test]
fn what_the_format_cannot_hold_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |format: &Qcow2, size: u64| {
        let disk = Disk { size, parts: vec![] };
        write_disks(format, &[disk.layout()], Path::new(folder.path()), 1).unwrap_err()
    };
    assert_eq!(refusal(&format(16, None), 1000).kind(), ErrorKind::Unsupported);
    let error = refusal(&format(12, None), (8 << 40) + 512);
    assert_eq!((error.kind(), error.field()), (ErrorKind::LimitExceeded, Some("qcow2.cluster-size")));
    let error = refusal(&format(16, Some(Compression::Deflate { level: 10 })), 512);
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("qcow2.level")));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn options_are_checked_together() {
    let configure = |compress: bool, given: &[(&str, &str)]| {
        let given: Vec<_> = given.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        FormatOptions::check(&INFO, compress, &given).and_then(|options| (ENTRY.configure)(&options))
    };
    let field = |compress, given: &[(&str, &str)]| {
        let error = configure(compress, given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        error.field().unwrap().to_owned()
    };
    assert!(configure(false, &[("cluster-size", "2M")]).is_ok());
    assert!(configure(true, &[("compression", "ZSTD"), ("level", "19")]).is_ok());
    assert!(configure(true, &[]).is_ok());
    assert_eq!(field(true, &[("level", "10")]), "qcow2.level");
    assert_eq!(field(true, &[("level", "0")]), "qcow2.level");
    assert_eq!(field(true, &[("compression", "lzma")]), "qcow2.compression");
    assert_eq!(field(false, &[("cluster-size", "2K")]), "qcow2.cluster-size");
    // A setting without effect is refused.
    assert_eq!(field(false, &[("level", "3")]), "qcow2.level");
    assert_eq!(field(false, &[("compression", "zstd")]), "qcow2.compression");
}
