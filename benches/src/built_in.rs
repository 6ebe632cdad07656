use crate::corpus::Corpus;
use crate::scenario::{Expected, Scenario};

/// What of a scenario is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the corpus to a plan; nothing is read.
    Plan,
    /// Finished disks to encoded chunks.
    ChunkCodec,
    /// Finished disks to a format's outputs.
    WriteFormat,
    /// From a directory or an archive to a format's outputs.
    EndToEnd,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 4] = [Self::Plan, Self::ChunkCodec, Self::WriteFormat, Self::EndToEnd];

    /// The name that benches show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::ChunkCodec => "chunk_codec",
            Self::WriteFormat => "write_format",
            Self::EndToEnd => "end_to_end",
        }
    }

    /// Its scenarios, with what must come out of each: of the chunks for [`Stage::ChunkCodec`], of the image for all others.
    pub fn scenarios(self) -> Vec<Scenario> {
        let kind = if self == Self::ChunkCodec { "chunks" } else { "image" };
        let listed = |scenario: &&Scenario| match self {
            Self::Plan => {
                scenario.format == "raw" && !scenario.compress || scenario.corpus == Corpus::ManySmall
            }
            Self::ChunkCodec => CODECS.contains(&(scenario.format, scenario.compress)),
            Self::WriteFormat => true,
            Self::EndToEnd => {
                let of_tree = matches!(scenario.corpus, Corpus::Words | Corpus::Programs | Corpus::ManySmall);
                of_tree && ["raw", "qcow2", "vmdk"].contains(&scenario.format)
            }
        };
        let expecting = |scenario: &Scenario| {
            // Of what is not in the table nothing is expected, and the scenario fails.
            let expected = expectation(kind, &scenario.name()).unwrap_or_default();
            Scenario { expected, ..*scenario }
        };
        SCENARIOS.iter().filter(listed).map(expecting).collect()
    }
}

/// The row of [`EXPECTED`] that begins with `kind` and `name`.
fn expectation(kind: &str, name: &str) -> Option<Expected> {
    let rows = EXPECTED.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mut found = rows.filter_map(|row| match row[..] {
        [of, named, length, digest] if of == kind && named == name => Some((length, digest)),
        _ => None,
    });
    let (length, digest) = found.next()?;
    Some(Expected { length: length.parse().ok()?, digest })
}

/// Kind, name, length and digest, separated by tabs: what `digests --write` wrote.
const EXPECTED: &str = include_str!("../expected.tsv");

const fn stored(corpus: Corpus, format: &'static str) -> Scenario {
    Scenario::new(corpus, format)
}

const fn packed(corpus: Corpus, format: &'static str) -> Scenario {
    Scenario::new(corpus, format).compressed()
}

/// Every form of every format with words; each corpus with those that it is hard for, or easy.
const SCENARIOS: &[Scenario] = &[
    stored(Corpus::Words, "raw"),
    packed(Corpus::Words, "raw").with_options(GZIP),
    packed(Corpus::Words, "raw").with_options(ZSTD),
    stored(Corpus::Words, "qcow2"),
    packed(Corpus::Words, "qcow2").with_options(DEFLATE),
    packed(Corpus::Words, "qcow2").with_options(ZSTD),
    stored(Corpus::Words, "vdi"),
    stored(Corpus::Words, "vmdk").with_options(&[("subformat", "sparse")]),
    stored(Corpus::Words, "vmdk").with_options(&[("subformat", "flat")]),
    packed(Corpus::Words, "vmdk").with_options(STREAM),
    stored(Corpus::Words, "vhd"),
    stored(Corpus::Words, "vhd").with_options(FIXED),
    packed(Corpus::Words, "vhd"),
    stored(Corpus::Words, "vhdx"),
    packed(Corpus::Words, "vhdx"),
    stored(Corpus::Words, "gce"),
    packed(Corpus::Words, "gce"),
    stored(Corpus::Words, "vagrant"),
    packed(Corpus::Words, "vagrant").with_options(LIBVIRT),
    stored(Corpus::Words, "virtualbox"),
    packed(Corpus::Words, "virtualbox"),
    stored(Corpus::Words, "vmware"),
    packed(Corpus::Words, "vmware"),
    stored(Corpus::Noise, "raw"),
    packed(Corpus::Noise, "raw").with_options(GZIP),
    packed(Corpus::Noise, "qcow2").with_options(DEFLATE),
    packed(Corpus::Noise, "qcow2").with_options(ZSTD),
    packed(Corpus::Noise, "vmdk").with_options(STREAM),
    stored(Corpus::Programs, "raw"),
    packed(Corpus::Programs, "raw").with_options(GZIP),
    packed(Corpus::Programs, "raw").with_options(ZSTD),
    packed(Corpus::Programs, "qcow2").with_options(DEFLATE),
    packed(Corpus::Programs, "qcow2").with_options(ZSTD),
    packed(Corpus::Programs, "vmdk").with_options(STREAM),
    packed(Corpus::Programs, "vmware"),
    stored(Corpus::Sparse, "raw"),
    packed(Corpus::Sparse, "raw").with_options(ZSTD),
    stored(Corpus::Sparse, "vdi"),
    stored(Corpus::Sparse, "vhdx"),
    packed(Corpus::Sparse, "vmdk").with_options(STREAM),
    stored(Corpus::ManySmall, "raw"),
    stored(Corpus::ManySmall, "qcow2"),
    packed(Corpus::ManySmall, "qcow2").with_options(ZSTD),
    packed(Corpus::ManySmall, "vmdk").with_options(STREAM),
    stored(Corpus::Huge, "raw"),
    packed(Corpus::Huge, "qcow2").with_options(DEFLATE),
    packed(Corpus::Huge, "vmdk").with_options(STREAM),
];

const GZIP: &[(&str, &str)] = &[("compression", "gzip")];
const ZSTD: &[(&str, &str)] = &[("compression", "zstd")];
const DEFLATE: &[(&str, &str)] = &[("compression", "deflate")];
const FIXED: &[(&str, &str)] = &[("subformat", "fixed")];
const LIBVIRT: &[(&str, &str)] = &[("provider", "libvirt")];
const STREAM: &[(&str, &str)] = &[("subformat", "stream")];

/// The forms whose encodings are all that there are: those of the others are equal.
const CODECS: [(&str, bool); 4] = [("raw", false), ("raw", true), ("qcow2", true), ("vmdk", true)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_expected_of_every_scenario_and_every_row_is_of_a_scenario() {
        let mut rows = Vec::new();
        for (kind, stage) in [("image", Stage::WriteFormat), ("chunks", Stage::ChunkCodec)] {
            for scenario in stage.scenarios() {
                assert!(scenario.expected.length > 0, "{}: cargo run … --bin digests", scenario.name());
                let digest = &scenario.expected.digest;
                let digits = digest.strip_prefix("blake3:").unwrap_or(digest);
                assert_eq!(digits.len(), 64, "{}", scenario.name());
                rows.push((kind.to_owned(), scenario.name()));
            }
        }
        let listed = EXPECTED.lines().map(|line| {
            let mut words = line.split('\t').map(str::to_owned);
            (words.next().unwrap(), words.next().unwrap())
        });
        assert_eq!(listed.collect::<Vec<_>>(), rows);
    }

    #[test]
    fn every_stage_has_scenarios_and_every_format_and_corpus_is_written() {
        for stage in Stage::ALL {
            assert!(!stage.scenarios().is_empty(), "{stage:?}");
        }
        let written = Stage::WriteFormat.scenarios();
        for entry in diskwright::builtin_registry().unwrap().entries() {
            let of_format =
                |compress| written.iter().any(|one| one.format == entry.info.id && one.compress == compress);
            assert!(of_format(false), "{}", entry.info.id);
            assert_eq!(of_format(true), entry.info.compressed.is_some(), "{}", entry.info.id);
        }
        for corpus in crate::corpora() {
            assert!(written.iter().any(|one| one.corpus == corpus), "{corpus:?}");
        }
    }
}
