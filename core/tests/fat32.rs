//! FAT32 file systems, judged by fsck.fat and read back by mtools.

mod disk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use disk::{Image, MemorySource, empty_tree, run, tree_of};
use diskwright_core::filesystem::fat32::{
    Fat32Content, Fat32File, Fat32Options, Fat32Plan, files_of, minimum_size,
};
use diskwright_core::layout::LayoutBuilder;
use diskwright_core::partition::SectorSize;
use diskwright_core::scan::{Attributes, DeviceNumber, Entry, EntryObject, SourceContent};
use diskwright_core::tree::{FileTree, Findings, NodeId, Strictness, TreeView};
use diskwright_core::{ErrorKind, Timestamp};
use diskwright_oracle::tool;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn options() -> Fat32Options {
    Fat32Options {
        label: "ESP".into(),
        volume_id: 0x1234_abcd,
        created: Timestamp::from_seconds(1_700_000_000),
        sector_size: SectorSize::Bytes512,
        hidden_sectors: 2048,
    }
}

fn file(path: &str, content: impl Into<Arc<[u8]>>) -> Fat32File {
    named(path.split('/').map(str::to_owned).collect(), Fat32Content::Bytes(content.into()))
}

fn named(path: Vec<String>, content: Fat32Content) -> Fat32File {
    Fat32File { path, content, modified: Timestamp::from_seconds(1_600_000_000) }
}

fn image(files: &[Fat32File], options: &Fat32Options, size: u64) -> Image {
    image_with(empty_tree(), files, options, size)
}

fn image_with(tree: Arc<FileTree>, files: &[Fat32File], options: &Fat32Options, size: u64) -> Image {
    let plan = Fat32Plan::new(files.to_vec(), options, size).unwrap();
    Image::of(tree, size, |builder| plan.append(builder))
}

/// fsck.fat says its version and the count of files, and nothing else.
fn assert_sound(image: &Path) {
    let Some(fsck) = tool("fsck.fat") else { return };
    let image = image.to_str().unwrap();
    let shown = run(&fsck, &["-n", image]);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.ends_with(" clusters\n"), "{shown}");
    run(&fsck, &["-nv", image]);
}

#[test]
fn fsck_finds_damage() {
    let Some(fsck) = tool("fsck.fat") else { return };
    // Free count, second table, name of the first long entry's slot.
    for offset in [512 + 0x1e8, (38 + 1009) * 512 + 12, (38 + 2 * 1009) * 512 + 32 + 13] {
        let image = image(&[file("a long name", *b"x")], &options(), 64 * MIB);
        assert_sound(&image.path);
        image.damage(offset);
        let output = disk::run_unchecked(&fsck, &["-n", image.path.to_str().unwrap()]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.lines().count() > 2, "byte {offset:#x}: {shown}");
    }
}

/// What mtools copies out of a file system: files with their content, directories with `None`.
fn copied_out(image: &Image) -> Option<BTreeMap<String, Option<Vec<u8>>>> {
    let mcopy = tool("mcopy")?;
    let folder = image.folder("out");
    let source = image.path.to_str().unwrap();
    // mtools says so when there is nothing to copy: that is no error here.
    disk::run_unchecked(&mcopy, &["-s", "-n", "-m", "-i", source, "::*", folder.to_str().unwrap()]);
    let mut found = BTreeMap::new();
    let mut left = vec![(folder, String::new())];
    while let Some((folder, prefix)) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                left.push((entry.path(), format!("{path}/")));
                found.insert(path, None);
            } else {
                found.insert(path, Some(std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    Some(found)
}

/// What should come out.
fn expected(files: &[Fat32File]) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut expected = BTreeMap::new();
    for file in files {
        for depth in 1..file.path.len() {
            expected.insert(file.path[..depth].join("/"), None);
        }
        let content = match &file.content {
            Fat32Content::Bytes(bytes) => Some(bytes.to_vec()),
            Fat32Content::Directory => None,
            Fat32Content::File { .. } => panic!("tests give bytes"),
        };
        expected.insert(file.path.join("/"), content);
    }
    expected
}

fn assert_comes_back(files: &[Fat32File], options: &Fat32Options, size: u64) {
    let image = image(files, options, size);
    assert_sound(&image.path);
    // mtools knows no names beyond the basic plane.
    let is_basic = |file: &Fat32File| file.path.iter().flat_map(|name| name.chars()).all(|c| c <= '\u{ffff}');
    if files.iter().all(is_basic)
        && let Some(found) = copied_out(&image)
    {
        assert_eq!(found, expected(files));
    }
    if size < 80 * MIB {
        let found = disk::fat::read(&std::fs::read(&image.path).unwrap());
        let found: BTreeMap<_, _> = found.into_iter().map(|(path, found)| (path, found.content)).collect();
        assert_eq!(found, expected(files));
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn tricky_files() -> Vec<Fat32File> {
    let mut files: Vec<Fat32File> = [
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/BOOT/grubx64.efi",
        "EFI/debian/shimx64.efi",
        "EFI/debian/grub.cfg",
        "loader/entries/4a0b-6.1.0-13-amd64.conf",
        "loader/loader.conf",
        "exactly13char",
        "long name with ünïcode 日本語 and dots.in.it.txt",
        "long name with ünïcode 日本語 and dots.in.it.txu",
        "ReadMe.txt",
        ".hidden",
        " leading space",
        "+,;=[]",
        "FOO~1.TXT",
        "foo bar.txt",
        "~",
        "cl\u{1f4be}ver \u{10000}\u{10ffff}",
    ]
    .into_iter()
    .map(|path| file(path, pattern(path.len() * 97)))
    .collect();
    for size in [0, 1, 511, 512, 513, 4095, 4096, 4097, 300_000] {
        files.push(file(&format!("sizes/{size}"), pattern(size)));
    }
    files.push(file(&format!("long/{}", "é".repeat(127)), *b"255 bytes as UTF-8"));
    files.push(file(&format!("long/{}", "x".repeat(255)), *b"255 units"));
    files.push(named(vec!["empty".into()], Fat32Content::Directory));
    let deep: Vec<String> = (0..40).map(|depth| format!("d{depth}")).collect();
    files.push(named(deep, Fat32Content::Bytes(Arc::from(*b"deep"))));
    files
}

#[test]
fn names_and_contents_come_back_for_each_cluster_and_sector_size() {
    for size in [33, 64, 260, 261, 512, 9000] {
        assert_comes_back(&tricky_files(), &options(), size * MIB);
    }
    let large = Fat32Options { sector_size: SectorSize::Bytes4096, hidden_sectors: 256, ..options() };
    for size in [257, 1024, 9000] {
        assert_comes_back(&tricky_files(), &large, size * MIB);
    }
}

#[test]
fn a_file_system_with_nothing_is_sound() {
    assert_comes_back(&[], &options(), 33 * MIB);
    assert_comes_back(&[], &Fat32Options { label: String::new(), ..options() }, 33 * MIB);
}

#[test]
fn times_are_kept_in_utc() {
    let mut files = vec![file("dir/file.txt", *b"x"), file("odd", *b"y")];
    files[1].modified = Timestamp { seconds: 1_600_000_001, nanos: 990_000_000 };
    let image = image(&files, &options(), 33 * MIB);
    let found = disk::fat::read(&std::fs::read(&image.path).unwrap());
    // 2023-11-14 22:13:20 and 2020-09-13 12:26:40.
    let created = ((43 << 9 | 11 << 5 | 14), (22 << 11 | 13 << 5 | 10));
    let modified = ((40 << 9 | 9 << 5 | 13), (12 << 11 | 26 << 5 | 20));
    let written = (0, created.1, created.0, modified.0, modified.1, modified.0);
    assert_eq!(found["dir/file.txt"].times, written);
    assert_eq!(found["odd"].times, written);
    assert_eq!(found["dir"].times, (0, created.1, created.0, created.0, created.1, created.0));
}

#[test]
fn the_boot_sector_says_what_was_asked_for() {
    let image = image(&tricky_files(), &options(), 64 * MIB);
    let path = image.path.to_str().unwrap();
    if let Some(minfo) = tool("minfo") {
        let shown = run(&minfo, &["-i", path, "::"]);
        for line in [
            "banner:\"MSWIN4.1\"",
            "sector size: 512 bytes",
            "cluster size: 1 sectors",
            "reserved (boot) sectors: 38",
            "fats: 2",
            "hidden sectors: 2048",
            "big size: 131072 sectors",
            "serial number: 1234ABCD",
            "disk label=\"ESP        \"",
            "disk type=\"FAT32   \"",
            "backup boot sector=6",
        ] {
            assert!(shown.contains(line), "{line}: {shown}");
        }
    }
    if let Some(blkid) = tool("blkid") {
        let shown = run(&blkid, &["-p", "-o", "export", path]);
        for line in ["LABEL=ESP\n", "UUID=1234-ABCD\n", "VERSION=FAT32\n", "TYPE=vfat\n"] {
            assert!(shown.contains(line), "{line}: {shown}");
        }
    }
}

#[test]
fn case_flags_and_aliases_are_as_mtools_shows_them() {
    let Some(mdir) = tool("mdir") else { return };
    let files: Vec<Fat32File> = [
        "lower.txt",
        "UPPER.TXT",
        "base.UPP",
        "UPP.ext",
        "Mixed.Txt",
        "a long name.text",
        "a long name.texts",
    ]
    .into_iter()
    .map(|name| file(name, *b""))
    .collect();
    let image = image(&files, &options(), 33 * MIB);
    let shown = run(&mdir, &["-i", image.path.to_str().unwrap(), "::"]);
    // 1 600 000 000 is 2020-09-13 12:26:40 UTC.
    for line in [
        "lower    txt         0 2020-09-13  12:26 \n",
        "UPPER    TXT         0 2020-09-13  12:26 \n",
        "base     UPP ",
        "UPP      ext ",
        "MIXED    TXT         0 2020-09-13  12:26  Mixed.Txt\n",
        "ALONGN~1 TEX         0 2020-09-13  12:26  a long name.text\n",
        "ALONGN~2 TEX         0 2020-09-13  12:26  a long name.texts\n",
        " Volume in drive : is ESP",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn a_file_system_of_least_size_is_full_and_sound_and_a_mib_less_does_not_fit() {
    for (count, each) in [(3, 20 * MIB), (3, 100 * MIB), (70_000 / 512, 512 * 512)] {
        let bytes: Arc<[u8]> = vec![1; each as usize].into();
        let files: Vec<Fat32File> =
            (0..count).map(|number| file(&format!("file {number}"), Arc::clone(&bytes))).collect();
        let size = minimum_size(&files, &options()).unwrap();
        assert_comes_back(&files, &options(), size);
        let error = Fat32Plan::new(files, &options(), size - MIB).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DoesNotFit);
    }
    assert_eq!(minimum_size(&[], &options()).unwrap(), 33 * MIB);
}

#[test]
fn the_last_free_cluster_can_be_used() {
    let plan = Fat32Plan::new(Vec::new(), &options(), 33 * MIB).unwrap();
    let free = plan.free_bytes() as usize;
    let full = vec![file("full", vec![7; free])];
    assert_eq!(Fat32Plan::new(full.clone(), &options(), 33 * MIB).unwrap().free_bytes(), 0);
    assert_comes_back(&full, &options(), 33 * MIB);
    let error = Fat32Plan::new(vec![file("full", vec![7; free + 1])], &options(), 33 * MIB).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DoesNotFit);
    let text = format!("{error}");
    assert!(text.starts_with("the files need 66513 clusters of 512 bytes"), "{text}");
}

#[test]
fn thousands_of_names_with_one_stem_get_aliases_of_their_own() {
    let files: Vec<Fat32File> =
        (0..12_000).map(|number| file(&format!("many/a long name {number}.conf"), *b"")).collect();
    let image = image(&files, &options(), 64 * MIB);
    assert_sound(&image.path);
    let Some(mdir) = tool("mdir") else { return };
    let shown = run(&mdir, &["-i", image.path.to_str().unwrap(), "::many"]);
    assert!(shown.contains("ALON~100 CON"), "{shown}");
    assert!(shown.contains("AL~12000 CON"), "{shown}");
    assert_eq!(shown.matches(" a long name ").count(), 12_000);
}

#[test]
fn a_directory_holds_65536_slots_and_no_more() {
    // "." and ".." take two.
    let files = |count: u32| -> Vec<Fat32File> {
        (0..count).map(|number| file(&format!("D/{number:08}"), *b"")).collect()
    };
    let plan = Fat32Plan::new(files(65_534), &options(), 64 * MIB).unwrap();
    let image = Image::of(empty_tree(), 64 * MIB, |builder| plan.append(builder));
    if let Some(mdir) = tool("mdir") {
        let shown = run(&mdir, &["-b", "-i", image.path.to_str().unwrap(), "::D"]);
        assert_eq!(shown.lines().count(), 65_534);
    }
    let error = Fat32Plan::new(files(65_535), &options(), 64 * MIB).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.path(), Some(&b"D"[..]));
}

#[test]
fn what_fat_cannot_hold_is_refused_with_its_path() {
    let refused = |files: Vec<Fat32File>, path: &str| {
        let error = Fat32Plan::new(files.clone(), &options(), 64 * MIB).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert_eq!(error.path(), Some(path.as_bytes()), "{error}");
        assert_eq!(minimum_size(&files, &options()).unwrap_err().to_string(), error.to_string());
    };
    refused(vec![file("EFI/A.EFI", *b""), file("EFI/a.efi", *b"")], "EFI/a.efi");
    refused(vec![file("EFI/x", *b""), file("efi/y", *b"")], "efi");
    refused(vec![file("É.txt", *b""), file("é.txt", *b"")], "é.txt");
    refused(vec![file("a/b", *b""), file("a/b", *b"")], "a/b");
    refused(vec![file("a", *b""), file("a/b", *b"")], "a");
    refused(vec![file("a/what?/b", *b"")], "a/what?");
    refused(vec![file("dot./b", *b"")], "dot.");
    refused(vec![file(&format!("n/{}", "x".repeat(256)), *b"")], &format!("n/{}", "x".repeat(256)));
    let tree =
        tree_of(MemorySource { entries: vec![entry("big", plain_file(1 << 32))], contents: Vec::new() });
    let view = TreeView::new(tree, NodeId::ROOT, &[]);
    refused(files_of(&view, &mut Findings::default()).unwrap(), "big");
}

#[test]
fn all_problems_are_told_at_once() {
    let files = vec![file("a:", *b""), file("b.", *b""), file("c", *b""), file("C", *b"")];
    let error = Fat32Plan::new(files, &options(), 64 * MIB).unwrap_err();
    assert_eq!(error.also().len(), 2);
}

#[test]
fn labels_that_fat_does_not_take_are_refused() {
    for label in ["twelve chars", "lower", "A.B", " A", "A ", "É", "TAB\t"] {
        let error = Fat32Plan::new(Vec::new(), &Fat32Options { label: label.into(), ..options() }, 64 * MIB)
            .unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidProfile, Some("label")), "{label:?}");
    }
    assert_comes_back(&[], &Fat32Options { label: "ELEVEN CH-S".into(), ..options() }, 33 * MIB);
}

#[test]
fn the_order_of_the_list_does_not_matter() {
    let bytes = |files: Vec<Fat32File>| {
        let plan = Fat32Plan::new(files, &options(), 33 * MIB).unwrap();
        let mut builder = LayoutBuilder::new(empty_tree());
        plan.append(&mut builder).unwrap();
        let mut bytes = vec![0; 33 << 20];
        builder.finish(33 * MIB).unwrap().reader().read_exact_at(0, &mut bytes).unwrap();
        bytes
    };
    let mut files = tricky_files();
    let first = bytes(files.clone());
    files.reverse();
    assert!(first == bytes(files));
}

fn entry(path: &str, object: EntryObject) -> Entry {
    let attributes =
        Attributes { mode: 0o755, mtime: Timestamp::from_seconds(1_600_000_000), ..Attributes::default() };
    Entry { path: path.into(), object, attributes }
}

fn plain_file(size: u64) -> EntryObject {
    EntryObject::File { content: SourceContent(0), size, data: None }
}

#[test]
fn a_captured_tree_comes_back_and_its_losses_are_told() {
    let content: Arc<[u8]> = pattern(5000).into();
    let size = content.len() as u64;
    let mut owned = entry("boot/efi/EFI/owned", plain_file(size));
    owned.attributes.uid = 1000;
    owned.attributes.mode = 0o4755;
    owned.attributes.mtime = Timestamp::from_seconds(0);
    owned.attributes.xattrs = vec![(b"user.x".to_vec(), b"y".to_vec())];
    let entries = vec![
        entry("etc/passwd", plain_file(size)),
        entry("boot/efi", EntryObject::Directory),
        entry("boot/efi/EFI", EntryObject::Directory),
        entry("boot/efi/EFI/BOOT/BOOTX64.EFI", plain_file(size)),
        entry("boot/efi/EFI/BOOT/again", EntryObject::HardLink(b"boot/efi/EFI/BOOT/BOOTX64.EFI".to_vec())),
        entry("boot/efi/link", EntryObject::Symlink(b"EFI".to_vec())),
        entry("boot/efi/null", EntryObject::CharDevice(DeviceNumber { major: 1, minor: 3 })),
        entry("boot/efi/con.txt", plain_file(size)),
        owned,
    ];
    let tree = tree_of(MemorySource { entries, contents: vec![Arc::clone(&content)] });
    let view = TreeView::new(Arc::clone(&tree), tree.lookup(b"boot/efi").unwrap(), &[]);
    let mut findings = Findings::default();
    let files = files_of(&view, &mut findings).unwrap();
    let found: Vec<(String, &str)> =
        findings.into_vec().into_iter().map(|finding| (finding.path, finding.code)).collect();
    let told = |path: &str, code| assert!(found.contains(&(path.into(), code)), "{path} {code}: {found:?}");
    told("boot/efi/link", "fat-symlink");
    told("boot/efi/null", "fat-special-file");
    told("boot/efi/EFI/BOOT/again", "fat-hard-link");
    told("boot/efi/con.txt", "fat-device-name");
    for code in ["fat-owner", "fat-mode", "fat-xattrs", "fat-time"] {
        told("boot/efi/EFI/owned", code);
    }
    // No entry named this directory: its time is 0.
    told("boot/efi/EFI/BOOT", "fat-time");
    assert_eq!(found.len(), 9, "{found:?}");

    let image = image_with(tree, &files, &options(), 64 * MIB);
    assert_sound(&image.path);
    let Some(found) = copied_out(&image) else { return };
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["EFI", "EFI/BOOT", "EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/again", "EFI/owned", "con.txt"]);
    assert!(found.values().flatten().all(|bytes| bytes[..] == content[..]));
}

#[test]
fn losses_refuse_a_strict_build_and_names_must_be_utf8() {
    let view = |entry: Entry| {
        let tree = tree_of(MemorySource { entries: vec![entry], contents: Vec::new() });
        TreeView::new(tree, NodeId::ROOT, &[])
    };
    let link = view(entry("link", EntryObject::Symlink(b"x".to_vec())));
    let error = files_of(&link, &mut Findings::new(Strictness::Strict)).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Source, Some(&b"link"[..])));
    let mut stray = entry("", EntryObject::Directory);
    stray.path = b"stray\xff".to_vec();
    let error = files_of(&view(stray), &mut Findings::default()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Unsupported, Some(&b"stray\xff"[..])));
}

/// Names that FAT holds, some of them close to each other.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{1,3})?",
        "[A-Za-z0-9_-]{1,12}(\\.[A-Za-z]{1,4})?",
        "long name [0-9]{1,2}\\.conf",
        "[ .]{0,2}[a-z+,;=\\[\\]é日 .]{0,20}[a-zß]",
        "\\PC{1,40}",
    ]
    .prop_filter("what FAT holds and a host folder too", |name| {
        name.len() <= 255
            && !name.ends_with(['.', ' '])
            && !name.contains(['"', '*', '/', ':', '<', '>', '?', '\\', '|'])
    })
}

fn any_files() -> impl Strategy<Value = Vec<Fat32File>> {
    let sizes = prop_oneof![Just(0_usize), Just(1), Just(511), Just(512), Just(513), 0..5000_usize];
    let path = prop::collection::vec(any_name(), 1..4);
    prop::collection::vec((path, sizes), 0..60).prop_map(|list| {
        // Directories and files that would meet another but for case go away.
        let mut spelled: BTreeMap<String, (String, bool)> = BTreeMap::new();
        let mut files = Vec::new();
        for (path, size) in list {
            let fits = (1..=path.len()).all(|depth| {
                let key = path[..depth].join("/").to_uppercase();
                let last = depth == path.len();
                match spelled.get(&key) {
                    Some((known, is_file)) => *known == path[..depth].join("/") && !is_file && !last,
                    None => true,
                }
            });
            if fits {
                for depth in 1..=path.len() {
                    let here = path[..depth].join("/");
                    spelled.insert(here.to_uppercase(), (here, depth == path.len()));
                }
                files.push(named(path, Fat32Content::Bytes(pattern(size).into())));
            }
        }
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_come_back(files in any_files()) {
        assert_comes_back(&files, &options(), 33 * MIB);
    }
}
