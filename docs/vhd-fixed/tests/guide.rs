//! The guide for format authors shows this crate's code and nothing else.

use std::path::Path;

use diskwright_conformance::Trial;

/// A fenced block: what stands behind the fence, and its lines.
struct Block {
    info: String,
    text: String,
}

fn blocks(guide: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in guide.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info: info.to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

#[test]
fn every_block_of_code_stands_in_the_crate_as_it_is_shown() {
    let mut shown = Vec::new();
    for Block { info, text } in blocks(GUIDE) {
        match info.split_once(' ') {
            Some((language @ ("rust" | "toml"), file)) => {
                let code = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
                assert!(code.contains(&text), "{language} in {file} is not:\n{text}");
                shown.push(file.to_owned());
            }
            _ => assert!(["sh", "text"].contains(&info.as_str()), "a block names no file: {info}\n{text}"),
        }
    }
    for file in [
        "Cargo.toml",
        "src/lib.rs",
        "src/options.rs",
        "src/plan.rs",
        "src/encode.rs",
        "src/write.rs",
        "src/main.rs",
        "tests/conformance.rs",
        "benches/write_format.rs",
    ] {
        assert!(shown.iter().any(|other| other == file), "{file} is not shown");
    }
}

#[test]
fn every_trial_of_the_kit_is_told() {
    for trial in Trial::ALL {
        assert!(GUIDE.contains(&format!("`{trial}`")), "{trial}");
    }
}

const GUIDE: &str = include_str!("../../writing-a-format.md");
