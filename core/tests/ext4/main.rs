//! Volumes written by `filesystem::ext4`, as e2fsprogs and the kernel see them.

mod attributes;
mod classic;
mod compare;
mod directories;
mod files;
mod image;
mod plain;
mod random;
mod scan;
mod sizes;
mod writers;
