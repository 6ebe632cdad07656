//! Foreign readers of disk images: each gives the disk's bytes back, or says why not.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::made::target;
use crate::tool::text;
use crate::variant::{Image, Kind};
use crate::virtualbox::{self, VirtualBox};
use crate::{Tool, disk, skip};

/// A program that reads images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reader {
    /// `qemu-img info`, which is not told the format.
    QemuProbe,
    /// `file`.
    File,
    /// `qemu-img convert`.
    QemuConvert,
    /// `qemu-img check`.
    QemuCheck,
    /// libqcow, libvhdi or libvmdk: the info tool, and the bytes through the library.
    Libyal,
    /// 7-Zip.
    SevenZip,
    /// dissect.hypervisor.
    Dissect,
    /// VirtualBox: its disk library, and its importer for appliances.
    VirtualBox,
    /// What unpacks the archive: gzip, zstd; for tar archives GNU tar, bsdtar and Python, which must agree.
    Unpacker,
}

/// The readers, in the order of the table's columns.
pub const READERS: &[Reader] = &[
    Reader::QemuProbe,
    Reader::File,
    Reader::QemuConvert,
    Reader::QemuCheck,
    Reader::Libyal,
    Reader::SevenZip,
    Reader::Dissect,
    Reader::VirtualBox,
    Reader::Unpacker,
];

impl Reader {
    /// Its name at the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::QemuProbe => "qemu-img info",
            Self::File => "file",
            Self::QemuConvert => "qemu-img convert",
            Self::QemuCheck => "qemu-img check",
            Self::Libyal => "libyal",
            Self::SevenZip => "7-Zip",
            Self::Dissect => "dissect",
            Self::VirtualBox => "VirtualBox",
            Self::Unpacker => "unpacker",
        }
    }
}

/// What a reader made of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It read the disk, and each byte is right.
    SameBytes,
    /// It gives no bytes; this is what it says.
    Says(String),
    /// It will not read it, in its own words.
    Refuses(String),
    /// It is no reader of this kind of file.
    Foreign,
}

/// The readers, all installed.
#[derive(Clone, Debug)]
pub struct Readers {
    qemu_img: Tool,
    file: Tool,
    qcowinfo: Tool,
    vhdiinfo: Tool,
    vmdkinfo: Tool,
    seven_zip: Tool,
    python: Tool,
    virtualbox: VirtualBox,
    gzip: Tool,
    zstd: Tool,
    tar: Tool,
    bsdtar: Tool,
}

impl Readers {
    /// Finds them all.
    ///
    /// # Panics
    /// If one is missing and `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
    pub fn find() -> Option<Self> {
        let python = target().ok()?.join("readers-python/bin/python");
        if !python.is_file() {
            skip("the Python of the readers is not there: cargo xtask setup");
            return None;
        }
        Some(Self {
            qemu_img: Tool::find("qemu-img")?,
            file: Tool::find("file")?,
            qcowinfo: Tool::find("qcowinfo")?,
            vhdiinfo: Tool::find("vhdiinfo")?,
            vmdkinfo: Tool::find("vmdkinfo")?,
            seven_zip: Tool::find("7zz")?,
            python: Tool::at(python),
            virtualbox: VirtualBox::find()?,
            gzip: Tool::find("gzip")?,
            zstd: Tool::find("zstd")?,
            tar: Tool::find("tar")?,
            bsdtar: Tool::find("bsdtar")?,
        })
    }

    /// Lets `reader` read `image`, whose disk must be the one in `raw`; it works in the directory of the image.
    ///
    /// # Errors
    /// If it reads another disk, or something is wrong with the test.
    pub fn read(&self, reader: Reader, image: &Image, raw: &Path) -> Result<Verdict> {
        let room = image.path.parent().context("an image without a directory")?;
        let reading = Reading { readers: self, image, raw, back: room.join("read-back") };
        let verdict = match reader {
            Reader::QemuProbe => reading.qemu_probe(),
            Reader::File => reading.file(),
            Reader::QemuConvert => reading.qemu_convert(),
            Reader::QemuCheck => reading.qemu_check(),
            Reader::Libyal => reading.libyal(),
            Reader::SevenZip => reading.seven_zip(),
            Reader::Dissect => reading.dissect(),
            Reader::VirtualBox => reading.virtualbox(room),
            Reader::Unpacker => reading.unpacker(),
        };
        if reading.back.exists() {
            fs::remove_file(&reading.back)?;
        }
        verdict.with_context(|| format!("{} and {}", reader.name(), image.path.display()))
    }
}

/// One reader at one image.
struct Reading<'a> {
    readers: &'a Readers,
    image: &'a Image,
    raw: &'a Path,
    /// Where the disk's bytes go.
    back: PathBuf,
}

impl Reading<'_> {
    fn qemu_probe(&self) -> Result<Verdict> {
        let (qemu_img, path) = (&self.readers.qemu_img, self.image.path.as_os_str());
        let said = qemu_img.run(&["info".as_ref(), path])?;
        let format = said.lines().find_map(|line| line.strip_prefix("file format: "));
        Ok(Verdict::Says(format.with_context(|| format!("no format:\n{said}"))?.to_owned()))
    }

    fn file(&self) -> Result<Verdict> {
        let said = self.readers.file.run(&["--brief".as_ref(), self.image.path.as_os_str()])?;
        Ok(Verdict::Says(said.split([',', ';', '\n']).next().unwrap_or("").trim().to_owned()))
    }

    fn qemu_convert(&self) -> Result<Verdict> {
        let Some(format) = self.image.kind.qemu() else { return Ok(Verdict::Foreign) };
        let mut command = self.readers.qemu_img.command();
        command.args(["convert", "-f", format, "-O", "raw"]).arg(&self.image.path).arg(&self.back);
        self.judge(&mut command)
    }

    fn qemu_check(&self) -> Result<Verdict> {
        let Some(format) = self.image.kind.qemu() else { return Ok(Verdict::Foreign) };
        let mut command = self.readers.qemu_img.command();
        let output = command.args(["check", "-f", format]).arg(&self.image.path).output()?;
        let said = text(&output);
        if said.contains("does not support checks") {
            return Ok(Verdict::Refuses(self.refusal(&said)));
        }
        let silent = "No errors were found on the image.";
        ensure!(output.status.success() && said.starts_with(silent), "it found something:\n{said}");
        Ok(Verdict::Says("no errors".to_owned()))
    }

    fn libyal(&self) -> Result<Verdict> {
        let (info, library) = match self.image.kind {
            Kind::Qcow2 => (&self.readers.qcowinfo, "libyal_qcow2"),
            Kind::Vhd | Kind::FixedVhd | Kind::Vhdx => (&self.readers.vhdiinfo, "libyal_vhdi"),
            Kind::Vmdk => (&self.readers.vmdkinfo, "libyal_vmdk"),
            _ => return Ok(Verdict::Foreign),
        };
        let output = info.command().arg(&self.image.path).output()?;
        let verdict = self.judge(&mut self.python(library))?;
        ensure!(
            output.status.success() == (verdict == Verdict::SameBytes),
            "the info tool and the library do not agree:\n{}{verdict:?}",
            text(&output)
        );
        Ok(verdict)
    }

    fn dissect(&self) -> Result<Verdict> {
        let library = match self.image.kind {
            Kind::Qcow2 => "dissect_qcow2",
            Kind::Vdi => "dissect_vdi",
            Kind::Vhd | Kind::FixedVhd => "dissect_vhd",
            Kind::Vhdx => "dissect_vhdx",
            Kind::Vmdk => "dissect_vmdk",
            _ => return Ok(Verdict::Foreign),
        };
        self.judge(&mut self.python(library))
    }

    fn seven_zip(&self) -> Result<Verdict> {
        let kind = match self.image.kind {
            // It does not give the disk, but the files of its partitions.
            Kind::Raw => return self.seven_zip_type(),
            Kind::Ova | Kind::VirtualBoxBox | Kind::LibvirtBox => return self.seven_zip_members(),
            Kind::Gzip => "-tgzip",
            Kind::Zstd => "-tzstd",
            Kind::Qcow2 => "-tqcow",
            Kind::Vdi => "-tvdi",
            Kind::Vhd | Kind::FixedVhd => "-tvhd",
            Kind::Vhdx => "-tvhdx",
            Kind::Vmdk => "-tvmdk",
            Kind::RawInTar => return self.seven_zip_twice(),
        };
        let mut command = self.readers.seven_zip.command();
        self.judge_stream(command.args(["e", "-so", kind]).arg(&self.image.path))
    }

    fn seven_zip_type(&self) -> Result<Verdict> {
        let said =
            self.readers.seven_zip.run(&["l".as_ref(), "-slt".as_ref(), self.image.path.as_os_str()])?;
        let kind = said.lines().find_map(|line| line.strip_prefix("Type = "));
        Ok(Verdict::Says(kind.with_context(|| format!("no type:\n{said}"))?.to_owned()))
    }

    /// It takes the archive for what gzip packed, and what is in it for a tar archive.
    fn seven_zip_twice(&self) -> Result<Verdict> {
        let mut outer = self.readers.seven_zip.command();
        let mut outer =
            outer.args(["e", "-so", "-tgzip"]).arg(&self.image.path).stdout(Stdio::piped()).spawn()?;
        let archive = self.back.with_extension("tar");
        let mut output = outer.stdout.take().context("no pipe")?;
        std::io::copy(&mut output, &mut File::create(&archive)?)?;
        ensure!(outer.wait()?.success(), "7-Zip cannot unpack it");
        let mut inner = self.readers.seven_zip.command();
        let verdict = self.judge_stream(inner.args(["e", "-so", "-ttar"]).arg(&archive).arg("disk.raw"));
        fs::remove_file(archive)?;
        verdict
    }

    fn seven_zip_members(&self) -> Result<Verdict> {
        let members = self.members()?;
        for member in &members {
            let mut command = self.readers.seven_zip.command();
            command.args(["e", "-so", "-ttar"]).arg(&self.image.path).arg(member);
            self.assert_is_member(member, &mut command)?;
        }
        Ok(Verdict::SameBytes)
    }

    fn virtualbox(&self, room: &Path) -> Result<Verdict> {
        let virtualbox = &self.readers.virtualbox;
        let name = |path: &Path| path.file_name().and_then(OsStr::to_str).map(virtualbox::inside);
        let source = name(&self.image.path).context("a name that is no text")?;
        let target = name(&self.back).context("a name that is no text")?;
        let convert = |source: &str| {
            let arguments =
                ["convert", "--srcfilename", source, "--dstfilename", &target, "--dstformat", "RAW"];
            virtualbox.image(room, &arguments)
        };
        let converted = match self.image.kind {
            Kind::Raw => {
                let between = room.join("between.vdi");
                let between = name(&between).context("a name that is no text")?;
                let read = virtualbox.manage(room, &["convertfromraw", &source, &between]);
                let converted = read.and_then(|_| convert(&between));
                fs::remove_file(room.join("between.vdi"))?;
                converted
            }
            Kind::Ova => {
                let imported = virtualbox.import(room, &source)?;
                convert(&imported.disk)
            }
            Kind::VirtualBoxBox => {
                let folder = room.join("unpacked-box");
                fs::create_dir(&folder)?;
                let (archive, to) = (self.image.path.as_os_str(), folder.as_os_str());
                let options = ["--extract", "--file"].map(OsStr::new);
                self.readers.tar.run(&[&options[..], &[archive, "--directory".as_ref(), to]].concat())?;
                // As Vagrant does.
                let imported = virtualbox.import(room, &virtualbox::inside("unpacked-box/box.ovf"))?;
                fs::remove_dir_all(folder)?;
                convert(&imported.disk)
            }
            Kind::LibvirtBox => return Ok(Verdict::Foreign),
            _ => convert(&source),
        };
        match converted {
            Ok(_) => self.compare(),
            Err(error) => Ok(Verdict::Refuses(self.refusal(&error.to_string()))),
        }
    }

    fn unpacker(&self) -> Result<Verdict> {
        let tool = match self.image.kind {
            Kind::Gzip => &self.readers.gzip,
            Kind::Zstd => &self.readers.zstd,
            Kind::Ova | Kind::VirtualBoxBox | Kind::LibvirtBox => return self.archivers(),
            Kind::RawInTar => return self.unpackers_of_sparse_member(),
            _ => return Ok(Verdict::Foreign),
        };
        self.judge_stream(tool.command().args(["-d", "-c"]).arg(&self.image.path))
    }

    /// Three programs that read tar unpack the disk.
    fn unpackers_of_sparse_member(&self) -> Result<Verdict> {
        let archive = &self.image.path;
        let script = "import shutil, sys, tarfile\n\
                      member = tarfile.open(sys.argv[1]).extractfile('disk.raw')\n\
                      shutil.copyfileobj(member, sys.stdout.buffer)";
        let mut tar = self.readers.tar.command();
        tar.args(["--extract", "--gzip", "--to-stdout", "--file"]).arg(archive).arg("disk.raw");
        let mut bsdtar = self.readers.bsdtar.command();
        bsdtar.arg("-xOf").arg(archive).arg("disk.raw");
        let mut python = self.readers.python.command();
        python.arg("-c").arg(script).arg(archive);
        for mut command in [tar, bsdtar, python] {
            let verdict = self.judge_stream(&mut command)?;
            ensure!(verdict == Verdict::SameBytes, "{command:?}: {verdict:?}");
        }
        Ok(Verdict::SameBytes)
    }

    /// Three programs that read tar list the same members and give the same bytes.
    fn archivers(&self) -> Result<Verdict> {
        let members = self.members()?;
        let archive = &self.image.path;
        let bsdtar = &self.readers.bsdtar;
        let listed = bsdtar.run(&["-tf".as_ref(), archive.as_os_str()])?;
        ensure!(listed.lines().eq(members.iter()), "bsdtar lists {listed}");
        for member in &members {
            self.assert_is_member(member, bsdtar.command().arg("-xOf").arg(archive).arg(member))?;
            let script = "import shutil, sys, tarfile\n\
                          member = tarfile.open(sys.argv[1]).extractfile(sys.argv[2])\n\
                          shutil.copyfileobj(member, sys.stdout.buffer)";
            let mut python = self.readers.python.command();
            self.assert_is_member(member, python.arg("-c").arg(script).arg(archive).arg(member))?;
        }
        Ok(Verdict::SameBytes)
    }

    /// The members of an appliance, as GNU tar lists them.
    fn members(&self) -> Result<Vec<String>> {
        let listed =
            self.readers.tar.run(&["--list".as_ref(), "--file".as_ref(), self.image.path.as_os_str()])?;
        ensure!(!listed.is_empty(), "an empty archive");
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// `command` writes what GNU tar takes out of the appliance as `member`.
    fn assert_is_member(&self, member: &str, command: &mut Command) -> Result<()> {
        let by_tar = self.back.with_extension("tar");
        let mut tar = self.readers.tar.command();
        tar.args(["--extract", "--to-stdout", "--file"]).arg(&self.image.path).arg(member);
        for (command, file) in [(&mut tar, &by_tar), (command, &self.back)] {
            let status = command.stdout(File::create(file)?).status()?;
            ensure!(status.success(), "{command:?}: {status}");
        }
        let difference = disk::first_difference(&by_tar, &self.back)?;
        fs::remove_file(&by_tar)?;
        match difference {
            None => Ok(()),
            Some(offset) => bail!("{command:?} gives another {member} at {offset:#x}"),
        }
    }

    fn python(&self, library: &str) -> Command {
        let mut command = self.readers.python.command();
        command.args(["-c", READ, library]).arg(&self.image.path).arg(&self.back);
        command
    }

    /// Runs a command that writes the disk to the file `back`.
    fn judge(&self, command: &mut Command) -> Result<Verdict> {
        let output = command.output().with_context(|| format!("{command:?}"))?;
        if output.status.success() {
            return self.compare();
        }
        Ok(Verdict::Refuses(self.refusal(&text(&output))))
    }

    /// Runs a command that writes the disk to its standard output.
    fn judge_stream(&self, command: &mut Command) -> Result<Verdict> {
        let target = File::create(&self.back)?;
        let output = command
            .stdout(target)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .with_context(|| format!("{command:?}"))?;
        if output.status.success() {
            return self.compare();
        }
        Ok(Verdict::Refuses(self.refusal(&text(&output))))
    }

    fn compare(&self) -> Result<Verdict> {
        match disk::first_difference(&self.back, self.raw)? {
            None => Ok(Verdict::SameBytes),
            Some(offset) => bail!("what it read differs at {offset:#x}"),
        }
    }

    /// The line of `said` that says why, without the names of this run.
    fn refusal(&self, said: &str) -> String {
        let telling =
            |line: &&str| ["rror", "nsupported", "ot support"].iter().any(|sign| line.contains(sign));
        let line = said.lines().find(telling).or_else(|| said.lines().find(|line| !line.is_empty()));
        let path = self.image.path.display().to_string();
        let name = self.image.path.file_name().and_then(OsStr::to_str).unwrap_or("");
        let line = line.unwrap_or("nothing").replace(&path, "IMAGE");
        line.replace(&virtualbox::inside(name), "IMAGE").replace(name, "IMAGE").trim().to_owned()
    }
}

const READ: &str = include_str!("read.py");
