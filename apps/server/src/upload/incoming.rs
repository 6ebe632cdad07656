use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use futures_util::StreamExt;
use hyper::body::Body as _;
use multer::{Field, Multipart};

use super::sniff::{Kind, START, kind_of};
use crate::failure::Failure;

/// What a request brings: its body or, of `multipart/form-data`, the first part that is a file.
///
/// Read forwards once. Nothing is held but what was peeked at.
pub(crate) struct Incoming {
    source: Source,
    ahead: VecDeque<Bytes>,
    /// The small parts of a form, by name.
    fields: BTreeMap<String, String>,
    most: Option<u64>,
}

enum Source {
    Body(BodyDataStream),
    Form(Box<Form>),
}

/// A form that is read as far as its file.
struct Form {
    file: Field<'static>,
    rest: Multipart<'static>,
    budget: Budget,
}

/// How many bytes more of a form may come before its next part is reached.
#[derive(Clone)]
struct Budget(Arc<AtomicU64>);

impl Incoming {
    /// What `request` brings. Of a form everything in front of the file is read.
    ///
    /// Fails with 400 for a form that is none or has no file.
    pub(crate) async fn of(request: Request) -> Result<Self, Failure> {
        let boundary = match request.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str()) {
            Some(Ok(kind)) if kind.trim_start().to_ascii_lowercase().starts_with("multipart/") => {
                let boundary = multer::parse_boundary(kind);
                Some(boundary.map_err(|_| Failure::invalid("the multipart body has no boundary"))?)
            }
            _ => None,
        };
        let most = announced_length(&request);
        let stream = request.into_body().into_data_stream();
        match boundary {
            Some(boundary) => Self::of_form(stream, boundary, most).await,
            None => Ok(Self {
                source: Source::Body(stream),
                ahead: VecDeque::new(),
                fields: BTreeMap::new(),
                most,
            }),
        }
    }

    async fn of_form(stream: BodyDataStream, boundary: String, most: Option<u64>) -> Result<Self, Failure> {
        let budget = Budget(Arc::new(AtomicU64::new(FORM_BYTES)));
        let counted = {
            let budget = budget.clone();
            stream.map(move |frame| budget.spend(frame.map_err(io::Error::other)?))
        };
        let mut form = Multipart::new(counted, boundary);
        let mut fields = BTreeMap::new();
        loop {
            let field = form.next_field().await.map_err(form_failure)?;
            let field = field.ok_or_else(|| Failure::invalid("the form has no part with a file"))?;
            match small_name(&field) {
                Some(name) => {
                    let text = field.text().await.map_err(form_failure)?;
                    fields.insert(name, text);
                }
                None => {
                    budget.0.store(u64::MAX, Ordering::Relaxed);
                    let source = Source::Form(Box::new(Form { file: field, rest: form, budget }));
                    return Ok(Self { source, ahead: VecDeque::new(), fields, most });
                }
            }
        }
    }

    /// As many bytes as come at most, where the sender says it.
    pub(crate) fn most(&self) -> Option<u64> {
        self.most
    }

    /// Whether it is a form, the parts of which may tell a checksum behind the file, too.
    pub(crate) fn is_form(&self) -> bool {
        matches!(self.source, Source::Form(_))
    }

    /// A small part of the form, as far as it was read.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The name that the sender has for the file.
    pub(crate) fn file_name(&self) -> Option<&str> {
        match &self.source {
            Source::Body(_) => None,
            Source::Form(form) => form.file.file_name(),
        }
    }

    /// What it is, by its first bytes, which are not used up.
    pub(crate) async fn kind(&mut self) -> Result<Kind, Failure> {
        self.peek(START).await?;
        let start: Vec<u8> = self.ahead.iter().flatten().copied().take(START).collect();
        Ok(kind_of(&start))
    }

    /// All of it if it has at most `limit` bytes; else `None`, and nothing is used up.
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
        self.peek(limit.saturating_add(1)).await?;
        let held: usize = self.ahead.iter().map(Bytes::len).sum();
        Ok((held <= limit).then(|| self.ahead.drain(..).flatten().collect()))
    }

    /// Has `bytes`, which were taken whole, come once more.
    pub(crate) fn put_back(&mut self, bytes: Vec<u8>) {
        self.ahead.push_front(bytes.into());
    }

    /// The next bytes; `None` at the end.
    ///
    /// Fails with 400 where the body ends too early or is no form.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.ahead.pop_front() {
            Some(bytes) => Ok(Some(bytes)),
            None => self.pull().await,
        }
    }

    /// The small parts of a form behind the file, which was read to its end.
    ///
    /// Fails with 400 for a second file.
    pub(crate) async fn rest(self) -> Result<BTreeMap<String, String>, Failure> {
        let Self { source, mut fields, .. } = self;
        let Source::Form(form) = source else { return Ok(fields) };
        let Form { file, mut rest, budget } = *form;
        // A form gives no next part while this one is held.
        drop(file);
        budget.0.store(FORM_BYTES, Ordering::Relaxed);
        while let Some(field) = rest.next_field().await.map_err(form_failure)? {
            let name =
                small_name(&field).ok_or_else(|| Failure::invalid("the form has more than one file"))?;
            let text = field.text().await.map_err(form_failure)?;
            fields.insert(name, text);
        }
        Ok(fields)
    }

    /// Has at least `len` bytes ahead, fewer only at the end.
    async fn peek(&mut self, len: usize) -> Result<(), Failure> {
        let mut held: usize = self.ahead.iter().map(Bytes::len).sum();
        while held < len {
            let Some(bytes) = self.pull().await? else { break };
            held += bytes.len();
            self.ahead.push_back(bytes);
        }
        Ok(())
    }

    async fn pull(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.source {
            Source::Body(stream) => stream.next().await.transpose().map_err(|error| Failure::of_body(&error)),
            Source::Form(form) => form.file.chunk().await.map_err(form_failure),
        }
    }
}

impl Budget {
    fn spend(&self, bytes: Bytes) -> io::Result<Bytes> {
        let left = self.0.load(Ordering::Relaxed);
        if left == u64::MAX {
            return Ok(bytes);
        }
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let left = left
            .checked_sub(len)
            .ok_or_else(|| io::Error::other("the form's parts beside the file are too long"))?;
        // A part that begins a file lifts the limit at any time; nobody else writes.
        self.0.store(left, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// The length of a request's body, where it is known before it comes: layers around a body may not know what its header says.
pub(crate) fn announced_length(request: &Request) -> Option<u64> {
    let header =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    header.filter(|_| !is_chunked).or(request.body().size_hint().exact())
}

/// The name of a part that is a word about the file and not the file.
fn small_name(field: &Field<'_>) -> Option<String> {
    let name = field.name()?;
    (field.file_name().is_none() && WORDS.contains(&name)).then(|| name.to_owned())
}

/// Of a form that is none, or whose body does not come to its end.
fn form_failure(error: multer::Error) -> Failure {
    match &error {
        multer::Error::StreamReadFailed(cause) => Failure::of_body(&**cause),
        _ => Failure::invalid(format!("the multipart body cannot be read: {error}")),
    }
}

const WORDS: [&str; 4] = ["crc", "overlayName", "reportFileName", "name"];
/// Of a form beside its file, with one frame of the file in it.
const FORM_BYTES: u64 = 1 << 20;
