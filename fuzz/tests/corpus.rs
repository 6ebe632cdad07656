//! Every target over its seeds, its committed corpus, and inputs made of both at random.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use diskwright_fuzz::{Random, Reach, Target};

/// A named input.
type Input = (String, Vec<u8>);

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn inputs(target: &Target) -> Vec<Input> {
    let seeds = target.seeds().into_iter().enumerate();
    let mut inputs: Vec<Input> = seeds.map(|(number, bytes)| (format!("seed {number}"), bytes)).collect();
    // A format that is new has none yet.
    let files = folder(target).read_dir().into_iter().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    inputs.extend(paths.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())));
    inputs
}

/// Runs a target; an input that fails it is kept, and its place told.
fn run(target: &Target, (name, bytes): &Input) -> Reach {
    catch_unwind(AssertUnwindSafe(|| target.run(bytes))).unwrap_or_else(|_| {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-failed", target.name));
        std::fs::write(&kept, bytes).unwrap();
        panic!("{} fails on {name}: kept as {}", target.name, kept.display());
    })
}

/// The corpus, and so many inputs more.
fn check(name: &str, count: usize) {
    let target = Target::named(name).unwrap();
    let inputs = inputs(target);
    let reached: Vec<Reach> = inputs.iter().map(|input| run(target, input)).collect();
    // What libFuzzer keeps is what is refused in ever new ways: the seeds are what must come far.
    let seeds = reached.get(..target.seeds().len()).unwrap();
    let whole = seeds.iter().filter(|reach| **reach == Reach::Whole).count();
    assert!(whole * 5 >= seeds.len(), "{name}: {whole} of {} seeds are not refused", seeds.len());
    let mut random = Random::new(name.bytes().map(u64::from).sum());
    for number in 0..count {
        let from = &inputs[random.below(inputs.len())];
        let bytes = random.mutated(&from.1, target.max_len);
        run(target, &(format!("change {number} of {}", from.0), bytes));
    }
}

#[test]
fn writers_of_all_formats_hold_for_their_corpora_and_changes_of_them() {
    let writers = Target::all().iter().filter(|target| target.is_of_a_writer());
    std::thread::scope(|scope| writers.for_each(|target| drop(scope.spawn(|| check(target.name, 60)))));
}

#[test]
fn every_corpus_is_of_a_target_and_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for corpus in folder.read_dir().unwrap() {
        let corpus = corpus.unwrap();
        let name = corpus.file_name().into_string().unwrap();
        assert!(Target::named(&name).is_some(), "{name} is no target");
        let sizes: Vec<u64> =
            corpus.path().read_dir().unwrap().map(|file| file.unwrap().metadata().unwrap().len()).collect();
        assert!(sizes.len() <= 64 && sizes.iter().sum::<u64>() <= 64 << 10, "{name}: {} files", sizes.len());
    }
}

/// A test of each target that is listed, so that they run side by side.
macro_rules! tests {
    ($($test:ident $name:literal $count:literal;)*) => {
        $(#[test]
        fn $test() {
            check($name, $count);
        })*

        #[test]
        fn every_listed_target_has_a_test() {
            let mut tested = [$($name),*];
            tested.sort();
            let listed = Target::all().iter().filter(|target| !target.is_of_a_writer());
            let mut listed: Vec<&str> = listed.map(|target| target.name).collect();
            listed.sort();
            assert_eq!(tested.as_slice(), listed);
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
    lint_holds_for_its_corpus_and_changes_of_it "lint" 400;
    verify_container_holds_for_its_corpus_and_changes_of_it "verify-container" 200;
    verify_disk_holds_for_its_corpus_and_changes_of_it "verify-disk" 20;
    verify_report_holds_for_its_corpus_and_changes_of_it "verify-report" 20;
}
