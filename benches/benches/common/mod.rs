//! What all stages have in common: names, throughput, and that nothing is timed before it is verified.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

/// Times `run` with each number of threads as `GROUP/THREADS`, `bytes` of the guest at a time. `verify` comes before each,
/// unless that one is filtered out.
///
/// # Panics
/// If what is verified is wrong: then `cargo bench` fails.
pub(crate) fn measure(
    criterion: &mut Criterion,
    group: &str,
    bytes: u64,
    threads: &[usize],
    verify: &dyn Fn(usize) -> Result<(), String>,
    run: &dyn Fn(usize),
) {
    let mut group = criterion.benchmark_group(group);
    // One run takes from 50 milliseconds to a second.
    group.throughput(Throughput::Bytes(bytes)).sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for threads in threads {
        let mut is_verified = false;
        group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
            if !is_verified && let Err(text) = verify(*threads) {
                panic!("not what must come out: {text}");
            }
            is_verified = true;
            bencher.iter(|| run(*threads));
        });
    }
    group.finish();
}
