//! Finished disks in memory, read, tested for zeros and encoded as a format wants them, the chunks forgotten:
//! `chunk_codec/FORMAT/CORPUS/THREADS`. What is verified are the chunks.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use diskwright_benches::Stage;

fn chunk_codec(criterion: &mut Criterion) {
    for scenario in Stage::ChunkCodec.scenarios() {
        let disks = scenario.disks().expect("the scenario is planned");
        let verify = |threads| {
            let outputs = scenario.encode_to_output(&disks, threads).map_err(|error| error.to_string())?;
            scenario.verify_outputs(&outputs)
        };
        let group = format!("chunk_codec/{}", scenario.name());
        let (size, threads) = (scenario.corpus.size(), scenario.threads);
        common::measure(criterion, &group, size, threads, &verify, &|threads| {
            scenario.encode(&disks, threads).expect("the chunks are encoded");
        });
    }
}

criterion_group!(benches, chunk_codec);
criterion_main!(benches);
