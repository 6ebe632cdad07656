/// What an account may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entitlement {
    /// Scanned instances, scans, overlays.
    MigrationAccess,
    /// Images of scans, by its name of version 3.6.
    MigrationGenerate,
    /// Images of scans, by its name since version 3.7.
    ImageGenerate,
    /// Publishing.
    MigrationPublish,
    /// Acting as another user.
    SupervisorAccess,
    /// The organisation's list of target formats.
    OrgFormatsAdministrate,
}

impl Entitlement {
    /// The API's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MigrationAccess => "migration_access",
            Self::MigrationGenerate => "migration_generate",
            Self::ImageGenerate => "image_generate",
            Self::MigrationPublish => "migration_publish",
            Self::SupervisorAccess => "supervisor_access",
            Self::OrgFormatsAdministrate => "org_formats_administrate",
        }
    }
}

/// A named set of entitlements.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) entitlements: &'static [Entitlement],
}

/// The role called `name`.
pub(crate) fn role(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.name == name)
}

/// All roles.
pub(crate) static ROLES: [Role; 3] = [
    Role {
        name: "user",
        about: "Uploads scans, makes images",
        entitlements: &[
            Entitlement::MigrationAccess,
            Entitlement::MigrationGenerate,
            Entitlement::ImageGenerate,
            Entitlement::MigrationPublish,
        ],
    },
    Role { name: "scanner", about: "Uploads scans", entitlements: &[Entitlement::MigrationAccess] },
    Role {
        name: "administrator",
        about: "Administers formats, acts as another user",
        entitlements: &[
            Entitlement::MigrationAccess,
            Entitlement::MigrationGenerate,
            Entitlement::ImageGenerate,
            Entitlement::MigrationPublish,
            Entitlement::SupervisorAccess,
            Entitlement::OrgFormatsAdministrate,
        ],
    },
];
