//! Every target over its seeds, its committed corpus, and inputs made of both at random.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use diskwright_fuzz::{Random, Reach, TARGETS, Target};

/// A named input.
type Input = (String, Vec<u8>);

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn inputs(target: &Target) -> Vec<Input> {
    let seeds = (target.seeds)().into_iter().enumerate();
    let mut inputs: Vec<Input> = seeds.map(|(number, bytes)| (format!("seed {number}"), bytes)).collect();
    let files = folder(target).read_dir().unwrap_or_else(|error| panic!("{}: {error}", target.name));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    inputs.extend(paths.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())));
    inputs
}

/// Runs a target; an input that fails it is kept, and its place told.
fn run(target: &Target, (name, bytes): &Input) -> Reach {
    catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).unwrap_or_else(|_| {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-failed", target.name));
        std::fs::write(&kept, bytes).unwrap();
        panic!("{} fails on {name}: kept as {}", target.name, kept.display());
    })
}

/// The corpus, and so many inputs more.
fn check(name: &str, count: usize) {
    let target = Target::named(name).unwrap();
    let inputs = inputs(target);
    let whole = inputs.iter().filter(|input| run(target, input) == Reach::Whole).count();
    assert!(whole * 5 >= inputs.len(), "{name}: {whole} of {} inputs are not refused", inputs.len());
    let mut random = Random::new(name.bytes().map(u64::from).sum());
    for number in 0..count {
        let from = &inputs[random.below(inputs.len())];
        let bytes = random.mutated(&from.1, target.max_len);
        run(target, &(format!("change {number} of {}", from.0), bytes));
    }
}

/// A test of each target, so that they run side by side.
macro_rules! tests {
    ($($test:ident $name:literal $count:literal;)*) => {
        $(#[test]
        fn $test() {
            check($name, $count);
        })*

        #[test]
        fn every_target_has_a_test_and_a_corpus_and_no_corpus_lacks_a_target() {
            let mut tested = [$($name),*];
            tested.sort();
            let mut named: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            named.sort();
            assert_eq!(tested.as_slice(), named);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
            let folders = folder.read_dir().unwrap().map(|folder| folder.unwrap().file_name());
            let mut folders: Vec<String> = folders.map(|name| name.to_string_lossy().into_owned()).collect();
            folders.sort();
            assert_eq!(folders, named);
        }
    };
}

tests! {
    tar_holds_for_its_corpus_and_changes_of_it "tar" 2000;
    tar_packed_holds_for_its_corpus_and_changes_of_it "tar-packed" 2000;
    tar_pax_holds_for_its_corpus_and_changes_of_it "tar-pax" 2000;
    tar_sparse_holds_for_its_corpus_and_changes_of_it "tar-sparse" 2000;
    request_holds_for_its_corpus_and_changes_of_it "request" 5000;
    profile_holds_for_its_corpus_and_changes_of_it "profile" 5000;
    guest_holds_for_its_corpus_and_changes_of_it "guest" 40;
    ext_holds_for_its_corpus_and_changes_of_it "ext" 100;
    fat_holds_for_its_corpus_and_changes_of_it "fat" 40;
    partition_holds_for_its_corpus_and_changes_of_it "partition" 200;
    raw_holds_for_its_corpus_and_changes_of_it "raw" 100;
    qcow2_holds_for_its_corpus_and_changes_of_it "qcow2" 100;
    vdi_holds_for_its_corpus_and_changes_of_it "vdi" 100;
    vmdk_holds_for_its_corpus_and_changes_of_it "vmdk" 100;
    vhd_holds_for_its_corpus_and_changes_of_it "vhd" 100;
    vhdx_holds_for_its_corpus_and_changes_of_it "vhdx" 100;
    gce_holds_for_its_corpus_and_changes_of_it "gce" 40;
    virtualbox_holds_for_its_corpus_and_changes_of_it "virtualbox" 100;
    vmware_holds_for_its_corpus_and_changes_of_it "vmware" 100;
    vagrant_holds_for_its_corpus_and_changes_of_it "vagrant" 100;
    lint_holds_for_its_corpus_and_changes_of_it "lint" 400;
    verify_container_holds_for_its_corpus_and_changes_of_it "verify-container" 200;
    verify_disk_holds_for_its_corpus_and_changes_of_it "verify-disk" 20;
    verify_report_holds_for_its_corpus_and_changes_of_it "verify-report" 20;
}
