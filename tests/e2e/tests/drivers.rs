//! What is read of a real machine's modules and initial RAM disk is what its own tools read; a machine whose initial RAM
//! disk lacks the controller's driver comes up with what is appended, and does not without.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use diskwright::engine::{Engine, Order};
use diskwright::initramfs::{Flavour, Initramfs};
use diskwright::modules::KernelModules;
use diskwright::profile::IdentityPolicy;
use diskwright::readiness::Verdict;
use diskwright::scan::{DirectorySource, OneFileSystem};
use diskwright::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use diskwright::{Files, Monitor, ReadAt, Seed, Timestamp};
use diskwright_e2e::debian::{self, DebianTree, Workshop};
use diskwright_e2e::variant::{Image, Kind};
use diskwright_e2e::{Attachment, Emulator, Firmware, Generated, MachineModel, Tool, generate, is_root};
use serde_json::Value;

#[test]
fn names_in_the_ramdisk_are_those_that_lsinitramfs_lists() -> Result<()> {
    let (Some(machine), Some(lsinitramfs)) = (Machine::find()?, Tool::find("lsinitramfs")) else {
        return Ok(());
    };
    let listed = lsinitramfs.run(&[machine.ramdisk()])?;
    let listed: BTreeSet<&str> = listed.lines().filter(|name| *name != ".").collect();
    let tree = Initramfs::read(content(&machine.ramdisk())?, &|_| false)?;
    let names: BTreeSet<String> =
        tree.entries().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert!(listed.len() > 1000, "{}", listed.len());
    assert_eq!(names.symmetric_difference(&listed).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(Flavour::of(&tree), Flavour::InitramfsTools);
    Ok(())
}

#[test]
fn closures_are_those_of_modprobe() -> Result<()> {
    let (Some(machine), Some(modprobe)) = (Machine::find()?, Tool::find("modprobe")) else { return Ok(()) };
    let modules = machine.modules()?;
    let all: Vec<&str> = modules.names().collect();
    let controllers =
        ["mptspi", "mptsas", "vmw_pvscsi", "ahci", "ata_piix", "nvme", "virtio_scsi", "hv_storvsc", "dm_mod"];
    let root = machine.tree.root();
    let (mut compared, every) = (0, all.len() / 100);
    for name in controllers.iter().copied().chain(all.iter().copied().step_by(every)) {
        let ours = modules.closure(name).with_context(|| name.to_owned())?;
        let soft = |path: &String| {
            let file = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            modules.soft_dependencies(&file).is_some()
        };
        // Modprobe puts what is loaded softly among the rest.
        if ours.iter().any(soft) {
            continue;
        }
        let arguments =
            ["--show-depends", "--config", "/dev/null", "--set-version", &machine.release, "--dirname"];
        let mut arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.extend([root.as_os_str(), name.as_ref()]);
        let theirs = modprobe.run(&arguments)?;
        let inside = format!("/lib/modules/{}/", machine.release);
        let path = |line: &str| line.trim_end().split_once(&inside).map(|(_, path)| path.to_owned());
        let theirs: Vec<String> = theirs.lines().filter_map(path).collect();
        assert_eq!(ours, theirs, "{name}");
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
    Ok(())
}

#[test]
fn tables_are_those_of_depmod_to_the_byte() -> Result<()> {
    let Some(machine) = Machine::find()? else { return Ok(()) };
    let directory = machine.tree.root().join("lib/modules").join(&machine.release);
    for (name, ours) in machine.modules()?.to_files() {
        let theirs = fs::read(directory.join(name))?;
        if name.ends_with(".bin") {
            assert!(ours == theirs, "{name}: {} and {} bytes", ours.len(), theirs.len());
            continue;
        }
        let lines = |text: &[u8]| -> BTreeSet<String> {
            let text = String::from_utf8_lossy(text).into_owned();
            text.lines().filter(|line| !line.starts_with('#')).flat_map(facts).collect()
        };
        let (ours, theirs) = (lines(&ours), lines(&theirs));
        assert_eq!(ours.symmetric_difference(&theirs).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
    }
    Ok(())
}

/// What a line of a table says: one of soft dependencies says one thing for each, for a module may have several such lines; of
/// words before `pre:` and `post:` kmod takes no notice.
fn facts(line: &str) -> Vec<String> {
    let Some(soft) = line.strip_prefix("softdep ") else { return vec![line.to_owned()] };
    let mut words = soft.split(' ');
    let (module, mut kind) = (words.next().unwrap_or_default(), "");
    let mut facts = Vec::new();
    for word in words {
        match word.ends_with(':') {
            true => kind = word,
            false if kind.is_empty() => {}
            false => facts.push(format!("softdep {module} {kind} {word}")),
        }
    }
    facts
}

/// Debian's own initial RAM disk has the drivers of every hypervisor, and its kernel the rest.
#[test]
fn a_machine_with_all_drivers_boots_to_login_on_every_controller_and_is_left_alone() -> Result<()> {
    let Some(machine) = Machine::find()? else { return Ok(()) };
    let registry = diskwright::builtin_registry()?;
    let configured = [
        ("raw", None),
        ("qcow2", None),
        ("vdi", None),
        ("vmdk", None),
        ("vhdx", None),
        ("gce", None),
        ("virtualbox", Some("lsilogic")),
        ("vmware", Some("pvscsi")),
    ];
    let mut targets = Vec::new();
    for (id, controller) in configured {
        let options: Vec<(String, String)> =
            controller.iter().map(|value| ("controller".to_owned(), (*value).to_owned())).collect();
        targets.push(registry.configure(id, id == "gce", &options)?);
    }
    let scan = DirectorySource::new(&machine.tree.root(), OneFileSystem::Stay, Files::default())?;
    let time = Timestamp::from_seconds(1_700_000_000);
    let order = Order::new(Arc::new(scan), targets, "machine", Seed::from_text("drivers"), time);
    let report = Engine::new().plan(&order, &Monitor::new())?.report(&order);
    let predictions = &report.readiness.predictions;
    let controllers: BTreeSet<_> = predictions.iter().filter_map(|one| one.controller).collect();
    assert_eq!(controllers.len(), 7, "{controllers:?}");
    for prediction in predictions {
        assert_eq!(prediction.verdict, Verdict::Boots, "{prediction:?}: {:#?}", report.readiness.findings);
    }
    assert!(report.readiness.findings.is_empty(), "{:#?}", report.readiness.findings);
    assert!(!report.edits.iter().any(|edit| edit.path.contains("initrd")));
    Ok(())
}

/// The scanned machine resumes from its swap area; a clone has another.
#[test]
fn a_clone_resumes_from_its_own_swap_area_inside_of_the_ramdisk_too() -> Result<()> {
    let Some(machine) = Machine::find()? else { return Ok(()) };
    let registry = diskwright::builtin_registry()?;
    let scan = DirectorySource::new(&machine.tree.root(), OneFileSystem::Stay, Files::default())?;
    let time = Timestamp::from_seconds(1_700_000_000);
    let targets = vec![registry.configure("raw", false, &[])?];
    let mut order = Order::new(Arc::new(scan), targets, "clone", Seed::from_text("clone"), time);
    order.flags.identity = Some(IdentityPolicy::Clone);
    let plan = Engine::new().plan(&order, &Monitor::new())?;
    let report = plan.report(&order);
    let swap = report.disks[0].partitions.iter().filter_map(|one| one.file_system.as_ref());
    let swap = swap.filter(|one| one.kind == "swap").map(|one| one.uuid.clone()).next().context("no swap")?;
    let tree = plan.tree();
    let node = tree.resolve(format!("boot/{}", machine.ramdisk_name()).as_bytes()).context("no RAM disk")?;
    let is_setting = |name: &[u8]| name == b"conf/conf.d/resume";
    let unpacked = Initramfs::read(tree.open(tree.inode_of(node))?, &is_setting)?;
    let setting = unpacked.content(b"conf/conf.d/resume").context("no setting")?;
    assert_eq!(String::from_utf8_lossy(setting), format!("RESUME=UUID={swap}\n"));
    assert!(report.readiness.findings.iter().any(|one| one.id == "stale-resume"), "{:?}", report.readiness);
    Ok(())
}

#[test]
fn a_host_only_ramdisk_that_is_kept_leaves_the_machine_at_its_prompt_as_foretold() -> Result<()> {
    let (Some(emulator), Some(built)) = (Emulator::find(), Built::get()?) else { return Ok(()) };
    let kept = built.generate("kept", "zstd", &["--initramfs", "keep"])?;
    assert_eq!(verdict(&kept, "raw", "virtio-block")?, "does-not-boot");
    let machine = (MachineModel::Q35, Attachment::VirtioBlock);
    emulator.boot_until(&image(&kept)?, machine, Firmware::Bios, "(initramfs)", DEADLINE)?;
    Ok(())
}

#[test]
fn a_host_only_ramdisk_of_zstd_boots_to_login_on_virtio_with_what_is_appended() -> Result<()> {
    boots("zstd", (MachineModel::Q35, Attachment::VirtioBlock), "virtio-block")
}

#[test]
fn a_host_only_ramdisk_of_lz4_boots_to_login_on_ahci_with_what_is_appended() -> Result<()> {
    boots("lz4", (MachineModel::Q35, Attachment::OnBoard), "ahci")
}

/// QEMU has no such controller: what is appended is compared with what modprobe would load.
#[test]
fn what_lsi_logic_lacks_is_appended_with_all_that_modprobe_would_load() -> Result<()> {
    let (Some(built), Some(modprobe)) = (Built::get()?, Tool::find("modprobe")) else { return Ok(()) };
    let report = built.plan("vmware", "gzip")?;
    let findings = report["readiness"]["findings"].as_array().context("no findings")?;
    let finding =
        findings.iter().find(|one| one["controller"] == "lsi-logic").context("nothing of LSI Logic")?;
    assert_eq!(finding["severity"], "mended", "{finding}");
    let what = finding["what"].as_str().context("no text")?;
    let names: BTreeSet<&str> = what.rsplit(": ").next().unwrap_or_default().split(", ").collect();
    let root = built.machine.tree.root();
    let release = built.machine.release.as_str();
    let arguments = ["--show-depends", "--config", "/dev/null", "--set-version", release, "--dirname"];
    let mut arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    arguments.extend([root.as_os_str(), "mptspi".as_ref()]);
    let loaded = modprobe.run(&arguments)?;
    let stem = |line: &str| Some(Path::new(line.trim_end()).file_stem()?.to_string_lossy().into_owned());
    let loaded: BTreeSet<String> = loaded.lines().filter_map(stem).collect();
    // The rest of them drives the scanned machine's own controller, too.
    let expected: BTreeSet<&str> = ["mptspi", "mptscsih", "mptbase"].into();
    assert_eq!(names, expected);
    assert!(names.iter().all(|name| loaded.contains(*name)), "{names:?} of {loaded:?}");
    Ok(())
}

fn boots(packing: &str, machine: (MachineModel, Attachment), controller: &str) -> Result<()> {
    let (Some(emulator), Some(built)) = (Emulator::find(), Built::get()?) else { return Ok(()) };
    let amended = built.generate(&format!("amended-{packing}"), packing, &[])?;
    assert_eq!(verdict(&amended, "raw", controller)?, "boots");
    let findings = amended.report["readiness"]["findings"].as_array().context("no findings")?;
    let is_mended = |one: &&Value| one["severity"] == "mended" && one["controller"] == controller;
    assert_eq!(findings.iter().filter(is_mended).count(), 1, "{findings:?}");
    debian::assert_boots(&emulator, &image(&amended)?, machine, Firmware::Bios)
}

fn image(generated: &Generated) -> Result<Image> {
    Ok(Image { path: generated.disk()?.to_path_buf(), kind: Kind::Raw })
}

/// What the report foretells under BIOS.
fn verdict(generated: &Generated, target: &str, controller: &str) -> Result<String> {
    let predictions = generated.report["readiness"]["predictions"].as_array().context("no predictions")?;
    let is_it = |one: &&Value| {
        one["target"] == target && one["controller"] == controller && one["firmware"] == "bios"
    };
    let prediction = predictions.iter().find(is_it).with_context(|| format!("{predictions:?}"))?;
    Ok(prediction["verdict"].as_str().context("no verdict")?.to_owned())
}

/// The Debian machine and its one kernel.
struct Machine {
    tree: DebianTree,
    release: String,
}

impl Machine {
    fn find() -> Result<Option<Self>> {
        let Some(tree) = DebianTree::find() else { return Ok(None) };
        let mut names = fs::read_dir(tree.root().join("lib/modules"))?;
        let name = names.next().context("no kernel")??.file_name();
        Ok(Some(Self { tree, release: name.to_string_lossy().into_owned() }))
    }

    fn ramdisk(&self) -> PathBuf {
        self.tree.root().join("boot").join(self.ramdisk_name())
    }

    fn ramdisk_name(&self) -> String {
        format!("initrd.img-{}", self.release)
    }

    fn modules(&self) -> Result<KernelModules> {
        let root = self.tree.root().join("usr");
        let source = DirectorySource::new(&root, OneFileSystem::Stay, Files::default())?;
        let mut builder = TreeBuilder::new(Findings::default());
        builder.add_source(Arc::new(source), Whiteouts::Plain)?;
        let (tree, _): (FileTree, _) = builder.finish()?;
        KernelModules::load(&tree, &self.release)?.context("no modules")
    }
}

/// Initial RAM disks that have the drivers of VMware's paravirtual SCSI only, as a machine from there may have.
struct Built {
    machine: Machine,
    workshop: Workshop,
}

impl Built {
    fn get() -> Result<Option<&'static Self>> {
        static BUILT: OnceLock<Result<Option<Built>, String>> = OnceLock::new();
        match BUILT.get_or_init(|| Self::build().map_err(|error| format!("{error:#}"))) {
            Ok(built) => Ok(built.as_ref()),
            Err(error) => bail!("{error}"),
        }
    }

    fn build() -> Result<Option<Self>> {
        let tools = ["zstd", "cpio", "depmod", "lz4", "gzip"].map(Tool::find);
        let (Some(machine), true, true) = (Machine::find()?, tools.iter().all(Option::is_some), is_root())
        else {
            return Ok(None);
        };
        let workshop = Workshop::enter("drivers")?;
        let script = r#"
            set -eu
            mkdir "$0/unpacked"
            cd "$0/unpacked"
            zstd -dcq "$1" | cpio --quiet --extract --make-directories
            cd "usr/lib/modules/$2/kernel/drivers"
            rm -rf ata block nvme message virtio hv usb scsi/virtio_scsi.ko scsi/hv_storvsc.ko
            depmod --basedir "$0/unpacked" "$2"
            cd "$0/unpacked"
            find . -print0 | sort -z | cpio --quiet --null --create --format=newc >"$0/whole"
            for packing in zstd gzip lz4; do mkdir -p "$0/$packing/boot"; done
            zstd -q -c "$0/whole" >"$0/zstd/boot/$3"
            gzip -c "$0/whole" >"$0/gzip/boot/$3"
            lz4 -l -c "$0/whole" >"$0/lz4/boot/$3"
            rm -r "$0/unpacked" "$0/whole"
        "#;
        let shell = Tool::find("sh").context("no shell")?;
        let mut command = shell.command();
        command.args(["-c", script]).arg(workshop.path()).arg(machine.ramdisk());
        let output = command.args([&machine.release, &machine.ramdisk_name()]).output()?;
        ensure!(output.status.success(), "{}", diskwright_e2e::text(&output));
        Ok(Some(Self { machine, workshop }))
    }

    /// A disk with the initial RAM disk of this packing in place of the tree's own.
    fn generate(&self, name: &str, packing: &str, more: &[&str]) -> Result<Generated> {
        let layer = self.workshop.path().join(packing);
        let layer = layer.to_str().context("a path that is not UTF-8")?;
        let arguments = [&debian::SETTINGS[..], &["--scan", layer], more].concat();
        generate(&self.machine.tree.root(), &["raw"], &self.workshop.path().join(name), &arguments)
    }

    /// The report of a disk for a product; the disk goes away.
    fn plan(&self, format: &str, packing: &str) -> Result<Value> {
        let layer = self.workshop.path().join(packing);
        let layer = layer.to_str().context("a path that is not UTF-8")?;
        let output = self.workshop.path().join(format);
        let arguments = [&debian::SETTINGS[..], &["--scan", layer]].concat();
        let generated = generate(&self.machine.tree.root(), &[format], &output, &arguments)?;
        fs::remove_dir_all(output)?;
        Ok(generated.report)
    }
}

fn content(path: &Path) -> Result<Arc<dyn ReadAt>> {
    struct Opened(File, u64);
    impl ReadAt for Opened {
        fn size(&self) -> u64 {
            self.1
        }
        fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
            self.0.read_exact_at(buf, offset)
        }
    }
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Ok(Arc::new(Opened(file, len)))
}

const DEADLINE: Duration = Duration::from_secs(420);
