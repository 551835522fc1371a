//! Bodies as they pass through: in pieces, counted, with what is to be done when they end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::{access_log::Entry, authority::Counted, lane::Lane};

/// Why a body ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the connection failed")]
    Wire(#[from] hyper::Error),
    #[error("the body is longer than the limit")]
    TooLong,
}

/// How much of a body has passed, and on which connection of a client.
#[derive(Debug)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    lane: Arc<Lane>,
}

impl Meter {
    pub(crate) fn new(lane: &Arc<Lane>) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicU64::new(0), lane: Arc::clone(lane) })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: usize) -> u64 {
        self.lane.touch();
        let bytes = bytes as u64;
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}

/// A body that is passed on.
#[derive(Debug)]
pub(crate) struct Body {
    inner: Inner,
    /// What was read of it already.
    read: Option<Bytes>,
    meter: Option<(Arc<Meter>, u64)>,
    /// Counts until the body has ended.
    _counted: Option<Box<dyn Counted>>,
    /// Of an answer: written down when it has ended or was given up.
    entry: Option<Box<Entry>>,
}

#[derive(Debug)]
enum Inner {
    Whole(Full<Bytes>),
    Stream(Incoming),
}

impl Body {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::of(Inner::Whole(Full::new(bytes.into())))
    }

    pub(crate) fn stream(incoming: Incoming) -> Self {
        Self::of(Inner::Stream(incoming))
    }

    fn of(inner: Inner) -> Self {
        Self { inner, read: None, meter: None, _counted: None, entry: None }
    }

    /// The same with what was read of it already.
    pub(crate) fn after(self, read: Bytes) -> Self {
        Self { read: Some(read), ..self }
    }

    /// A request's, counted, and ended with an error after so many bytes.
    pub(crate) fn metered(self, meter: &Arc<Meter>, limit: Option<u64>) -> Self {
        Self { meter: Some((Arc::clone(meter), limit.unwrap_or(u64::MAX))), ..self }
    }

    pub(crate) fn counted(self, counted: Option<Box<dyn Counted>>) -> Self {
        Self { _counted: counted, ..self }
    }

    pub(crate) fn logged(self, entry: Box<Entry>) -> Self {
        Self { entry: Some(entry), ..self }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(read) = self.read.take() {
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        let frame = match &mut self.inner {
            Inner::Whole(whole) => {
                ready!(Pin::new(whole).poll_frame(cx)).map(|frame| frame.map_err(|never| match never {}))
            }
            Inner::Stream(stream) => {
                ready!(Pin::new(stream).poll_frame(cx)).map(|frame| frame.map_err(BodyError::from))
            }
        };
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        if let (Some(entry), Some(data)) = (&mut self.entry, data) {
            entry.count_sent(data.len());
        }
        if let (Some((meter, limit)), Some(data)) = (&self.meter, data)
            && meter.count(data.len()) > *limit
        {
            return Poll::Ready(Some(Err(BodyError::TooLong)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_none()
            && match &self.inner {
                Inner::Whole(whole) => whole.is_end_stream(),
                Inner::Stream(stream) => stream.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        if self.read.is_some() {
            return SizeHint::default();
        }
        match &self.inner {
            Inner::Whole(whole) => whole.size_hint(),
            Inner::Stream(stream) => stream.size_hint(),
        }
    }
}
