//! The filters of `lvm.conf`, found as LVM reads the file.

/// Whether a configuration file has a `filter` or `global_filter` that LVM heeds.
pub(crate) fn has_lvm_filters(text: &[u8]) -> bool {
    without_filters(text) != text
}

/// A configuration file with `filter` and `global_filter` commented out: each from its name to the end of its value,
/// whatever lines they take. What stands behind on the line goes to a line of its own. A file in which a list or string
/// has no end is left as it is: LVM does not read it.
///
/// # Reference
/// lvm.conf(5), "SYNTAX".
pub(super) fn without_filters(text: &[u8]) -> Vec<u8> {
    let mut amended = Vec::with_capacity(text.len());
    let mut copied = 0_usize;
    let mut at = 0_usize;
    while let Some(end) = token_end(text, at) {
        let filter = text.get(at..end).filter(|word| FILTERS.contains(word));
        let Some(value) = filter.and_then(|_| start_of_value(text, end)) else {
            at = end;
            continue;
        };
        let Some(end) = end_of_value(text, value) else { break };
        amended.extend_from_slice(text.get(copied..at).unwrap_or_default());
        let line = amended.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let is_alone = amended.get(line..).is_none_or(|before| before.trim_ascii().is_empty());
        if is_alone {
            amended.insert(line, b'#');
        } else {
            amended.extend(b"\n#");
        }
        for byte in text.get(at..end).unwrap_or_default() {
            amended.push(*byte);
            if *byte == b'\n' {
                amended.push(b'#');
            }
        }
        let behind =
            text.get(end..).unwrap_or_default().split(|byte| *byte == b'\n').next().unwrap_or_default();
        if !matches!(behind.trim_ascii().first(), None | Some(b'#')) {
            amended.push(b'\n');
        }
        (copied, at) = (end, end);
    }
    amended.extend_from_slice(text.get(copied..).unwrap_or_default());
    amended
}

/// Where the value starts of the name that ends at `at`; `None` where it has none.
fn start_of_value(text: &[u8], at: usize) -> Option<usize> {
    let assignment = next(text, at).filter(|at| text.get(*at) == Some(&b'='))?;
    let start = next(text, assignment.saturating_add(1))?;
    (!matches!(text.get(start), Some(b'{' | b'}' | b']' | b'=' | b','))).then_some(start)
}

/// The end of the value that starts at `start`; `None` where it has none.
fn end_of_value(text: &[u8], start: usize) -> Option<usize> {
    let is_list = text.get(start) == Some(&b'[');
    let mut at = start;
    loop {
        let end = token_end(text, at)?;
        if !is_list || text.get(at) == Some(&b']') {
            return Some(end);
        }
        at = next(text, end)?;
    }
}

/// Where the next token starts: white space and comments are none.
fn next(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            byte if byte.is_ascii_whitespace() => at = at.saturating_add(1),
            b'#' => at = token_end(text, at)?,
            _ => return Some(at),
        }
    }
}

/// The end of what starts at `at`: a string with its quotes, a comment without its line's end, a word, or one byte.
/// `None` at the end of the file and where a string has none.
fn token_end(text: &[u8], at: usize) -> Option<usize> {
    let first = *text.get(at)?;
    let behind = at.saturating_add(1);
    let rest = text.get(behind..).unwrap_or_default();
    let len = match first {
        b'#' => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        b'\'' => rest.iter().position(|byte| *byte == b'\'')?.saturating_add(1),
        b'"' => {
            let mut is_escaped = false;
            let is_end = |byte: &u8| {
                let ends = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                ends
            };
            rest.iter().position(is_end)?.saturating_add(1)
        }
        _ if is_of_word(first) => rest.iter().take_while(|byte| is_of_word(**byte)).count(),
        _ => 0,
    };
    Some(behind.saturating_add(len))
}

fn is_of_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"#'\"[]{}=,".contains(&byte)
}

const FILTERS: [&[u8]; 4] = [b"filter", b"global_filter", b"devices/filter", b"devices/global_filter"];

#[cfg(test)]
mod tests {
    use super::*;

    fn amended(text: &str) -> String {
        String::from_utf8(without_filters(text.as_bytes())).unwrap()
    }

    #[test]
    fn filters_are_commented_out_and_nothing_else() {
        let text = "devices {\n\tfilter = [ \"a|sda|\",\n\t\"r|.*|\" ]\n\t# filter = [ ]\n\tfilters = 1\n\tglobal_filter=[\"r|x|\"]\n}\n";
        let expected = "devices {\n#\tfilter = [ \"a|sda|\",\n#\t\"r|.*|\" ]\n\t# filter = [ ]\n\tfilters = 1\n#\tglobal_filter=[\"r|x|\"]\n}\n";
        assert_eq!(amended(text), expected);
        assert_eq!(amended(expected), expected);
        assert!(has_lvm_filters(text.as_bytes()) && !has_lvm_filters(expected.as_bytes()));
    }

    #[test]
    fn a_value_ends_where_lvm_ends_it() {
        for (text, expected) in [
            (
                "filter = [ \"a|sd[ab]|\",\n \"r|.*|\" ]\nx = 1\n",
                "#filter = [ \"a|sd[ab]|\",\n# \"r|.*|\" ]\nx = 1\n",
            ),
            ("filter = \"a|.*|\"\nx = 1\n", "#filter = \"a|.*|\"\nx = 1\n"),
            ("devices { filter = [ \"r|.*|\" ] }\n", "devices { \n#filter = [ \"r|.*|\" ]\n }\n"),
            ("d {\n filter = [ \"r\" ] }\nx {\n}\n", "d {\n# filter = [ \"r\" ]\n }\nx {\n}\n"),
            (
                "filter = [ # a ] here\n 'r\"]' ] # why\ny = 2",
                "#filter = [ # a ] here\n# 'r\"]' ] # why\ny = 2",
            ),
            ("filter = [ \"\\\"]\", \"b\" ] y = 2", "#filter = [ \"\\\"]\", \"b\" ]\n y = 2"),
            ("devices/filter=[\"r\"]\r\n", "#devices/filter=[\"r\"]\r\n"),
            ("x = \"filter = [ ]\"\n", "x = \"filter = [ ]\"\n"),
        ] {
            assert_eq!(amended(text), expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_lvm_cannot_read_stays() {
        let text = "devices {\n filter = [ \"a|sda|\", 'x' ]\n}\n";
        for end in 0..text.len() {
            let cut = &text[..end];
            assert!(amended(cut).replace('#', "").starts_with(cut.trim_end()), "{cut}");
        }
        assert_eq!(amended("filter = [ \"a\"\nx = 1\n"), "filter = [ \"a\"\nx = 1\n");
        assert_eq!(amended("filter = \"a\nx = 1\n"), "filter = \"a\nx = 1\n");
        assert_eq!(amended("filter {\n}\nfilter"), "filter {\n}\nfilter");
    }
}
