//! Which inodes of the tree a view has, and which inode numbers they get.

use super::encode::index;
use crate::tree::InodeId;

/// The inodes of a view, in `InodeId` order, and their numbers: 2 for the root, 11 for `lost+found`, from 12 on the rest.
///
/// A *rank* is an inode's position in that order, from 0. Cost: 1.1 bits an inode of the tree.
pub(super) struct Numbering {
    members: Vec<u64>,
    /// Members before each run of [`RUN`] words.
    before: Vec<u32>,
    count: u32,
    /// The view has all inodes of the tree: each is its own rank.
    is_whole: bool,
    root: u32,
    lost_found: Option<u32>,
}

impl Numbering {
    /// The numbering of `inodes`, whose ids are below `inode_count`; it holds `root` and, if the tree has one, the
    /// directory `lost_found`.
    pub(super) fn new(
        inode_count: usize,
        inodes: impl Iterator<Item = InodeId>,
        root: InodeId,
        lost_found: Option<InodeId>,
    ) -> Self {
        let mut members = vec![0_u64; inode_count.div_ceil(64)];
        for inode in inodes {
            members[index(inode.index() / 64)] |= 1 << (inode.index() % 64);
        }
        let mut count = 0;
        let mut before = Vec::with_capacity(members.len() / RUN + 1);
        for run in members.chunks(RUN) {
            before.push(count);
            count += run.iter().map(|word| word.count_ones()).sum::<u32>();
        }
        let mut numbering = Self {
            members,
            before,
            count,
            is_whole: count as usize == inode_count,
            root: 0,
            lost_found: None,
        };
        numbering.root = numbering.rank(root);
        numbering.lost_found = lost_found.map(|inode| numbering.rank(inode));
        numbering
    }

    /// Inodes of the view.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Whether the view has a directory `lost+found` of its own.
    pub(super) fn has_lost_found(&self) -> bool {
        self.lost_found.is_some()
    }

    /// All inodes of the view by rank.
    pub(super) fn inodes(&self) -> impl Iterator<Item = InodeId> + '_ {
        (0_u32..).zip(&self.members).flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(InodeId::from_index(at * 64 + bit))
            })
        })
    }

    /// The rank of an inode of the view.
    pub(super) fn rank(&self, inode: InodeId) -> u32 {
        if self.is_whole {
            return inode.index();
        }
        let word = index(inode.index() / 64);
        let run = word / RUN;
        let whole: u32 = self.members[run * RUN..word].iter().map(|word| word.count_ones()).sum();
        let below = self.members[word] & ((1 << (inode.index() % 64)) - 1);
        self.before[run] + whole + below.count_ones()
    }

    /// The inode of a rank below [`Numbering::count`].
    pub(super) fn inode(&self, rank: u32) -> InodeId {
        if self.is_whole {
            return InodeId::from_index(rank);
        }
        let run = self.before.partition_point(|before| *before <= rank).saturating_sub(1);
        let mut left = rank - self.before[run];
        let mut word = run * RUN;
        while left >= self.members[word].count_ones() {
            left -= self.members[word].count_ones();
            word += 1;
        }
        let mut bits = self.members[word];
        for _ in 0..left {
            bits &= bits - 1;
        }
        InodeId::from_index(word as u32 * 64 + bits.trailing_zeros())
    }

    /// The inode number of a rank.
    pub(super) fn number(&self, rank: u32) -> u32 {
        if rank == self.root {
            return ROOT;
        }
        match self.lost_found {
            Some(lost_found) if rank == lost_found => LOST_FOUND,
            lost_found => {
                let taken = u32::from(rank > self.root) + u32::from(lost_found.is_some_and(|at| rank > at));
                FIRST + rank - taken
            }
        }
    }

    /// The rank that has an inode number; `None` for reserved numbers and those after the last.
    pub(super) fn rank_of_number(&self, number: u32) -> Option<u32> {
        match number {
            ROOT => Some(self.root),
            LOST_FOUND => self.lost_found,
            _ => {
                let mut rank = number.checked_sub(FIRST)?;
                let mut skipped = [Some(self.root), self.lost_found];
                skipped.sort_unstable();
                for skip in skipped.into_iter().flatten() {
                    rank += u32::from(rank >= skip);
                }
                (rank < self.count).then_some(rank)
            }
        }
    }

    /// The highest number in use.
    pub(super) fn last_number(&self) -> u32 {
        FIRST + self.count - 2 - u32::from(self.lost_found.is_some()) + u32::from(self.count == 0)
    }
}

/// EXT4_ROOT_INO.
pub(super) const ROOT: u32 = 2;
/// EXT4_RESIZE_INO.
pub(super) const RESIZE: u32 = 7;
/// EXT4_JOURNAL_INO.
pub(super) const JOURNAL: u32 = 8;
/// Where e2fsck and mke2fs have `lost+found`: s_first_ino.
pub(super) const LOST_FOUND: u32 = 11;
const FIRST: u32 = 12;
/// Words of 64 inodes between two counts.
const RUN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn numbering(ids: &[u32], root: u32, lost_found: Option<u32>) -> Numbering {
        let ids = ids.iter().map(|id| InodeId::from_index(*id));
        Numbering::new(3000, ids, InodeId::from_index(root), lost_found.map(InodeId::from_index))
    }

    #[test]
    fn ranks_and_numbers_lead_back() {
        // Some inodes of the tree, and all.
        let (some, all) = ((5..3000).step_by(7).collect::<Vec<u32>>(), (0..3000).collect());
        let lost_founds = [None, Some(5 + 7 * 3), Some(5 + 7 * 400)];
        for (lost_found, ids) in lost_founds.iter().flat_map(|at| [(*at, &some), (*at, &all)]) {
            let numbering = numbering(ids, 5 + 7 * 60, lost_found);
            let mut seen = Vec::new();
            for (rank, id) in (0_u32..).zip(ids) {
                assert_eq!(numbering.rank(InodeId::from_index(*id)), rank);
                assert_eq!(numbering.inode(rank), InodeId::from_index(*id));
                let number = numbering.number(rank);
                assert_eq!(numbering.rank_of_number(number), Some(rank));
                seen.push(number);
            }
            seen.sort_unstable();
            let mut expected = vec![ROOT];
            expected.extend(lost_found.map(|_| LOST_FOUND));
            let rest = ids.len() as u32 - expected.len() as u32;
            expected.extend(FIRST..FIRST + rest);
            assert_eq!(seen, expected);
            assert_eq!(numbering.last_number(), *expected.last().unwrap());
            assert_eq!(numbering.rank_of_number(numbering.last_number() + 1), None);
            assert_eq!(numbering.inodes().count(), ids.len());
        }
    }

    #[test]
    fn a_lone_root_leaves_lost_found_the_last_number() {
        assert_eq!(numbering(&[0], 0, None).last_number(), LOST_FOUND);
        assert_eq!(numbering(&[0, 1], 0, Some(1)).last_number(), LOST_FOUND);
    }
}
