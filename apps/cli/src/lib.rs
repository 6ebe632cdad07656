//! The diskwright command line.
