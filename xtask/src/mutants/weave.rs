//! Many changes in one program: each function has its body once for each of its mutants, and a number from the
//! environment chooses.
//!
//! ```text
//! fn f(a: u32) -> u32 {                 fn f(a: u32) -> u32 { match crate::chosen_mutant() {
//!     a + 1                      ->     7 => { a - 1 }
//! }                                     8 => { a * 1 }
//!                                       _ => { a + 1 } } }
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};

use super::list::{Mutant, Span};

/// The text of a file with changes, and which lines of it belong to which.
#[derive(Debug)]
pub(crate) struct Woven {
    pub(crate) text: String,
    /// Lines from 1, and the number of the mutant there.
    pub(crate) lines: Vec<(Range<usize>, u32)>,
}

/// Whether the mutant has a function whose body can stand in a choice: it is no constant one, for the choice is made when
/// the program runs, and gives no type without a name, for each body would give another.
pub(crate) fn can_be_woven(text: &str, mutant: &Mutant) -> Result<bool> {
    if mutant.function.is_empty() {
        return Ok(false);
    }
    let body = body_of(text, mutant)?;
    let signature = text.get(offset_of(text, mutant.whole.start)?..body.start).unwrap_or_default();
    let is_const = signature.split_whitespace().take_while(|word| *word != "fn").any(|word| word == "const");
    let result = signature.split_once("->").map_or("", |(_, result)| result);
    Ok(!is_const && !result.contains("impl "))
}

/// The text with every one of the mutants in it, each chosen by its number; there is no number 0.
pub(crate) fn weave(text: &str, mutants: &[(u32, &Mutant)]) -> Result<Woven> {
    let mut functions = BTreeMap::<(usize, usize), Vec<(u32, &Mutant)>>::new();
    for (number, mutant) in mutants {
        let body = body_of(text, mutant)?;
        functions.entry((body.start, body.end)).or_default().push((*number, mutant));
    }
    let mut woven = Woven { text: String::new(), lines: Vec::new() };
    let mut line = 1;
    let mut put = |woven: &mut Woven, piece: &str| {
        let start = line;
        woven.text.push_str(piece);
        line += piece.matches('\n').count();
        start..line + 1
    };
    let mut at = 0;
    for ((start, end), choices) in functions {
        ensure!(at <= start, "one of the functions of {} is in another one", choices[0].1.file);
        put(&mut woven, &text[at..start]);
        put(&mut woven, "{ match crate::chosen_mutant() {\n");
        for (number, mutant) in choices {
            let body = changed(text, mutant)?.get(start..).map(str::to_owned).unwrap_or_default();
            // What follows the body is as long as before the change.
            let body = &body[..body.len() - (text.len() - end)];
            let lines = put(&mut woven, &format!("{number} => {body}"));
            woven.lines.push((lines, number));
            put(&mut woven, "\n");
        }
        put(&mut woven, "_ => ");
        put(&mut woven, &text[start..end]);
        put(&mut woven, "\n} }");
        at = end;
    }
    put(&mut woven, &text[at..]);
    Ok(woven)
}

/// The text with one change, and nothing else.
pub(crate) fn changed(text: &str, mutant: &Mutant) -> Result<String> {
    let Range { start, end } = range_of(text, mutant.span).with_context(|| mutant.name.clone())?;
    Ok(format!("{}{}{}", &text[..start], mutant.replacement, &text[end..]))
}

/// The body of the mutant's function with its braces, in bytes.
fn body_of(text: &str, mutant: &Mutant) -> Result<Range<usize>> {
    let Range { start, end } = range_of(text, mutant.whole)?;
    let whole = text.get(start..end).unwrap_or_default();
    // A parameter may be a pattern with braces of its own.
    let mut depth = 0_usize;
    let brace = whole.char_indices().find(|(_, letter)| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *letter == '{' && depth == 0
    });
    let (brace, _) = brace.with_context(|| format!("{} has no body", mutant.function))?;
    ensure!(whole.ends_with('}'), "{} does not end with a brace", mutant.function);
    Ok(start + brace..end)
}

/// The bytes of the text between two places of it.
pub(crate) fn range_of(text: &str, span: Span) -> Result<Range<usize>> {
    let range = offset_of(text, span.start)?..offset_of(text, span.end)?;
    ensure!(range.start <= range.end, "line {} ends before it starts", span.start.0);
    Ok(range)
}

fn offset_of(text: &str, (line, column): (usize, usize)) -> Result<usize> {
    let missing = || format!("there is no line {line} with a column {column}");
    let before = line.checked_sub(1).with_context(missing)?;
    let start = text.split_inclusive('\n').take(before).map(str::len).sum::<usize>();
    let mut columns = text.get(start..).unwrap_or_default().char_indices().map(|(at, _)| at);
    let at = columns.nth(column.checked_sub(1).with_context(missing)?).with_context(missing)?;
    Ok(start + at)
}

/// What stands first in every crate: what always fails compiles, too.
pub(crate) const LINTS: &str =
    "#![allow(arithmetic_overflow, unconditional_panic, unconditional_recursion)] ";
/// What stands last in every crate: the number that the environment names, 0 for none.
pub(crate) const CHOICE: &str = "
/// The mutant that the environment names.
pub(crate) fn chosen_mutant() -> u32 {
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| {
        std::env::var(\"DISKWRIGHT_MUTANT\").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    })
}
";

#[cfg(test)]
mod tests {
    use super::super::list::tests::mutant;
    use super::*;

    const TEXT: &str = "\
const fn c() -> u32 {\n    1\n}\n\n/// Adds { to é.\nfn f(a: u32) -> u32 {\n    /* é */ a + 1\n}\n\nfn g() -> bool {\n    true\n}\n";

    fn change(function: &str, whole: Span, span: Span, replacement: &str) -> Mutant {
        let base = mutant(function);
        Mutant { function: function.to_owned(), whole, span, replacement: replacement.to_owned(), ..base }
    }

    fn plus(replacement: &str) -> Mutant {
        let whole = Span { start: (6, 1), end: (8, 2) };
        change("f", whole, Span { start: (7, 15), end: (7, 16) }, replacement)
    }

    fn truth() -> Mutant {
        let whole = Span { start: (10, 1), end: (12, 2) };
        change("g", whole, Span { start: (11, 5), end: (11, 9) }, "false")
    }

    #[test]
    fn each_function_has_its_body_once_for_each_change() {
        let (minus, times, truth) = (plus("-"), plus("*"), truth());
        let woven = weave(TEXT, &[(7, &minus), (9, &truth), (8, &times)]).unwrap();
        let expected = "\
const fn c() -> u32 {\n    1\n}\n\n/// Adds { to é.\nfn f(a: u32) -> u32 { match crate::chosen_mutant() {\n\
7 => {\n    /* é */ a - 1\n}\n8 => {\n    /* é */ a * 1\n}\n_ => {\n    /* é */ a + 1\n}\n} }\n\n\
fn g() -> bool { match crate::chosen_mutant() {\n9 => {\n    false\n}\n_ => {\n    true\n}\n} }\n";
        assert_eq!(woven.text, expected);
        assert_eq!(woven.lines, [(7..10, 7), (10..13, 8), (19..22, 9)]);
    }

    #[test]
    fn one_change_alone_leaves_the_rest_as_it_is() {
        assert_eq!(changed(TEXT, &plus("-")).unwrap(), TEXT.replace('+', "-"));
        assert_eq!(weave(TEXT, &[]).unwrap().text, TEXT);
    }

    #[test]
    fn a_pattern_with_braces_is_no_body() {
        let text = TEXT.replace("(a: u32)", "(P { a }: P)");
        let woven = weave(&text, &[(7, &plus("-"))]).unwrap().text;
        assert!(
            woven.contains("fn f(P { a }: P) -> u32 { match crate::chosen_mutant() {\n7 => {\n"),
            "{woven}"
        );
    }

    #[test]
    fn what_is_constant_is_not_woven() {
        let whole = Span { start: (1, 1), end: (3, 2) };
        let constant = change("c", whole, Span { start: (2, 5), end: (2, 6) }, "0");
        assert!(!can_be_woven(TEXT, &constant).unwrap());
        assert!(can_be_woven(TEXT, &truth()).unwrap());
        assert!(!can_be_woven(TEXT, &change("", whole, whole, "0")).unwrap());
        for unnamed in ["-> impl Copy", "-> Option<impl Copy>"] {
            assert!(!can_be_woven(&TEXT.replace("-> bool", unnamed), &truth()).unwrap(), "{unnamed}");
        }
    }

    #[test]
    fn places_that_are_not_in_the_text_are_refused() {
        for place in [(0, 1), (1, 0), (99, 1), (12, 99)] {
            assert!(offset_of(TEXT, place).is_err(), "{place:?}");
        }
    }
}
