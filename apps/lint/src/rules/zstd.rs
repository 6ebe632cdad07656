//! Rules about disks packed by zstd.

crate::rule::rules! {
    TRUNCATED Error "zstd-truncated" "zstd"
        "A stream that ends early gives a part of the disk, and every unpacker an error." "RFC 8878";
    DATA Error "zstd-data" "zstd"
        "A frame is well-formed." "RFC 8878";
    CHECKSUM Error "zstd-checksum" "zstd"
        "A frame's checksum, if it has one, is that of its content." "RFC 8878 3.1.1";
    WINDOW Warning "zstd-window" "zstd"
        "Decoders need not take windows of more than 8 MiB, and are not given more here." "RFC 8878 3.1.1.1.2";
    TRAILING_BYTES Error "zstd-trailing-bytes" "zstd"
        "Behind a frame there is another, or the end." "RFC 8878; zstd manual";
    DISK_SIZE Warning "zstd-disk-size" "QEMU"
        "A raw disk is whole sectors of 512 bytes: a remainder is filled up or cut off." "QEMU block/raw-format.c";
}
