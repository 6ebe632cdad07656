use crate::Time;
use crate::render::object;

object! {
    /// The body of every answer that is a refusal (`UForgeError`).
    UForgeError = "uforgeError" {
        /// What went wrong.
        localized_error_msg: LocalizedMessage => "localizedErrorMsg",
        /// HTTP method of the request.
        request_method: String => "requestMethod",
        /// URI of the request.
        request_uri: String => "requestUri",
        /// HTTP status of the answer.
        status_code: i32 => "statusCode",
        /// When.
        timestamp: Time => "timestamp",
    }
}

object! {
    /// A message with an identifier that is the same in every language.
    LocalizedMessage {
        /// The sentence.
        message: String => "message",
        /// The kind of error.
        message_id: String => "messageId",
        /// What the sentence is about: names of fields, limits.
        parameters: Vec<String> => "parameters" ["parameter"],
    }
}
