//! A directory or an archive to a format's outputs, into a sink that keeps nothing:
//! `end_to_end/FORMAT/CORPUS-ORIGIN/THREADS`. Both must give what the corpus itself gives, byte for byte.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;

use criterion::{Criterion, criterion_group, criterion_main};
use diskwright::Files;
use diskwright::engine::Report;
use diskwright_benches::{Corpus, Origin, Place, RealTree, Scenario, Stage};

fn corpora(criterion: &mut Criterion) {
    let scenarios = Stage::EndToEnd.scenarios();
    for corpus in diskwright_benches::corpora() {
        let of_corpus: Vec<&Scenario> =
            scenarios.iter().filter(|scenario| scenario.corpus == corpus).collect();
        if of_corpus.is_empty() {
            continue;
        }
        let place = Place::new(corpus).expect("the corpus is written");
        for (scenario, origin) in of_corpus.iter().flat_map(|one| Origin::ALL.map(|origin| (*one, origin))) {
            let run = |threads| {
                let source = place.source(origin, Files::default()).expect("the corpus can be read");
                scenario.run_from(source, threads).expect("the scenario runs")
            };
            let group = format!("end_to_end/{}-{}", scenario.name(), origin.name());
            let (size, threads) = (corpus.size(), scenario.threads);
            let verify = |threads| scenario.verify(&run(threads));
            common::measure(criterion, &group, size, threads, &verify, &|threads| {
                run(threads);
            });
        }
    }
}

/// A real tree has no digest that could be committed: what comes out must be the same for every number of threads, from files
/// and from the archive.
fn real_tree(criterion: &mut Criterion) {
    let Some(tree) = RealTree::find() else { return };
    let size = tree.size().expect("the tree can be read");
    let zstd = &[("compression", "zstd")];
    let scenarios = [
        Scenario::new(Corpus::Words, "raw"),
        Scenario::new(Corpus::Words, "qcow2").compressed().with_options(zstd),
        Scenario::new(Corpus::Words, "vmdk").compressed(),
    ];
    let first: RefCell<BTreeMap<String, Seen>> = RefCell::default();
    for (scenario, origin) in scenarios.iter().flat_map(|one| tree.origins().map(move |origin| (one, origin)))
    {
        let run = |threads| {
            let source = tree.source(origin, Files::default()).expect("the tree can be read");
            scenario.run_from(source, threads).expect("the tree is written")
        };
        let verify = |threads| {
            let seen = Seen::of(&run(threads))?;
            let mut first = first.borrow_mut();
            let expected = first.entry(scenario.format_name()).or_insert_with(|| seen.clone());
            if *expected == seen { Ok(()) } else { Err(format!("{expected:?}, and then {seen:?}")) }
        };
        let group = format!("end_to_end/{}/real-{}", scenario.format_name(), origin.name());
        common::measure(criterion, &group, size, scenario.threads, &verify, &|threads| {
            run(threads);
        });
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    length: u64,
    digest: String,
}

impl Seen {
    fn of(report: &Report) -> Result<Self, String> {
        let output = report.outputs.first().ok_or("no output")?;
        Ok(Self { length: output.length, digest: output.digest().to_owned() })
    }
}

criterion_group!(benches, corpora, real_tree);
criterion_main!(benches);
