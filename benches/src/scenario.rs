use std::sync::Arc;

use diskwright::engine::{Engine, Order, Report};
use diskwright::format::TargetFormat;
use diskwright::profile::{BootPolicy, Profile};
use diskwright::{Monitor, Result, Seed, Timestamp};

use crate::corpus::Corpus;
use crate::sink::CountingSink;

/// What is run, and what must come out.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The tree.
    pub corpus: Corpus,
    /// Id of the format.
    pub format: &'static str,
    /// Whether one downloadable file is asked for.
    pub compress: bool,
    /// Options of the format.
    pub options: &'static [(&'static str, &'static str)],
    /// Bytes of the first output.
    pub length: u64,
    /// Tree digest of the first output.
    pub digest: &'static str,
}

impl Scenario {
    /// `FORMAT/CORPUS`, with the codec where there is a choice.
    pub fn name(&self) -> String {
        let options: Vec<&str> = self.options.iter().map(|(_, value)| *value).collect();
        let compress = if self.compress { "-compressed" } else { "" };
        let options = if options.is_empty() { String::new() } else { format!("-{}", options.join("-")) };
        format!("{}{compress}{options}/{}", self.format, self.corpus.name())
    }

    /// Runs the scenario to a sink that keeps nothing.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(&self, threads: usize) -> Result<Report> {
        let options: Vec<(String, String)> =
            self.options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let format = diskwright::builtin_registry()?.configure(self.format, self.compress, &options)?;
        self.run_on(format, threads)
    }

    /// As [`Scenario::run`], with a format that is not built in; `verify` then holds it against this scenario's digest.
    ///
    /// # Errors
    /// The engine's.
    pub fn run_on(&self, format: Arc<dyn TargetFormat>, threads: usize) -> Result<Report> {
        run_on(self.corpus, format, threads)
    }

    /// Whether a report is of what must come out; else what came out.
    ///
    /// # Errors
    /// The length and digest that came out instead.
    pub fn verify(&self, report: &Report) -> Result<(), String> {
        match report.outputs.first() {
            Some(output) if output.length == self.length && output.tree_digest == self.digest => Ok(()),
            Some(output) => {
                Err(format!("{}: length {}, digest {}", self.name(), output.length, output.tree_digest))
            }
            None => Err(format!("{}: no output", self.name())),
        }
    }
}

/// Writes a corpus in a format to a sink that keeps nothing, as every scenario does.
///
/// # Errors
/// The engine's.
pub fn run_on(corpus: Corpus, format: Arc<dyn TargetFormat>, threads: usize) -> Result<Report> {
    let profile = Profile { boot: Some(BootPolicy::None), ..Profile::default() };
    let seed = Seed::from_text("bench");
    let order = Order::new(Arc::new(corpus), vec![format], "bench", seed, Timestamp::from_seconds(1))
        .with_profile(profile);
    Engine::new().with_threads(threads).run(&order, Box::new(CountingSink), &Monitor::new())
}

const fn scenario(
    corpus: Corpus,
    format: &'static str,
    compress: bool,
    options: &'static [(&'static str, &'static str)],
    length: u64,
    digest: &'static str,
) -> Scenario {
    Scenario { corpus, format, compress, options, length, digest }
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    scenario(
        Corpus::Noise,
        "raw",
        false,
        &[],
        2_147_483_648,
        "0224333c85cb12fa8d897488979837ef2d36e0de27b3953dfcc23fbe1e4a2b77",
    ),
    scenario(
        Corpus::Words,
        "raw",
        false,
        &[],
        2_147_483_648,
        "77a2dd6b6df7775c281c42361e9bae25f5499b6e6ebeb7f7e3ed0b92a2ff424a",
    ),
    scenario(
        Corpus::ManySmall,
        "raw",
        false,
        &[],
        2_147_483_648,
        "60e05efd4f32f0fa705594cff835488997f7812ed9ffe972d608d5d25648e7c2",
    ),
    scenario(
        Corpus::Words,
        "raw",
        true,
        &[("compression", "gzip")],
        12_142_409,
        "e77f3ef3d29cfa1a1db88eee463c4bdc61208b777237ee84ea6ab58cb548341c",
    ),
    scenario(
        Corpus::Words,
        "raw",
        true,
        &[("compression", "zstd")],
        9_715_866,
        "f20565be91b408cc31d341b22f3ad0b1b3959c6579567d9b9f1a65f04c91b0b2",
    ),
    scenario(
        Corpus::Words,
        "qcow2",
        true,
        &[("compression", "deflate")],
        8_847_360,
        "0ee98b828572419134be3e88db76d0f96c358e2ec81ad88956bdb687b47dce49",
    ),
    scenario(
        Corpus::Words,
        "qcow2",
        true,
        &[("compression", "zstd")],
        10_485_760,
        "19c409d3ab7558a15b0f5b76c88c81458c74b7633d902debbcac8da7d8edc16a",
    ),
    scenario(
        Corpus::Noise,
        "vdi",
        false,
        &[],
        78_643_200,
        "d2b6c8e9f85ce303a54a9dff0eb8fa7b793a66da62c68fe2c317a9a9a266816e",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_gives_what_it_says_for_any_number_of_threads() {
        let failures: Vec<String> = SCENARIOS
            .iter()
            .flat_map(|scenario| [1, 3].map(|threads| scenario.verify(&scenario.run(threads).unwrap())))
            .filter_map(Result::err)
            .collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }
}
