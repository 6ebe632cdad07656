/// What a scan is called: the name of its file without what says that it is an archive, plain or packed. `debian` of
/// `debian.tar.zst`; a name without such an end, or that is nothing else, is whole.
pub fn without_archive_suffixes(name: &str) -> &str {
    let without = |name: &'_ str, suffixes: &[&str]| -> Option<usize> {
        suffixes.iter().find_map(|suffix| {
            let at = name.len().checked_sub(suffix.len())?;
            let end = name.get(at..)?;
            (at > 0 && end.eq_ignore_ascii_case(suffix)).then_some(at)
        })
    };
    let cut = |at: Option<usize>| at.and_then(|at| name.get(..at));
    match cut(without(name, &[".tgz", ".tzst", ".txz", ".tbz2", ".tbz", ".tar"])) {
        Some(stem) => stem,
        None => {
            let packed = cut(without(name, &[".gz", ".zst", ".xz", ".bz2"])).unwrap_or_default();
            without(packed, &[".tar"]).and_then(|at| packed.get(..at)).unwrap_or(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_suffixes_are_not_part_of_the_name() {
        for (name, stem) in [
            ("debian.tar", "debian"),
            ("debian.tar.gz", "debian"),
            ("debian.TGZ", "debian"),
            ("web.example.tar.zst", "web.example"),
            ("web.example", "web.example"),
            ("data.gz", "data.gz"),
            (".tar", ".tar"),
            ("é.tar", "é"),
            ("", ""),
        ] {
            assert_eq!(without_archive_suffixes(name), stem, "{name}");
        }
    }
}
