/// Whether a character may stand in an XML 1.0 document.
///
/// # Reference
/// Extensible Markup Language (XML) 1.0, fifth edition, 2.2 "Characters", production 2.
pub(crate) fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Input of any length, cut short for a message.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 64;
    if text.chars().count() > SHOWN {
        let head: String = text.chars().take(SHOWN).collect();
        format!("{head:?}…")
    } else {
        format!("{text:?}")
    }
}
