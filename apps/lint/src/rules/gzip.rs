//! Rules about disks packed by gzip, and about gzip around other files.

crate::rule::rules! {
    TRUNCATED Error "gzip-truncated" "gzip"
        "A stream that ends early gives a part of the disk, and every unpacker an error." "RFC 1952";
    HEADER Error "gzip-header" "gzip"
        "A member begins with its magic and method 8, and reserved flags are zero." "RFC 1952 2.3.1";
    DATA Error "gzip-data" "gzip"
        "A member is one whole deflate stream." "RFC 1951";
    CHECKSUM Error "gzip-checksum" "gzip"
        "The CRC-32 behind a member is that of its content." "RFC 1952 2.3.1";
    LENGTH Error "gzip-length" "gzip"
        "The length behind a member is that of its content, modulo 2^32." "RFC 1952 2.3.1";
    TRAILING_BYTES Warning "gzip-trailing-bytes" "gzip"
        "What follows the last member is no data: gzip warns of it, others refuse." "gzip manual";
    DISK_SIZE Warning "gzip-disk-size" "QEMU"
        "A raw disk is whole sectors of 512 bytes: a remainder is filled up or cut off." "QEMU block/raw-format.c";
}
