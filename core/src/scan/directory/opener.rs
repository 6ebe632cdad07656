use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::host::{Access, Host};
use crate::FileOp;

/// Opens paths below a directory, of any length, through no symbolic link, never above it.
#[derive(Debug, Default)]
pub(super) struct Opener {
    /// The kernel has no `openat2`: one component at a time.
    stepwise: AtomicBool,
    /// Reading sets access times, because not setting them was refused once.
    sets_access_times: AtomicBool,
}

impl Opener {
    /// One component at a time, as on a kernel without `openat2`.
    #[cfg(test)]
    pub(super) fn stepwise() -> Self {
        Self { stepwise: AtomicBool::new(true), ..Self::default() }
    }

    /// Opens `below` for `access`; every component but the last must be a directory.
    pub(super) fn open(
        &self,
        host: &Host<'_>,
        directory: BorrowedFd<'_>,
        below: &[u8],
        access: Access,
    ) -> io::Result<OwnedFd> {
        host.files.admit(FileOp::Open { path: host.path })?;
        let mut parent: Option<OwnedFd> = None;
        let mut left = below;
        loop {
            let from = parent.as_ref().map_or(directory, AsFd::as_fd);
            let stepwise = self.stepwise.load(Ordering::Relaxed);
            let (piece, rest) = split_path(left, if stepwise { 1 } else { LONGEST_PIECE });
            let flags = match rest {
                None => access.flags(),
                Some(_) => Access::Name.flags() | OFlags::DIRECTORY,
            };
            match (self.open_piece(from, piece, flags, stepwise), rest) {
                (Err(Errno::NOSYS), _) if !stepwise => self.stepwise.store(true, Ordering::Relaxed),
                (Err(error), _) => return Err(error.into()),
                (Ok(descriptor), None) => return Ok(descriptor),
                (Ok(descriptor), Some(rest)) => {
                    parent = Some(descriptor);
                    left = rest;
                }
            }
        }
    }

    fn open_piece(
        &self,
        from: BorrowedFd<'_>,
        piece: &[u8],
        flags: OFlags,
        stepwise: bool,
    ) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let mut flags = flags;
        if !flags.contains(OFlags::PATH) && !self.sets_access_times.load(Ordering::Relaxed) {
            flags |= OFlags::NOATIME;
        }
        let mut tries = 0;
        loop {
            let opened = if stepwise {
                rustix::fs::openat(from, piece, flags, Mode::empty())
            } else {
                rustix::fs::openat2(from, piece, flags, Mode::empty(), resolve)
            };
            match opened {
                Err(Errno::INTR) => {}
                // A rename somewhere disturbed the kernel's own check.
                Err(Errno::AGAIN) if tries < 16 => tries += 1,
                Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => {
                    self.sets_access_times.store(true, Ordering::Relaxed);
                    flags -= OFlags::NOATIME;
                }
                opened => return opened,
            }
        }
    }
}

/// The first components of `path` that together have at most `longest` bytes, at least one, and what follows.
fn split_path(path: &[u8], longest: usize) -> (&[u8], Option<&[u8]>) {
    if path.len() <= longest {
        return (path, None);
    }
    let within = path.get(..longest).unwrap_or(path).iter().rposition(|byte| *byte == b'/');
    let at = within.or_else(|| path.iter().position(|byte| *byte == b'/'));
    match at {
        None => (path, None),
        Some(at) => {
            let (piece, rest) = path.split_at(at);
            (piece, rest.get(1..))
        }
    }
}

/// Below PATH_MAX, 4096 bytes with the NUL.
const LONGEST_PIECE: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_taken_in_pieces_that_end_before_a_slash() {
        for (path, longest, piece, rest) in [
            ("a/b", 3, "a/b", None),
            ("a/bc", 3, "a", Some("bc")),
            ("ab/c", 3, "ab", Some("c")),
            ("a/b/cd", 4, "a/b", Some("cd")),
            ("a/b/c", 1, "a", Some("b/c")),
            // A component that is too long is a piece of its own: the kernel refuses it.
            ("abc/d", 3, "abc", Some("d")),
            ("abcd/e/f", 3, "abcd", Some("e/f")),
            ("abcd", 3, "abcd", None),
        ] {
            let expected = (piece.as_bytes(), rest.map(str::as_bytes));
            assert_eq!(split_path(path.as_bytes(), longest), expected, "{path} at {longest}");
        }
    }
}
