//! Disks put together by foreign tools around our boot code, and the machines that boot them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diskwright_core::Files;
use diskwright_core::boot::grub_bios::BiosBoot;
use diskwright_core::scan::{DirectorySource, OneFileSystem};
use diskwright_core::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use diskwright_oracle::{skip, tool};

pub mod disk;

/// A directory that a package of the host fills.
pub fn host_directory(path: &str) -> Option<&Path> {
    let path = Path::new(path);
    if path.is_dir() {
        return Some(path);
    }
    skip(&format!("{} is not there", path.display()));
    None
}

pub fn tree_of(directory: &Path) -> FileTree {
    let source = DirectorySource::new(directory, OneFileSystem::Stay, Files::default()).unwrap();
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(source), Whiteouts::Plain).unwrap();
    builder.finish().unwrap().0
}

/// Copies the regular files of a directory whose names are wanted.
pub fn copy_files(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if wanted(&name) && entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// An ext4 file system of `mebibytes` with the content of a directory, made by mke2fs.
pub fn ext4(content: &Path, uuid: &str, mebibytes: u64) -> Option<Vec<u8>> {
    let mke2fs = tool("mke2fs")?;
    let image = content.with_extension("ext4");
    File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
    let mut command = Command::new(mke2fs);
    command.args(["-q", "-t", "ext4", "-U", uuid, "-d"]).arg(content).arg(&image);
    assert!(command.status().unwrap().success());
    Some(std::fs::read(image).unwrap())
}

/// A GPT disk by sgdisk: a BIOS boot partition (LBA 34 to 2047) with the core at `lba`, and a root partition.
pub fn gpt_disk(disk: &Path, lba: u64, boot: &BiosBoot, root: &[u8]) {
    let Some(sgdisk) = tool("sgdisk") else { return };
    let root_end = 2048 + root.len() as u64 / 512;
    File::create(disk).unwrap().set_len((root_end + 2048) * 512).unwrap();
    let mut command = Command::new(sgdisk);
    command.args(["-a", "1", "-n", "1:34:2047", "-t", "1:ef02", "-n"]);
    command.arg(format!("3:2048:{}", root_end - 1)).arg(disk);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    let file = File::options().write(true).open(disk).unwrap();
    file.write_all_at(&boot.boot_code, 0).unwrap();
    file.write_all_at(&boot.core, lba * 512).unwrap();
    file.write_all_at(root, 2048 * 512).unwrap();
}

/// An MBR disk with the core in the gap and one partition.
pub fn mbr_disk(disk: &Path, boot: &BiosBoot, root: &[u8]) {
    let file = File::create(disk).unwrap();
    file.set_len((2048 + 2048) * 512 + root.len() as u64).unwrap();
    let mut entry = [0; 16];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&2048_u32.to_le_bytes());
    entry[12..].copy_from_slice(&(root.len() as u32 / 512).to_le_bytes());
    file.write_all_at(&boot.boot_code, 0).unwrap();
    file.write_all_at(&entry, 446).unwrap();
    file.write_all_at(&[0x55, 0xaa], 510).unwrap();
    file.write_all_at(&boot.core, 512).unwrap();
    file.write_all_at(root, 2048 * 512).unwrap();
}

#[derive(Clone, Copy)]
pub enum Firmware {
    Bios,
    Uefi,
}

/// Boots a disk and gives what it says on the serial line until one of `words` comes, the machine ends, or the time
/// (seconds) is over.
pub fn run(disk: &Path, firmware: Firmware, words: &[&str], seconds: u64) -> Option<String> {
    let mut command = Command::new(tool("qemu-system-x86_64")?);
    command.args(["-accel", "tcg", "-m", "1024", "-display", "none", "-serial", "stdio", "-monitor", "none"]);
    command.args(["-no-reboot", "-net", "none", "-machine", "q35"]);
    let drive = |path: &Path, rest: &str| format!("file={},format=raw,{rest}", path.display());
    if let Firmware::Uefi = firmware {
        let directory = host_directory("/usr/share/OVMF")?;
        let variables: PathBuf = disk.with_extension("vars");
        std::fs::copy(directory.join("OVMF_VARS_4M.fd"), &variables).unwrap();
        let code = directory.join("OVMF_CODE_4M.fd");
        command.arg("-drive").arg(drive(&code, "if=pflash,readonly=on"));
        command.arg("-drive").arg(drive(&variables, "if=pflash"));
    }
    command.arg("-drive").arg(drive(disk, "if=virtio,snapshot=on"));
    let mut machine = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = machine.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read) = output.read(&mut buffer) {
            if read == 0 || sender.send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut console = String::new();
    while Instant::now() < end && !words.iter().any(|word| console.contains(word)) {
        match receiver.recv_timeout(Duration::from_millis(200)) {
            Ok(bytes) => console.push_str(&String::from_utf8_lossy(&bytes)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    while let Ok(bytes) = receiver.recv_timeout(Duration::from_millis(300)) {
        console.push_str(&String::from_utf8_lossy(&bytes));
    }
    machine.kill().unwrap();
    machine.wait().unwrap();
    drop(receiver);
    reader.join().unwrap();
    std::io::stdout().flush().unwrap();
    Some(console)
}
