use super::Case;
use crate::support::Package;
use crate::support::ova::{Member, manifest, members, ova, tar};
use crate::support::text::ovf_text;

pub(super) fn cases() -> Vec<Case> {
    [archives(), orders(), manifests()].into_iter().flatten().collect()
}

/// The archive with its members changed.
fn changed(change: impl FnOnce(&mut Vec<Member>)) -> Package {
    let mut members = members();
    change(&mut members);
    ova(&members)
}

/// The archive with other bytes around its members.
fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> Package {
    let mut bytes = tar(&members());
    change(&mut bytes);
    Package::new("img.ova", bytes)
}

/// A member of another kind behind the last; readers that do not know it find it unlisted at most.
fn with(name: &str, kind: u8) -> Package {
    changed(|members| members.insert(2, Member::new(name, "").of_kind(kind)))
}

fn archives() -> Vec<Case> {
    let mut binary = vec![0x80; 1];
    binary.extend([0; 3]);
    binary.extend((ovf_text().len() as u64).to_be_bytes());
    vec![
        Case::new("ova-truncated", bytes(|bytes| bytes.truncate(bytes.len() - 2048)))
            .also(&["ovf-file-missing", "manifest-missing-file"]),
        Case::new("ova-header-checksum", bytes(|bytes| bytes[150] ^= 1)).also(&["ova-ovf-first"]),
        Case::new("ova-end-blocks", bytes(|bytes| bytes.truncate(bytes.len() - 512))),
        Case::new("ova-end-blocks", bytes(|bytes| bytes.truncate(bytes.len() - 1024))),
        Case::new("ova-end-blocks", bytes(|bytes| bytes.extend(b"more".iter().chain(&[0; 508])))),
        Case::new("ova-pax-header", with("pax", b'x')),
        Case::new("ova-sparse-member", with("sparse", b'S')),
        Case::new("ova-member-type", with("folder", b'5')),
        Case::new("ova-member-type", with("././@LongLink", b'L')),
        Case::new("ova-flat-names", with("folder/file", b'0')),
        Case::new("ova-flat-names", with("./file", b'0')).also(&[]),
        Case::new("ova-size-encoding", changed(|members| members[0].size = Some(binary))),
        Case::new(
            "ova-size-encoding",
            bytes(|bytes| {
                bytes[124..136].copy_from_slice(b"100000000000");
                let sum: u32 = bytes[..148].iter().chain(&bytes[156..512]).map(|byte| u32::from(*byte)).sum();
                bytes[148..155].copy_from_slice(format!("{:06o}\0", sum + 256).as_bytes());
            }),
        )
        .also(&["ova-truncated", "ova-ovf-first"]),
        Case::new("ova-duplicate-member", with("disk.vmdk", b'0')).also(&[
            "manifest-digest",
            "ovf-disk-content",
            "ovf-file-size",
        ]),
    ]
}

fn orders() -> Vec<Case> {
    let two_files = || {
        let extra = "<File ovf:href=\"disk.vmdk\"";
        let text =
            ovf_text().replace(extra, &format!("<File ovf:href=\"notes\" ovf:id=\"file0\"/>\n    {extra}"));
        let disk = members()[2].bytes.clone();
        let files: [(&str, &[u8]); 3] = [("img.ovf", text.as_bytes()), ("notes", b"x"), ("disk.vmdk", &disk)];
        let manifest = manifest(&files);
        vec![
            Member::new("img.ovf", text.as_str()),
            Member::new("img.mf", manifest),
            Member::new("disk.vmdk", disk),
            Member::new("notes", "x"),
        ]
    };
    let mut between = two_files();
    between.swap(2, 3);
    between.swap(1, 2);
    vec![
        Case::new("ova-ovf-first", changed(|members| members.rotate_left(2))),
        Case::new(
            "ova-ovf-first",
            changed(|members| {
                members.remove(0);
            }),
        ),
        Case::new("ova-one-descriptor", with("second.ovf", b'0')),
        Case::new("ova-manifest-place", ova(&between)),
        Case::new("ova-member-order", ova(&two_files())),
        Case::new("ova-base-name", changed(|members| members[1].name = "other.mf".to_owned())),
    ]
}

fn manifests() -> Vec<Case> {
    let text = |from: &str, to: &str| {
        changed(|members| {
            let text = String::from_utf8(members[1].bytes.clone()).unwrap();
            assert!(text.contains(from));
            members[1].bytes = text.replace(from, to).into_bytes();
        })
    };
    let added = |line: &str| changed(|members| members[1].bytes.extend(line.as_bytes()));
    let digest = "0".repeat(64);
    vec![
        Case::new("manifest-syntax", text("SHA256(", "SHA256 (")),
        Case::new("manifest-syntax", text(")= ", ") = ")),
        Case::new("manifest-syntax", added("nonsense\n")),
        Case::new("manifest-algorithm", text("SHA256(img", "SHA2-256(img")).also(&["manifest-unlisted-file"]),
        Case::new("manifest-algorithm", added("MD5(img.ovf)= 00\n")),
        Case::new("manifest-self-listed", added(&format!("SHA256(img.mf)= {digest}\n"))),
        Case::new("manifest-missing-file", added(&format!("SHA256(lost)= {digest}\n"))),
        Case::new("manifest-duplicate", added(&format!("SHA256(img.ovf)= {digest}\n"))),
        Case::new(
            "manifest-unlisted-file",
            changed(|members| {
                let text = String::from_utf8(members[1].bytes.clone()).unwrap();
                members[1].bytes = text.lines().next().unwrap().into();
            }),
        ),
        Case::new("manifest-digest", changed(|members| members[0].bytes.push(b'\n'))),
        Case::new("manifest-digest", beside()),
    ]
}

/// A manifest beside a descriptor that is not in an archive.
fn beside() -> Package {
    let [descriptor, manifest, disk] = members().try_into().unwrap();
    Package::new("img.ovf", [&descriptor.bytes[..], b"\n"].concat())
        .with("img.mf", manifest.bytes)
        .with("disk.vmdk", disk.bytes)
}
