use super::*;
use crate::lvm::LogicalVolumeName;
use crate::{Error, ErrorKind};

const AHCI: &str = "kernel/drivers/ata/ahci.ko.xz";

impl Case {
    /// The case with other bytes in a module's file.
    fn with_module(mut self, module: &str, bytes: Vec<u8>) -> Self {
        let path = format!("usr/lib/modules/{V}/{module}");
        let file = self.files.iter_mut().find(|(known, _)| *known == path).unwrap();
        file.1 = bytes;
        self
    }

    /// The case with an older kernel, which has its own modules.
    fn with_older_kernel(mut self, ramdisk: &[u8]) -> Self {
        let older = "5.10.0-1-amd64";
        let directory = format!("usr/lib/modules/{V}/");
        let rename = |path: &str| Some(format!("usr/lib/modules/{older}/{}", path.strip_prefix(&directory)?));
        let modules = self.files.iter().filter_map(|(path, bytes)| Some((rename(path)?, bytes.clone())));
        let modules: Vec<(String, Vec<u8>)> = modules.collect();
        self.files.extend(modules);
        self.files.push((format!("boot/vmlinuz-{older}"), b"kernel".to_vec()));
        self.files.push((format!("boot/initrd.img-{older}"), ramdisk.to_vec()));
        self
    }
}

/// Whether `ahci` is told as missing and nothing is amended.
fn is_not_amended(answer: &Answer) -> bool {
    let is_told = |finding: &Finding| {
        finding.id == "initramfs-not-amended"
            && finding.severity == Severity::Blocking
            && finding.controller == Some(DiskController::Ahci)
    };
    let is_mended = answer.readiness.findings.iter().any(|finding| finding.severity == Severity::Mended);
    answer.amendments.is_empty()
        && !is_mended
        && answer.readiness.verdict() == Verdict::DoesNotBoot
        && answer.readiness.findings.iter().any(is_told)
}

#[test]
fn a_module_that_cannot_be_unpacked_is_a_finding_and_no_failure() {
    let half = xz(&[7; 5000]);
    let resume = format!("RESUME=UUID={OLD}\n");
    let more = [TOOLS[0], TOOLS[1], ("conf/conf.d/resume", resume.as_bytes())];
    let controllers = &[DiskController::Ahci, DiskController::VirtioBlock];
    let case = Case::new(ramdisk(&PRESENT, &more), controllers);
    let answer = case.with_module(AHCI, half[..half.len() / 2].to_vec()).answer();
    assert!(is_not_amended(&answer), "{:?}", answer.readiness);
    let verdicts: Vec<Verdict> = verdicts(&answer).into_iter().map(|(_, _, verdict)| verdict).collect();
    let expected = [Verdict::DoesNotBoot, Verdict::DoesNotBoot, Verdict::Boots, Verdict::DoesNotBoot];
    assert_eq!(verdicts, expected, "the other controller still boots");
    assert!(told(&answer).contains(&("stale-resume", Severity::Warning)));
}

#[test]
fn a_module_that_is_no_file_is_no_driver() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    let path = format!("usr/lib/modules/{V}/{AHCI}");
    for file in &mut case.files {
        if file.0 == path {
            file.0.push_str("/below");
        }
    }
    let answer = case.answer();
    assert!(answer.amendments.is_empty());
    assert!(told(&answer).contains(&("storage-driver", Severity::Blocking)));
}

#[test]
fn a_ramdisk_of_two_kernels_is_amended_once_and_told_for_what_it_gets() {
    let stale = format!("RESUME=UUID={OLD}\n");
    let more = [TOOLS[0], TOOLS[1], ("conf/conf.d/resume", stale.as_bytes())];
    let case = Case::new(ramdisk(&PRESENT, &more), &[DiskController::Ahci]);
    let answer = case.with_older_kernel(format!("=> {RAMDISK}").as_bytes()).answer();
    assert_eq!(answer.amendments.len(), 1);
    assert_eq!(answer.amendments[0].path, RAMDISK);
    assert_eq!(answer.readiness.verdict(), Verdict::Boots);
    let mended: Vec<(&str, Severity)> =
        told(&answer).into_iter().filter(|(_, severity)| *severity == Severity::Mended).collect();
    let expected = [("storage-driver", Severity::Mended), ("stale-resume", Severity::Mended)];
    assert_eq!(mended, expected, "each once");
    assert!(told(&answer).contains(&("initramfs-not-amended", Severity::Warning)));
}

#[test]
fn a_ramdisk_that_an_edit_changes_is_not_amended() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    case.edited.insert(RAMDISK.to_owned());
    assert!(is_not_amended(&case.answer()));
}

impl Case {
    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        &mut self.files.iter_mut().find(|(known, _)| known == path).unwrap().1
    }
}

#[test]
fn tables_and_configurations_that_are_too_large_are_unknown_and_no_failure() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    case.file(&format!("usr/lib/modules/{V}/modules.dep")).resize((8 << 20) + 1, b'\n');
    case.files.push((format!("boot/config-{V}"), vec![b'\n'; (4 << 20) + 1]));
    let answer = case.answer();
    assert_eq!(answer.readiness.verdict(), Verdict::Unknown);
    let is_named = |finding: &&Finding| finding.id == "table-too-large";
    let paths: Vec<&str> =
        answer.readiness.findings.iter().filter(is_named).filter_map(|one| one.path.as_deref()).collect();
    let dependencies = format!("/usr/lib/modules/{V}/modules.dep");
    assert_eq!(paths, [&format!("/boot/config-{V}"), &dependencies]);
}

#[test]
fn without_a_table_of_aliases_nothing_is_told_of_devices() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    case.files.retain(|(path, _)| !path.ends_with("modules.alias"));
    assert_eq!(case.answer().readiness.verdict(), Verdict::Unknown);
}

#[test]
fn a_ramdisk_that_cannot_be_read_may_have_what_the_tree_has_not() {
    let case = Case::new(b"what is this".to_vec(), &[DiskController::Nvme]);
    let answer = case.answer();
    assert_eq!(answer.readiness.verdict(), Verdict::Unknown);
    assert!(!told(&answer).iter().any(|(_, severity)| *severity == Severity::Blocking));
}

#[test]
fn modules_that_unpack_to_more_than_a_ramdisk_should_get_are_a_finding() {
    let large = xz(&vec![7; 25 << 20]);
    let case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]).with_module(AHCI, large);
    let answer = case.answer();
    assert!(is_not_amended(&answer), "{:?}", answer.readiness);
    let is_told = |finding: &Finding| finding.what.contains("more than 24 MiB");
    assert!(answer.readiness.findings.iter().any(is_told));
    let mut sum = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    for module in [AHCI, "kernel/drivers/ata/libata.ko.xz", "kernel/drivers/scsi/sd_mod.ko.xz"] {
        sum = sum.with_module(module, vec![7; 9 << 20]);
    }
    assert!(is_not_amended(&sum.answer()), "each of them would be small enough");
}

#[test]
fn reading_a_kernel_ends_wherever_it_is_cancelled() {
    let case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::Ahci]);
    let files: Vec<(&str, &[u8])> =
        case.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let tree = tree(&files);
    let kernels = kernels::find(&tree, &mut Findings::default()).unwrap();
    let early = EarlyRamdisks::new(&Monitor::new(), false);
    let mut asked_in_all = 0;
    for most in 0.. {
        let asked = std::cell::Cell::new(0);
        let check = || {
            asked.set(asked.get() + 1);
            match asked.get() <= most {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            }
        };
        match kernel::ExaminedKernel::read(&tree, &kernels[0], &early, &check) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{most}"),
        }
        asked_in_all = most + 1;
    }
    assert!(asked_in_all >= 6, "for the initial RAM disk and four tables with content: {asked_in_all}");
}

fn built_in_kernel() -> Case {
    let mut case = Case::new(Vec::new(), &[DiskController::VirtioBlock]);
    case.files.retain(|(path, _)| path != RAMDISK && !path.starts_with("usr/lib/modules") && path != "lib");
    let config = "CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\nCONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_DM=y\n";
    case.files.push((format!("boot/config-{V}"), config.as_bytes().to_vec()));
    case.disk.volumes[0].partition_uuid = Some("1a2b3c4d-02".to_owned());
    case
}

fn on_volume(name: &str) -> Option<LogicalVolumeName> {
    Some(LogicalVolumeName::of_device(name).unwrap())
}

#[test]
fn a_kernel_without_ramdisk_finds_the_root_by_its_partition_only() {
    let mut case = built_in_kernel();
    let expected = [
        (Some("root=PARTUUID=1a2b3c4d-02"), Verdict::Boots),
        (Some("root=UUID=6d1f6a0e-52a3-4f0b-9c39-0f2b7a5f4c11"), Verdict::DoesNotBoot),
        (Some("root=PARTUUID=other"), Verdict::DoesNotBoot),
        (Some("quiet"), Verdict::Unknown),
        (None, Verdict::Unknown),
    ];
    for (cmdline, verdict) in expected {
        case.cmdline = cmdline;
        assert_eq!(case.answer().readiness.verdict(), verdict, "{cmdline:?}");
    }
    case.disk.volumes[0].logical_volume = on_volume("/dev/mapper/vg-root");
    case.disk.lvm = true;
    assert_eq!(case.answer().readiness.verdict(), Verdict::DoesNotBoot);
}

#[test]
fn volumes_that_are_mounted_late_need_nothing_of_a_ramdisk() {
    let mut case = Case::new(ramdisk(&PRESENT, &TOOLS), &[DiskController::VirtioBlock]);
    let mut srv = volume(VolumePlace::MountPoint(b"/srv".to_vec()), "ext4", OLD);
    srv.logical_volume = on_volume("/dev/mapper/vg-srv");
    case.disk.volumes.push(srv);
    case.disk.lvm = true;
    assert_eq!(case.answer().readiness.verdict(), Verdict::Boots);
    case.disk.volumes[0].logical_volume = on_volume("/dev/mapper/vg-root");
    let answer = case.answer();
    assert_eq!(answer.readiness.verdict(), Verdict::DoesNotBoot);
    assert!(told(&answer).contains(&("lvm-program", Severity::Blocking)));
}

#[test]
fn a_unit_that_is_masked_is_told_once() {
    let unit = format!("dev-disk-by\\x2duuid-{}.device", OLD.replace('-', "\\x2d"));
    let wants = format!("etc/systemd/system/initrd.target.wants/{unit}");
    let own = format!("etc/systemd/system/{unit}");
    let more: [(&str, &[u8]); 3] =
        [("usr/lib/dracut/x", b"x"), (&wants, b"-> ../x.device"), (&own, b"[Unit]\n")];
    let case = Case::new(ramdisk(&PRESENT, &more), &[DiskController::VirtioBlock]);
    assert!(told(&case.answer()).contains(&("stale-device", Severity::Mended)));
    let case = case.amended();
    let mask = Item::Symlink { target: b"/dev/null".to_vec() };
    assert_eq!(case.ramdisk().item(own.as_bytes()), Some(&mask), "it takes the unit's place");
    let answer = case.answer();
    assert!(answer.amendments.is_empty());
    assert!(!told(&answer).iter().any(|(id, _)| *id == "stale-device"));
}

#[test]
fn a_ramdisk_with_its_files_in_a_packed_file_system_leaves_it_open() {
    for image in ["squashfs-root.img", "squash/root.img", "squash-root.img", "erofs-root.img"] {
        let more: [(&str, &[u8]); 2] = [("usr/lib/dracut/x", b"x"), (image, b"hsqs")];
        let answer = Case::new(ramdisk(&[], &more), &[DiskController::Ahci]).answer();
        assert!(answer.amendments.is_empty(), "{image}");
        assert_eq!(answer.readiness.verdict(), Verdict::Unknown, "{image}");
    }
}
