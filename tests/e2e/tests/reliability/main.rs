//! What a generation leaves when its host fails it, loses power, or is another host, when it is killed or cancelled, and when
//! its scan changes: faults of every file operation, power cuts, the same bytes again, and nothing of the host in an image.
//!
//! Every run has the short form; `cargo xtask reliability` runs the long one, in which each format meets each fault.

mod build;
mod cancelled;
mod chance;
mod faults;
mod host_faults;
mod killed;
mod leaks;
mod live;
mod power;
mod repeat;
mod scene;
