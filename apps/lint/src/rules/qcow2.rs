//! Rules about QCOW2 files.

crate::rule::rules! {
    TRUNCATED Error "qcow2-truncated" "QEMU"
        "A header or table that the file ends before cannot be read." "QEMU docs/interop/qcow2";
    VERSION Error "qcow2-version" "QEMU, VirtualBox"
        "Readers know versions 2 and 3." "QEMU docs/interop/qcow2";
    HEADER_LENGTH Error "qcow2-header-length" "QEMU"
        "The header of version 3 has at least 104 bytes, a multiple of 8, within the first cluster." "QEMU block/qcow2.c";
    CLUSTER_BITS Error "qcow2-cluster-bits" "QEMU"
        "Clusters have 512 bytes to 2 MiB." "QEMU block/qcow2.c";
    SIZE Error "qcow2-size" "QEMU"
        "The disk is a whole number of sectors, and not none." "QEMU block/qcow2.c";
    INCOMPATIBLE Error "qcow2-incompatible-features" "QEMU, VirtualBox"
        "An unknown incompatible bit keeps every reader from opening the image." "QEMU docs/interop/qcow2";
    DIRTY Error "qcow2-dirty" "QEMU"
        "A dirty or corrupt image is to be repaired before it is given away." "QEMU docs/interop/qcow2";
    UNUSUAL Warning "qcow2-unusual-features" "VirtualBox, QEMU"
        "External data files and extended L2 entries are read by QEMU alone." "QEMU docs/interop/qcow2";
    COMPRESSION_TYPE Error "qcow2-compression-type" "QEMU"
        "Bit 3 of the incompatible features is set exactly if the compression type is not deflate." "QEMU block/qcow2.c";
    ZSTD Warning "qcow2-zstd" "QEMU, VirtualBox"
        "Clusters in zstd need QEMU 5.1, built with it, and nothing else." "utmapp/UTM#4211; harvester/harvester#6267";
    EXTENSIONS Error "qcow2-header-extensions" "QEMU"
        "The header's extensions end by their terminator within the first cluster." "QEMU docs/interop/qcow2";
    BACKING_FILE Error "qcow2-backing-file" "QEMU, VirtualBox"
        "An image that is given away needs no other file." "QEMU docs/interop/qcow2";
    ENCRYPTION Error "qcow2-encryption" "QEMU, VirtualBox"
        "An encrypted image opens for those with its key only." "QEMU docs/interop/qcow2";
    SNAPSHOTS Warning "qcow2-snapshots" "QEMU"
        "Internal snapshots carry old data along, and keep the references from being counted here." "QEMU docs/interop/qcow2";
    L1_TABLE Error "qcow2-l1-table" "QEMU"
        "The L1 table begins at a cluster, lies inside the file and covers the disk." "QEMU block/qcow2.c";
    REFCOUNT_TABLE Error "qcow2-refcount-table" "QEMU"
        "The refcount table and its blocks begin at clusters and lie inside the file." "QEMU block/qcow2-refcount.c";
    REFCOUNT_ORDER Error "qcow2-refcount-order" "QEMU"
        "A refcount has at most 64 bits, and 16 in version 2." "QEMU block/qcow2.c";
    L2_TABLE Error "qcow2-l2-table" "QEMU"
        "An L2 table begins at a cluster inside the file, belongs to one entry, and reserved bits are zero." "QEMU block/qcow2-cluster.c";
    CLUSTER_OFFSET Error "qcow2-cluster-offset" "QEMU"
        "Data begins at a cluster inside the file, and reserved bits are zero." "QEMU block/qcow2-cluster.c";
    COPIED_FLAG Error "qcow2-copied-flag" "QEMU"
        "Bit 63 is set exactly if the refcount is 1, and never for compressed data." "QEMU block/qcow2-refcount.c";
    COMPRESSED_RANGE Error "qcow2-compressed-range" "QEMU"
        "Compressed data lies inside the file." "QEMU block/qcow2-cluster.c";
    COMPRESSED_DATA Error "qcow2-compressed-data" "QEMU, VirtualBox"
        "Compressed data decodes to exactly one cluster." "QEMU block/qcow2-threads.c";
    COMPRESSED_WINDOW Error "qcow2-compressed-window" "QEMU"
        "Deflate reaches back 4 KiB at most: readers that stream have no larger window." "QEMU block/qcow2-threads.c; dissect.hypervisor";
    REFCOUNT Error "qcow2-refcount" "QEMU"
        "A cluster that is used more often than counted is overwritten when one of its users changes." "QEMU block/qcow2-refcount.c";
    LEAK Warning "qcow2-leaked-cluster" "QEMU"
        "A cluster counted more often than used is never free again." "QEMU block/qcow2-refcount.c";
}
