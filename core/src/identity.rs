use std::fmt;

use uuid::Uuid;

/// What every identifier made by Diskwright is derived from: the same seed and label give the same UUID.
///
/// Display prints the text that [`Seed::from_text`] turns into the same seed, so that a report reproduces a run.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    text: String,
    namespace: Uuid,
}

impl Seed {
    /// A seed from any text.
    pub fn from_text(text: impl Into<String>) -> Self {
        let text = text.into();
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes());
        Self { text, namespace }
    }

    /// A fresh seed of 122 random bits; its text stands in the report.
    #[expect(clippy::disallowed_methods, reason = "the one place where chance enters, at the caller's wish")]
    pub fn random() -> Self {
        Self::from_text(Uuid::new_v4().simple().to_string())
    }

    /// The UUIDv5 (RFC 9562 §5.5) of `label` under this seed.
    pub fn uuid(&self, label: &str) -> Uuid {
        Uuid::new_v5(&self.namespace, label.as_bytes())
    }

    /// 32 bits for identifiers of that size (MBR disk signature, FAT volume id); never zero.
    pub fn u32(&self, label: &str) -> u32 {
        let bytes = self.uuid(label).into_bytes();
        // The last bytes of a UUIDv5 carry no version or variant bits.
        u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]).max(1)
    }

    /// The text that made this seed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_seeds_tell_identifiers_apart() {
        let seed = Seed::from_text("a");
        assert_eq!(seed.uuid("disk"), Seed::from_text("a").uuid("disk"));
        assert_ne!(seed.uuid("disk"), seed.uuid("root"));
        assert_ne!(seed.uuid("disk"), Seed::from_text("b").uuid("disk"));
        assert_ne!(Seed::random(), Seed::random());
    }
}
