//! tar archives.
