//! The linter against valid, broken, hostile and foreign files.

mod cases;
mod foreign_tools;
mod hostile;
#[path = "../../../../core/tests/oracle/mod.rs"]
mod oracle;
mod rules;
mod support;
