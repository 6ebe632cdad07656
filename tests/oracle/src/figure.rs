use std::fmt::Display;

/// Whether tests run at full length: `cargo xtask reliability` sets `DISKWRIGHT_RELIABILITY=full`. Otherwise they are short
/// enough for every run.
pub fn is_full() -> bool {
    std::env::var_os("DISKWRIGHT_RELIABILITY").is_some_and(|lane| lane == "full")
}

/// Tells a figure to `cargo xtask reliability`, which reads it from standard output: what was measured and how, the value
/// found, and the goal that the test held it to.
pub fn figure(name: &str, how: &str, found: impl Display, goal: impl Display) {
    let found = found.to_string();
    let goal = goal.to_string();
    let line = serde_json::json!({ "figure": name, "how": how, "found": found, "goal": goal });
    println!("figure {line}");
}
