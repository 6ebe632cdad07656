//! Linux swap areas.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use uuid::Uuid;

use crate::layout::LayoutBuilder;
use crate::{Error, ErrorKind, Result};

/// The smallest swap area that Linux takes: ten pages of 4096 bytes.
pub const MINIMUM_SIZE: u64 = 10 * PAGE_SIZE;

/// A swap area, ready to be appended.
///
/// Version 1 with pages of 4096 bytes, little-endian: what every x86 machine and most ARM and RISC-V machines use.
///
/// # Reference
/// `union swap_header` of the Linux kernel's `include/linux/swap.h`; mkswap(8).
#[derive(Clone, Debug)]
pub struct SwapPlan {
    header: Vec<u8>,
    size: u64,
}

impl SwapPlan {
    /// A swap area of `size` bytes. Bytes after the last whole page stay unused; `label` may be empty.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` below [`MINIMUM_SIZE`] and from 16 TiB on; `ErrorKind::InvalidProfile` for a label of more
    /// than 15 bytes or with a NUL.
    pub fn new(uuid: Uuid, label: &str, size: u64) -> Result<Self> {
        if size < MINIMUM_SIZE {
            let text = format!("swap needs {MINIMUM_SIZE} bytes at least, not {size}");
            return Err(Error::new(ErrorKind::DoesNotFit, text));
        }
        let last_page = u32::try_from((size / PAGE_SIZE).saturating_sub(1)).map_err(|_| {
            Error::new(ErrorKind::DoesNotFit, format!("swap ends at 16 TiB, {size} bytes are too many"))
        })?;
        if label.len() > LABEL_BYTES || label.contains('\0') {
            let text = format!("{label:?} is not a label of at most {LABEL_BYTES} bytes");
            return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("label"));
        }
        let mut header = vec![0; 1024]; // bootbits
        header.extend_from_slice(&1_u32.to_le_bytes()); // version
        header.extend_from_slice(&last_page.to_le_bytes()); // last_page
        header.extend_from_slice(&0_u32.to_le_bytes()); // nr_badpages
        header.extend_from_slice(uuid.as_bytes()); // sws_uuid
        header.extend_from_slice(label.as_bytes()); // sws_volume
        header.resize(4086, 0);
        header.extend_from_slice(b"SWAPSPACE2");
        Ok(Self { header, size })
    }

    /// Appends the area: exactly the bytes that [`SwapPlan::new`] was given.
    ///
    /// # Errors
    /// As [`LayoutBuilder::zeros`].
    pub fn append(self, builder: &mut LayoutBuilder) -> Result<()> {
        builder.bytes(self.header, "swap header")?;
        builder.zeros(self.size.saturating_sub(PAGE_SIZE), "swap")
    }
}

const PAGE_SIZE: u64 = 4096;
/// The field has 16, all tools end it with a NUL.
const LABEL_BYTES: usize = 15;
