//! QCOW2 whose disk ends within a cluster: the cluster is whole in the file, packed or not.

use crate::rich::Rich;
use crate::support::Made;
use std::sync::Arc;

/// 33 MiB are no whole number of clusters of 2 MiB.
const PROFILE: &str = r#"{"boot": "none", "disk_size": "33M"}"#;

#[test]
fn a_packed_cluster_that_the_disk_ends_in_is_read_whole() {
    for compression in ["deflate", "zstd"] {
        let options = [("cluster-size", "2M"), ("compression", compression)];
        // GPT's second header stands in the last cluster.
        let made = Made::of(Arc::new(Rich::new()), "qcow2", true, &options, PROFILE);
        let outcome = crate::containers::verifier(&made).verify(&made.path(".qcow2"));
        assert!(outcome.as_ref().is_ok_and(|outcome| outcome.is_clean()), "{compression}: {outcome:?}");
    }
}
