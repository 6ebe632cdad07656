//! Diskwright for embedders.
