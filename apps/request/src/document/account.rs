use crate::render::object;

object! {
    /// A user of the scanned system.
    OsUser: common: Common = "osUser" {
        /// Whether a password lets nobody in.
        disable_password_login: bool => "disablePasswordLogin",
        /// Full name.
        full_name: String => "fullName",
        /// Home directory.
        home_dir: String => "homeDir",
        /// Name.
        name: String => "name",
        /// Name of the primary group.
        primary_group: String => "primaryGroup",
        /// Names of the other groups, separated by commas.
        secondary_groups: String => "secondaryGroups",
        /// Shell.
        shell: String => "shell",
        /// Keys that let the user in.
        ssh_keys: Vec<SshKey> => "sshKeys" ["sshKey"],
        /// Whether the user may become root: 0 not, 1 by password, 2 without.
        sudo: i32 => "sudo",
        /// Whether it is an account of the system.
        system_user: bool => "systemUser",
        /// Its place.
        uri: String => "uri",
        /// Number.
        user_id: String => "userId",
    }
}

object! {
    /// A group of the scanned system.
    OsGroup: common: Common {
        /// Number.
        group_id: String => "groupId",
        /// Name.
        name: String => "name",
        /// Whether it is a group of the system.
        system_group: bool => "systemGroup",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A public key.
    SshKey: common: Common = "sshKey" {
        /// Name.
        name: String => "name",
        /// The key, as OpenSSH writes it.
        public_key: String => "publicKey",
        /// Its place.
        uri: String => "uri",
    }
}
