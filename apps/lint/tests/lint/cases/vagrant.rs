use super::Case;
use crate::support::Package;
use crate::support::ova::{Member, sealed, tar};
use crate::support::packed::gzip;
use crate::support::vagrant::{LIBVIRT, libvirt, package, virtualbox};
use crate::support::{qcow2, text};

pub(super) fn cases() -> Vec<Case> {
    [archives(), documents(), machines()].into_iter().flatten().collect()
}

/// The box for VirtualBox with its files changed.
fn changed(change: impl FnOnce(&mut Vec<Member>)) -> Package {
    let mut members = virtualbox();
    change(&mut members);
    package(&members)
}

/// The box for libvirt with other metadata.
fn described(metadata: &str) -> Package {
    let mut members = libvirt();
    members[0] = Member::new("metadata.json", metadata);
    package(&members)
}

fn archives() -> Vec<Case> {
    let bytes = |change: fn(&mut Vec<u8>)| {
        let mut bytes = tar(&libvirt());
        change(&mut bytes);
        Package::new("web-1.box", bytes)
    };
    vec![
        Case::new("box-truncated", bytes(|bytes| bytes.truncate(bytes.len() - 2048))).also(&["box-image"]),
        Case::new("box-header-checksum", bytes(|bytes| bytes[1024] ^= 1)).also(&["box-image"]),
        Case::new(
            "box-number",
            bytes(|bytes| {
                let member = with_fields(bytes.split_off(1024), &[(124, "large\0\0\0\0\0\0\0")]);
                bytes.extend(member);
            }),
        )
        .also(&["box-image"]),
        // Headers before a member that say nothing, no number, or more than is read.
        Case::new("box-number", ahead("pax")),
        Case::new("box-number", ahead("13 size=some\n")),
        Case::new("box-number", ahead("26 GNU.sparse.realsize=-1\n")),
        Case::new("box-number", ahead(&format!("{} comment={}\n", (1 << 20) + 17, "n".repeat(1 << 20)))),
        // Parts of more bytes than are stored, and one outside of the file: what it holds cannot be read.
        Case::new("box-number", sparse("00000010000", "00000010000")).also(&["box-metadata"]),
        Case::new("box-number", sparse("00000010000", "00000000777")).also(&["box-metadata"]),
        // Of fewer bytes than are stored: the file can be read.
        Case::new("box-number", sparse("00000000400", "00000000400")),
        Case::new("box-end-blocks", bytes(|bytes| bytes.truncate(bytes.len() - 512))),
        Case::new("box-end-blocks", bytes(|bytes| bytes.extend([1; 512]))),
        Case::new("box-member-name", changed(|members| members.push(Member::new("../outside", "")))),
        Case::new("box-member-name", changed(|members| members.push(Member::new("/outside", "")))),
        Case::new(
            "box-duplicate-member",
            changed(|members| members.push(Member::new("Vagrantfile", members[0].bytes.clone()))),
        ),
    ]
}

/// The box for VirtualBox with its metadata in a sparse member of 512 bytes that are stored: bytes of its one part and of
/// the file, in octal.
fn sparse(part: &str, size: &str) -> Package {
    let mut text = b"{\"provider\": \"virtualbox\"}".to_vec();
    text.resize(512, b' ');
    let mut members = virtualbox();
    members.pop();
    let mut bytes = tar(&members);
    bytes.truncate(bytes.len() - 1024);
    let member = Member { is_gnu: true, ..Member::new("./metadata.json", text) }.of_kind(b'S').to_tar();
    let fields = [(386, "00000000000"), (398, part), (483, size)];
    bytes.extend(with_fields(member, &fields));
    bytes.resize(bytes.len() + 1024, 0);
    Package::new("web-1.box", bytes)
}

/// A member with texts put into its header, and with a checksum that is true.
fn with_fields(mut member: Vec<u8>, fields: &[(usize, &str)]) -> Vec<u8> {
    for (at, value) in fields {
        member[*at..at + value.len()].copy_from_slice(value.as_bytes());
    }
    sealed(member)
}

/// The box for VirtualBox with a pax header before a file that is not needed.
fn ahead(records: &str) -> Package {
    changed(|members| {
        members.push(Member::new("pax", records).of_kind(b'x'));
        members.push(Member::new("notes", "text"));
    })
}

fn documents() -> Vec<Case> {
    vec![
        Case::new("box-metadata", changed(|members| drop(members.pop()))),
        Case::new("box-metadata", described("{\"provider\": ")),
        Case::new("box-metadata", described("[]")),
        Case::new("box-metadata", described("\u{1}")),
        Case::new("box-provider", described("{}")),
        Case::new("box-provider", described("{\"provider\": 7}")),
        Case::new("box-unknown-provider", described("{\"provider\": \"hyperv\"}")),
        Case::new("box-image-format", described(&LIBVIRT.replace("qcow2", "raw"))),
        Case::new("box-virtual-size", described(&LIBVIRT.replace(": 1}", ": 0}"))),
        Case::new("box-virtual-size", described(&LIBVIRT.replace(": 1}", ": \"1\"}"))),
        Case::new(
            "box-image",
            described("{\"provider\": \"libvirt\", \"disks\": [{\"path\": \"lost.img\"}]}"),
        ),
        Case::new("box-image", described("{\"provider\": \"libvirt\", \"disks\": [{\"name\": \"first\"}]}")),
    ]
}

fn machines() -> Vec<Case> {
    let mut other = libvirt();
    other[1].bytes = vec![0; 4096];
    let mut large = libvirt();
    large[1].bytes[24..32].copy_from_slice(&(3_u64 << 30).to_be_bytes());
    vec![
        Case::new("box-ovf", changed(|members| drop(members.remove(1)))),
        Case::new("box-base-mac", changed(|members| drop(members.remove(0)))),
        Case::new(
            "box-base-mac",
            changed(|members| members[0].bytes = b"# config.vm.base_mac = \"080027ABCDEF\"".into()),
        ),
        Case::new(
            "box-base-mac",
            changed(|members| members[0].bytes = b"config.vm.base_mac = '08:00:27'".into()),
        ),
        Case::new("box-image", package(&libvirt()[..1])),
        Case::new("box-image-format", package(&other)),
        Case::new("box-virtual-size", Package::new("web-1.box", gzip(&tar(&large))))
            .also(&["qcow2-l1-table"]),
        // What is in the box is looked at as if it stood alone.
        Case::new("qcow2-backing-file", {
            let mut members = libvirt();
            members[1].bytes = qcow2::deflate().patched(15, &[1]).files["disk.qcow2"].clone();
            package(&members)
        }),
        Case::new(
            "ovf-parent",
            changed(|members| {
                let text = text::ovf_text().replace("<rasd:Parent>3<", "<rasd:Parent>9<");
                members[1].bytes = text.into_bytes();
            }),
        ),
    ]
}
