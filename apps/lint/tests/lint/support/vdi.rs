use super::{Package, data};

pub(crate) const MAP: usize = 512;
/// The text of the image's UUID.
pub(crate) const UUID: &str = "00112233-4455-6677-8899-aabbccddeeff";

/// Three blocks, of which the first and the last are stored.
pub(crate) fn dynamic() -> Package {
    let mut bytes = vec![0; 1024];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"<<< Oracle VM VirtualBox Disk Image >>>\n");
    let numbers: [(usize, u32); 12] = [
        (0x40, 0xbeda_107f),
        (0x44, 0x0001_0001),
        (0x48, 400),
        (0x4c, 1),
        (0x154, MAP as u32),
        (0x158, 1024),
        (0x168, 512),
        (0x170, 3 << 20),
        (0x178, 1 << 20),
        (0x180, 3),
        (0x184, 2),
        (0x1d4, 512),
    ];
    for (at, number) in numbers {
        put(at, &number.to_le_bytes());
    }
    put(
        0x188,
        &[0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff],
    );
    put(0x198, &[7; 16]);
    for (block, value) in [0, u32::MAX, 1].into_iter().enumerate() {
        put(MAP + block * 4, &value.to_le_bytes());
    }
    bytes.extend(data(2 << 20, 4));
    Package::new("disk.vdi", bytes)
}
