use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::checksum::Checksum;
use super::incoming::Incoming;
use super::receive::{sync_folder, unwanted};
use super::spool::Spool;
use crate::failure::Failure;
use crate::server::Server;
use crate::store::{Scan, ScanState, Upload};

/// An upload that comes in parts, so that what has arrived does not come again after a failure: the protocol tus 1.0.0,
/// core and creation.
///
/// ```text
/// POST  Upload-Length: 757000000                      201  Location
/// PATCH Upload-Offset: 0, application/offset+octet-stream   204  Upload-Offset
/// HEAD                                                200  Upload-Offset, Upload-Length
/// ```
pub(crate) struct Parts {
    upload: Upload,
    offset: u64,
    total: u64,
    wanted: Option<Checksum>,
}

impl Parts {
    /// The length that `headers` announce, of an upload that shall come in parts.
    ///
    /// Fails with 400 for a length that is none, 412 for another version of the protocol.
    pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
        if !headers.contains_key(UPLOAD_LENGTH) {
            return Ok(None);
        }
        check_version(headers)?;
        number(headers, UPLOAD_LENGTH).map(Some)
    }

    /// The upload of `scan` that is under way.
    ///
    /// Fails with 409 where there is none.
    pub(crate) fn of(scan: &Scan, user: i64) -> Result<Self, Failure> {
        let total = scan.upload_total.and_then(|total| u64::try_from(total).ok());
        match (scan.state, &scan.tree_file, total) {
            (ScanState::Receiving, Some(file), Some(total)) => Ok(Self {
                upload: Upload { scan: scan.id, user, file: file.clone(), reserved: total },
                offset: u64::try_from(scan.upload_offset).unwrap_or(0),
                total,
                wanted: scan.overlay_crc.as_deref().map(Checksum::parse).transpose()?,
            }),
            _ => {
                Err(Failure::conflict("no upload in parts is under way: POST with Upload-Length begins one"))
            }
        }
    }

    /// What answers HEAD.
    pub(crate) fn progress(&self) -> Response {
        let mut response = StatusCode::OK.into_response();
        put_number(&mut response, UPLOAD_OFFSET, self.offset);
        put_number(&mut response, UPLOAD_LENGTH, self.total);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        with_version(response)
    }

    /// Appends what `request` brings. What arrives before a failure counts; after the last part the tree is read.
    ///
    /// Fails with 409 for another offset than the one that is due, 415 for another content type, 423 while another request
    /// appends, 413 for more than was announced, and for a wrong checksum with 400, after which nothing is stored.
    pub(crate) async fn append(self, server: &Server, request: Request) -> Result<Response, Failure> {
        let headers = request.headers();
        check_version(headers)?;
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.eq_ignore_ascii_case(CONTENT_TYPE) {
            let message = format!("the type of a part is {CONTENT_TYPE}");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.type", message));
        }
        let offset = number(headers, UPLOAD_OFFSET)?;
        if offset != self.offset {
            let message = format!("the next byte that is due is {}, not {offset}", self.offset);
            return Err(Failure::conflict(message).with_parameter("Upload-Offset"));
        }
        let incoming = Incoming::of(request).await?;
        let left = self.total.saturating_sub(offset);
        if incoming.most().is_some_and(|len| len > left) {
            return Err(too_much(self.total));
        }
        let locked = Spool::lock(&server.folder().path(&self.upload.file)).await?;
        // Before anything is cut off: since this request was read another may have brought the upload forward, or to its end.
        if !server.store().is_due(&self.upload, offset).await? {
            return Err(unwanted());
        }
        let mut spool = locked.resume(offset).await?;
        let drained = self.drain(server, incoming, &mut spool).await;
        self.end(server, spool, drained).await
    }

    async fn drain(&self, server: &Server, mut incoming: Incoming, spool: &mut Spool) -> Result<(), Failure> {
        let mut noted = spool.len();
        while let Some(bytes) = incoming.next().await? {
            let left = usize::try_from(self.total.saturating_sub(spool.len())).unwrap_or(usize::MAX);
            if bytes.len() > left {
                return Err(too_much(self.total));
            }
            spool.put(&bytes).await?;
            // Now and then: a process that dies says nothing at the end.
            if spool.len().saturating_sub(noted) >= NOTED {
                spool.sync().await?;
                noted = spool.len();
                if !server.store().advance_upload(&self.upload, noted).await? {
                    return Err(unwanted());
                }
            }
        }
        Ok(())
    }

    async fn end(
        self,
        server: &Server,
        mut spool: Spool,
        drained: Result<(), Failure>,
    ) -> Result<Response, Failure> {
        spool.sync().await?;
        let len = spool.len();
        if !server.store().advance_upload(&self.upload, len).await? {
            return Err(unwanted());
        }
        drained?;
        if len == self.total {
            let with_md5 = matches!(self.wanted, Some(Checksum::Md5(_)));
            let sums = spool.sums(with_md5).await?;
            if let Some(Err(wrong)) = self.wanted.as_ref().map(|wanted| wanted.check(&sums)) {
                server.store().abandon_upload(&self.upload).await?;
                server.sweep().await;
                return Err(wrong);
            }
            sync_folder(server).await?;
            if !server.store().finish_upload(&self.upload, len, &sums.sha256).await? {
                return Err(unwanted());
            }
            server.wake();
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        put_number(&mut response, UPLOAD_OFFSET, len);
        Ok(with_version(response))
    }
}

/// Says which version of the protocol it is.
pub(crate) fn with_version(mut response: Response) -> Response {
    response.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    response
}

fn check_version(headers: &HeaderMap) -> Result<(), Failure> {
    match headers.get(TUS_RESUMABLE).map(HeaderValue::as_bytes) {
        // Who does it by hand need not say it.
        None => Ok(()),
        Some(version) if version == VERSION.as_bytes() => Ok(()),
        Some(_) => {
            let message = format!("of the protocol for uploads in parts, version {VERSION} is known");
            Err(Failure::new(StatusCode::PRECONDITION_FAILED, "upload.version", message))
        }
    }
}

fn number(headers: &HeaderMap, name: HeaderName) -> Result<u64, Failure> {
    let text = headers.get(&name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number = text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or_else(|| {
        Failure::invalid(format!("the header {name} is no number of bytes")).with_parameter(name.as_str())
    })
}

fn put_number(response: &mut Response, name: HeaderName, number: u64) {
    response.headers_mut().insert(name, HeaderValue::from(number));
}

fn too_much(total: u64) -> Failure {
    let message = format!("more comes than the {total} bytes that were announced");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request.size", message)
}

pub(crate) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSION: &str = "1.0.0";
const CONTENT_TYPE: &str = "application/offset+octet-stream";
/// Bytes after which an upload is made durable and noted on its way.
const NOTED: u64 = 64 << 20;
