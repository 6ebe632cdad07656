use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::chunks::Chunks;
use super::crowd::Place;
use super::head::{self, Framing, Look};
use super::limits::ConnectionLimits;
use super::pace::Pace;
use super::refusal::Refusal;
use crate::failure::Failure;

/// What hyper reads from and writes to, instead of the connection itself.
///
/// ```text
/// client ──> Wire: whole heads that have one reading ─> bodies, byte for byte, at a pace ──> hyper
/// ```
///
/// A request that will not be one ends the input: hyper answers what was asked before it, and then [`Wire::finish`] says
/// what is wrong with it. Times out in every state in which it waits for the client.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    limits: Arc<ConnectionLimits>,
    place: Place,
    phase: Phase,
    /// Bytes that were read and not passed on …
    buffer: BytesMut,
    /// … and how many of them may be.
    passed: usize,
    timer: Option<Pin<Box<Sleep>>>,
    reading: Pace,
    writing: Pace,
    over: Option<Over>,
}

/// What the client sends at the moment.
#[derive(Debug)]
enum Phase {
    /// The head of a request, of which the first bytes came or did not; the time it has is running or not yet.
    Head { begun: bool, until: Option<Instant> },
    /// A body with so many bytes to come.
    Length(u64),
    /// A chunked body.
    Chunked(Chunks),
}

/// Why nothing more is read.
#[derive(Debug)]
enum Over {
    /// The client has no more to say, or no more time.
    Silent,
    /// It is to be told.
    Refused(Box<Refusal>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A connection whose first head has its time from now on.
    pub(super) fn new(stream: S, limits: Arc<ConnectionLimits>, place: Place) -> Self {
        let until = Some(Instant::now() + limits.head);
        Self {
            stream,
            place,
            phase: Phase::Head { begun: true, until },
            buffer: BytesMut::new(),
            passed: 0,
            timer: None,
            reading: Pace::new(limits.stall, limits.rate),
            writing: Pace::new(limits.stall, limits.rate),
            over: None,
            limits,
        }
    }

    /// What remains when nothing more is asked: the connection, what its client is to be told, and whether it may still be
    /// sending something.
    pub(super) fn finish(mut self) -> (S, Option<Refusal>, bool) {
        let idle = matches!(self.phase, Phase::Head { .. }) && self.buffer.is_empty();
        match self.over.take() {
            Some(Over::Refused(refusal)) => (self.stream, Some(*refusal), true),
            Some(Over::Silent) => (self.stream, None, false),
            None => (self.stream, None, !idle),
        }
    }

    /// Reads on until something can be passed on or nothing will be any more.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.passed == 0 && self.over.is_none() {
            match &mut self.phase {
                Phase::Head { .. } => ready!(self.poll_head(context))?,
                Phase::Length(0) => self.expect_head(),
                Phase::Length(left) => {
                    if self.buffer.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    let here = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX).min(*left);
                    *left = left.saturating_sub(here);
                    self.passed = usize::try_from(here).unwrap_or(usize::MAX);
                }
                Phase::Chunked(chunks) if chunks.is_over() => self.expect_head(),
                Phase::Chunked(chunks) => {
                    if self.buffer.is_empty() {
                        if ready!(self.poll_fill(context))? == 0 {
                            self.over = Some(Over::Silent);
                        }
                        continue;
                    }
                    self.passed = chunks.take(&self.buffer).map_err(invalid)?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Looks for a whole head, reading on as necessary.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Empty lines before a request are none of it (RFC 9112 §2.2).
        while self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
        }
        if !self.buffer.is_empty() {
            match head::look(&self.buffer, &self.limits) {
                Look::Complete { length, body } => {
                    self.passed = length;
                    self.reading.reset();
                    self.writing.reset();
                    self.place.works();
                    self.phase = match body {
                        Framing::Length(length) => Phase::Length(length),
                        Framing::Chunked => Phase::Chunked(Chunks::new()),
                    };
                    return Poll::Ready(Ok(()));
                }
                Look::Partial => {}
                Look::Refused(failure) => {
                    self.refuse(failure);
                    return Poll::Ready(Ok(()));
                }
            }
        }
        self.place.waits();
        match self.poll_read_within_time(context) {
            Poll::Ready(Ok(0)) if self.buffer.is_empty() => self.over = Some(Over::Silent),
            Poll::Ready(Ok(0)) => {
                let message = "the request ends within its head";
                self.refuse(Failure::new(StatusCode::BAD_REQUEST, "request.malformed", message));
            }
            Poll::Ready(read) => drop(read?),
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }

    /// Reads within the time that a head has. A client that has begun one is told when it is over.
    fn poll_read_within_time(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let has_begun = !self.buffer.is_empty();
        if let Phase::Head { begun, until } = &mut self.phase {
            let now = Instant::now();
            if has_begun && !*begun {
                *begun = true;
                *until = Some(now + self.limits.head);
            }
            let until = *until.get_or_insert_with(|| now + self.limits.idle);
            if self.timer.as_ref().is_none_or(|timer| timer.deadline() != until) {
                self.timer = Some(Box::pin(tokio::time::sleep_until(until)));
            }
        }
        if let Poll::Ready(read) = self.poll_read_buffer(context) {
            return Poll::Ready(read);
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(context));
        if has_begun {
            let message = "the head of the request did not come in time";
            self.refuse(Failure::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", message));
        } else {
            self.over = Some(Over::Silent);
        }
        // Not 0, which would be the client's end.
        Poll::Ready(Ok(1))
    }

    /// Reads on in a body, if the client keeps up.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.poll_read_buffer(context) {
            Poll::Ready(Ok(read)) => {
                self.reading.moved(read);
                Poll::Ready(Ok(read))
            }
            Poll::Pending if self.reading.is_too_slow(context) => Poll::Ready(Err(too_slow())),
            other => other,
        }
    }

    /// Reads what is there, into the buffer.
    fn poll_read_buffer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(if matches!(self.phase, Phase::Head { .. }) { HEAD_ROOM } else { ROOM });
        tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), context, &mut self.buffer)
    }

    fn expect_head(&mut self) {
        self.phase = Phase::Head { begun: false, until: None };
    }

    fn refuse(&mut self, failure: Failure) {
        self.over = Some(Over::Refused(Box::new(Refusal::new(&self.buffer, failure))));
    }

    /// Reads a body of known length right to where it is wanted, and not a byte more.
    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        left: u64,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(ROOM).min(to.remaining());
        let mut room = ReadBuf::new(to.initialize_unfilled_to(size));
        match Pin::new(&mut self.stream).poll_read(context, &mut room) {
            Poll::Ready(Ok(())) => {}
            Poll::Pending if self.reading.is_too_slow(context) => return Poll::Ready(Err(too_slow())),
            other => return other,
        }
        let filled = room.filled().len();
        to.advance(filled);
        self.reading.moved(filled);
        self.phase = Phase::Length(left.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX)));
        if filled == 0 {
            self.over = Some(Over::Silent);
        }
        Poll::Ready(Ok(()))
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.writing.moved(bytes),
            Poll::Pending if self.writing.is_too_slow(context) => return Poll::Ready(Err(too_slow())),
            _ => {}
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if to.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_more(context))?;
        if self.passed > 0 {
            let step = self.passed.min(to.remaining());
            let bytes = self.buffer.split_to(step);
            to.put_slice(&bytes);
            self.passed = self.passed.saturating_sub(step);
            return Poll::Ready(Ok(()));
        }
        match self.phase {
            Phase::Length(left) if self.over.is_none() => self.poll_body(context, left, to),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        match flushed {
            Poll::Pending if self.writing.is_too_slow(context) => return Poll::Ready(Err(too_slow())),
            Poll::Pending => {}
            Poll::Ready(_) => self.writing.moved(0),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Bytes of bodies that are read at once.
const ROOM: usize = 64 << 10;
/// The same, of heads: what an idle connection costs.
const HEAD_ROOM: usize = 2 << 10;
