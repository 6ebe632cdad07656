//! Valid files, cut anywhere and with every field set to extremes: findings or an error, never a panic.

use diskwright_core::ReadAt;
use diskwright_lint::{Alone, Kind, lint_source};

use crate::support::{Package, broken, ova, packed, text, vagrant, valid, vhd, vhdx, vmdk};

#[test]
fn valid_files_of_every_kind_have_no_findings() {
    for package in valid() {
        let report = package.lint();
        // Few readers have zstd, Azure takes neither dynamic disks nor small ones: which the image cannot help.
        let known = ["qcow2-zstd", "vhd-azure-type", "vhd-azure-minimum"];
        let is_clean = report.findings.iter().all(|finding| known.contains(&finding.rule.id));
        assert!(is_clean, "{}: {:#?}", package.main, report.findings);
    }
}

#[test]
fn a_content_id_without_leading_zeros_is_clean() {
    for package in valid() {
        let Some(text) = package.files.get(&package.main).filter(|file| file.starts_with(b"# Disk")) else {
            continue;
        };
        let text = String::from_utf8(text.clone()).unwrap();
        let mut short = package.clone();
        short.files.insert(package.main.clone(), text.replace("CID=1a2b3c4d", "CID=a2b3c4d").into_bytes());
        assert_ne!(short.files, package.files);
        assert_eq!(broken(&short.lint()), broken(&package.lint()), "{}", package.main);
        return;
    }
    panic!("no descriptor among the valid files");
}

#[test]
fn a_file_cut_at_any_length_is_reported_or_refused() {
    for package in small() {
        let whole = &package.files[&package.main];
        for len in lengths(whole.len()) {
            let mut cut = package.clone();
            cut.files.insert(package.main.clone(), whole[..len].to_vec());
            let Ok(report) = cut.try_lint() else { continue };
            let rest = &whole[len..];
            // Texts may lose their last line end, and images zeros that nobody misses.
            let is_harmless = rest.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace());
            let is_line = std::str::from_utf8(&whole[..len])
                .is_ok_and(|text| package.main.ends_with("vmx") || text.contains("DescriptorFile"));
            assert!(
                is_harmless || is_line || !report.findings.is_empty(),
                "{} cut to {len} of {} bytes is found clean",
                package.main,
                whole.len()
            );
        }
    }
}

/// The valid files of which a thousand copies are made at once.
fn small() -> impl Iterator<Item = Package> {
    valid().into_iter().filter(|package| package.files[&package.main].len() < 3 << 20)
}

/// Every length within headers, texts and first tables and at the end; of the long data between, every 509th.
fn lengths(len: usize) -> impl Iterator<Item = usize> {
    let dense = len.min(6 * 1024);
    (0..dense).chain((dense..len).step_by(509)).chain(len.saturating_sub(1100)..len)
}

#[test]
fn fields_set_to_extremes_never_panic() {
    for package in small() {
        let len = package.files[&package.main].len().min(3 * 4096);
        for at in (0..len.saturating_sub(8)).step_by(4) {
            // Long texts and descriptors change nothing from here on.
            if at > 1600 && at % 64 != 0 {
                continue;
            }
            for value in [[0_u8; 8], [0xff; 8], [0x7f; 8], 1_u64.to_le_bytes(), (1_u64 << 63).to_be_bytes()] {
                for width in [4, 8] {
                    let _ = package.clone().patched(at, &value[..width]).try_lint();
                }
            }
        }
    }
}

#[test]
fn tables_set_to_extremes_never_panic() {
    for package in small() {
        let len = package.files[&package.main].len();
        let step = (len / 400).max(4) & !3;
        for at in (0..len.saturating_sub(8)).step_by(step) {
            for value in [[0xff_u8; 8], [0x40, 0, 0, 0, 0, 0, 0, 0xff], [0; 8]] {
                let _ = package.clone().patched(at, &value).try_lint();
            }
        }
    }
}

/// Where something stands in a VHDX, between its large gaps.
const IN_VHDX: [(usize, usize); 7] = [
    (vhdx::HEADERS[0], 80),
    (vhdx::HEADERS[1], 80),
    (vhdx::REGIONS[0], 96),
    (vhdx::REGIONS[1], 96),
    (vhdx::METADATA, 200),
    (vhdx::ITEMS, 48),
    (vhdx::TABLE, 32),
];

#[test]
fn fields_of_a_vhdx_set_to_extremes_never_panic() {
    for (start, len) in IN_VHDX {
        for at in (start..start + len).step_by(4) {
            for value in [[0_u8; 8], [0xff; 8], [0x7f; 8], (1_u64 << 63).to_be_bytes()] {
                for width in [4, 8] {
                    // With checksums that are true, and with those that were.
                    let _ = vhdx::with(&[(at, &value[..width])]).try_lint();
                    let _ = vhdx::dynamic().patched(at, &value[..width]).try_lint();
                }
            }
        }
    }
}

#[test]
fn a_vhdx_cut_anywhere_is_reported() {
    let whole = vhdx::dynamic();
    let len = whole.files["disk.vhdx"].len();
    let starts = IN_VHDX.iter().flat_map(|(start, len)| [*start, start + 1, start + len]);
    for len in starts.chain([8, 100, vhdx::BLOCK, vhdx::BLOCK + 4097, len - 1]) {
        let mut cut = whole.clone();
        cut.files.get_mut("disk.vhdx").unwrap().truncate(len);
        assert!(cut.lint().has_errors(), "cut to {len} bytes it is found clean");
    }
}

#[test]
fn a_vhdx_with_items_that_are_empty_or_of_a_user_is_clean() {
    let entry = |id: &[u8], offset: u32, len: u32| {
        [id, &offset.to_le_bytes(), &len.to_le_bytes(), &1_u32.to_le_bytes(), &[0; 4]].concat()
    };
    // A user's item may have the id of one of the system, be it that of a parent.
    let disk_size = vhdx::dynamic().files["disk.vhdx"][vhdx::METADATA + 64..][..16].to_vec();
    let items = [entry(&[9; 16], 0, 0), entry(&disk_size, 65_600, 4), entry(&vhdx::PARENT, 65_600, 4)];
    let disk = vhdx::with(&[(vhdx::METADATA + 10, &[8]), (vhdx::METADATA + 192, &items.concat())]);
    assert_eq!(broken(&disk.lint()), [""; 0]);
}

#[test]
fn a_vhdx_with_one_valid_header_can_be_read() {
    let [first, second] = vhdx::HEADERS;
    for damage in [(first, b"k"), (second, b"k"), (first + 4, b"k"), (second + 4, b"k")] {
        let report = vhdx::dynamic().patched(damage.0, damage.1).lint();
        assert!(!report.has_errors() && !report.findings.is_empty(), "{:?}", report.findings);
    }
}

#[test]
fn a_fixed_vhd_of_whole_mib_is_clean_packed_or_not() {
    let disk = vhd::fixed(20 << 20);
    assert_eq!(broken(&disk.lint()), [""; 0]);
    let bytes = &disk.files["disk.vhd"];
    let packed = [packed::gzip(&bytes[..5 << 20]), packed::gzip(&bytes[5 << 20..])].concat();
    for packed in [packed, packed::zstd(bytes)] {
        let report = Package::new("disk.vhd.gz", packed).lint();
        assert_eq!((report.kind, broken(&report)), (Kind::Vhd, vec![]));
    }
    let report = Package::new("disk.vhdx.gz", packed::gzip(&vhdx::dynamic().files["disk.vhdx"])).lint();
    assert_eq!((report.kind, broken(&report)), (Kind::Vhdx, vec![]));
}

#[test]
fn what_is_packed_and_damaged_is_not_looked_into() {
    let mut bytes = packed::gzip(&vhd::dynamic().files["disk.vhd"]);
    bytes.truncate(bytes.len() - 20);
    let report = Package::new("disk.vhd.gz", bytes).lint();
    assert_eq!((report.kind, broken(&report)), (Kind::Vhd, vec!["gzip-truncated"]));
}

#[test]
fn a_box_is_clean_packed_or_not() {
    for members in [vagrant::virtualbox(), vagrant::libvirt()] {
        let packed = Package::new("web-1.box", packed::gzip(&ova::tar(&members)));
        for package in [vagrant::package(&members), packed] {
            let report = package.lint();
            assert_eq!((report.kind, broken(&report)), (Kind::Vagrant, vec![]));
        }
    }
}

#[test]
fn a_packed_box_with_a_long_disk_is_clean_though_its_tables_stand_far_from_their_directory() {
    // More tables than the box may be unpacked for, all of them more than 16 MiB before the end.
    let (disk, directory, size) = vmdk::long_stream(80, 280);
    let mut members = vagrant::virtualbox();
    members[1].bytes = text::ovf_text_of(disk.len(), size).into_bytes();
    members[2].bytes = disk;
    let plain = ova::tar(&members);
    // A table that is said where another one stands is found, packed or not.
    members[2].bytes.copy_within(directory..directory + 4, directory + 4);
    let wrong = ova::tar(&members);
    for (bytes, found) in [(plain, vec![]), (wrong, vec!["vmdk-table-entry"])] {
        let packed = packed::gzip_stored(&bytes);
        for package in [Package::new("web-1.box", bytes), Package::new("web-1.box", packed)] {
            assert_eq!(broken(&package.lint()), found);
        }
    }
}

#[test]
fn deep_and_wide_documents_are_refused() {
    let deep = format!("<Envelope>{}", "<a>".repeat(100_000));
    assert_eq!(broken(&Package::new("x.ovf", deep).lint()), ["ovf-well-formed"]);
    let wide = format!("<Envelope>{}</Envelope>", "<a/>".repeat(100_000));
    assert_eq!(broken(&Package::new("x.ovf", wide).lint()), ["ovf-well-formed"]);
}

#[test]
fn a_sparse_vmdk_whose_tables_stand_in_any_order_or_share_one_of_nothing_is_clean() {
    // A disk of four tables, of which one is absent.
    let sectors = 4 * vmdk::TABLE_SECTORS;
    for (redundant, tables) in [([40, 0, 22, 50], [36, 0, 27, 32]), ([40, 0, 22, 40], [60, 0, 27, 36])] {
        assert_eq!(broken(&vmdk::sparse_of(sectors, &redundant, &tables).lint()), [""; 0]);
    }
}

#[test]
fn a_box_is_one_wherever_its_files_stand_and_one_of_too_many_members_is_said_to_be() {
    let others = |count: usize| (0..count).map(|number| ova::Member::new(&format!("{number}"), ""));
    let report = vagrant::package(&others(70).chain(vagrant::libvirt()).collect::<Vec<_>>()).lint();
    assert_eq!((report.kind, broken(&report)), (Kind::Vagrant, vec![]));
    for (count, found) in [(9_996, vec![]), (9_997, vec!["box-truncated"])] {
        let members: Vec<_> = vagrant::virtualbox().into_iter().chain(others(count)).collect();
        assert_eq!(broken(&vagrant::package(&members).lint()), found, "{count} other members");
    }
}

/// An archive with 9 GiB of nothing in a member, which is not in memory.
struct Large {
    start: Vec<u8>,
    size: u64,
}

impl ReadAt for Large {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        let start = usize::try_from(offset).unwrap().min(self.start.len());
        let stored = &self.start[start..(start + buf.len()).min(self.start.len())];
        buf.fill(0);
        buf[..stored.len()].copy_from_slice(stored);
        Ok(())
    }
}

#[test]
fn a_member_of_more_than_8_gib_is_read_as_gnu_writes_it() {
    const NINE_GIB: u64 = 9 << 30;
    let large = |is_gnu: bool| {
        let mut member = ova::Member::new("notes", "");
        member.size = Some([&[0x80, 0, 0, 0], &NINE_GIB.to_be_bytes()[..]].concat());
        member.is_gnu = is_gnu;
        let mut start: Vec<u8> = ova::members().iter().flat_map(ova::Member::to_tar).collect();
        start.extend(member.to_tar());
        let size = start.len() as u64 + NINE_GIB + 1024;
        broken(&lint_source("img.ova", &Large { start, size }, &Alone).unwrap())
    };
    assert_eq!(large(true), [""; 0]);
    assert_eq!(large(false), ["ova-size-encoding"]);
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(directory.path().join("disk.vmdk"), b"KDMV").unwrap();
    let machine = text::vmx().edited("\"disk.vmdk\"", "\"../disk.vmdk\"");
    let path = inner.join("img.vmx");
    std::fs::write(&path, &machine.files["img.vmx"]).unwrap();
    assert_eq!(broken(&diskwright_lint::lint(&path).unwrap()), ["vmx-disk-file"]);
}

#[test]
fn an_unknown_file_is_an_error_that_says_what_was_seen() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "an empty file"),
        (b"\xfd7zXZ\0", "an xz stream"),
        (b"<?xml version=\"1.0\"?><!-- <x> --><domain type='kvm'>", "an XML document with the root domain"),
        (b"hello\nworld", "text that begins with \"hello\""),
        (&[0, 1, 2, 255], "a file that begins with [00, 01, 02, ff]"),
    ];
    for (bytes, seen) in cases {
        let error = Package::new("x.ova", bytes).try_lint().unwrap_err();
        assert_eq!(error.kind(), diskwright_core::ErrorKind::Unsupported);
        assert!(error.to_string().contains(seen), "{error}");
    }
}
