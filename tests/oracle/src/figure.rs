use std::fmt::Display;

/// Whether tests run at full length: `cargo xtask reliability` sets `DISKWRIGHT_RELIABILITY=full`. Otherwise they are short
/// enough for every run.
pub fn is_full() -> bool {
    std::env::var_os("DISKWRIGHT_RELIABILITY").is_some_and(|lane| lane == "full")
}

/// Tells a figure to `cargo xtask reliability`, which reads it from standard output: what was measured and how, the value
/// found, the goal, and whether it is reached. The test that tells it also fails where it is not.
pub fn figure(name: &str, how: &str, found: impl Display, goal: &str, is_reached: bool) {
    let found = found.to_string();
    let line = serde_json::json!({ "figure": name, "how": how, "found": found, "goal": goal, "reached": is_reached });
    println!("figure {line}");
}
