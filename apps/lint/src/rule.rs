use std::fmt;

use crate::Kind;
use crate::rules::{gce, gzip, ova, ovf, qcow2, vagrant, vbox, vdi, vhd, vhdx, vmdk, vmx, zstd};

/// How bad it is to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Some product works differently than the file seems to say, or refuses it only in some versions.
    Warning,
    /// A product named by the rule refuses the file, or reads wrong data from it.
    Error,
}

impl Severity {
    /// The name that reports show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that a file must obey to be imported.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Stable name in kebab case; its first word is the kind of file.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The products that it protects, separated by commas.
    pub protects: &'static str,
    /// One sentence that says why.
    pub reason: &'static str,
    /// The specification, or whose behaviour it is.
    pub source: &'static str,
}

impl Rule {
    /// Every rule about files of `kind`.
    pub fn table(kind: Kind) -> &'static [&'static Rule] {
        match kind {
            Kind::Ova => ova::TABLE,
            Kind::Ovf => ovf::TABLE,
            Kind::Vmdk => vmdk::TABLE,
            Kind::Vmx => vmx::TABLE,
            Kind::Vbox => vbox::TABLE,
            Kind::Vdi => vdi::TABLE,
            Kind::Qcow2 => qcow2::TABLE,
            Kind::Vhd => vhd::TABLE,
            Kind::Vhdx => vhdx::TABLE,
            Kind::Vagrant => vagrant::TABLE,
            Kind::Gce => gce::TABLE,
            Kind::Gzip => gzip::TABLE,
            Kind::Zstd => zstd::TABLE,
        }
    }

    /// Every rule, by kind of file.
    pub fn all() -> impl Iterator<Item = &'static Rule> {
        Kind::ALL.into_iter().flat_map(|kind| Self::table(kind).iter().copied())
    }

    /// All rules as the Markdown tables of the documentation.
    pub fn to_markdown() -> String {
        let mut text = String::new();
        for kind in Kind::ALL {
            text.push_str(&format!("### {}\n\n| rule | severity | protects | why | source |\n", kind.name()));
            text.push_str("|---|---|---|---|---|\n");
            for rule in Self::table(kind) {
                text.push_str(&format!(
                    "| `{}` | {} | {} | {} | {} |\n",
                    rule.id, rule.severity, rule.protects, rule.reason, rule.source
                ));
            }
            text.push('\n');
        }
        text
    }
}

/// A table of rules: `NAME severity "id" "protects" "reason" "source";` a rule.
macro_rules! rules {
    ($($name:ident $severity:ident $id:literal $protects:literal $reason:literal $source:literal;)*) => {
        $(pub(crate) static $name: crate::Rule = crate::Rule {
            id: $id,
            severity: crate::Severity::$severity,
            protects: $protects,
            reason: $reason,
            source: $source,
        };)*
        pub(crate) static TABLE: &[&crate::Rule] = &[$(&$name),*];
    };
}
pub(crate) use rules;
