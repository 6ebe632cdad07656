//! The linter against valid, broken, hostile and foreign files.

mod cases;
mod foreign_tools;
mod hostile;
mod reads;
mod rules;
mod support;
