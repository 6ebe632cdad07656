//! Nothing is found in what the engine writes.

use crate::support::Made;

#[test]
fn a_raw_disk_of_every_table_and_file_system_is_as_its_scan_says() {
    let profiles = [
        r#"{"boot": "none"}"#,
        r#"{"boot": "none", "swap_size": "4M", "partition_table": "mbr", "hostname": "renamed"}"#,
        r#"{"boot": "none", "sector_size": 4096, "swap_size": "1M"}"#,
    ];
    for profile in profiles {
        let made = Made::new("raw", false, &[], profile);
        let outcome = made.verifier().verify(&made.path(".raw")).unwrap();
        assert!(outcome.is_clean(), "{profile}: {:#?}", &outcome.findings[..outcome.findings.len().min(5)]);
    }
}
