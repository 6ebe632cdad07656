//! Rules about VHDX files.

crate::rule::rules! {
    TRUNCATED Error "vhdx-truncated" "Hyper-V, QEMU"
        "A header, table or region that the file ends before cannot be read." "MS-VHDX 2.2";
    NO_HEADER Error "vhdx-no-header" "Hyper-V, QEMU"
        "One of the two headers is valid at least: no reader opens a file without." "MS-VHDX 2.2.2.1; QEMU block/vhdx.c";
    HEADER Warning "vhdx-header" "Hyper-V, QEMU"
        "Both headers are there, of version 1: readers take the other one, which may be the older." "MS-VHDX 2.2.2.1; cloud-hypervisor/cloud-hypervisor#6844";
    HEADER_CHECKSUM Warning "vhdx-header-checksum" "Hyper-V, QEMU"
        "A header's checksum is the CRC-32C of its 4096 bytes: readers take the other one, which may be the older." "MS-VHDX 2.2.2.1";
    SEQUENCE Error "vhdx-sequence-number" "Hyper-V, QEMU"
        "Of two headers the one with the higher number counts: they differ." "MS-VHDX 2.2.2.1; QEMU block/vhdx.c";
    LOG_REPLAY Error "vhdx-log-replay" "Hyper-V, QEMU"
        "An image that was not closed is not whole before its log is replayed, which not every reader does." "MS-VHDX 2.3; QEMU block/vhdx-log.c";
    LOG_PLACE Error "vhdx-log-place" "Hyper-V, QEMU"
        "The log, of version 0, is whole MiB at a multiple of 1 MiB inside the file." "MS-VHDX 2.2.2; QEMU block/vhdx.c";
    REGION_TABLE Error "vhdx-region-table" "Hyper-V, QEMU"
        "Both region tables are there, with at most 2047 entries." "MS-VHDX 2.2.3";
    REGION_CHECKSUM Error "vhdx-region-checksum" "Hyper-V, QEMU"
        "A region table's checksum is the CRC-32C of its 64 KiB." "MS-VHDX 2.2.3";
    REGION_COPY Error "vhdx-region-copy" "Hyper-V, QEMU"
        "Both region tables say the same: readers take either." "MS-VHDX 2.2.3; QEMU block/vhdx.c";
    REGION Error "vhdx-region" "Hyper-V, QEMU"
        "A region is named once, and is whole MiB at a multiple of 1 MiB inside the file." "MS-VHDX 2.2.3.2";
    REGION_MISSING Error "vhdx-region-missing" "Hyper-V, QEMU"
        "There are a region of metadata and one of the block allocation table." "MS-VHDX 2.2.3.2";
    REGION_UNKNOWN Error "vhdx-region-unknown" "Hyper-V, QEMU"
        "A region that is required and not known makes readers refuse the file." "MS-VHDX 2.2.3.2";
    REGION_OVERLAP Error "vhdx-region-overlap" "Hyper-V, QEMU"
        "Headers, log and regions lie apart from each other." "MS-VHDX 2.2.3.2; QEMU block/vhdx.c";
    METADATA_TABLE Error "vhdx-metadata-table" "Hyper-V, QEMU"
        "The region of metadata begins with its table, of at most 2047 entries." "MS-VHDX 2.6.1";
    METADATA_ITEM Error "vhdx-metadata-item" "Hyper-V, QEMU"
        "An item is named once by its id and owner, and lies behind the table and inside the region, or is empty and nowhere." "MS-VHDX 2.6.1.2";
    METADATA_MISSING Error "vhdx-metadata-missing" "Hyper-V, QEMU"
        "Block size, disk size, page 0x83 and both sector sizes are there, each of its length." "MS-VHDX 2.6.2; QEMU block/vhdx.c";
    METADATA_UNKNOWN Error "vhdx-metadata-unknown" "Hyper-V, QEMU"
        "An item that is required and not known makes readers refuse the file." "MS-VHDX 2.6.1.2";
    BLOCK_SIZE Error "vhdx-block-size" "Hyper-V, QEMU"
        "A block is a power of two from 1 MiB to 256 MiB." "MS-VHDX 2.6.2.1";
    DISK_SIZE Error "vhdx-disk-size" "Hyper-V, QEMU"
        "The disk is a whole number of sectors above 0 and at most 64 TiB." "MS-VHDX 2.6.2.2; QEMU block/vhdx.c";
    DISK_PAGES Warning "vhdx-disk-pages" "7-Zip"
        "7-Zip refuses a disk that is no multiple of 4096 bytes." "measured with 7-Zip 26";
    SECTOR_SIZE Error "vhdx-sector-size" "Hyper-V, QEMU"
        "A sector has 512 or 4096 bytes, the logical and the physical one." "MS-VHDX 2.6.2.4 and 2.6.2.5";
    LARGE_SECTORS Warning "vhdx-logical-4096" "QEMU"
        "QEMU reads disks with logical sectors of 512 bytes only." "QEMU block/vhdx.c";
    PAGE_83 Warning "vhdx-page-83" "Hyper-V"
        "Disks are told apart by an id that is not zero." "MS-VHDX 2.6.2.3";
    PARENT Error "vhdx-parent" "Hyper-V, QEMU"
        "An image that is given away needs no other file." "MS-VHDX 2.6.2.1 and 2.6.2.6";
    TABLE_LENGTH Error "vhdx-table-length" "Hyper-V, QEMU"
        "The block allocation table has room for every block of the disk." "MS-VHDX 2.5; QEMU block/vhdx.c";
    TABLE_ENTRY Error "vhdx-table-entry" "Hyper-V, QEMU"
        "An entry's state is that of a disk without parent, and its reserved bits are zero." "MS-VHDX 2.5.1";
    BLOCK_RANGE Error "vhdx-block-range" "Hyper-V, QEMU"
        "A block lies inside the file, apart from headers, log and regions." "MS-VHDX 2.5.1; QEMU block/vhdx.c";
    BLOCK_OVERLAP Error "vhdx-block-overlap" "Hyper-V, QEMU"
        "Two blocks in one place change together." "MS-VHDX 2.5.1";
    FIXED Warning "vhdx-fixed-blocks" "Hyper-V"
        "A disk whose blocks are to stay allocated, a fixed one, has all of them." "MS-VHDX 2.6.2.1";
}
