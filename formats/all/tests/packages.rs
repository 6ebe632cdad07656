//! Packages for two products from one order.

use std::path::Path;
use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::format::{Encoding, Machine, TargetFormat};
use diskwright::layout::{DiskLayout, LayoutBuilder};
use diskwright::profile::{BootPolicy, Profile};
use diskwright::scan::{DirectorySource, OneFileSystem};
use diskwright::sink::{DirectorySink, Overwrite};
use diskwright::tree::{Findings, TreeBuilder};
use diskwright::{Files, Monitor, Seed, Timestamp};

fn formats(options: &[(String, String)]) -> Vec<Arc<dyn TargetFormat>> {
    let registry = diskwright::builtin_registry().unwrap();
    ["virtualbox", "VMware vCenter"].map(|name| registry.configure(name, true, options).unwrap()).into()
}

fn disk() -> DiskLayout {
    let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
    let mut builder = LayoutBuilder::new(Arc::new(tree));
    builder.bytes(vec![0x5A; 200_000], "data").unwrap();
    builder.finish(1 << 20).unwrap()
}

fn encodings(format: &dyn TargetFormat) -> Vec<Encoding> {
    let machine = Machine::new("m", Seed::from_text("s"), Timestamp::from_seconds(0));
    format.plan(&machine, &[disk(), disk()]).unwrap().start().unwrap().encodings
}

#[test]
fn both_products_share_the_encoded_grains_at_equal_levels() {
    for level in [None, Some("6")] {
        let options: Vec<_> = level.map(|level| ("level".to_owned(), level.to_owned())).into_iter().collect();
        let [virtualbox, vmware] = &formats(&options)[..] else { panic!("two formats") };
        assert_eq!(encodings(virtualbox.as_ref()), encodings(vmware.as_ref()));
        assert_eq!(encodings(virtualbox.as_ref()).len(), 2);
    }
}

/// The names of an archive's members, and the bytes of the first two.
fn members(archive: &Path) -> (Vec<String>, [String; 2]) {
    let bytes = std::fs::read(archive).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    let (mut names, mut contents, mut at) = (Vec::new(), Vec::new(), 0);
    while bytes[at] != 0 {
        names.push(text(&bytes[at..at + 100]));
        let size = usize::from_str_radix(&text(&bytes[at + 124..at + 135]), 8).unwrap();
        if contents.len() < 2 {
            contents.push(text(&bytes[at + 512..at + 512 + size]));
        }
        at += 512 + size.next_multiple_of(512);
    }
    (names, contents.try_into().unwrap())
}

#[test]
fn two_packages_of_one_order_have_names_of_their_own_and_so_have_all_references() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan");
    std::fs::create_dir_all(scan.join("etc")).unwrap();
    std::fs::write(scan.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    let source = DirectorySource::new(&scan, OneFileSystem::Stay, Files::default()).unwrap();
    let seed = Seed::from_text("packages");
    let order = Order::new(Arc::new(source), formats(&[]), "web", seed, Timestamp::from_seconds(1))
        .with_profile(Profile { boot: Some(BootPolicy::None), ..Profile::default() });
    let out = folder.path().join("out");
    let sink = DirectorySink::create(Files::default(), &out, Overwrite::Refuse).unwrap();
    Engine::new().run(&order, Box::new(sink), &Monitor::new()).unwrap();
    let mut packages: Vec<Vec<u8>> = Vec::new();
    for id in ["virtualbox", "vmware"] {
        let stem = format!("web-{id}");
        let archive = out.join(format!("{stem}.ova"));
        let (names, [envelope, manifest]) = members(&archive);
        let disk = format!("{stem}-disk1.vmdk");
        assert_eq!(names, [format!("{stem}.ovf"), format!("{stem}.mf"), disk.clone()]);
        assert!(envelope.contains(&format!("ovf:href=\"{disk}\"")), "{envelope}");
        assert!(envelope.contains(&format!("<VirtualSystem ovf:id=\"{stem}\">")), "{envelope}");
        assert!(envelope.contains("debian12_64Guest") && envelope.contains("Debian_64"), "{envelope}");
        let listed: Vec<&str> = manifest.lines().filter_map(|line| line.split(['(', ')']).nth(1)).collect();
        assert_eq!(listed, [format!("{stem}.ovf"), disk]);
        packages.push(std::fs::read(&archive).unwrap());
    }
    assert_ne!(packages[0], packages[1]);
}
