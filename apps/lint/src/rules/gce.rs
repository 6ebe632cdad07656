//! Rules about archives for Google Compute Engine.

crate::rule::rules! {
    GZIP Error "gce-gzip" "Compute Engine"
        "The archive is packed by gzip." "Google, Import boot disk images";
    TRUNCATED Error "gce-truncated" "Compute Engine"
        "A member that the archive ends before cannot be read." "GNU tar manual";
    HEADER_CHECKSUM Error "gce-header-checksum" "Compute Engine"
        "A header whose checksum is wrong is damaged." "GNU tar manual";
    END_BLOCKS Error "gce-end-blocks" "Compute Engine"
        "Two blocks of zeros end an archive, and nothing follows them." "GNU tar manual";
    FORMAT Error "gce-tar-format" "Compute Engine"
        "The archive is of the old GNU kind, without pax headers." "Google, Import boot disk images";
    MEMBER_NAME Error "gce-member-name" "Compute Engine"
        "The disk is called `disk.raw`, without a folder." "Google, Import boot disk images";
    SINGLE_MEMBER Error "gce-single-member" "Compute Engine"
        "The archive holds the disk and nothing else." "Google, Import boot disk images";
    MEMBER_TYPE Error "gce-member-type" "Compute Engine"
        "The disk is a regular file or a sparse one." "GNU tar manual";
    SPARSE_MAP Error "gce-sparse-map" "Compute Engine"
        "The parts of a sparse file ascend, lie in it and are as long together as what is stored." "GNU tar manual, Basic Tar Format";
    NUMBER Error "gce-number" "Compute Engine"
        "A number is octal, or binary behind the byte 0x80." "GNU tar manual, Basic Tar Format";
    DISK_SIZE Error "gce-disk-size" "Compute Engine"
        "The disk is a whole number of GiB." "Google, Import boot disk images";
    BOOT_RECORD Warning "gce-boot-record" "Compute Engine"
        "A disk to start from has a master boot record, with its signature, also beside GPT." "Google, Import boot disk images";
}
