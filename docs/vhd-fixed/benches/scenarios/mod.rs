//! The project's scenarios with this format, and what must come out.

use diskwright_benches::{Corpus, Scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario(Corpus::Noise, "655cfb7ec853b08db4282589b927ad0031d7026843c7e6e05d6fdcadd1e31336"),
    scenario(Corpus::Words, "853cccd962991275d3c534b36e43f6f1e26273dd564bb53ba632cdefaab403b0"),
    scenario(Corpus::ManySmall, "68d967c49aeaeb6cfaaf48112752c63ff55239a4b187d6edd1d6d114fb6c5af1"),
];

const fn scenario(corpus: Corpus, digest: &'static str) -> Scenario {
    // 2 GiB and the footer.
    Scenario { corpus, format: "vhd", compress: false, options: &[], length: (2 << 30) + 512, digest }
}
