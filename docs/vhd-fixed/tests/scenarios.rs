//! The project's bench scenarios run on this format, and come out as they always do.

use std::sync::Arc;

use diskwright_benches::{Corpus, Scenario, corpora};
use vhd_fixed::Vhd;

const SCENARIOS: &[Scenario] = &[
    scenario(Corpus::Noise, "655cfb7ec853b08db4282589b927ad0031d7026843c7e6e05d6fdcadd1e31336"),
    scenario(Corpus::Words, "853cccd962991275d3c534b36e43f6f1e26273dd564bb53ba632cdefaab403b0"),
    scenario(Corpus::ManySmall, "68d967c49aeaeb6cfaaf48112752c63ff55239a4b187d6edd1d6d114fb6c5af1"),
];

const fn scenario(corpus: Corpus, digest: &'static str) -> Scenario {
    // 2 GiB and the footer.
    Scenario { corpus, format: "vhd", compress: false, options: &[], length: (2 << 30) + 512, digest }
}

#[test]
fn every_scenario_gives_what_it_says_for_any_number_of_threads() {
    assert_eq!(SCENARIOS.iter().map(|scenario| scenario.corpus).collect::<Vec<_>>(), corpora());
    let run = |scenario: &Scenario, threads| scenario.run_on(Arc::new(Vhd::default()), threads).unwrap();
    let failures: Vec<String> = SCENARIOS
        .iter()
        .flat_map(|scenario| [1, 3].map(|threads| scenario.verify(&run(scenario, threads))))
        .filter_map(Result::err)
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}
