use super::Status;
use crate::Time;
use crate::render::{Base, object};

object! {
    /// What every object of the schema may have (`UForgeObject`).
    Common {
        /// When it was made.
        created: Time => "created",
        /// Its number, which its URI ends with.
        db_id: i64 => "dbId",
        /// Its version: 32 hexadecimal digits, the entity tag.
        digest: String => "digest",
        /// When it was changed.
        last_modified: Time => "lastModified",
    }
}

object! {
    /// What every object with bytes behind it may have (`UForgeUploadObject`).
    Upload {
        /// MD5 of its bytes, hexadecimal.
        md5sum: String => "md5sum",
        /// Media type.
        mime_type: String => "mimeType",
        /// SHA-256 of its bytes, hexadecimal.
        sha256sum: String => "sha256sum",
        /// Bytes.
        size: u64 => "size",
        /// How far it is.
        status: Status => "status",
        /// Whether it is there.
        uploaded: bool => "uploaded",
        /// When it came.
        uploaded_time: Time => "uploadedTime",
    }
}

impl Base for Common {
    fn common(&mut self) -> Option<&mut Common> {
        Some(self)
    }
}

impl Base for Upload {
    fn common(&mut self) -> Option<&mut Common> {
        None
    }
}
