//! Which mutants are tried, and which tests try them.

use anyhow::{Result, ensure};

use super::list::Mutant;

/// A group of modules of which a share of the mutants has to be killed.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    modules: &'static [Module],
    /// Whether all of its mutants are tried; of another one, a sample.
    pub(crate) is_whole: bool,
}

/// A file, or a few functions of it.
pub(crate) struct Module {
    pub(crate) file: &'static str,
    /// All, if none is named.
    functions: &'static [&'static str],
}

impl Part {
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.modules.iter().map(|module| module.file)
    }

    pub(crate) fn has(&self, mutant: &Mutant) -> bool {
        self.modules.iter().any(|module| module.has(mutant))
    }
}

impl Module {
    fn has(&self, mutant: &Mutant) -> bool {
        let is_named = || self.functions.iter().any(|name| *name == mutant.function);
        self.file == mutant.file && (self.functions.is_empty() || is_named())
    }

    /// What it names and none of the mutants is of: the file, or functions of it.
    fn empty(&self, all: &[Mutant]) -> Vec<String> {
        let is_there = |function: Option<&str>| {
            all.iter()
                .any(|mutant| mutant.file == self.file && function.is_none_or(|name| name == mutant.function))
        };
        if self.functions.is_empty() {
            let none = (!is_there(None)).then(|| self.file.to_owned());
            return none.into_iter().collect();
        }
        let functions = self.functions.iter().filter(|name| !is_there(Some(name)));
        functions.map(|name| format!("{name} of {}", self.file)).collect()
    }
}

/// Refuses parts with a file or a function that has no mutants: it has another name now, or nothing is left in it, and the
/// part would have fewer mutants without a word.
pub(crate) fn ensure_filled(parts: &[Part], all: &[Mutant]) -> Result<()> {
    let modules = parts.iter().flat_map(|part| part.modules);
    let empty: Vec<String> = modules.flat_map(|module| module.empty(all)).collect();
    ensure!(empty.is_empty(), "there are no mutants of {}", empty.join(", nor of "));
    Ok(())
}

/// Of all mutants, those of each part, every one once: of whole ones all of them, of the others as many as a sample may
/// want, in the order that [`SEED`] gives.
pub(crate) fn choose(parts: &[Part], mut all: Vec<Mutant>) -> Vec<Vec<Mutant>> {
    let mut chosen = Vec::new();
    for part in parts {
        let (mut own, others): (Vec<Mutant>, Vec<Mutant>) =
            all.into_iter().partition(|mutant| part.has(mutant));
        all = others;
        if !part.is_whole {
            own.sort_by_cached_key(|mutant| (rank(SEED, &mutant.name), mutant.name.clone()));
            own.truncate(SAMPLE + RESERVE);
        }
        chosen.push(own);
    }
    chosen
}

/// A number that depends on nothing but the seed and the name: a mutant more or less elsewhere, or other lines, change
/// none of the others'. FNV-1a, and the last step of SplitMix64, for names are alike.
fn rank(seed: u64, name: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let hash = name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A test program, and what it is told: names that are run, or are not after `--skip`.
pub(crate) struct Tests {
    /// How the paths begin of what these tests can tell anything of; all, if nothing is named.
    of: &'static [&'static str],
    /// A file of `tests/`; without one, the library's own.
    pub(crate) program: Option<&'static str>,
    pub(crate) words: &'static [&'static str],
}

impl Tests {
    pub(crate) fn are_of(&self, file: &str) -> bool {
        self.of.is_empty() || self.of.iter().any(|start| file.starts_with(start))
    }
}

/// The tests of a package, the quick ones first.
pub(crate) fn tests_of(package: &str) -> &'static [Tests] {
    match package {
        "diskwright-core" => CORE,
        _ => FORMAT,
    }
}

const fn module(file: &'static str) -> Module {
    Module { file, functions: &[] }
}

const fn functions(file: &'static str, functions: &'static [&'static str]) -> Module {
    Module { file, functions }
}

pub(crate) const SEED: u64 = 20_261_129;
/// Mutants of a sample that compile.
pub(crate) const SAMPLE: usize = 150;
/// As many more may be of no use, for they do not compile.
const RESERVE: usize = 60;

pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "checksums",
        is_whole: true,
        modules: &[
            module("core/src/filesystem/ext4/checksum.rs"),
            module("core/src/filesystem/ext4/hash.rs"),
            module("core/src/lvm/physical.rs"),
            module("formats/ovf/src/digest.rs"),
            module("formats/ovf/src/tar.rs"),
            functions(
                "core/src/pipeline/output.rs",
                &["tree_digest", "SerialDigest::zeros_to", "SerialDigest::end_at", "for_zeros"],
            ),
            functions("core/src/scan/tar/header.rs", &["checksum_holds", "number"]),
            functions("formats/vhd/src/encode.rs", &["put_checksum"]),
            functions("formats/vhdx/src/encode.rs", &["put_checksum"]),
        ],
    },
    Part {
        name: "path policy",
        is_whole: true,
        modules: &[
            module("core/src/tree/builder/path.rs"),
            module("core/src/tree/builder/links.rs"),
            module("core/src/scan/directory/excluded.rs"),
            module("core/src/scan/name.rs"),
            module("core/src/filesystem/fat32/name.rs"),
            module("core/src/lvm/name.rs"),
            module("core/src/boot/uefi/names.rs"),
            functions(
                "core/src/tree/builder.rs",
                &["TreeBuilder::put", "TreeBuilder::replace", "TreeBuilder::renew", "TreeBuilder::remove"],
            ),
            functions(
                "core/src/tree/builder/names.rs",
                &[
                    "TreeBuilder::parent",
                    "TreeBuilder::directory",
                    "TreeBuilder::find_path",
                    "TreeBuilder::find",
                    "split_name",
                ],
            ),
            functions("core/src/tree/mod.rs", &["FileTree::lookup", "FileTree::resolve", "components"]),
            functions("core/src/scan/tar/header.rs", &["Header::path", "Header::link_name", "until_nul"]),
            functions("core/src/scan/directory/opener.rs", &["split_path"]),
            functions("core/src/profile/check.rs", &["check_mount_point", "is_file_name", "is_hostname"]),
            functions(
                "core/src/profile/check_guest.rs",
                &["is_account_name", "is_group_name", "is_plain_path"],
            ),
        ],
    },
    Part {
        name: "layout and tables",
        is_whole: false,
        modules: &[
            module("core/src/layout/allocation.rs"),
            module("core/src/layout/builder.rs"),
            module("core/src/layout/mod.rs"),
            module("core/src/layout/reader.rs"),
            module("core/src/partition/arrange.rs"),
            module("core/src/partition/entry.rs"),
            module("core/src/partition/gpt.rs"),
            module("core/src/partition/kind.rs"),
            module("core/src/partition/mbr.rs"),
            module("core/src/partition/mod.rs"),
            module("core/src/partition/sector.rs"),
            module("core/src/filesystem/ext4/block_map.rs"),
            module("core/src/filesystem/ext4/directory.rs"),
            module("core/src/filesystem/ext4/encode.rs"),
            module("core/src/filesystem/ext4/extent.rs"),
            module("core/src/filesystem/ext4/geometry.rs"),
            module("core/src/filesystem/ext4/group.rs"),
            module("core/src/filesystem/ext4/htree.rs"),
            module("core/src/filesystem/ext4/inode.rs"),
            module("core/src/filesystem/ext4/journal.rs"),
            module("core/src/filesystem/ext4/numbering.rs"),
            module("core/src/filesystem/ext4/pointers.rs"),
            module("core/src/filesystem/ext4/resize.rs"),
            module("core/src/filesystem/ext4/superblock.rs"),
            module("core/src/filesystem/ext4/table.rs"),
            module("core/src/filesystem/ext4/xattr.rs"),
            module("core/src/filesystem/fat32/encode.rs"),
            module("core/src/filesystem/fat32/geometry.rs"),
            module("core/src/filesystem/fat32/table.rs"),
            module("core/src/filesystem/swap.rs"),
            module("core/src/lvm/allocation.rs"),
            module("core/src/lvm/metadata.rs"),
            module("formats/gce/src/encode.rs"),
            module("formats/gce/src/plan.rs"),
            module("formats/qcow2/src/cluster.rs"),
            module("formats/qcow2/src/encode.rs"),
            module("formats/qcow2/src/plan.rs"),
            module("formats/qcow2/src/tables.rs"),
            module("formats/vdi/src/encode.rs"),
            module("formats/vdi/src/plan.rs"),
            module("formats/vhd/src/encode.rs"),
            module("formats/vhd/src/plan.rs"),
            module("formats/vhdx/src/encode.rs"),
            module("formats/vhdx/src/plan.rs"),
            module("formats/vmdk/src/descriptor.rs"),
            module("formats/vmdk/src/encode.rs"),
            module("formats/vmdk/src/plan.rs"),
            module("formats/vmdk/src/sparse.rs"),
        ],
    },
];

/// Slow ones are left out, and what is of no use to these modules: codecs, the queue of orders, initial RAM disks.
const CORE: &[Tests] = &[
    Tests { of: &["core/src/partition"], program: Some("partition"), words: &[] },
    Tests { of: PATHS, program: Some("tar_refusals"), words: &[] },
    Tests { of: PATHS, program: Some("tar_formats"), words: &[] },
    Tests { of: PATHS, program: Some("directory"), words: &[] },
    Tests { of: &["core/src/filesystem/swap"], program: Some("swap"), words: &[] },
    Tests { of: EXT4, program: Some("ext4"), words: &["plain::", "attributes::"] },
    Tests { of: &["core/src/filesystem/fat32"], program: Some("fat32"), words: &[] },
    Tests { of: &[], program: None, words: SLOW },
    Tests {
        of: PATHS,
        program: Some("odd_trees"),
        words: &["layers::", "parents::", "hard_links", "names_and_paths"],
    },
    Tests { of: EXT4, program: Some("ext4"), words: &["files::"] },
    Tests { of: EXT4, program: Some("ext4"), words: &["classic::"] },
    Tests { of: EXT4, program: Some("ext4"), words: &["directories::"] },
];
/// Tests of libraries that are left out but for the mutants of their own module.
pub(crate) const SLOW: &[&str] = &[
    "--skip=pipeline::deflate",
    "--skip=pipeline::codec",
    "--skip=engine::generation_tests",
    "--skip=engine::queue",
    "--skip=initramfs",
    "--skip=sink::directory",
    "--skip=grub_bios",
    "--skip=scan::tar::stream",
    "--skip=pointers_lead_to_every_block",
];
const EXT4: &[&str] = &["core/src/filesystem/ext4", "core/src/layout"];
const PATHS: &[&str] = &["core/src/scan", "core/src/tree"];

const FORMAT: &[Tests] = &[
    Tests { of: &[], program: None, words: &[] },
    Tests { of: &[], program: Some("conformance"), words: &[] },
];

#[cfg(test)]
mod tests {
    use super::super::list::tests::mutant;
    use super::*;

    const SAMPLED: &[Part] = &[
        Part { name: "whole", is_whole: true, modules: &[functions("core/src/a.rs", &["g"])] },
        Part { name: "sampled", is_whole: false, modules: &[module("core/src/a.rs")] },
    ];

    fn many() -> Vec<Mutant> {
        (0..600).map(|number| mutant(&format!("core/src/a.rs: replace + with - in f ({number})"))).collect()
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed_and_stays_nearly_so_with_other_mutants() {
        let chosen = choose(SAMPLED, many());
        assert_eq!(chosen[1].len(), SAMPLE + RESERVE);
        let mut turned = many();
        turned.reverse();
        assert_eq!(choose(SAMPLED, turned), chosen);
        let fewer = choose(SAMPLED, many().into_iter().skip(6).collect());
        let stayed = fewer[1].iter().filter(|mutant| chosen[1].contains(mutant)).count();
        assert!(stayed + 6 >= SAMPLE + RESERVE, "{stayed}");
    }

    #[test]
    fn a_file_or_a_function_without_mutants_is_told() {
        let told = |all: &[Mutant]| ensure_filled(SAMPLED, all).map_err(|error| error.to_string());
        let g = Mutant { function: "g".to_owned(), ..mutant("g") };
        assert_eq!(told(&[mutant("f"), g.clone()]), Ok(()));
        assert_eq!(told(&[mutant("f")]), Err("there are no mutants of g of core/src/a.rs".to_owned()));
        let elsewhere = Mutant { file: "core/src/b.rs".to_owned(), ..g };
        let neither = "there are no mutants of g of core/src/a.rs, nor of core/src/a.rs";
        assert_eq!(told(&[elsewhere]), Err(neither.to_owned()));
    }

    #[test]
    fn another_seed_gives_another_sample() {
        let ranks = |seed| many().iter().map(|mutant| rank(seed, &mutant.name)).collect::<Vec<_>>();
        let first_half = |ranks: Vec<u64>| ranks.iter().map(|rank| rank >> 63).collect::<Vec<_>>();
        assert_ne!(first_half(ranks(SEED)), first_half(ranks(SEED + 1)));
        let low = first_half(ranks(SEED)).iter().sum::<u64>();
        assert!((200..400).contains(&low), "{low} of 600 ranks are in the upper half");
    }

    #[test]
    fn what_is_whole_in_one_part_is_not_sampled_in_another() {
        let whole = Mutant { function: "g".to_owned(), ..mutant("core/src/a.rs: replace g with ()") };
        let mut all = many();
        all.push(whole.clone());
        let chosen = choose(SAMPLED, all);
        assert_eq!(chosen[0], std::slice::from_ref(&whole));
        assert!(!chosen[1].contains(&whole));
    }
}
