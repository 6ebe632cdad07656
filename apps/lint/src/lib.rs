//! Checks finished images against the rules of the products that import them.
