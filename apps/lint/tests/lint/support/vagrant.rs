use super::ova::{Member, tar};
use super::{Package, qcow2, text, vmdk};

pub(crate) const VAGRANTFILE: &str =
    "Vagrant.configure(\"2\") do |config|\n  config.vm.base_mac = \"080027ABCDEF\"\nend\n";
pub(crate) const LIBVIRT: &str = "{\"provider\": \"libvirt\", \"format\": \"qcow2\", \"virtual_size\": 1}";

/// Files of a box for VirtualBox, as its own packer orders them.
pub(crate) fn virtualbox() -> Vec<Member> {
    vec![
        Member::new("./Vagrantfile", VAGRANTFILE),
        Member::new("./box.ovf", text::ovf_text()),
        Member::new("./disk.vmdk", vmdk::stream().build().bytes),
        Member::new("./metadata.json", "{\"provider\": \"virtualbox\"}"),
    ]
}

/// Files of a box for libvirt.
pub(crate) fn libvirt() -> Vec<Member> {
    vec![
        Member::new("metadata.json", LIBVIRT),
        Member::new("box.img", qcow2::deflate().files["disk.qcow2"].clone()),
    ]
}

pub(crate) fn package(members: &[Member]) -> Package {
    Package::new("web-1.box", tar(members))
}
