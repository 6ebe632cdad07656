//! Swap areas, compared with those of mkswap.

mod disk;

use disk::{Image, empty_tree, run};
use diskwright_core::ErrorKind;
use diskwright_core::filesystem::swap::{MINIMUM_SIZE, SwapPlan};
use diskwright_oracle::tool;
use uuid::Uuid;

const ID: Uuid = uuid::uuid!("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");

fn image(label: &str, size: u64) -> Image {
    let plan = SwapPlan::new(ID, label, size).unwrap();
    Image::of(empty_tree(), size, |builder| plan.append(builder))
}

#[test]
fn the_area_is_what_mkswap_writes() {
    let Some(mkswap) = tool("mkswap") else { return };
    for (label, size) in [("", MINIMUM_SIZE), ("swap", 1 << 20), ("fifteen  bytes.", (1 << 20) + 512)] {
        let ours = image(label, size);
        let theirs = ours.folder("mkswap").join("swap");
        std::fs::File::create(&theirs).unwrap().set_len(size).unwrap();
        let mut arguments = vec!["-q", "-p", "4096", "-U", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"];
        if !label.is_empty() {
            arguments.extend(["-L", label]);
        }
        arguments.push(theirs.to_str().unwrap());
        let output = disk::run_unchecked(&mkswap, &arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(std::fs::read(&ours.path).unwrap() == std::fs::read(&theirs).unwrap(), "{label:?}, {size}");
    }
}

#[test]
fn blkid_finds_type_uuid_and_label() {
    let Some(blkid) = tool("blkid") else { return };
    let image = image("swap label", 64 << 20);
    let shown = run(&blkid, &["-p", "-o", "export", image.path.to_str().unwrap()]);
    for line in ["TYPE=swap\n", "UUID=0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\n", "LABEL=swap\\ label\n"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn what_cannot_be_swap_is_refused() {
    let kind = |label, size| SwapPlan::new(ID, label, size).unwrap_err().kind();
    assert_eq!(kind("", MINIMUM_SIZE - 1), ErrorKind::DoesNotFit);
    assert_eq!(kind("", (1 << 44) + 4096), ErrorKind::DoesNotFit);
    assert_eq!(kind("sixteen bytes ..", 1 << 20), ErrorKind::InvalidProfile);
    assert_eq!(kind("nul\0", 1 << 20), ErrorKind::InvalidProfile);
    assert!(SwapPlan::new(ID, "", 1 << 44).is_ok());
}
