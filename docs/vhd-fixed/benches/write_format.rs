//! The project's scenarios with this format: `write_format/vhdfixed/CORPUS/THREADS`.

mod scenarios;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scenarios::SCENARIOS;
use vhd_fixed::Vhd;

fn write_format(criterion: &mut Criterion) {
    for scenario in SCENARIOS {
        let run = |threads| scenario.run_on(Arc::new(Vhd::default()), threads).expect("the scenario runs");
        if let Err(text) = scenario.verify(&run(1)) {
            panic!("{text}");
        }
        let mut group = criterion.benchmark_group(format!("write_format/{}", scenario.name()));
        group.throughput(Throughput::Bytes(scenario.corpus.size())).sample_size(10);
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
                bencher.iter(|| run(threads));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, write_format);
criterion_main!(benches);
