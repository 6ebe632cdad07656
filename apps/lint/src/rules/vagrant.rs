//! Rules about Vagrant's boxes.

crate::rule::rules! {
    TRUNCATED Error "box-truncated" "Vagrant"
        "A member that the archive ends before cannot be unpacked." "POSIX ustar";
    HEADER_CHECKSUM Error "box-header-checksum" "Vagrant"
        "A header whose checksum is wrong is damaged." "POSIX ustar";
    NUMBER Error "box-number" "Vagrant"
        "Sizes and the map of a sparse member are numbers that fit." "POSIX ustar; GNU tar manual";
    END_BLOCKS Warning "box-end-blocks" "Vagrant"
        "Two blocks of zeros end an archive, and nothing follows them." "POSIX ustar";
    MEMBER_NAME Error "box-member-name" "Vagrant"
        "No name leads out of the box's folder." "bsdtar manual, -P";
    DUPLICATE_MEMBER Warning "box-duplicate-member" "Vagrant"
        "Of two members of one name the last one stays." "bsdtar manual";
    METADATA Error "box-metadata" "Vagrant"
        "The box has a file `metadata.json`, which is an object of JSON." "Vagrant, Box File Format";
    PROVIDER Error "box-provider" "Vagrant"
        "The metadata name the provider." "Vagrant, Box File Format";
    UNKNOWN_PROVIDER Warning "box-unknown-provider" "Vagrant"
        "Boxes for VirtualBox and libvirt are known here; of others nothing more is looked at." "Vagrant, Box File Format";
    ENVELOPE Error "box-ovf" "Vagrant with VirtualBox"
        "A box for VirtualBox has its machine in `box.ovf`." "Vagrant, VirtualBox: Creating a Base Box";
    BASE_MAC Warning "box-base-mac" "Vagrant with VirtualBox"
        "The Vagrantfile of a box for VirtualBox names the address of the first adapter, `config.vm.base_mac`: twelve hex digits." "Vagrant, VirtualBox: Creating a Base Box";
    IMAGE Error "box-image" "vagrant-libvirt"
        "A box for libvirt has its disk in `box.img`, or those that its metadata name." "vagrant-libvirt, Box Format";
    IMAGE_FORMAT Error "box-image-format" "vagrant-libvirt"
        "The metadata give the format qcow2, and the disks are of it." "vagrant-libvirt, Box Format";
    VIRTUAL_SIZE Error "box-virtual-size" "vagrant-libvirt"
        "The metadata give the disk's size as a whole number of GiB, no less than the image's own." "vagrant-libvirt, Box Format";
}
