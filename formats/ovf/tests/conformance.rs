//! OVAs of a toy product, taken apart by foreign programs.

use diskwright_conformance::corpus::{Disk, text};
use diskwright_core::ErrorKind;
use diskwright_core::format::{Firmware, FormatInfo, Hardware, ImagePlan, Machine, TargetFormat};
use diskwright_core::layout::DiskLayout;
use diskwright_oracle::{Judges, machine, write};
use diskwright_ovf::{Controller, Digest, Envelope, EnvelopeDisk, OvaPlan, SecureBoot};

#[derive(Clone, Copy, Debug)]
struct Toy {
    digest: Option<Digest>,
    controller: Controller,
}

const INFO: FormatInfo = FormatInfo {
    id: "toy",
    api_name: None,
    aliases: &[],
    primitive: None,
    plain: ".ova",
    compressed: None,
    qemu: None,
    options: &[],
};

const TOY: Toy = Toy { digest: Some(Digest::Sha256), controller: Controller::LsiLogic };

impl TargetFormat for Toy {
    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn hardware(&self) -> Hardware {
        Hardware::default()
    }

    fn plan(&self, machine: &Machine, disks: &[DiskLayout]) -> diskwright_core::Result<Box<dyn ImagePlan>> {
        let envelope = Envelope {
            name: machine.name.clone(),
            system_type: "vmx-13".to_owned(),
            cpus: machine.cpus,
            memory_mib: machine.memory >> 20,
            firmware: machine.firmware,
            secure_boot: SecureBoot::Off,
            cim: 96,
            os_description: "A <guest> & \"more\"".to_owned(),
            vmware_os: "debian12_64Guest".to_owned(),
            virtualbox_os: "Debian_64".to_owned(),
            network: "NAT",
            nic: "E1000",
            adapters: 1,
            controller: self.controller,
            disks: disks.iter().map(|disk| EnvelopeDisk { capacity: disk.size(), uuid: None }).collect(),
            extension: None,
        };
        Ok(Box::new(OvaPlan::new(machine, disks, envelope, self.digest, 1)?))
    }
}

fn layouts(disks: &[Disk]) -> Vec<DiskLayout> {
    disks.iter().map(Disk::layout).collect()
}

#[test]
fn archives_hold_envelope_manifest_and_disks_in_this_order() {
    let Some(judges) = Judges::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let disks = [Disk::mixed(20 << 20)];
    let entries = write(&TOY, &machine("img"), &layouts(&disks), folder.path(), 2).unwrap();
    let ova = folder.path().join("img.ova");
    assert_eq!(entries[0].length, ova.metadata().unwrap().len());
    let ova = judges.ova(&ova, Some("SHA256"), &disks);
    let system = ova.ovf.only("VirtualSystem/OperatingSystemSection");
    assert_eq!(system.text_of("Description").unwrap(), "A <guest> & \"more\"");
    // The room that is left stands before the last tag.
    assert!(ova.xml.ends_with("</Envelope>\n"));
    let (_, padding) = ova.xml.trim_end_matches("</Envelope>\n").rsplit_once("</VirtualSystem>").unwrap();
    assert!(padding.len() > 1 && padding.bytes().all(|byte| byte == b' ' || byte == b'\n'));
}

#[test]
fn every_digest_verifies_and_a_manifest_can_be_left_out() {
    let Some(judges) = Judges::find() else { return };
    let disks = [Disk { size: 2 << 20, parts: vec![(70_000, text(9000))] }];
    let digests = [
        (Some(Digest::Sha1), Some("SHA1")),
        (Some(Digest::Sha256), Some("SHA256")),
        (Some(Digest::Sha512), Some("SHA512")),
        (None, None),
    ];
    for (digest, token) in digests {
        let folder = tempfile::tempdir().unwrap();
        write(&Toy { digest, ..TOY }, &machine("img"), &layouts(&disks), folder.path(), 2).unwrap();
        judges.ova(&folder.path().join("img.ova"), token, &disks);
    }
}

#[test]
fn several_disks_follow_each_other_even_empty_ones() {
    let Some(judges) = Judges::find() else { return };
    let empty = Disk { size: 3 << 20, parts: vec![] };
    let sparse = Disk { size: 5 << 30, parts: vec![(0, text(100)), ((4 << 30) + 512, text(70_000))] };
    let all = [
        vec![Disk::mixed(9 << 20), empty.clone(), sparse.clone()],
        vec![empty.clone(), Disk::mixed(5 << 20), empty.clone()],
        vec![empty.clone(), empty],
    ];
    for disks in all {
        let folder = tempfile::tempdir().unwrap();
        write(&TOY, &machine("img"), &layouts(&disks), folder.path(), 2).unwrap();
        let ova = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
        assert_eq!(ova.units(), (0..disks.len()).map(|unit| unit.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_controller_leaves_out_its_own_id_and_one_disk_more_is_refused() {
    let disk = Disk { size: 1 << 20, parts: vec![(0, text(10))] }.layout();
    let most = [
        (Controller::LsiLogic, 15),
        (Controller::ParaVirtual, 15),
        (Controller::Ahci, 30),
        (Controller::VmwareAhci, 30),
        (Controller::Nvme, 15),
    ];
    for (controller, count) in most {
        let toy = Toy { controller, ..TOY };
        let folder = tempfile::tempdir().unwrap();
        let error =
            write(&toy, &machine("img"), &vec![disk.clone(); count + 1], folder.path(), 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write(&toy, &machine("img"), &vec![disk.clone(); count], folder.path(), 2).unwrap();
        let Some(judges) = Judges::find() else { return };
        let disks = vec![Disk { size: 1 << 20, parts: vec![(0, text(10))] }; count];
        let units = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks).units();
        let is_scsi = matches!(controller, Controller::LsiLogic | Controller::ParaVirtual);
        let expected = (0..30).filter(|unit| !is_scsi || *unit != 7).take(count);
        assert_eq!(units, expected.map(|unit| unit.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disks = layouts(&[Disk::mixed(30 << 20), Disk::mixed(7 << 20)]);
    let archives = [1, 2, 8].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        write(&TOY, &machine("img"), &disks, folder.path(), threads).unwrap();
        std::fs::read(folder.path().join("img.ova")).unwrap()
    });
    assert!(archives[0] == archives[1] && archives[0] == archives[2]);
}

#[test]
fn what_no_archive_holds_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { size: 1 << 20, parts: vec![] }.layout();
    let refusal = |machine: &Machine, disks: &[DiskLayout]| {
        let error = write(&TOY, machine, disks, folder.path(), 1).unwrap_err();
        (error.kind(), error.field().map(str::to_owned))
    };
    let mut old = machine("img");
    old.timestamp.seconds = -1;
    assert_eq!(
        refusal(&old, std::slice::from_ref(&disk)),
        (ErrorKind::Unsupported, Some("timestamp".to_owned()))
    );
    let long = machine(&"n".repeat(90));
    assert_eq!(refusal(&long, &[disk]), (ErrorKind::LimitExceeded, Some("name".to_owned())));
    assert_eq!(refusal(&machine("img"), &[]), (ErrorKind::Unsupported, None));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_firmware_is_always_said() {
    let Some(judges) = Judges::find() else { return };
    let disks = [Disk { size: 1 << 20, parts: vec![] }];
    for (firmware, value) in [(Firmware::Bios, "bios"), (Firmware::Uefi, "efi")] {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = machine("img");
        machine.firmware = firmware;
        write(&TOY, &machine, &layouts(&disks), folder.path(), 1).unwrap();
        let ova = judges.ova(&folder.path().join("img.ova"), Some("SHA256"), &disks);
        assert_eq!(ova.config("firmware").as_deref(), Some(value));
        let secure = ova.config("bootOptions.efiSecureBootEnabled");
        assert_eq!(secure.as_deref(), (firmware == Firmware::Uefi).then_some("false"));
    }
}
