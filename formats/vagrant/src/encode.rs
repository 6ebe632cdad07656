#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{Firmware, Machine};

/// `metadata.json` of a box for VirtualBox.
///
/// # Reference
/// Vagrant, "Box File Format", "Box Metadata".
pub(crate) fn virtualbox_metadata() -> String {
    "{\n  \"provider\": \"virtualbox\"\n}\n".to_owned()
}

/// `metadata.json` of a box for libvirt; `size` is the disk's in bytes.
///
/// # Reference
/// vagrant-libvirt, "Box Format": `virtual_size` is in GiB, and no less than the image's.
pub(crate) fn libvirt_metadata(size: u64) -> String {
    let gib = size.div_ceil(1 << 30);
    format!("{{\n  \"provider\": \"libvirt\",\n  \"format\": \"qcow2\",\n  \"virtual_size\": {gib}\n}}\n")
}

/// `Vagrantfile` of a box for VirtualBox: what its importer does not take from the envelope. `mac` has twelve digits.
///
/// # Reference
/// Vagrant, "VirtualBox: Creating a Base Box": the box names the address of its first adapter.
pub(crate) fn virtualbox_vagrantfile(machine: &Machine, mac: &str) -> String {
    let firmware = match machine.firmware {
        Firmware::Bios => "",
        Firmware::Uefi => "    provider.customize [\"modifyvm\", :id, \"--firmware\", \"efi\"]\n",
    };
    let settings =
        format!("    provider.memory = {}\n    provider.cpus = {}\n", machine.memory >> 20, machine.cpus);
    vagrantfile(
        &format!("  config.vm.base_mac = \"{mac}\"\n"),
        "virtualbox",
        &format!("{settings}{firmware}"),
    )
}

/// `Vagrantfile` of a box for libvirt.
///
/// # Reference
/// vagrant-libvirt, "Configuration".
pub(crate) fn libvirt_vagrantfile(machine: &Machine) -> String {
    let settings =
        format!("    provider.memory = {}\n    provider.cpus = {}\n", machine.memory >> 20, machine.cpus);
    vagrantfile("", "libvirt", &settings)
}

/// A captured machine has no guest additions: the shared folder, which is on by default, would stop it from coming up.
fn vagrantfile(head: &str, provider: &str, settings: &str) -> String {
    format!(
        "Vagrant.configure(\"2\") do |config|\n\
         {head}  config.vm.synced_folder \".\", \"/vagrant\", disabled: true\n  \
           config.vm.provider :{provider} do |provider|\n\
         {settings}  end\n\
         end\n"
    )
}

#[cfg(test)]
mod tests {
    use diskwright_core::{Seed, Timestamp};

    use super::*;

    fn machine() -> Machine {
        let mut machine = Machine::new("web-1", Seed::from_text("seed"), Timestamp::from_seconds(0));
        machine.cpus = 2;
        machine
    }

    #[test]
    fn the_vagrantfile_for_virtualbox_has_the_address_and_asks_for_uefi() {
        let mut machine = machine();
        let expected = "Vagrant.configure(\"2\") do |config|
  config.vm.base_mac = \"080027ABCDEF\"
  config.vm.synced_folder \".\", \"/vagrant\", disabled: true
  config.vm.provider :virtualbox do |provider|
    provider.memory = 1024
    provider.cpus = 2
  end
end
";
        assert_eq!(virtualbox_vagrantfile(&machine, "080027ABCDEF"), expected);
        machine.firmware = Firmware::Uefi;
        let text = virtualbox_vagrantfile(&machine, "080027ABCDEF");
        assert!(
            text.contains("    provider.customize [\"modifyvm\", :id, \"--firmware\", \"efi\"]\n  end\n")
        );
    }

    #[test]
    fn the_vagrantfile_for_libvirt_has_the_settings() {
        let expected = "Vagrant.configure(\"2\") do |config|
  config.vm.synced_folder \".\", \"/vagrant\", disabled: true
  config.vm.provider :libvirt do |provider|
    provider.memory = 1024
    provider.cpus = 2
  end
end
";
        assert_eq!(libvirt_vagrantfile(&machine()), expected);
    }

    #[test]
    fn the_size_for_libvirt_is_in_gib_and_not_too_small() {
        let size = |bytes| libvirt_metadata(bytes).contains("\"virtual_size\": 2\n");
        assert!(!size(1 << 30) && size((1 << 30) + 1) && size(2 << 30) && !size((2 << 30) + 1));
    }
}
