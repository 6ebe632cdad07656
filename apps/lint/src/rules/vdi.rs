//! Rules about VDI files.

crate::rule::rules! {
    TRUNCATED Error "vdi-truncated" "VirtualBox, QEMU"
        "A header or block map that the file ends before cannot be read." "VirtualBox VDICore.h";
    SIGNATURE Error "vdi-signature" "VirtualBox, QEMU"
        "The signature at 0x40 tells a VDI from other files." "VirtualBox VDICore.h";
    VERSION Error "vdi-version" "QEMU"
        "QEMU reads version 1.1 only." "QEMU block/vdi.c";
    HEADER_SIZE Error "vdi-header-size" "VirtualBox"
        "The header has at least 384 bytes and ends before the block map." "VirtualBox VDI.cpp";
    KIND Error "vdi-type" "VirtualBox, QEMU"
        "An image that stands alone is dynamic (1) or fixed (2)." "VirtualBox VDI.cpp";
    FLAGS Error "vdi-flags" "VirtualBox"
        "Unknown flags are refused." "VirtualBox VDI.cpp";
    MAP_OFFSET Error "vdi-map-offset" "VirtualBox, QEMU"
        "The block map begins behind the header at a multiple of 512." "QEMU block/vdi.c; VirtualBox VDI.cpp";
    DATA_OFFSET Error "vdi-data-offset" "VirtualBox, QEMU"
        "The blocks begin behind the map at a multiple of 512." "QEMU block/vdi.c; VirtualBox VDI.cpp";
    SECTOR_SIZE Error "vdi-sector-size" "QEMU, VirtualBox"
        "Both sector sizes, that of the disk and that of its geometry, are 512." "QEMU block/vdi.c; VirtualBox VDI.cpp";
    DISK_SIZE Error "vdi-disk-size" "VirtualBox, QEMU"
        "The size is a multiple of 512 above 0: VirtualBox rounds others down and QEMU up." "VirtualBox VDI.cpp; QEMU block/vdi.c";
    BLOCK_SIZE Error "vdi-block-size" "QEMU"
        "Blocks are 1 MiB, without extra bytes." "QEMU block/vdi.c";
    BLOCK_COUNT Error "vdi-block-count" "VirtualBox, QEMU"
        "There are as many blocks as the disk's size needs." "VirtualBox VDI.cpp; QEMU block/vdi.c";
    ALLOCATED_COUNT Error "vdi-allocated-count" "VirtualBox, QEMU"
        "VirtualBox puts the next block behind as many as the header counts." "VirtualBox VDI.cpp";
    BLOCK_RANGE Error "vdi-block-range" "VirtualBox, QEMU"
        "Stored blocks are numbered below their count: a gap would be overwritten." "VirtualBox VDI.cpp";
    BLOCK_DUPLICATE Error "vdi-block-duplicate" "VirtualBox, QEMU"
        "Two blocks in one place change together." "QEMU block/vdi.c";
    FILE_LENGTH Error "vdi-file-length" "VirtualBox, QEMU"
        "The file holds every stored block in full." "VirtualBox VDI.cpp";
    UUID Error "vdi-uuid" "VirtualBox"
        "VirtualBox refuses an image whose own UUID or that of its last change is zero." "VirtualBox VDI.cpp";
    PARENT Error "vdi-parent" "QEMU"
        "An image that stands alone names no parent." "QEMU block/vdi.c";
}
