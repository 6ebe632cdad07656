use super::{Keyboard, Nic, OsGroup, OsUser, PartitionTable, SelinuxMode};
use crate::render::object;

object! {
    /// The settings of a machine. Sizes are MiB.
    InstallProfile: common: Common = "installProfile" {
        /// MiB of the disk.
        disk_size: u64 => "diskSize",
        /// Whether the firewall is as the system has it.
        firewall_auto: bool => "firewallAuto",
        /// Whether there is a firewall.
        firewall_enabled: bool => "firewallEnabled",
        /// Groups of the system.
        groups: Vec<OsGroup> => "groups" ["group"],
        /// Where the groups are listed.
        groups_uri: String => "groupsUri",
        /// Version of VMware's virtual hardware.
        hardware_type: String => "hwType",
        /// Whether the network is as the system has it.
        internet_settings_auto: bool => "internetSettingsAuto",
        /// Parameters of the kernel, separated by blanks.
        kernel_parameters: String => "kernelParameters",
        /// Layout of the keyboard.
        keyboard: Keyboard => "keyboard",
        /// Whether the keyboard is as the system has it.
        keyboard_auto: bool => "keyboardAuto",
        /// MiB of memory.
        memory_size: u64 => "memorySize",
        /// Network interfaces.
        nics: Vec<Nic> => "nics" ["nic"],
        /// Where the network interfaces are listed.
        nics_uri: String => "nicsUri",
        /// Whether the partitions are the usual ones.
        partition_auto: bool => "partitionAuto",
        /// Disks and partitions.
        partition_table: PartitionTable => "partitionTable",
        /// The administrator.
        root_user: OsUser => "rootUser",
        /// Whether licences are shown at the first start.
        skip_licenses: bool => "skipLicenses",
        /// MiB of swap space.
        swap_size: u64 => "swapSize",
        /// Time zone: `Europe/London`.
        timezone: String => "timezone",
        /// Whether the time zone is as the system has it.
        timezone_auto: bool => "timezoneAuto",
        /// Its place.
        uri: String => "uri",
        /// Users of the system.
        users: Vec<OsUser> => "users" ["user"],
        /// Where the users are listed.
        users_uri: String => "usersUri",
        /// Text shown after a login.
        welcome_message: String => "welcomeMsg",
        /// Mode of SELinux.
        selinux_mode: SelinuxMode => "seLinuxMode",
    }
}
