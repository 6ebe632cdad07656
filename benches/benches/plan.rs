//! From a corpus to a plan, without reading content: `plan/FORMAT/CORPUS/1`. It is verified that what is planned is written.

mod common;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use diskwright::Files;
use diskwright_benches::{Corpus, RealTree, Scenario, Stage};

fn plan(criterion: &mut Criterion) {
    for scenario in Stage::Plan.scenarios() {
        let run = || scenario.plan_from(Arc::new(scenario.corpus)).expect("the scenario is planned");
        let verify = |threads| {
            let report = scenario.run(threads).map_err(|error| error.to_string())?;
            scenario.verify(&report)?;
            let (planned, written) = (run(), report.outputs.len());
            if planned == written {
                Ok(())
            } else {
                Err(format!("{planned} outputs planned, {written} written"))
            }
        };
        let group = format!("plan/{}", scenario.name());
        common::measure(criterion, &group, scenario.corpus.size(), &[1], &verify, &|_| {
            run();
        });
    }
}

/// The scan of a real tree's directory is half of its plan.
fn real_tree(criterion: &mut Criterion) {
    let Some(tree) = RealTree::find() else { return };
    let size = tree.size().expect("the tree can be read");
    let scenario = Scenario::new(Corpus::Words, "raw");
    for origin in tree.origins() {
        let run = || {
            let source = tree.source(origin, Files::default()).expect("the tree can be read");
            scenario.plan_from(source).expect("the tree is planned")
        };
        let verify = |_| if run() == 1 { Ok(()) } else { Err("one output is planned".to_owned()) };
        let group = format!("plan/raw/real-{}", origin.name());
        common::measure(criterion, &group, size, &[1], &verify, &|_| {
            run();
        });
    }
}

criterion_group!(benches, plan, real_tree);
criterion_main!(benches);
