//! A reader of FAT32 for tests, written from the specification and sharing nothing with the writer: mtools does not
//! know names beyond the basic plane, nor does it show creation times.

use std::collections::BTreeMap;

/// One entry: its content (`None` for a directory), alias, attribute and raw times.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub content: Option<Vec<u8>>,
    pub alias: [u8; 11],
    /// Hundredths, time and date of creation, date of access, time and date of modification.
    pub times: (u8, u16, u16, u16, u16, u16),
}

/// Everything below the root of a FAT32 image.
pub fn read(image: &[u8]) -> BTreeMap<String, Found> {
    let sector = u16_at(image, 11) as usize;
    let fat = &image[u16_at(image, 14) as usize * sector..];
    let table_len = u32_at(image, 36) as usize * sector;
    assert!(fat[..table_len] == fat[table_len..table_len * 2], "the tables differ");
    let data = &fat[table_len * 2..];
    let cluster = image[13] as usize * sector;
    let chain = |first: u32| {
        let mut bytes = Vec::new();
        let mut at = first;
        while at != 0 && at < 0x0fff_fff8 {
            bytes.extend_from_slice(&data[(at as usize - 2) * cluster..][..cluster]);
            at = u32_at(fat, at as usize * 4);
        }
        bytes
    };
    let mut found = BTreeMap::new();
    let mut left = vec![(u32_at(image, 44), String::new())];
    while let Some((first, prefix)) = left.pop() {
        let mut long: Vec<u16> = Vec::new();
        let mut sum = None;
        for slot in chain(first).chunks(32).take_while(|slot| slot[0] != 0) {
            if slot[11] == 0x0f {
                if slot[0] & 0x40 != 0 {
                    long.clear();
                }
                let units = [&slot[1..11], &slot[14..26], &slot[28..32]].concat();
                let units = units.chunks(2).map(|pair| u16_at(pair, 0)).take_while(|unit| *unit != 0);
                long.splice(0..0, units);
                sum = Some(slot[13]);
                continue;
            }
            let alias: [u8; 11] = slot[..11].try_into().unwrap();
            let own = alias.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
            let name = match sum.take() {
                Some(sum) => {
                    assert_eq!(sum, own);
                    String::from_utf16(&std::mem::take(&mut long)).unwrap()
                }
                None => short_name(&alias, slot[12]),
            };
            if slot[11] & 8 != 0 || name == "." || name == ".." {
                continue;
            }
            let first = u32::from(u16_at(slot, 20)) << 16 | u32::from(u16_at(slot, 26));
            let size = u32_at(slot, 28) as usize;
            let path = format!("{prefix}{name}");
            let content = (slot[11] & 0x10 == 0).then(|| {
                let mut bytes = chain(first);
                assert_eq!(bytes.len(), size.next_multiple_of(cluster));
                assert!(bytes[size..].iter().all(|byte| *byte == 0), "slack is not zero");
                bytes.truncate(size);
                bytes
            });
            if content.is_none() {
                left.push((first, format!("{path}/")));
            }
            let [created_time, created, accessed] = [14, 16, 18].map(|at| u16_at(slot, at));
            let times = (slot[13], created_time, created, accessed, u16_at(slot, 22), u16_at(slot, 24));
            assert!(found.insert(path, Found { content, alias, times }).is_none());
        }
    }
    found
}

fn short_name(alias: &[u8; 11], case: u8) -> String {
    let part = |bytes: &[u8], lower: bool| {
        let text = std::str::from_utf8(bytes).unwrap().trim_end().to_owned();
        if lower { text.to_lowercase() } else { text }
    };
    let (base, extension) = (part(&alias[..8], case & 8 != 0), part(&alias[8..], case & 16 != 0));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
