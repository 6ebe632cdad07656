//! What was written is verified, what was changed afterwards is found.

mod clean;
mod compared;
mod containers;
mod every_byte;
mod hostile;
mod mutation;
mod rich;
mod short_cluster;
mod support;
