//! One connection to a server: driven by the request that uses it, so that no other task has to be woken for it.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use tokio::task::coop::unconstrained;

use crate::{body::Body, route::Stream};

pub(crate) struct Line {
    sender: http1::SendRequest<Body>,
    /// Until it has ended.
    connection: Option<http1::Connection<Stream, Body>>,
}

impl Line {
    /// In a box, since it is large and goes from hand to hand.
    pub(crate) async fn open(stream: Stream) -> hyper::Result<Box<Self>> {
        let (sender, connection) = http1::handshake(stream).await?;
        Ok(Box::new(Self { sender, connection: Some(connection) }))
    }

    /// The head of the answer, and of its body what came with it. An error gives back a request of which nothing has gone.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        poll_fn(|cx| {
            drive(&mut self.connection, cx);
            // Nothing but the connection answers, and that was just now: whoever waits is not to be woken a second time.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// True where the answer was read to its end, and another request may follow.
    pub(crate) fn is_idle(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Reads the answer to its end; nothing where the connection ends with it.
    pub(crate) async fn finish(mut self: Box<Self>) -> Option<Box<Self>> {
        let Self { sender, connection } = &mut *self;
        poll_fn(|cx| match drive(connection, cx) {
            true => sender.poll_ready(cx).map(drop),
            false => Poll::Ready(()),
        })
        .await;
        self.is_idle().then_some(self)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// Moves what can be moved. A connection that has ended is dropped, and so whoever waits for it is told; false then.
fn drive(connection: &mut Option<http1::Connection<Stream, Body>>, cx: &mut Context<'_>) -> bool {
    if let Some(open) = connection
        && Pin::new(open).poll(cx).is_ready()
    {
        *connection = None;
    }
    connection.is_some()
}
