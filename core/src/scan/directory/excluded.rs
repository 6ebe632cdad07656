use crate::{Error, ErrorKind, Result};

/// Patterns of paths that a scan leaves out, with all below them.
///
/// A pattern with a slash in it is of a whole path from the root on, with or without a slash in front: `/var/cache/*`. One
/// without is of a name anywhere: `*.swp`. `?` is one byte and `*` any number of them, neither a slash; `**` is any number of
/// bytes with slashes; everything else stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excluded {
    /// Of whole paths, without a slash in front.
    paths: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
}

impl Excluded {
    /// The set of `patterns`.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` for one that is empty or matches the root itself.
    pub fn new<Pattern: AsRef<[u8]>>(patterns: impl IntoIterator<Item = Pattern>) -> Result<Self> {
        let mut excluded = Self::default();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let path = pattern.strip_prefix(b"/").unwrap_or(pattern);
            let path = path.strip_suffix(b"/").unwrap_or(path);
            if path.is_empty() {
                let text =
                    format!("the pattern \"{}\" excludes nothing that has a name", pattern.escape_ascii());
                return Err(Error::new(ErrorKind::InvalidOption, text));
            }
            match pattern.contains(&b'/') {
                true => excluded.paths.push(path.to_vec()),
                false => excluded.names.push(path.to_vec()),
            }
        }
        Ok(excluded)
    }

    /// Whether `name` in the directory `below` (below the root, without slashes around it, empty for the root) is left out.
    pub(super) fn matches(&self, below: &[u8], name: &[u8]) -> bool {
        if self.names.iter().any(|pattern| matches(pattern, name)) {
            return true;
        }
        !self.paths.is_empty() && {
            let slash: &[u8] = if below.is_empty() { b"" } else { b"/" };
            let path = [below, slash, name].concat();
            self.paths.iter().any(|pattern| matches(pattern, &path))
        }
    }
}

/// Whether all of `text` is what `pattern` says; work is at most the product of their lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Which prefixes of the text the pattern's pieces so far match.
    let mut reached = vec![false; text.len().saturating_add(1)];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    let mut rest = pattern;
    while let Some((piece, after)) = rest.split_first() {
        let is_any = *piece == b'*';
        let crosses = is_any && after.first() == Some(&b'*');
        rest = if crosses { after.get(1..).unwrap_or(&[]) } else { after };
        let mut next = vec![false; reached.len()];
        let mut before = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let byte = at.checked_sub(1).and_then(|at| text.get(at).copied());
            let reaches = |at: usize| reached.get(at).copied().unwrap_or(false);
            *slot = if is_any {
                // Begun here, or gone on over one more byte.
                reaches(at) || before && byte.is_some_and(|byte| crosses || byte != b'/')
            } else {
                let is_it = |byte| if *piece == b'?' { byte != b'/' } else { byte == *piece };
                byte.is_some_and(is_it) && at.checked_sub(1).is_some_and(reaches)
            };
            before = *slot;
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_anywhere_or_whole_paths() {
        let excluded = Excluded::new(["*.swp", "/var/cache/*", "work", "a/**/z", "tmp/?", "/srv/"]).unwrap();
        let is_out = |below: &[u8], name: &[u8]| excluded.matches(below, name);
        for (below, name) in [
            (&b""[..], &b"x.swp"[..]),
            (b"deep/er", b".swp"),
            (b"var/cache", b"apt"),
            (b"any", b"work"),
            (b"a/b/c", b"z"),
            (b"tmp", b"x"),
            (b"", b"srv"),
        ] {
            assert!(is_out(below, name), "{}{}", below.escape_ascii(), name.escape_ascii());
        }
        for (below, name) in [
            (&b""[..], &b"swp"[..]),
            (b"var", b"cache"),
            (b"x/var/cache", b"apt"),
            (b"", b"workshop"),
            (b"a", b"z"),
            (b"tmp", b"xy"),
            (b"tmp/x", b"y"),
        ] {
            assert!(!is_out(below, name), "{}{}", below.escape_ascii(), name.escape_ascii());
        }
    }

    #[test]
    fn stars_cost_no_more_than_the_product_of_lengths() {
        let pattern = b"*a".repeat(2000);
        assert!(!matches(&pattern, &b"a".repeat(1000)));
        assert!(matches(&pattern, &b"ba".repeat(2000)));
    }

    #[test]
    fn a_pattern_of_everything_is_refused() {
        for pattern in ["", "/", "//"] {
            assert_eq!(Excluded::new([pattern]).unwrap_err().kind(), ErrorKind::InvalidOption, "{pattern}");
        }
    }
}
