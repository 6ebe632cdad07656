//! Tree to finished image, into a sink that keeps nothing: `end_to_end/FORMAT/CORPUS/THREADS`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskwright_benches::SCENARIOS;

fn end_to_end(criterion: &mut Criterion) {
    for scenario in SCENARIOS {
        let report = scenario.run(1).expect("the scenario runs");
        if let Err(text) = scenario.verify(&report) {
            panic!("{text}");
        }
        let mut group = criterion.benchmark_group(format!("end_to_end/{}", scenario.name()));
        group.throughput(Throughput::Bytes(scenario.corpus.size())).sample_size(10);
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
                bencher.iter(|| scenario.run(threads).expect("the scenario runs"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
