//! The project's scenarios with this format, and what must come out.

use diskwright_benches::{Corpus, Scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario(Corpus::Noise, "blake3:7c9403e1b5da9b6f5371a90bd4be3821a0ad96141819595fec9f409ad32d93b2"),
    scenario(Corpus::Words, "blake3:1f0ee006fc11c694b85790ddae2a2fdce824093a1e3e117e4e45dbb4d2e75716"),
    scenario(Corpus::Programs, "blake3:8626e4b1a0278777de4e41ea5e0deea2e3225c2804b7d5531196565ceae4787a"),
    scenario(Corpus::Sparse, "blake3:7f71f6fd82a539a1810a7f9ac53a1e8f5df7fb6da007310e1cedaf4ea547cbc1"),
    scenario(Corpus::ManySmall, "blake3:7f657e56fdc74b6de0dda5e38560d7a159cffb418d3552cf814b84122a5cdcf9"),
    scenario(Corpus::Huge, "blake3:045e3b525160742b1f936d4c005a0aabe365a7823ee57dfd93c374690a3d3d8f"),
];

const fn scenario(corpus: Corpus, digest: &'static str) -> Scenario {
    // 2 GiB and the footer.
    Scenario::new(corpus, "vhdfixed").expecting((2 << 30) + 512, digest)
}
