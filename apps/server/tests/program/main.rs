//! The program with a data directory of its own, as its administrator and its users have it.

mod demo;
mod killed;
mod room;
mod scans;
