use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use diskwright::{Error, ErrorKind};
use http_body_util::LengthLimitError;

use crate::store::quota::{QuotaError, QuotaExceeded};
use crate::store::{StoreError, UploadRefusal};

/// Why a request is not answered as asked.
///
/// As a response it is a bare status with itself among the extensions: the outermost layer, which knows method, URI and the
/// syntax that is wanted, writes it as `uforgeError`.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// Stable name of the kind of failure, whatever the language.
    pub(crate) id: &'static str,
    /// A sentence without its full stop.
    pub(crate) message: String,
    /// What the message is about: fields, paths, values.
    pub(crate) parameters: Vec<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// A failure with status and name of its kind.
    pub(crate) fn new(status: StatusCode, id: &'static str, message: impl Into<String>) -> Self {
        Self { status, id, message: message.into(), parameters: Vec::new(), headers: Vec::new() }
    }

    /// 400: the request asks for something wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.invalid", message)
    }

    /// 401.
    pub(crate) fn unauthenticated() -> Self {
        let challenge = HeaderValue::from_static("Basic realm=\"diskwright\", charset=\"UTF-8\"");
        Self::new(StatusCode::UNAUTHORIZED, "authentication.required", "login and password are needed")
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// 403.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "authorization.denied", message)
    }

    /// 404: there is no such thing, or it is somebody else's. `what` is a noun: `scan`, `image`.
    pub(crate) fn unknown(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource.unknown", format!("there is no such {what}"))
    }

    /// 409.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "resource.conflict", message)
    }

    /// 400: the body did not come to its end; 413 if it is longer than it may be, 408 if the client let the server wait for it.
    pub(crate) fn of_body(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = || std::iter::successors(Some(error), |error| error.source());
        if causes().any(|cause| cause.is::<LengthLimitError>()) {
            let message = "the body is longer than the server takes";
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request.size", message);
        }
        let is_late = |error: &std::io::Error| error.kind() == std::io::ErrorKind::TimedOut;
        if causes().any(|cause| cause.downcast_ref().is_some_and(is_late)) {
            let message = "the body of the request did not come in time";
            return Self::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", message);
        }
        let last = causes().last().map(ToString::to_string).unwrap_or_default();
        Self::invalid(format!("the body cannot be read to its end: {last}"))
    }

    /// 500: our fault; the cause goes to the log, not to the client.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server.failure", "the server failed; its log says why")
    }

    /// Names what the message is about.
    pub(crate) fn with_parameter(mut self, parameter: impl Into<String>) -> Self {
        self.parameters.push(parameter.into());
        self
    }

    /// Adds a header to the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error of the engine about what the request asks: all problems, each with its field.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let id = match error.kind() {
            ErrorKind::InvalidProfile => "request.invalid",
            ErrorKind::InvalidOption => "request.option",
            ErrorKind::Unsupported => "request.unsupported",
            ErrorKind::LimitExceeded => "request.limit",
            ErrorKind::DoesNotFit => "request.size",
            _ => return Self::internal(error),
        };
        let mut failure = Self::new(StatusCode::BAD_REQUEST, id, error.to_string());
        failure.parameters = std::iter::once(&error)
            .chain(error.also())
            .filter_map(|problem| problem.field().map(str::to_owned))
            .collect();
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

/// 403 where the account has not enough left, 503 where too many wait.
impl From<QuotaError> for Failure {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exceeded(exceeded) => exceeded.into(),
            QuotaError::QueueFull(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server.busy", error.to_string())
                    .with_header(header::RETRY_AFTER, HeaderValue::from_static("30"))
            }
            QuotaError::Store(error) => error.into(),
        }
    }
}

impl From<QuotaExceeded> for Failure {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::new(StatusCode::FORBIDDEN, "quota.exceeded", exceeded.to_string())
            .with_parameter(exceeded.what)
            .with_parameter(exceeded.limit.to_string())
    }
}

/// 404, 409, or what the quota says.
impl From<UploadRefusal> for Failure {
    fn from(refusal: UploadRefusal) -> Self {
        match refusal {
            UploadRefusal::NoInstance => Self::unknown("scanned instance"),
            UploadRefusal::Unknown => Self::unknown("scan"),
            UploadRefusal::Busy => Self::conflict(refusal.to_string()),
            UploadRefusal::Quota(error) => error.into(),
        }
    }
}
