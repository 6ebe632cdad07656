use super::Case;
use crate::support::Package;
use crate::support::gce::{archive, member, with};
use crate::support::ova::Member;
use crate::support::packed::gzip;

pub(super) fn cases() -> Vec<Case> {
    let changed = |at: usize, value: &[u8]| archive(&with(at, value));
    let packed = |bytes: &[u8]| Package::new("disk.tar.gz", gzip(bytes));
    let behind = [&member()[..], &Member::new("notes", "text").to_tar()].concat();
    let mut pax = Member::new("pax", "19 path=folder.raw\n").of_kind(b'x').to_tar();
    pax.truncate(1024);
    let pax = [&pax[..], &member()].concat();
    vec![
        Case::new("gce-gzip", Package::new("disk.tar", [&member()[..], &[0; 1024]].concat())),
        Case::new("gce-truncated", packed(&member()[..1200])),
        Case::new("gce-header-checksum", {
            let mut second = Member::new("notes", "").to_tar();
            second[0] = b'k';
            archive(&[&member()[..], &second].concat())
        }),
        Case::new("gce-end-blocks", packed(&member())),
        Case::new("gce-end-blocks", packed(&[&member()[..], &[0; 512]].concat())),
        Case::new("gce-end-blocks", archive(&[&member()[..], &[0; 1024], b"more", &[0; 508]].concat())),
        Case::new("gce-tar-format", changed(257, b"ustar\x0000")),
        Case::new("gce-tar-format", archive(&pax)).also(&["gce-member-name"]),
        Case::new("gce-member-name", changed(0, b"disk.img")),
        Case::new("gce-member-name", changed(0, b"./disk.raw")),
        Case::new("gce-single-member", archive(&behind)),
        Case::new("gce-member-type", changed(156, b"2")),
        Case::new("gce-sparse-map", changed(410, b"10000000000\0")),
        Case::new("gce-sparse-map", changed(410, b"00000000100\0")),
        Case::new("gce-sparse-map", changed(422, b"00000000400\0")),
        Case::new("gce-sparse-map", changed(410, b"elsewhere")),
        Case::new("gce-number", changed(124, b"many")),
        Case::new("gce-number", changed(483, b"large")),
        Case::new("gce-disk-size", changed(483, b"10000001000\0")),
        Case::new(
            "gce-disk-size",
            archive(&Member { is_gnu: true, ..Member::new("disk.raw", boot()) }.to_tar()),
        ),
        Case::new("gce-boot-record", changed(512 + 510, &[0])),
    ]
}

fn boot() -> Vec<u8> {
    [&[0; 510][..], &[0x55, 0xaa]].concat()
}
