use crate::Time;
use crate::render::object;

object! {
    /// How far an operation is (`OpStatus`).
    ///
    /// Clients poll it until it is complete, failed or cancelled. [`Status::running`] and its siblings fill what they
    /// read without looking whether it is there.
    Status: common: Common = "status" {
        /// Bytes moved.
        bytes_loaded: u64 => "bytesLoaded",
        /// Bytes to move.
        bytes_total: u64 => "bytesTotal",
        /// Whether it was cancelled; a cancelled operation is not complete.
        cancelled: bool => "cancelled",
        /// Whether it came to its end.
        complete: bool => "complete",
        /// Whether there is a detailed message.
        detailed_error: bool => "detailedError",
        /// All that is known of the failure.
        detailed_error_msg: String => "detailedErrorMsg",
        /// Whether it failed.
        error: bool => "error",
        /// Why it failed, in a sentence.
        error_message: String => "errorMessage",
        /// When it will probably end.
        eta: Time => "eta",
        /// What it does now, in a few words.
        message: String => "message",
        /// URI of what the operation makes.
        parent_uri: String => "parentUri",
        /// 0 to 100, never falling.
        percentage: i32 => "percentage",
        /// Whether it is published.
        published: bool => "published",
        /// When it ended.
        total_time: Time => "totalTime",
        /// Where it is polled.
        uri: String => "uri",
    }
}

impl Status {
    /// An operation under way or waiting, with all that clients read.
    pub fn running(message: impl Into<String>, percentage: i32) -> Self {
        Self {
            cancelled: Some(false),
            complete: Some(false),
            detailed_error: Some(false),
            error: Some(false),
            message: Some(message.into()),
            percentage: Some(percentage.clamp(0, 100)),
            ..Self::default()
        }
    }

    /// An operation that came to its end.
    pub fn complete(message: impl Into<String>) -> Self {
        Self { complete: Some(true), ..Self::running(message, 100) }
    }

    /// An operation that was cancelled on its way.
    pub fn cancelled(message: impl Into<String>, percentage: i32) -> Self {
        Self { cancelled: Some(true), ..Self::running(message, percentage) }
    }

    /// An operation that failed, with the reason in a sentence and, if there is more to say, all of it.
    pub fn failed(
        message: impl Into<String>,
        percentage: i32,
        reason: impl Into<String>,
        details: Option<String>,
    ) -> Self {
        Self {
            error: Some(true),
            error_message: Some(reason.into()),
            detailed_error: Some(details.is_some()),
            detailed_error_msg: details,
            ..Self::running(message, percentage)
        }
    }
}

object! {
    /// Whether the service is there (`ServiceStatus`).
    ServiceStatus: common: Common = "serviceStatus" {
        /// Whether it is.
        alive: bool => "alive",
        /// The version of the API; clients compare it with their own.
        version: String => "version",
        /// Its load in per cent.
        service_load: i32 => "serviceLoad",
    }
}
