//! What was written is verified, what was changed afterwards is found.

mod clean;
mod compared;
mod containers;
mod disks;
mod every_byte;
mod hostile;
mod lvm;
mod mutation;
mod rich;
mod short_cluster;
mod support;
