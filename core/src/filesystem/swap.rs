//! Linux swap.
