//! GRUB's core for BIOS against `grub-mkimage`, and disks with it under SeaBIOS.

mod boot;

use std::io::Read;
use std::path::Path;
use std::process::Command;

use boot::{Firmware, copy_files, ext4, gpt_disk, host_directory, mbr_disk, run, tree_of};
use diskwright_core::boot::grub_bios::{CORE_MODULES, CoreSearch, GrubBuild};
use diskwright_oracle::tool;

const UUID: &str = "6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11";
const SEARCH: CoreSearch<'_> = CoreSearch { file_system: UUID, prefix: "/boot/grub" };
const BUILD: &str = "/usr/lib/grub/i386-pc";

/// What `grub-mkimage` makes of the modules and the configuration that our core has.
fn foreign_core(directory: &Path) -> Option<Vec<u8>> {
    let mkimage = tool("grub-mkimage")?;
    let config = directory.join("load.cfg");
    let image = directory.join("core.img");
    std::fs::write(&config, format!("search.fs_uuid {UUID} root\nset prefix=($root)/boot/grub\n")).unwrap();
    let mut command = Command::new(mkimage);
    command.args(["-O", "i386-pc", "-d", BUILD, "-p", "/boot/grub", "-c"]).arg(&config);
    assert!(command.arg("-o").arg(&image).args(CORE_MODULES).status().unwrap().success());
    Some(std::fs::read(image).unwrap())
}

/// Boot sector of the core, decompressor, payload.
fn parts(core: &[u8]) -> (&[u8], &[u8], Vec<u8>) {
    let (disk_boot, body) = core.split_at(512);
    let field = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap()) as usize;
    let (decompressor, compressed) = body.split_at(body.len() - field(8));
    let mut payload = Vec::new();
    let size = field(12);
    let mut reader = lzma_rust2::LzmaReader::new(compressed, size as u64, 3, 0, 2, 1 << 16, None).unwrap();
    reader.read_to_end(&mut payload).unwrap();
    assert_eq!(payload.len(), size);
    (disk_boot, decompressor, payload)
}

#[test]
fn the_payload_is_that_of_grub_mkimage_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    let (Some(build), Some(foreign)) = (host_directory(BUILD), foreign_core(directory.path())) else {
        return;
    };
    let core = GrubBuild::load(&tree_of(build), b"").unwrap().assemble(SEARCH).unwrap();
    let (disk_boot, decompressor, payload) = parts(core.image());
    let (foreign_disk_boot, foreign_decompressor, foreign_payload) = parts(&foreign);
    assert!(payload == foreign_payload, "{} and {} bytes differ", payload.len(), foreign_payload.len());
    // All but the length of the compressed payload.
    assert_eq!(disk_boot[..0x1fc], foreign_disk_boot[..0x1fc]);
    assert_eq!(disk_boot[0x1fe..], foreign_disk_boot[0x1fe..]);
    assert_eq!(decompressor[..8], foreign_decompressor[..8]);
    assert_eq!(decompressor[12..], foreign_decompressor[12..]);
}

#[test]
fn an_installed_core_gives_the_same_payload_again() {
    let directory = tempfile::tempdir().unwrap();
    let (Some(build), Some(foreign)) = (host_directory(BUILD), foreign_core(directory.path())) else {
        return;
    };
    let installed = directory.path().join("i386-pc");
    std::fs::create_dir(&installed).unwrap();
    std::fs::write(installed.join("core.img"), &foreign).unwrap();
    std::fs::copy(build.join("boot.img"), installed.join("boot.img")).unwrap();
    let core = GrubBuild::load(&tree_of(&installed), b"").unwrap().assemble(SEARCH).unwrap();
    assert!(parts(core.image()).2 == parts(&foreign).2);
}

#[test]
fn a_module_that_the_old_core_lacks_comes_from_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (Some(build), Some(mkimage)) = (host_directory(BUILD), tool("grub-mkimage")) else { return };
    let installed = directory.path().join("i386-pc");
    copy_files(build, &installed, |name| name.ends_with(".mod"));
    std::fs::copy(build.join("boot.img"), installed.join("boot.img")).unwrap();
    let mut command = Command::new(mkimage);
    command
        .args(["-O", "i386-pc", "-d", BUILD, "-p", "(,gpt2)/boot/grub", "-o"])
        .arg(installed.join("core.img"));
    assert!(command.args(["biosdisk", "ext2", "part_gpt"]).status().unwrap().success());
    let core = GrubBuild::load(&tree_of(&installed), b"").unwrap().assemble(SEARCH).unwrap();
    boots_under_bios(&core, build);
}

#[test]
fn a_gpt_disk_boots_under_bios() {
    let Some(build) = host_directory(BUILD) else { return };
    let core = GrubBuild::load(&tree_of(build), b"").unwrap().assemble(SEARCH).unwrap();
    boots_under_bios(&core, build);
}

#[test]
fn an_mbr_disk_boots_under_bios() {
    let Some(build) = host_directory(BUILD) else { return };
    let core = GrubBuild::load(&tree_of(build), b"").unwrap().assemble(SEARCH).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let Some(root) = grub_root(directory.path(), build) else { return };
    let disk = directory.path().join("disk.raw");
    mbr_disk(&disk, &core.at(1).unwrap(), &root);
    if let Some(console) = run(&disk, Firmware::Bios, &["MARKER"], 60) {
        assert!(console.contains("MARKER-pc"), "{console}");
    }
}

#[test]
fn damaged_files_of_grub_are_refused_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let (Some(build), Some(foreign)) = (host_directory(BUILD), foreign_core(directory.path())) else {
        return;
    };
    let packaged = directory.path().join("packaged");
    let parts =
        ["kernel.img", "lzma_decompress.img", "diskboot.img", "boot.img", "moddep.lst", "biosdisk.mod"];
    copy_files(build, &packaged, |name| parts.contains(&name) || name.ends_with(".mod"));
    let installed = directory.path().join("installed");
    copy_files(build, &installed, |name| name == "boot.img" || name.ends_with(".mod"));
    std::fs::write(installed.join("core.img"), &foreign).unwrap();
    let mut refused = 0;
    for (folder, name) in parts.map(|name| (&packaged, name)).into_iter().chain([(&installed, "core.img")]) {
        let path = folder.join(name);
        let whole = std::fs::read(&path).unwrap();
        for step in 0..24 {
            let at = whole.len() * step / 24;
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            for damaged in [&whole[..at], &flipped] {
                std::fs::write(&path, damaged).unwrap();
                let core = GrubBuild::load(&tree_of(folder), b"").and_then(|build| build.assemble(SEARCH));
                refused += usize::from(core.is_err());
            }
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(GrubBuild::load(&tree_of(folder), b"").is_ok(), "{name}");
    }
    assert!(refused > 7 * 20, "only {refused} damages were seen");
}

fn boots_under_bios(core: &diskwright_core::boot::grub_bios::GrubCore, build: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let Some(root) = grub_root(directory.path(), build) else { return };
    let disk = directory.path().join("disk.raw");
    gpt_disk(&disk, 34, &core.at(34).unwrap(), &root);
    if let Some(console) = run(&disk, Firmware::Bios, &["MARKER"], 60) {
        assert!(console.contains("MARKER-pc"), "{console}");
    }
}

/// An ext4 file system with GRUB's modules and a menu that says a word on the serial line.
fn grub_root(directory: &Path, build: &Path) -> Option<Vec<u8>> {
    let root = directory.join("root");
    copy_files(build, &root.join("boot/grub/i386-pc"), |name| {
        name.ends_with(".mod") || name.ends_with(".lst")
    });
    let menu = "serial --unit=0 --speed=115200\nterminal_output serial\necho MARKER-$grub_platform\nhalt\n";
    std::fs::write(root.join("boot/grub/grub.cfg"), menu).unwrap();
    ext4(&root, UUID, 64)
}
