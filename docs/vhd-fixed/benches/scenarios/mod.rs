//! The project's scenarios with this format, and what must come out.

use diskwright_benches::{Corpus, Scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario(Corpus::Noise, "ff0c900e9d51eafa937bc343219a8263b90c95de7dc66d84c150811621d52d82"),
    scenario(Corpus::Words, "2aa1789e463fa5f13a5fe03ee7de626fb8e95e80baf20874363ed7032ae15c91"),
    scenario(Corpus::Programs, "f730edcd9ed867159530e8d0ac95ef80c65a04d97c1ad2284554aa0bd0d49ef2"),
    scenario(Corpus::Sparse, "51300efb23e2d2d9eefe0c690fa7d755919a61366e92ae2563947e87e6366c02"),
    scenario(Corpus::ManySmall, "11c34a7d30edb309751a54070325483f597308215da2f1bf507b466c4c8fd6ed"),
    scenario(Corpus::Huge, "2d17757c1eef2f3f5e169187487e4462ab3959b5795149a66e79b450b1d89053"),
];

const fn scenario(corpus: Corpus, digest: &'static str) -> Scenario {
    // 2 GiB and the footer.
    Scenario::new(corpus, "vhdfixed").expecting((2 << 30) + 512, digest)
}
