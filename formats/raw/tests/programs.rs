//! Raw images, plain and compressed, judged by gzip and zstd.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::ErrorKind;
use diskwright_core::format::FormatOptions;
use diskwright_format_raw::{Compression, ENTRY, INFO, Raw, RawOptions};
use diskwright_oracle::{tool, write_disks};

const SIZES: [u64; 6] = [512, 4096, 1 << 20, (1 << 20) + 512, (9 << 20) - 512, 33 << 20];

fn compressed(compression: Compression) -> Raw {
    Raw::new(RawOptions::default().with_compression(Some(compression)))
}

/// What `program -dc FILE` prints.
fn unpacked(program: &Path, file: &Path) -> Vec<u8> {
    let output = Command::new(program).arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn given(compress: bool, pairs: &[(&str, &str)]) -> diskwright_core::Result<()> {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    (ENTRY.configure)(&FormatOptions::check(&INFO, compress, &pairs)?).map(drop)
}

#[test]
fn plain_images_are_the_disk_and_its_zeros_are_holes() {
    for size in SIZES {
        let disk = Disk::mixed(size);
        let folder = tempfile::tempdir().unwrap();
        write_disks(&Raw::default(), &[disk.layout()], folder.path(), 2).unwrap();
        assert!(std::fs::read(folder.path().join("disk.raw")).unwrap() == disk.bytes(0, disk.size), "{size}");
    }
    let disk = Disk { size: 1 << 40, parts: vec![(5 << 30, noise(4096, 3)), ((1 << 40) - 512, text(512))] };
    let folder = tempfile::tempdir().unwrap();
    write_disks(&Raw::default(), &[disk.layout()], folder.path(), 2).unwrap();
    let metadata = folder.path().join("disk.raw").metadata().unwrap();
    assert_eq!(metadata.len(), 1 << 40);
    assert!(metadata.blocks() * 512 <= 256 << 10, "{} blocks", metadata.blocks());
}

#[test]
fn gzip_and_zstd_give_the_disk_back() {
    let cases = [
        ("gzip", "raw.gz", Compression::Gzip { level: 1 }),
        ("zstd", "raw.zst", Compression::Zstd { level: 3 }),
    ];
    for (program, extension, compression) in cases {
        let Some(program) = tool(program) else { continue };
        for size in SIZES {
            let disk = Disk::mixed(size);
            let folder = tempfile::tempdir().unwrap();
            write_disks(&compressed(compression), &[disk.layout()], folder.path(), 2).unwrap();
            let file = folder.path().join(format!("disk.{extension}"));
            assert!(unpacked(&program, &file) == disk.bytes(0, disk.size), "{extension}, {size}");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for format in [
        Raw::default(),
        compressed(Compression::Gzip { level: 6 }),
        compressed(Compression::Zstd { level: 3 }),
    ] {
        let disk = Disk::mixed(30 << 20).layout();
        let digests = [1, 2, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let mut entries =
                write_disks(&format, std::slice::from_ref(&disk), folder.path(), threads).unwrap();
            entries.remove(0).digest().to_owned()
        });
        assert!(digests[0] == digests[1] && digests[0] == digests[2], "{format:?}");
    }
}

#[test]
fn a_downloadable_image_has_the_sha256_of_its_file() {
    let Some(sha256sum) = tool("sha256sum") else { return };
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mixed(5 << 20).layout();
    let entries =
        write_disks(&compressed(Compression::Gzip { level: 1 }), &[disk], folder.path(), 2).unwrap();
    let output = Command::new(sha256sum).arg(folder.path().join("disk.raw.gz")).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(entries[0].sha256.as_deref(), told.split(' ').next());
}

#[test]
fn options_are_checked_by_name() {
    given(true, &[("compression", "zstd"), ("level", "19")]).unwrap();
    given(true, &[("level", "12")]).unwrap();
    for (compress, pairs) in [
        (true, &[("level", "13")][..]),
        (true, &[("level", "0")][..]),
        (true, &[("compression", "lzma")][..]),
        (true, &[("colour", "red")][..]),
        (false, &[("level", "1")][..]),
        (false, &[("compression", "gzip")][..]),
    ] {
        let error = given(compress, pairs).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert_eq!(error.field(), Some(format!("raw.{}", pairs[0].0).as_str()));
    }
}
