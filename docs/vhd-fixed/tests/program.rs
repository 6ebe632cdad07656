//! The program with the format added.

use std::path::Path;
use std::process::{Command, Output};

fn attempt(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vhd-fixed")).args(arguments).output().unwrap()
}

fn program(arguments: &[&str]) -> Output {
    let output = attempt(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn the_program_lists_the_format_with_its_option() {
    let told = String::from_utf8(program(&["formats"]).stdout).unwrap();
    assert!(told.contains("vhdfixed (VHD fixed): .vhd (fixed, sparse); --compress: refused"), "{told}");
    assert!(told.contains("-O creator-host=windows|macintosh"), "{told}");
    assert!(told.contains("qcow2"), "the built-in formats are there too: {told}");
}

#[test]
fn the_program_makes_a_vhd_of_a_scan_with_sectors_of_512_bytes_only() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/valid/small-machine.tar");
    let [scan, to] = [&scan, &output].map(|path| path.to_str().unwrap());
    let options = ["--format", "vhdfixed", "-O", "creator-host=macintosh", "--boot", "none"];
    let large = ["--sector-size", "4096"];
    let refused = attempt(&[&["generate", "--scan", scan, "--output", to], &options[..], &large].concat());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("--sector-size: disks of VHD"), "{told}");
    program(&[&["generate", "--scan", scan, "--output", to], &options[..]].concat());
    let image = std::fs::read(output.join("small-machine.vhd")).unwrap();
    let footer = &image[image.len() - 512..];
    assert_eq!((image.len() - 512) % (1 << 20), 0);
    assert_eq!((&footer[..8], &footer[36..40]), (&b"conectix"[..], &b"Mac "[..]));
}
