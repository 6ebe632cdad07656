use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use super::*;
use crate::boot::test_tree::tree;
use crate::boot::{BootRequest, kernels};
use crate::format::Hardware;
use crate::guest::{IdentifierMap, Volume, VolumePlace, VolumesOfTheDisk};
use crate::initramfs::{CpioWriter, Initramfs, Item};
use crate::lvm::LogicalVolumeName;
use crate::profile::{Firmware as WantedFirmware, FirmwareParts};
use crate::tree::Findings;
use crate::{BytesReader, Monitor, Timestamp};

/// What is refused, unknown or shared.
mod limits;

const ROOT: &str = "6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11";
const SWAP: &str = "0b6a9c57-3f0e-4f7d-8a15-5b8f3f0c9e22";
const OLD: &str = "11111111-2222-4333-8444-555555555555";
const V: &str = "6.1.0-1-amd64";
const RAMDISK: &str = "boot/initrd.img-6.1.0-1-amd64";

const DEPENDENCIES: &str = "kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz \
kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/ata/libahci.ko.xz: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/scsi/scsi_mod.ko.xz:\n\
kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/message/fusion/mptspi.ko.xz: kernel/drivers/message/fusion/mptscsih.ko.xz \
kernel/drivers/message/fusion/mptbase.ko.xz kernel/drivers/scsi/scsi_transport_spi.ko.xz \
kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/message/fusion/mptscsih.ko.xz: kernel/drivers/message/fusion/mptbase.ko.xz \
kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/message/fusion/mptbase.ko.xz:\n\
kernel/drivers/scsi/scsi_transport_spi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n\
kernel/drivers/block/virtio_blk.ko.xz:\n\
kernel/fs/ext4/ext4.ko.xz:\n\
kernel/crypto/crc32c_generic.ko.xz:\n";
const ALIASES: &str = "alias pci:v*d*sv*sd*bc01sc06i01* ahci\nalias scsi:t-0x00* sd_mod\n\
alias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi\nalias virtio:d00000002v* virtio_blk\nalias fs-ext4 ext4\n\
alias crypto-crc32c crc32c_generic\n";

/// The files of a tree that has all modules, packed with xz, and an initial RAM disk.
fn files(ramdisk: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let directory = format!("usr/lib/modules/{V}");
    let table = |name: &str, text: &str| (format!("{directory}/modules.{name}"), text.as_bytes().to_vec());
    let mut files = vec![
        ("lib".to_owned(), b"-> usr/lib".to_vec()),
        (format!("boot/vmlinuz-{V}"), b"kernel".to_vec()),
        (RAMDISK.to_owned(), ramdisk),
        table("dep", DEPENDENCIES),
        table("alias", ALIASES),
        table("softdep", "softdep ext4 pre: crypto-crc32c\n"),
        table("builtin", "kernel/drivers/virtio/virtio_pci.ko\n"),
        table("builtin.modinfo", ""),
    ];
    for line in DEPENDENCIES.lines() {
        let path = line.split(':').next().unwrap();
        files.push((format!("{directory}/{path}"), xz(path.as_bytes())));
    }
    files
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// An initial RAM disk of initramfs-tools with these modules, on a system with merged directories.
fn ramdisk(modules: &[&str], more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = CpioWriter::new(0);
    writer.symlink(b"lib", b"usr/lib");
    for directory in ["usr", "usr/lib", "usr/lib/modules"] {
        writer.directory(directory.as_bytes());
    }
    writer.directory(format!("usr/lib/modules/{V}").as_bytes());
    for module in modules {
        writer.file(format!("usr/lib/modules/{V}/{module}").as_bytes(), b"module");
    }
    for (name, content) in more {
        match content.strip_prefix(b"-> ") {
            Some(target) => writer.symlink(name.as_bytes(), target),
            None => writer.file(name.as_bytes(), content),
        }
    }
    writer.finish()
}

const TOOLS: [(&str, &[u8]); 2] = [("scripts/functions", b"x"), ("conf/initramfs.conf", b"MODULES=dep\n")];
const PRESENT: [&str; 3] =
    ["kernel/drivers/block/virtio_blk.ko", "kernel/fs/ext4/ext4.ko", "kernel/crypto/crc32c_generic.ko"];

fn volume(place: VolumePlace, kind: &str, uuid: &str) -> Volume {
    Volume {
        place,
        fs_type: kind.to_owned(),
        uuid: uuid.to_owned(),
        label: None,
        partition_uuid: None,
        partition_label: None,
        logical_volume: None,
    }
}

fn disk() -> VolumesOfTheDisk {
    let root = volume(VolumePlace::MountPoint(b"/".to_vec()), "ext4", ROOT);
    let swap = volume(VolumePlace::Swap, "swap", SWAP);
    VolumesOfTheDisk { volumes: vec![root, swap], ..VolumesOfTheDisk::default() }
}

struct Case {
    files: Vec<(String, Vec<u8>)>,
    controllers: &'static [DiskController],
    asked: &'static [DiskController],
    parameters: Vec<String>,
    policy: InitramfsPolicy,
    identifiers: IdentifierMap,
    edited: BTreeSet<String>,
    cmdline: Option<&'static str>,
    disk: VolumesOfTheDisk,
}

impl Case {
    fn new(ramdisk: Vec<u8>, controllers: &'static [DiskController]) -> Self {
        let identifiers = IdentifierMap::new();
        Self {
            files: files(ramdisk),
            controllers,
            asked: &[],
            parameters: vec!["quiet".to_owned()],
            policy: InitramfsPolicy::Amend,
            identifiers,
            edited: BTreeSet::new(),
            cmdline: None,
            disk: disk(),
        }
    }

    fn answer(&self) -> Answer {
        let files: Vec<(&str, &[u8])> =
            self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let tree = tree(&files);
        let kernels = kernels::find(&tree, &mut Findings::default()).unwrap();
        let request = BootRequest {
            disk: &self.disk,
            identifiers: &self.identifiers,
            parameters: &self.parameters,
            scanned_cmdline: self.cmdline,
        };
        let hardware = Hardware { controllers: self.controllers, adapters: &[NetworkAdapter::E1000] };
        let question = Question {
            tree: &tree,
            early: &EarlyRamdisks::new(&Monitor::new(), false),
            kernels: &kernels,
            targets: vec![Target { id: "vmware", hardware, asked: self.asked }],
            request: &request,
            boots: FirmwareParts { bios: true, uefi: false },
            lacks: [None, Some("there is no loader".to_owned())],
            firmware: WantedFirmware::Auto,
            machine: Firmware::Bios,
            brings_kernels: false,
            edited: self.edited.clone(),
            policy: self.policy,
            timestamp: Timestamp::from_seconds(1_700_000_000),
            monitor: &Monitor::new(),
        };
        answer(&question).unwrap()
    }

    /// The case with the amendments made.
    fn amended(mut self) -> Self {
        for amendment in self.answer().amendments {
            let file = self.files.iter_mut().find(|(path, _)| *path == amendment.path).unwrap();
            file.1.extend_from_slice(&amendment.appended.bytes);
            assert_eq!(sha256(&file.1), amendment.appended.sha256);
        }
        self
    }

    fn ramdisk(&self) -> Initramfs {
        let (_, bytes) = self.files.iter().find(|(path, _)| path == RAMDISK).unwrap();
        Initramfs::read(Arc::new(BytesReader(Arc::from(bytes.as_slice()))), &|_| true).unwrap()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

fn verdicts(answer: &Answer) -> Vec<(Option<DiskController>, Firmware, Verdict)> {
    let predictions = answer.readiness.predictions.iter();
    predictions.map(|one| (one.controller, one.firmware, one.verdict)).collect()
}

fn told(answer: &Answer) -> Vec<(&'static str, Severity)> {
    answer.readiness.findings.iter().map(|finding| (finding.id, finding.severity)).collect()
}

#[test]
fn what_the_scanned_machine_had_boots_without_a_change() {
    let case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
    let answer = case.answer();
    assert!(answer.amendments.is_empty());
    let controller = Some(DiskController::VirtioBlock);
    let expected =
        [(controller, Firmware::Bios, Verdict::Boots), (controller, Firmware::Uefi, Verdict::DoesNotBoot)];
    assert_eq!(verdicts(&answer), expected);
    assert_eq!(answer.readiness.verdict(), Verdict::Boots);
    let expected = [
        ("host-only-initramfs", Severity::Note),
        ("network-driver", Severity::Warning),
        ("no-loader", Severity::Note),
    ];
    assert_eq!(told(&answer), expected);
}

#[test]
fn a_ramdisk_that_lacks_the_controller_is_amended_and_then_lacks_nothing() {
    let case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci, DiskController::LsiLogic]);
    let first = case.answer();
    assert_eq!(first.readiness.verdict(), Verdict::Boots);
    let mended = |finding: &&Finding| finding.severity == Severity::Mended;
    let lacks: Vec<&str> =
        first.readiness.findings.iter().filter(mended).map(|finding| finding.what.as_str()).collect();
    assert_eq!(lacks.len(), 2);
    assert!(lacks[0].ends_with("disks on ahci: ahci, libahci, libata, scsi_mod, sd_mod"), "{lacks:?}");
    let lsi = "disks on lsi-logic: mptbase, mptscsih, mptspi, scsi_mod, scsi_transport_spi, sd_mod";
    assert!(lacks[1].ends_with(lsi), "{lacks:?}");

    let case = case.amended();
    let second = case.answer();
    assert!(second.amendments.is_empty());
    assert_eq!(second.readiness.verdict(), Verdict::Boots);
    assert!(
        !second.readiness.findings.iter().any(|finding| mended(&finding)),
        "{:?}",
        second.readiness.findings
    );
    let tree = case.ramdisk();
    let link = Item::Symlink { target: b"usr/lib".to_vec() };
    assert_eq!(tree.item(b"lib"), Some(&link), "no directory took the link's place");
    let content = |name: &str| {
        let path = format!("usr/lib/modules/{V}/{name}");
        String::from_utf8(tree.content(path.as_bytes()).unwrap().to_vec()).unwrap()
    };
    assert_eq!(content("kernel/drivers/ata/ahci.ko"), "kernel/drivers/ata/ahci.ko.xz", "it is unpacked");
    let line = "kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko kernel/drivers/ata/libata.ko \
                kernel/drivers/scsi/scsi_mod.ko";
    assert!(content("modules.dep").lines().any(|known| known == line));
    assert!(
        content("modules.dep").contains("kernel/drivers/block/virtio_blk.ko:"),
        "it knows what was there"
    );
    assert!(content("modules.alias").contains("mptspi") && content("modules.alias").contains("virtio_blk"));
}

#[test]
fn a_ramdisk_that_is_kept_does_not_boot() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    case.policy = InitramfsPolicy::Keep;
    let answer = case.answer();
    assert!(answer.amendments.is_empty());
    assert_eq!(answer.readiness.verdict(), Verdict::DoesNotBoot);
    assert!(told(&answer).contains(&("storage-driver", Severity::Blocking)));
}

#[test]
fn a_driver_that_the_tree_does_not_have_is_named() {
    let case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Pvscsi, DiskController::Nvme]);
    let answer = case.answer();
    assert_eq!(answer.readiness.verdict(), Verdict::DoesNotBoot);
    let blocking = |finding: &&Finding| finding.severity == Severity::Blocking;
    let what: Vec<&str> =
        answer.readiness.findings.iter().filter(blocking).map(|finding| finding.what.as_str()).collect();
    assert_eq!(what.len(), 2);
    assert!(what[0].contains("no driver of VMware's paravirtual SCSI"), "{what:?}");
}

#[test]
fn controllers_that_the_order_asks_for_are_looked_after_once_too() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
    case.asked =
        &[DiskController::VirtioBlock, DiskController::Ahci, DiskController::Nvme, DiskController::Ahci];
    let bios = |answer: &Answer| -> Vec<(Option<DiskController>, Verdict)> {
        let all = verdicts(answer).into_iter().filter(|(_, firmware, _)| *firmware == Firmware::Bios);
        all.map(|(controller, _, verdict)| (controller, verdict)).collect()
    };
    let expected = [
        (Some(DiskController::VirtioBlock), Verdict::Boots),
        (Some(DiskController::Ahci), Verdict::Boots),
        (Some(DiskController::Nvme), Verdict::DoesNotBoot),
    ];
    assert_eq!(bios(&case.answer()), expected);
    assert!(case.answer().amendments[0].after.contains("ahci.ko"));
    case.controllers = &[];
    assert_eq!(bios(&case.answer())[0], (None, Verdict::Unknown));
}

#[test]
fn a_root_that_the_order_names_must_be_on_the_disk() {
    let verdict = |root: &str| {
        let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
        case.parameters = vec![format!("root=UUID={OLD}"), root.to_owned(), "quiet".to_owned()];
        let answer = case.answer();
        let told = told(&answer).into_iter().find(|(id, _)| *id == "stale-root");
        (answer.readiness.verdict(), told.map(|(_, severity)| severity))
    };
    assert_eq!(verdict(&format!("root=UUID={ROOT}")), (Verdict::Boots, None));
    assert_eq!(verdict(&format!("root=UUID={OLD}")), (Verdict::DoesNotBoot, Some(Severity::Blocking)));
    assert_eq!(verdict("root=LABEL=old"), (Verdict::DoesNotBoot, Some(Severity::Blocking)));
    assert_eq!(verdict("root=/dev/mapper/vg-root"), (Verdict::DoesNotBoot, Some(Severity::Blocking)));
    assert_eq!(verdict("root=/dev/sda2"), (Verdict::Unknown, Some(Severity::Warning)));
}

#[test]
fn a_root_that_is_another_volume_now_is_none() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
    let mut home = volume(VolumePlace::MountPoint(b"/home".to_vec()), "ext4", OLD);
    home.partition_uuid = Some("11223344-02".to_owned());
    case.disk.volumes[0].partition_uuid = Some("11223344-03".to_owned());
    case.disk.volumes.push(home);
    let mut verdict = |parameter: &str| {
        case.parameters = vec![parameter.to_owned()];
        case.answer().readiness.verdict()
    };
    assert_eq!(verdict("root=PARTUUID=11223344-03"), Verdict::Boots);
    assert_eq!(verdict("root=PARTUUID=11223344-02"), Verdict::DoesNotBoot);
}

#[test]
fn a_logical_volume_named_by_what_is_in_it_may_be_found() {
    let told_of = |root: &str| {
        let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
        case.disk.volumes[0].logical_volume = LogicalVolumeName::of_device("/dev/vg/root");
        case.parameters = vec![format!("root={root}")];
        told(&case.answer()).into_iter().find(|(id, _)| *id == "stale-root").map(|(_, severity)| severity)
    };
    assert_eq!(told_of("/dev/vg/root"), None);
    assert_eq!(told_of(&format!("UUID={ROOT}")), Some(Severity::Warning));
    assert_eq!(told_of(&format!("/dev/disk/by-uuid/{ROOT}")), Some(Severity::Warning));
    assert_eq!(told_of(&format!("UUID={OLD}")), Some(Severity::Blocking));
}

#[test]
fn soft_dependencies_come_along() {
    let case = Case::new(ramdisk(&[PRESENT[0]], &TOOLS), &[DiskController::VirtioBlock]);
    let answer = case.answer();
    let names = &answer.amendments[0].after;
    assert!(names.contains("ext4.ko") && names.contains("crc32c_generic.ko"), "{names}");
    assert!(told(&answer).contains(&("file-system-driver", Severity::Mended)));
}

#[test]
fn a_setting_to_resume_from_another_disk_is_replaced() {
    let resume = format!("RESUME=UUID={OLD}\n");
    let more = [TOOLS[0], TOOLS[1], ("conf/conf.d/resume", resume.as_bytes())];
    let case = Case::new(ramdisk(&PRESENT, &more), &[DiskController::VirtioBlock]);
    assert!(told(&case.answer()).contains(&("stale-resume", Severity::Mended)));
    let case = case.amended();
    let expected = format!("RESUME=UUID={SWAP}\n");
    assert_eq!(case.ramdisk().content(b"conf/conf.d/resume"), Some(expected.as_bytes()));
    assert!(case.answer().amendments.is_empty());
}

#[test]
fn a_clone_resumes_from_its_own_swap_area() {
    let resume = format!("RESUME=UUID={OLD}\n");
    let more = [TOOLS[0], TOOLS[1], ("conf/conf.d/resume", resume.as_bytes())];
    let mut case = Case::new(ramdisk(&PRESENT, &more), &[DiskController::VirtioBlock]);
    case.identifiers.insert(OLD, SWAP).unwrap();
    let case = case.amended();
    let expected = format!("RESUME=UUID={SWAP}\n");
    assert_eq!(case.ramdisk().content(b"conf/conf.d/resume"), Some(expected.as_bytes()));
}

#[test]
fn what_dracut_waits_for_is_made_true() {
    let hook = "usr/lib/dracut/hooks/initqueue/finished/devexists-x.sh";
    let wants = format!(
        "etc/systemd/system/initrd.target.wants/dev-disk-by\\x2duuid-{}.device",
        OLD.replace('-', "\\x2d")
    );
    let script = format!("[ -e \"/dev/disk/by-uuid/{OLD}\" ]\n");
    let line = format!(" resume=UUID={OLD} rd.lvm.lv=vg/swap\n");
    let more: [(&str, &[u8]); 4] = [
        (hook, script.as_bytes()),
        (&wants, b"-> ../x.device"),
        ("etc/cmdline.d/95resume.conf", line.as_bytes()),
        ("etc/crypttab", b"# none\nluks-x UUID=x none\n"),
    ];
    let case = Case::new(ramdisk(&PRESENT, &more), &[DiskController::VirtioBlock]);
    let expected = ["stale-resume", "stale-device", "stale-device", "stale-crypttab"];
    let stale: Vec<&str> =
        told(&case.answer()).into_iter().map(|(id, _)| id).filter(|id| id.starts_with("stale")).collect();
    assert_eq!(stale, expected);
    let case = case.amended();
    let tree = case.ramdisk();
    assert_eq!(tree.content(hook.as_bytes()), Some(&b"true\n"[..]));
    let unit = wants.replace("initrd.target.wants/", "");
    assert_eq!(tree.item(unit.as_bytes()), Some(&Item::Symlink { target: b"/dev/null".to_vec() }));
    let line = format!(" resume=UUID={SWAP}\n");
    assert_eq!(tree.content(b"etc/cmdline.d/95resume.conf"), Some(line.as_bytes()));
}

#[test]
fn booster_gets_its_own_tables() {
    let more: [(&str, &[u8]); 3] = [
        ("etc/booster.init.yaml", b"kernel: x\n"),
        ("usr/lib/modules/booster.alias", b"virtio:d00000002v* virtio_blk\n"),
        ("usr/lib/modules/virtio_blk.ko", b"x"),
    ];
    let case = Case::new(ramdisk(&[], &more), &[DiskController::Ahci]).amended();
    let tree = case.ramdisk();
    let text = |name: &str| String::from_utf8_lossy(tree.content(name.as_bytes()).unwrap()).into_owned();
    assert!(text("usr/lib/modules/booster.alias").contains("bc01sc06i01* ahci\n"));
    assert!(text("etc/booster.init.yaml").contains("    \"ahci\":\n        - \"libahci\"\n"));
    assert!(tree.item(b"usr/lib/modules/ahci.ko").is_some());
    assert_eq!(case.answer().readiness.verdict(), Verdict::Boots);
    assert!(case.answer().amendments.is_empty());
}

#[test]
fn kernels_without_ramdisk_boot_by_what_is_built_in() {
    let mut case = Case::new(Vec::new(), &[DiskController::VirtioBlock]);
    case.files.retain(|(path, _)| path != RAMDISK);
    case.disk.volumes[0].partition_uuid = Some("1a2b3c4d-02".to_owned());
    case.cmdline = Some("root=PARTUUID=1a2b3c4d-02 ro");
    assert_eq!(case.answer().readiness.verdict(), Verdict::DoesNotBoot);
    case.files.retain(|(path, _)| !path.starts_with("usr/lib/modules") && path != "lib");
    assert_eq!(case.answer().readiness.verdict(), Verdict::Unknown);
    let config = "CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\nCONFIG_EXT4_FS=y\n";
    case.files.push((format!("boot/config-{V}"), config.as_bytes().to_vec()));
    assert_eq!(case.answer().readiness.verdict(), Verdict::Boots);
}

#[test]
fn ramdisks_that_cannot_be_read_leave_it_open() {
    let case = Case::new(b"what is this".to_vec(), &[DiskController::VirtioBlock]);
    let answer = case.answer();
    assert_eq!(answer.readiness.verdict(), Verdict::Unknown);
    assert!(told(&answer).contains(&("initramfs-unreadable", Severity::Warning)));
}

#[test]
fn kernels_of_no_version_are_asked_for_it() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
    let mut image = vec![0; 32 << 10];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x1000_u16.to_le_bytes());
    let text = format!("{V} (builder) #1 SMP");
    image[0x1200..0x1200 + text.len()].copy_from_slice(text.as_bytes());
    for (path, bytes) in &mut case.files {
        if path.starts_with("boot/vmlinuz") {
            (*path, *bytes) = ("boot/vmlinuz-linux".to_owned(), image.clone());
        } else if path == RAMDISK {
            *path = "boot/initramfs-linux.img".to_owned();
        }
    }
    assert_eq!(case.answer().readiness.verdict(), Verdict::Boots);
}
