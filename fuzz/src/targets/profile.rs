//! Profiles and machine reports as JSON.

use crate::target::Reach;
use diskwright::ErrorKind;
use diskwright::profile::{Layer, MachineReport, Origin, Profile, Settings, TreeFacts};

/// Bytes as a profile and as a machine report: a profile that is read is written and read as the same again, and what is
/// read is resolved.
pub(crate) fn run(bytes: &[u8]) -> Reach {
    let machine = MachineReport::from_json(bytes);
    let profile = Profile::from_json(bytes);
    for error in [machine.as_ref().err(), profile.as_ref().err()].into_iter().flatten() {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        assert!(error.to_string().len() < 64 << 10, "an error as long as its cause");
    }
    if let Ok(machine) = &machine {
        machine.notes();
        resolve(&Profile::default(), Some(machine));
    }
    let reach = Reach::of(machine.is_ok() || profile.is_ok());
    if let Ok(profile) = profile {
        let again = Profile::from_json(profile.to_json().as_bytes());
        assert_eq!(again.unwrap().without_secrets(), profile.clone().without_secrets());
        resolve(&profile, None);
        resolve(&profile, machine.ok().as_ref());
    }
    reach
}

fn resolve(profile: &Profile, machine: Option<&MachineReport>) {
    let layer = Layer { origin: Origin::Profile, profile };
    if let Err(error) = Settings::resolve(&[layer], machine, &TreeFacts::default()) {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
    }
}

/// A profile and a report that say much.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let profile = r##"{"name":"m","memory":"2G","cpus":2,"disk_size":"64M","swap_size":"8M","sector_size":512,"firmware":"auto","boot":"optional","partition_table":"gpt","partitions":[{"mount_point":"/","role":"data","file_system":"ext4","size":"24M","grow":true,"label":"root","flags":["read-only"]},{"role":"swap","size":"1M"}],"kernel_parameters":["quiet"],"hostname":"h","root":{"password":"x"},"users":[{"name":"anna","uid":1000}],"timezone":"Etc/UTC","keyboard":"us","welcome_message":"hello","nics":[{"method":"dhcp"}],"firewall":true,"selinux":"disabled","spare":"1M","identity":"new","seed":"s","timestamp":0}"##;
    let report = r##"{"format":"diskwright-machine/1","memory_bytes":1073741824,"cpus":2,"firmware":"bios","os":{"id":"debian","version":"12","arch":"x86_64"},"cmdline":"root=/dev/sda1 ro","disks":[{"name":"sda","size":8589934592,"sector_size":512,"table":"gpt","id":"x","partitions":[{"number":1,"start":1048576,"size":1048576,"type":"x","id":"y","fs":{"type":"ext4","uuid":"u","label":"l","features":[]},"mount":"/"}]}],"nics":[{"name":"eth0","mac":"52:54:00:00:00:01"}]}"##;
    vec![profile.as_bytes().to_vec(), report.as_bytes().to_vec()]
}
