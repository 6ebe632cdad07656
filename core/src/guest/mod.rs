//! Edits that make a captured tree true for its new disk: functions from bytes to bytes over the immutable tree.
//!
//! Nothing of the guest is executed, and nothing is changed that need not be. Every edit says what and why.

mod workspace;

pub use workspace::{Edit, EditAction, GuestWorkspace};
