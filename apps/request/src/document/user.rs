use crate::render::object;

object! {
    /// An account of the service.
    User: common: Common = "user" {
        /// The name that stands in URIs.
        login_name: String => "loginName",
        /// Whether it may log in.
        active: bool => "active",
        /// Mail address.
        email: String => "email",
        /// First name.
        first_name: String => "firstName",
        /// Surname.
        surname: String => "surname",
        /// Whether it administrates.
        admin: bool => "admin",
        /// Where its API keys are listed.
        base_api_keys_uri: String => "baseApiKeysUri",
        /// Where its primitive formats are listed.
        base_formats_uri: String => "baseFormatsUri",
        /// Where its target formats are listed.
        base_target_formats_uri: String => "baseTargetFormatsUri",
        /// Where its images are listed.
        base_images_uri: String => "baseImagesUri",
        /// Where its organisations are listed.
        base_orgs_uri: String => "baseOrgsUri",
        /// Where its publications are listed.
        base_publish_images_uri: String => "basePublishImagesUri",
        /// Where its roles are listed.
        base_roles_uri: String => "baseRolesUri",
        /// URIs of its organisations.
        org_uris: Vec<String> => "orgUris" ["uri"],
        /// What it may do.
        roles: Vec<Role> => "roles" ["role"],
        /// Where its scanned machines are listed.
        scanned_instances_uri: String => "scannedInstancesUri",
        /// Where its scans are listed.
        scans_uri: String => "scansUri",
        /// Where its keys are listed.
        ssh_keys_uri: String => "sshKeysUri",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A named set of entitlements.
    Role: common: Common = "role" {
        /// Name.
        name: String => "name",
        /// A sentence about it.
        description: String => "description",
        /// What it allows.
        entitlements: Vec<Entitlement> => "entitlements" ["entitlement"],
    }
}

object! {
    /// Something that a user may do.
    Entitlement = "entitlement" {
        /// A sentence about it.
        description: String => "description",
        /// Name: `image_generate`.
        name: String => "name",
    }
}

object! {
    /// An organisation.
    Org: common: Common = "org" {
        /// Whether it is where users are by default.
        default_org: bool => "defaultOrg",
        /// Where its primitive formats are listed.
        formats_uri: String => "formatsUri",
        /// Where its target formats are listed.
        target_formats_uri: String => "targetFormatsUri",
        /// Where its members are listed.
        members_uri: String => "membersUri",
        /// Name.
        name: String => "name",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A pair of keys that stands for a login.
    ApiKeyPair: common: Common = "apiKeyPair" {
        /// Name.
        name: String => "name",
        /// A sentence about it.
        description: String => "description",
        /// The part that is sent.
        public_key: String => "publicKey",
        /// The part that signs; shown once, when it is made.
        secret_key: String => "secretKey",
        /// Its place.
        uri: String => "uri",
    }
}
