//! The Debian 12 machine in every format: the bytes of the raw disk, on any number of threads, booting from each
//! container, and taken by VirtualBox.

mod appliances;
mod boots;
mod built;
mod bytes;
mod lint;
mod memory;
mod virtualbox;
