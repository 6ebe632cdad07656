//! The project's scenarios with this format: `write_format/vhd/CORPUS/THREADS`.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskwright_benches::{corpora, run_on};
use vhd_fixed::Vhd;

fn write_format(criterion: &mut Criterion) {
    for corpus in corpora() {
        let mut group = criterion.benchmark_group(format!("write_format/vhd/{}", corpus.name()));
        group.throughput(Throughput::Bytes(corpus.size())).sample_size(10);
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
                bencher.iter(|| {
                    run_on(corpus, Arc::new(Vhd::default()), threads).expect("the corpus is written")
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, write_format);
criterion_main!(benches);
