use super::Segment;
use crate::{Error, ErrorKind, Result};

/// Places volumes of these numbers of extents on physical volumes of those: in order, each volume whole on the first
/// physical volume that has the room; one that none has room for takes what is left, piece by piece.
///
/// # Errors
/// `ErrorKind::DoesNotFit` when the extents do not suffice; `ErrorKind::Internal` for a volume without extents.
pub fn allocate(physical: &[u64], logical: &[u64]) -> Result<Vec<Vec<Segment>>> {
    let mut free: Vec<Segment> = physical
        .iter()
        .enumerate()
        .map(|(physical, extents)| Segment { physical, first: 0, extents: *extents })
        .collect();
    logical.iter().map(|extents| take(&mut free, *extents)).collect()
}

fn take(free: &mut [Segment], extents: u64) -> Result<Vec<Segment>> {
    if extents == 0 {
        return Err(Error::new(ErrorKind::Internal, "a logical volume has at least one extent"));
    }
    if let Some(room) = free.iter_mut().find(|room| room.extents >= extents) {
        return Ok(vec![cut(room, extents)]);
    }
    let mut missing = extents;
    let mut segments = Vec::new();
    for room in free.iter_mut().filter(|room| room.extents > 0) {
        let piece = cut(room, room.extents.min(missing));
        missing = missing.saturating_sub(piece.extents);
        segments.push(piece);
        if missing == 0 {
            return Ok(segments);
        }
    }
    let text = format!("{missing} extents are missing for its logical volumes");
    Err(Error::new(ErrorKind::DoesNotFit, text))
}

/// The first extents of free ones.
fn cut(room: &mut Segment, extents: u64) -> Segment {
    let piece = Segment { extents, ..*room };
    room.first = room.first.saturating_add(extents);
    room.extents = room.extents.saturating_sub(extents);
    piece
}
