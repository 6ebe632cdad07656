//! Finished disks in memory to a format's outputs, into a sink that keeps nothing: `write_format/FORMAT/CORPUS/THREADS`.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use diskwright_benches::Stage;

fn write_format(criterion: &mut Criterion) {
    for scenario in Stage::WriteFormat.scenarios() {
        let disks = scenario.disks().expect("the scenario is planned");
        let write = |threads| scenario.write(&disks, threads).expect("the scenario is written");
        let group = format!("write_format/{}", scenario.name());
        let (size, threads) = (scenario.corpus.size(), scenario.threads);
        let verify = |threads| scenario.verify_outputs(&write(threads));
        common::measure(criterion, &group, size, threads, &verify, &|threads| {
            write(threads);
        });
    }
}

criterion_group!(benches, write_format);
criterion_main!(benches);
