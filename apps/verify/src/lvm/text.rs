//! The text of a volume group's metadata: names with values, sections and lists.

use std::collections::VecDeque;

/// A section's entries in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section(pub(super) Vec<(String, Node)>);

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Number(u64),
    Text(String),
    List(Vec<Node>),
    Section(Section),
}

impl Section {
    /// Reads a whole text.
    ///
    /// # Errors
    /// What is wrong, in words.
    ///
    /// # Reference
    /// LVM2 2.03, `libdm/libdm-config.c`: the grammar above `_section`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text)?;
        let section = section(&mut tokens, 0)?;
        match tokens.pop_front() {
            None => Ok(section),
            Some(token) => Err(format!("{token:?} after the end")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Node::Section(section) => Some(section),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Node::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a list of texts has just these.
    pub(super) fn has_flags(&self, name: &str, flags: &[&str]) -> bool {
        let Some(Node::List(found)) = self.get(name) else { return false };
        let wanted: Vec<Node> = flags.iter().map(|flag| Node::Text((*flag).to_owned())).collect();
        *found == wanted
    }

    /// The sections in it, with their names.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, node)| match node {
            Node::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> Result<VecDeque<Token>, String> {
    let mut tokens = VecDeque::new();
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let mut rest = left.get(first.len_utf8()..).unwrap_or_default();
        match first {
            c if c.is_ascii_whitespace() => {}
            '#' => rest = rest.split_once('\n').map_or("", |(_, rest)| rest),
            '{' | '}' | '[' | ']' | '=' | ',' => tokens.push_back(Token::Mark(first)),
            '"' => {
                let (inside, after) = rest.split_once('"').ok_or("a quote that does not end")?;
                tokens.push_back(Token::Text(inside.to_owned()));
                rest = after;
            }
            c if is_word(c) => {
                let end = left.find(|c| !is_word(c)).unwrap_or(left.len());
                let (word, after) = left.split_at(end);
                tokens.push_back(Token::Word(word.to_owned()));
                rest = after;
            }
            c => return Err(format!("{c:?} outside of quotes")),
        }
        left = rest;
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '_' | '.' | '-')
}

fn section(tokens: &mut VecDeque<Token>, depth: usize) -> Result<Section, String> {
    let mut entries = Vec::new();
    while let Some(Token::Word(name)) = tokens.front().cloned() {
        tokens.pop_front();
        let node = match tokens.pop_front() {
            Some(Token::Mark('=')) => value(tokens)?,
            Some(Token::Mark('{')) if depth < MOST_SECTIONS => {
                let inside = section(tokens, depth + 1)?;
                if tokens.pop_front() != Some(Token::Mark('}')) {
                    return Err(format!("the section {name} does not end"));
                }
                Node::Section(inside)
            }
            _ => return Err(format!("neither a value nor a section after {name}")),
        };
        entries.push((name, node));
    }
    Ok(Section(entries))
}

fn value(tokens: &mut VecDeque<Token>) -> Result<Node, String> {
    match tokens.pop_front() {
        Some(Token::Mark('[')) => {
            let mut items = Vec::new();
            loop {
                match tokens.pop_front() {
                    Some(Token::Mark(']')) => return Ok(Node::List(items)),
                    Some(Token::Mark(',')) => {}
                    Some(token) => items.push(single(token)?),
                    None => return Err("a list does not end".to_owned()),
                }
            }
        }
        Some(token) => single(token),
        None => Err("a value is missing".to_owned()),
    }
}

fn single(token: Token) -> Result<Node, String> {
    match token {
        Token::Text(text) => Ok(Node::Text(text)),
        Token::Word(word) => {
            word.parse().map(Node::Number).map_err(|_| format!("{word} is neither a number nor a text"))
        }
        Token::Mark(mark) => Err(format!("{mark:?} in the place of a value")),
    }
}

/// A group, its volumes, a volume, a segment.
const MOST_SECTIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "vg {\n\tid = \"a-b\" # a comment\n\tflags = []\n\tlvs {\n\t\tx { n = 4\n\t\t\tl = [\n\"pv0\", 7\n] } } }\nversion = 1\n";

    #[test]
    fn sections_values_and_lists_are_read() {
        let text = Section::parse(TEXT).unwrap();
        let group = text.section("vg").unwrap();
        assert_eq!((group.text("id"), text.number("version")), (Some("a-b"), Some(1)));
        let volume = group.section("lvs").unwrap().section("x").unwrap();
        assert_eq!(volume.number("n"), Some(4));
        assert_eq!(volume.get("l"), Some(&Node::List(vec![Node::Text("pv0".into()), Node::Number(7)])));
        assert!(group.has_flags("flags", &[]));
    }

    #[test]
    fn no_cut_text_makes_the_parser_panic_and_most_are_refused() {
        let whole = Section::parse(TEXT).unwrap();
        for end in 0..TEXT.len() - 1 {
            let cut = Section::parse(&TEXT[..end]);
            assert!(cut.is_err() || cut != Ok(whole.clone()), "{end}");
        }
        let deep = "a {".repeat(100_000);
        assert!(Section::parse(&deep).is_err());
    }
}
