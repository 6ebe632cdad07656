use super::Case;
use crate::support::vmdk::{
    GRAIN, SPARSE_TABLE, Stream, TABLE_SECTORS, flat, header, sparse, sparse_of, stream, stream_tables_first,
    zlib,
};
use crate::support::{Package, data};

pub(super) fn cases() -> Vec<Case> {
    [fields(), streams(), sparse_files(), descriptors()].into_iter().flatten().collect()
}

/// A stream with something changed in it.
fn changed(change: impl FnOnce(&mut Stream)) -> Package {
    let mut stream = stream();
    change(&mut stream);
    stream.package()
}

/// A header field, in header and footer.
fn field(at: usize, value: &[u8]) -> Package {
    changed(|stream| stream.header[at..at + value.len()].copy_from_slice(value))
}

fn fields() -> Vec<Case> {
    let mut short = sparse();
    short.files.get_mut("disk.vmdk").unwrap().truncate(100);
    let mut outside = sparse();
    outside = outside.patched(28, &(1_u64 << 40).to_le_bytes());
    vec![
        Case::new("vmdk-truncated", short),
        Case::new("vmdk-truncated", outside),
        Case::new("vmdk-header-version", field(4, &[1])),
        Case::new("vmdk-header-version", sparse().patched(4, &[2])),
        Case::new("vmdk-flags", field(8, &0x30005_u32.to_le_bytes())),
        Case::new("vmdk-flags", field(77, &[0])),
        Case::new("vmdk-newline-test", field(75, b"\n")),
        Case::new("vmdk-grain-size", field(20, &[100])),
        Case::new("vmdk-grain-size", field(20, &[0, 1])),
        Case::new("vmdk-table-entries", field(44, &[0, 1])),
        Case::new("vmdk-capacity", sparse().patched(12, &1000_u64.to_le_bytes())).also(&["vmdk-extent-size"]),
        Case::new("vmdk-overhead", field(64, &(1_u64 << 40).to_le_bytes())),
        Case::new("vmdk-descriptor-size", field(36, &[0])),
        Case::new("vmdk-descriptor-size", field(36, &20_481_u64.to_le_bytes())),
    ]
}

fn streams() -> Vec<Case> {
    let built = stream().build();
    let second = |address| changed(|stream| stream.grains[1].0 = address);
    let stored = |bytes: Vec<u8>| changed(move |stream| stream.grains[1].1 = bytes);
    let patched = |at: usize, value: u32| stream().package().patched(at, &value.to_le_bytes());
    let mut no_footer = stream().package();
    let footer_marker = built.footer - 512;
    no_footer.files.get_mut("disk.vmdk").unwrap().drain(footer_marker..built.footer + 512);
    let mut corrupt = zlib(&data(GRAIN, 2));
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    let mut tail = zlib(&data(GRAIN, 2));
    tail.extend([0; 4]);
    let mut cut = zlib(&data(GRAIN, 2));
    cut.truncate(cut.len() - 5);
    let mut unreferenced = stream().build();
    unreferenced.bytes[unreferenced.table + 8..unreferenced.table + 12].fill(0);
    vec![
        Case::new("vmdk-footer", no_footer),
        Case::new("vmdk-header-footer", stream().package().patched(built.footer + 13, &[0])),
        Case::new("vmdk-end-of-stream", changed(|stream| stream.has_end = false)).also(&["vmdk-footer"]),
        Case::new("vmdk-end-of-stream", cut_tables_first()),
        Case::new("vmdk-trailing-bytes", changed(|stream| stream.after = vec![0; 512]))
            .also(&["vmdk-footer"]),
        Case::new("vmdk-trailing-bytes", padded_tables_first()),
        Case::new("vmdk-marker", changed(|stream| stream.marker = Some(9))).also(&["vmdk-footer"]),
        Case::new("vmdk-grain-order", changed(|stream| stream.grains.reverse())),
        Case::new("vmdk-grain-order", changed(|stream| stream.grains.push(stream.grains[1].clone())))
            .also(&["vmdk-grain-unreferenced"]),
        Case::new("vmdk-grain-address", second(1024)),
        Case::new("vmdk-grain-address", second(257)).also(&["vmdk-table-entry"]),
        Case::new("vmdk-grain-stored-size", stored(vec![0; 66_037])),
        Case::new("vmdk-grain-data", stored(corrupt)),
        Case::new("vmdk-grain-data", stored(tail)),
        Case::new("vmdk-grain-data", stored(cut)),
        Case::new("vmdk-grain-length", stored(zlib(&data(GRAIN - 512, 2)))),
        Case::new("vmdk-grain-length", stored(zlib(&data(GRAIN + 1, 2)))),
        Case::new("vmdk-grain-directory", patched(built.directory, 1 << 30))
            .also(&["vmdk-grain-unreferenced"]),
        Case::new("vmdk-grain-directory", stream().package().patched(built.footer + 56, &[0xff; 7])),
        Case::new("vmdk-table-entry", patched(built.table + 8, 21)),
        Case::new("vmdk-table-entry", patched(built.table + 8, u32::MAX)),
        Case::new("vmdk-grain-unreferenced", Package::new("disk.vmdk", unreferenced.bytes)),
    ]
}

fn cut_tables_first() -> Package {
    let mut package = stream_tables_first();
    let bytes = package.files.get_mut("disk.vmdk").unwrap();
    bytes.truncate(bytes.len() - 512);
    package
}

fn padded_tables_first() -> Package {
    let mut package = stream_tables_first();
    let bytes = package.files.get_mut("disk.vmdk").unwrap();
    bytes.resize((bytes.len() + 512).next_multiple_of(65_536), 0);
    package
}

fn sparse_files() -> Vec<Case> {
    let entry = |value: u32| {
        let number = value.to_le_bytes();
        sparse().patched(SPARSE_TABLE, &number).patched(22 * 512, &number)
    };
    let mut single = sparse();
    single.files.get_mut("disk.vmdk").unwrap()[..512].copy_from_slice(&header(1, 1, 26, 0, 128));
    vec![
        Case::new("vmdk-redundant-tables", sparse().patched(22 * 512 + 40, &[1])),
        Case::new("vmdk-redundant-tables", sparse().patched(21 * 512, &27_u32.to_le_bytes())),
        Case::new("vmdk-redundant-tables", sparse().patched(21 * 512, &0_u32.to_le_bytes())),
        Case::new("vmdk-redundant-tables", single),
        // Of three tables, of which the last one stands first.
        Case::new("vmdk-redundant-tables", sparse_of(3 * TABLE_SECTORS, &[40, 0, 22], &[36, 0, 32])),
        Case::new("vmdk-redundant-tables", sparse_of(3 * TABLE_SECTORS, &[40, 44, 22], &[36, 0, 27])),
        Case::new("vmdk-grain-range", entry(100)),
        Case::new("vmdk-grain-range", entry(384)),
        Case::new("vmdk-grain-overlap", entry(256)),
        Case::new("vmdk-grain-overlap", sparse_of(2 * TABLE_SECTORS, &[22, 22], &[27, 27])),
        Case::new("vmdk-grain-alignment", entry(129)),
        Case::new("vmdk-grain-directory", sparse().patched(56, &(1_u64 << 50).to_le_bytes())),
    ]
}

fn descriptors() -> Vec<Case> {
    let embedded =
        |from: &str, to: &str| changed(|stream| stream.descriptor = stream.descriptor.replace(from, to));
    let alone = |from: &str, to: &str| flat().edited(from, to);
    let mut lost = flat();
    lost.files.remove("disk-flat.vmdk");
    let mut short = flat();
    short.files.get_mut("disk-flat.vmdk").unwrap().pop();
    vec![
        Case::new("vmdk-first-line", alone("# Disk DescriptorFile", "# disk descriptorfile")),
        Case::new(
            "vmdk-section-order",
            alone("encoding=\"UTF-8\"\n", "").edited("#DDB", "encoding=\"UTF-8\""),
        ),
        Case::new("vmdk-descriptor-syntax", embedded("encoding=\"UTF-8\"", "encoding")),
        Case::new("vmdk-descriptor-syntax", embedded("encoding=\"UTF-8\"", "version=1")),
        Case::new("vmdk-descriptor-version", embedded("version=1\n", "version=2\n")),
        Case::new("vmdk-create-type", alone("monolithicFlat", "flat")),
        Case::new("vmdk-create-type", alone("createType=\"monolithicFlat\"\n", "")),
        Case::new("vmdk-create-type-mismatch", embedded("streamOptimized", "monolithicSparse")),
        Case::new("vmdk-extent-syntax", alone("RW 1024 FLAT", "RW  1024 FLAT")).also(&["vmdk-extent-size"]),
        Case::new("vmdk-extent-syntax", alone(".vmdk\" 0", ".vmdk\"")).also(&["vmdk-extent-size"]),
        Case::new("vmdk-extent-size", embedded("RW 1024", "RW 2048")),
        Case::new("vmdk-content-id", embedded("CID=1a2b3c4d", "CID=fffffffe")),
        Case::new("vmdk-content-id", embedded("CID=1a2b3c4d", "CID=1a2b3c4d5")),
        Case::new("vmdk-parent-content-id", embedded("parentCID=ffffffff", "parentCID=12345678")),
        Case::new("vmdk-geometry", embedded("heads = \"16\"", "heads = \"256\"")),
        Case::new("vmdk-adapter-type", embedded("lsilogic", "pvscsi")),
        Case::new("vmdk-extent-file", lost),
        Case::new("vmdk-extent-length", short),
    ]
}
