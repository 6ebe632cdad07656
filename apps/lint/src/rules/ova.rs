//! Rules about OVA archives and about manifests.

crate::rule::rules! {
    TRUNCATED Error "ova-truncated" "VMware, VirtualBox"
        "A member that the archive ends before cannot be read." "POSIX ustar";
    HEADER_CHECKSUM Error "ova-header-checksum" "VMware, VirtualBox"
        "A header whose checksum is wrong is damaged." "POSIX ustar";
    END_BLOCKS Error "ova-end-blocks" "VMware, VirtualBox"
        "Two blocks of zeros end an archive, and nothing follows them." "POSIX ustar";
    PAX_HEADER Error "ova-pax-header" "VirtualBox, VMware"
        "VirtualBox refuses pax headers, and vSphere does not know them." "measured with VirtualBox 7.2; vmware/open-vmdk#65";
    SPARSE_MEMBER Error "ova-sparse-member" "VMware, VirtualBox"
        "Of a sparse member importers hash and read the packed bytes." "GNU tar";
    MEMBER_TYPE Error "ova-member-type" "VMware, VirtualBox"
        "Members are regular files: no folders, links or long-name records." "DSP0243; vmware/open-vmdk#85";
    FLAT_NAMES Error "ova-flat-names" "VMware, VirtualBox"
        "Names are plain ones, without folders or a leading `./`." "vmware/open-vmdk#85";
    SIZE_ENCODING Error "ova-size-encoding" "VMware, VirtualBox"
        "A size is octal up to 8 GiB, and above in GNU's binary form with GNU's magic." "vatesfr/xen-orchestra#7183; GNU tar";
    DUPLICATE_MEMBER Error "ova-duplicate-member" "VMware, VirtualBox"
        "Of two members of one name readers choose differently." "DSP0243";
    OVF_FIRST Error "ova-ovf-first" "VMware"
        "The descriptor is the first member: importers that stream look nowhere else." "osbuild/image-builder#431; coreos/coreos-assembler#1141";
    ONE_DESCRIPTOR Error "ova-one-descriptor" "VMware, VirtualBox"
        "An archive has one descriptor." "DSP0243";
    MANIFEST_PLACE Error "ova-manifest-place" "VMware, VirtualBox"
        "Manifest and certificate follow the descriptor at once or end the archive." "DSP0243; VirtualBox ApplianceImplImport.cpp";
    MEMBER_ORDER Warning "ova-member-order" "VMware"
        "Files come in the order of the descriptor's references." "DSP0243";
    BASE_NAME Error "ova-base-name" "VirtualBox, VMware"
        "Manifest and certificate have the descriptor's name but for the extension." "DSP0243; VirtualBox ApplianceImplImport.cpp";
    MANIFEST_SYNTAX Error "manifest-syntax" "VMware"
        "A line is `SHA256(name)= hex`, without a space before the bracket." "home-assistant/operating-system#826";
    MANIFEST_ALGORITHM Error "manifest-algorithm" "VMware"
        "The digest is named SHA1, SHA256 or SHA512; `SHA2-256`, as OpenSSL 3 prints it, is refused." "home-assistant/operating-system#3654";
    MANIFEST_SELF Error "manifest-self-listed" "VMware"
        "A manifest cannot hold its own digest." "home-assistant/operating-system#826";
    MANIFEST_MISSING Error "manifest-missing-file" "VMware, VirtualBox"
        "Every file of the manifest is there." "DSP0243";
    MANIFEST_UNLISTED Error "manifest-unlisted-file" "VMware"
        "Every file of the package is in the manifest." "DSP0243";
    MANIFEST_DUPLICATE Error "manifest-duplicate" "VMware, VirtualBox"
        "A file has one digest." "DSP0243";
    MANIFEST_DIGEST Error "manifest-digest" "VMware, VirtualBox"
        "The digest is that of the file's bytes as shipped." "DSP0243";
}
