//! Rules about VHD files.

crate::rule::rules! {
    TRUNCATED Error "vhd-truncated" "Hyper-V, VirtualBox, QEMU"
        "A footer, header or block table that the file ends before cannot be read." "VHD specification 1.0";
    FOOTER Error "vhd-footer" "Hyper-V, Azure, VirtualBox"
        "The last 512 bytes are the footer; a copy at the front is for repair." "VHD specification 1.0; VirtualBox VHD.cpp";
    FOOTER_CHECKSUM Error "vhd-footer-checksum" "Hyper-V, Azure, VirtualBox, QEMU"
        "The footer's checksum is the one's complement of the sum of its bytes." "VHD specification 1.0; QEMU block/vpc.c";
    FOOTER_COPY Error "vhd-footer-copy" "VirtualBox, QEMU"
        "A dynamic image begins with a copy of its footer, from which QEMU reads." "VHD specification 1.0; QEMU block/vpc.c";
    VERSION Error "vhd-version" "Hyper-V, Azure, VirtualBox"
        "The version is 1.0 and bit 1 of the features is set." "VHD specification 1.0";
    KIND Error "vhd-type" "Hyper-V, Azure, VirtualBox, QEMU"
        "An image that stands alone is fixed (2) or dynamic (3)." "VHD specification 1.0";
    DATA_OFFSET Error "vhd-data-offset" "Hyper-V, VirtualBox, QEMU"
        "The data offset is all ones in a fixed image, and leads to the header in a dynamic one." "VHD specification 1.0";
    DISK_SIZE Error "vhd-disk-size" "Hyper-V, Azure, VirtualBox, QEMU"
        "The current size is a multiple of 512 above 0 and at most 2040 GiB." "VHD specification 1.0; Hyper-V documentation";
    FIXED_LENGTH Error "vhd-fixed-length" "Azure, Hyper-V, VirtualBox"
        "A fixed image is the current size's bytes and the footer." "VHD specification 1.0; Azure, Prepare a Linux VHD";
    GEOMETRY Warning "vhd-geometry" "Virtual PC, QEMU"
        "The geometry holds no more than the disk, for what goes by it reads past the end." "VHD specification 1.0, CHS Calculation";
    SIZE_BY_GEOMETRY Error "vhd-size-by-geometry" "QEMU"
        "Of the creators `vpc ` and `qemu` QEMU takes the size from the geometry: it is the current size." "QEMU block/vpc.c";
    CREATOR Warning "vhd-creator" "QEMU"
        "QEMU before 10.0 takes the size from the geometry, if it is less, of every creator that it does not know." "QEMU block/vpc.c";
    UNIQUE_ID Warning "vhd-unique-id" "Hyper-V, VirtualBox"
        "Disks are told apart by an id that is not zero." "VHD specification 1.0";
    SAVED_STATE Warning "vhd-saved-state" "Hyper-V"
        "A disk that is given away belongs to no machine in saved state." "VHD specification 1.0";
    PARENT Error "vhd-parent" "Hyper-V, Azure, VirtualBox, QEMU"
        "An image that is given away needs no other file." "VHD specification 1.0";
    AZURE_TYPE Warning "vhd-azure-type" "Azure"
        "Azure takes fixed images alone." "Azure, Prepare a Linux VHD";
    AZURE_ALIGNMENT Error "vhd-azure-alignment" "Azure"
        "The current size, not the file's, is a multiple of 1 MiB." "Azure, Prepare a Linux VHD; MicrosoftDocs/azure-docs#5146";
    AZURE_MINIMUM Warning "vhd-azure-minimum" "Azure"
        "A managed disk is uploaded from 20 MiB on." "microsoft/AzureStorageExplorer#3029";
    GENERATION Warning "vhd-generation" "Hyper-V"
        "VHDs are for machines of generation 1, which start by BIOS: a disk that starts has boot code in its first sector." "Hyper-V documentation";
    HEADER Error "vhd-header" "Hyper-V, VirtualBox, QEMU"
        "Where the footer says stands the header, `cxsparse`, of version 1.0." "VHD specification 1.0; QEMU block/vpc.c";
    HEADER_CHECKSUM Error "vhd-header-checksum" "Hyper-V, VirtualBox, QEMU"
        "The header's checksum is the one's complement of the sum of its bytes." "VHD specification 1.0; QEMU block/vpc.c";
    BLOCK_SIZE Error "vhd-block-size" "Hyper-V, VirtualBox, QEMU"
        "A block is a power of two of at least 8 sectors." "QEMU block/vpc.c; VHD specification 1.0";
    BLOCK_TABLE Error "vhd-block-table" "Hyper-V, VirtualBox, QEMU"
        "The table of blocks begins at a sector of its own and has an entry for every block of the disk." "VHD specification 1.0; QEMU block/vpc.c";
    BLOCK_RANGE Error "vhd-block-range" "Hyper-V, VirtualBox, QEMU"
        "A block lies behind header and table and ends before the footer." "VHD specification 1.0; QEMU block/vpc.c";
    BLOCK_OVERLAP Error "vhd-block-overlap" "Hyper-V, VirtualBox, QEMU"
        "Two blocks in one place change together." "VHD specification 1.0";
    BITMAP Error "vhd-bitmap" "VirtualBox, QEMU"
        "A sector that the bitmap does not count is zero: QEMU reads what is there, others zeros." "VHD specification 1.0; QEMU block/vpc.c";
}
