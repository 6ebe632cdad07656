//! Rules about VMDK files.

crate::rule::rules! {
    TRUNCATED Error "vmdk-truncated" "VMware, VirtualBox, QEMU"
        "A header, descriptor or table that the file ends before cannot be read." "Virtual Disk Format 5.0";
    HEADER_VERSION Error "vmdk-header-version" "VMware, VirtualBox"
        "ESXi takes stream-optimised disks of version 3 only; VirtualBox knows versions 1 and 3 and none between."
        "glennmatthews/cot#65; VirtualBox VMDK.cpp";
    FLAGS Error "vmdk-flags" "VMware, VirtualBox"
        "Flags say how grains are stored: compressed ones need bit 16 and markers bit 17, unknown ones are refused."
        "Virtual Disk Format 5.0; open-vmdk sparse.c";
    NEWLINE_TEST Error "vmdk-newline-test" "VMware, VirtualBox"
        "The four bytes prove that no transfer as text has damaged the file." "Virtual Disk Format 5.0";
    GRAIN_SIZE Error "vmdk-grain-size" "VMware, VirtualBox"
        "A grain is a power of two of at least 8 sectors, and open-vmdk reads at most 128." "VirtualBox VMDK.cpp; open-vmdk sparse.c";
    TABLE_ENTRIES Error "vmdk-table-entries" "VirtualBox, QEMU"
        "A grain table has 512 entries; QEMU refuses more, VirtualBox other numbers than powers of two." "QEMU block/vmdk.c";
    CAPACITY Error "vmdk-capacity" "VMware, VirtualBox"
        "The capacity is a whole number of grains; a remainder makes a short last grain that VirtualBox refuses."
        "Virtual Disk Format 5.0";
    OVERHEAD Error "vmdk-overhead" "VMware, QEMU"
        "Grains start at the overhead, behind header, descriptor and tables; QEMU refuses a file shorter than it." "QEMU block/vmdk.c";
    FOOTER Error "vmdk-footer" "VMware, VirtualBox, QEMU"
        "A header that leaves the grain directory to the end needs a footer right before the end of the stream."
        "Virtual Disk Format 5.0; QEMU block/vmdk.c";
    HEADER_FOOTER Error "vmdk-header-footer" "VMware, VirtualBox"
        "The footer is the header again, with the true place of the grain directory." "Virtual Disk Format 5.0";
    END_OF_STREAM Error "vmdk-end-of-stream" "VMware"
        "Importers that stream read until the end-of-stream marker and fail, or wait, without it." "qemu-project/qemu#1357";
    TRAILING_BYTES Error "vmdk-trailing-bytes" "VMware, VirtualBox"
        "Importers hash up to the end-of-stream marker: bytes after it make the manifest's digest wrong for them."
        "coreos/coreos-assembler#1156; measured with vmdk-convert";
    MARKER Error "vmdk-marker" "VMware, VirtualBox"
        "Between grains only markers of known types may stand." "Virtual Disk Format 5.0";
    GRAIN_ORDER Error "vmdk-grain-order" "VirtualBox, VMware"
        "VirtualBox imports with a reader that only goes forward: addresses of grains ascend." "VirtualBox VMDK.cpp; open-vmdk";
    GRAIN_ADDRESS Error "vmdk-grain-address" "VMware, VirtualBox"
        "A grain's address is a multiple of the grain size below the capacity." "Virtual Disk Format 5.0";
    GRAIN_STORED_SIZE Error "vmdk-grain-stored-size" "VirtualBox, VMware"
        "A compressed grain of more than 66036 bytes does not fit VirtualBox's buffer." "VirtualBox VMDK.cpp";
    GRAIN_DATA Error "vmdk-grain-data" "VMware, VirtualBox, QEMU"
        "A grain is one whole zlib stream with its checksum." "RFC 1950; VirtualBox VMDK.cpp";
    GRAIN_LENGTH Error "vmdk-grain-length" "VirtualBox"
        "Every grain, the last one too, inflates to exactly the grain size." "VirtualBox VMDK.cpp; REMnux/salt-states#324";
    DIRECTORY Error "vmdk-grain-directory" "VMware, VirtualBox, QEMU"
        "The grain directory and the tables that it names lie inside the file." "Virtual Disk Format 5.0";
    TABLE_ENTRY Error "vmdk-table-entry" "VMware, VirtualBox, QEMU"
        "An entry of a grain table names the place of that very grain." "Virtual Disk Format 5.0";
    UNREFERENCED Error "vmdk-grain-unreferenced" "VMware, QEMU"
        "A grain that no table names is data for readers that stream and zeros for those that seek." "Virtual Disk Format 5.0";
    REDUNDANT Error "vmdk-redundant-tables" "VirtualBox"
        "VirtualBox compares the redundant grain directory and tables with the others and refuses any difference."
        "VirtualBox VMDK.cpp";
    GRAIN_RANGE Error "vmdk-grain-range" "VMware, VirtualBox, QEMU"
        "A grain lies behind the overhead and inside the file." "Virtual Disk Format 5.0";
    GRAIN_OVERLAP Error "vmdk-grain-overlap" "VMware, VirtualBox, QEMU"
        "Two grains in one place change together." "Virtual Disk Format 5.0";
    GRAIN_ALIGNMENT Warning "vmdk-grain-alignment" "VMware"
        "Grains of a disk in use start at multiples of the grain size." "observed files of VMware and QEMU";
    DESCRIPTOR_SIZE Error "vmdk-descriptor-size" "VirtualBox"
        "A descriptor of no sectors, or of more than 20480, is refused." "VirtualBox VMDK.cpp";
    FIRST_LINE Error "vmdk-first-line" "VirtualBox, VMware"
        "The descriptor's first line is `# Disk DescriptorFile`, by which readers know it." "VirtualBox VMDK.cpp";
    SECTION_ORDER Error "vmdk-section-order" "VirtualBox"
        "A descriptor has its header, then its extents, then the disk database." "VirtualBox VMDK.cpp";
    DESCRIPTOR_SYNTAX Error "vmdk-descriptor-syntax" "VirtualBox, VMware"
        "A line of a descriptor is a comment, an extent or `key=value`, each key once." "Virtual Disk Format 5.0";
    DESCRIPTOR_VERSION Error "vmdk-descriptor-version" "VirtualBox"
        "The descriptor's version is 1." "VirtualBox VMDK.cpp";
    CREATE_TYPE Error "vmdk-create-type" "VMware, VirtualBox, QEMU"
        "The createType says how the extents are read; one that is missing or unknown is refused." "Virtual Disk Format 5.0";
    CREATE_TYPE_MISMATCH Error "vmdk-create-type-mismatch" "VMware, VirtualBox"
        "An embedded createType is that of the header beside it." "open-vmdk sparse.c; VirtualBox VMDK.cpp";
    EXTENT_SYNTAX Error "vmdk-extent-syntax" "VirtualBox, QEMU"
        "An extent line is access, sectors, type and quoted name with one space between, and an offset if it is flat."
        "Virtual Disk Format 5.0; VirtualBox VMDK.cpp";
    EXTENT_SIZE Error "vmdk-extent-size" "VMware, VirtualBox"
        "The extents' sectors add up to the disk's capacity." "Virtual Disk Format 5.0";
    CONTENT_ID Error "vmdk-content-id" "VMware, VirtualBox"
        "The CID is up to 8 hex digits and none of the values that mean no parent and no id."
        "Virtual Disk Format 5.0; QEMU block/vmdk.c";
    PARENT_CONTENT_ID Error "vmdk-parent-content-id" "VMware, VirtualBox, QEMU"
        "A disk that stands alone says parentCID=ffffffff." "Virtual Disk Format 5.0";
    GEOMETRY Warning "vmdk-geometry" "VirtualBox, VMware"
        "Geometry is 1 to 65535 cylinders, 1 to 255 heads and 1 to 63 sectors." "open-vmdk; QEMU block/vmdk.c";
    ADAPTER Warning "vmdk-adapter-type" "VMware"
        "With an adapter type other than ide, buslogic, lsilogic or legacyESX the disk cannot be extended later." "OSInside/kiwi#1847";
    EXTENT_FILE Error "vmdk-extent-file" "VMware, VirtualBox, QEMU"
        "The file of every extent lies beside the descriptor." "Virtual Disk Format 5.0";
    EXTENT_LENGTH Error "vmdk-extent-length" "VMware, VirtualBox, QEMU"
        "A flat extent is at least as long as its line says." "Virtual Disk Format 5.0";
}
