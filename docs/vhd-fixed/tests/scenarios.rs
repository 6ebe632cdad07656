//! The project's bench scenarios run on this format, and come out as they always do.

#[path = "../benches/scenarios/mod.rs"]
mod scenarios;

use std::sync::Arc;

use diskwright_benches::{Scenario, corpora};
use scenarios::SCENARIOS;
use vhd_fixed::Vhd;

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
