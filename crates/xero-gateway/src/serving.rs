//! Accepts clients, serves each over HTTP/1.1 or HTTP/2, and stops in good order.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown, graceful::Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use crate::{
    door::Door,
    gateway::Gateway,
    lane::Lane,
    listener::{Listener, Stream},
};

/// The longest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
const STREAMS: u32 = 100;
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

impl Gateway {
    /// Serves until `stop` ends, and then until the requests under way have ended or their time is over. Sockets are
    /// closed, and those with a name removed, before it returns.
    pub async fn serve(self, listeners: Vec<Listener>, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut doors: JoinSet<()> =
            listeners.into_iter().map(|listener| self.clone().attend(listener, stopped.clone())).collect();
        stop.await;
        stopping.send_replace(true);
        while doors.join_next().await.is_some() {}
    }

    async fn attend(self, listener: Listener, mut stopped: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(self.shared.settings.max_connections));
        let (clients, graceful) = (&mut JoinSet::new(), GracefulShutdown::new());
        loop {
            let accepted = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                () = told(&mut stopped) => break,
                Some(_) = clients.join_next() => {}
                (Ok(place), accepted) = accepted => match accepted {
                    Ok(stream) => {
                        let served = self.clone().converse(stream, listener.door(), graceful.watcher(), place);
                        drop(clients.spawn(served));
                    }
                    Err(error) => pause(&error).await,
                },
            }
        }
        drop(listener);
        if tokio::time::timeout(self.shared.settings.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were broken off: their time was over");
        }
        clients.shutdown().await;
    }

    async fn converse(self, stream: Stream, door: Door, watcher: Watcher, _place: OwnedSemaphorePermit) {
        match stream {
            Stream::Tcp(stream) => self.serve_client(stream, door, watcher).await,
            #[cfg(unix)]
            Stream::Unix(stream) => self.serve_client(stream, door, watcher).await,
        }
    }

    async fn serve_client<S>(self, stream: S, door: Door, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (lane, shared) = (Lane::new(), Arc::clone(&self.shared));
        let service = service_fn(|request| {
            let answer = self.clone().answer(door, Arc::clone(&lane), request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        shared.metrics.clients.inc();
        let builder = builder();
        let served = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        tokio::select! {
            biased;
            ended = served => if let Err(error) = ended {
                tracing::debug!(%error, "a client's connection ended early");
            },
            () = lane.given_up(&shared.settings) => tracing::debug!("a client's connection was closed: nothing moved"),
        }
        shared.metrics.clients.dec();
    }
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    // Where nobody can tell any more it is time to stop too.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Who is slow with a head is given up by the lane. More than 100 headers are refused unasked.
    builder.http1().header_read_timeout(None).max_buf_size(HEAD);
    let head = u32::try_from(HEAD).expect("a head is short");
    builder.http2().timer(TokioTimer::new()).max_header_list_size(head).max_concurrent_streams(STREAMS);
    builder
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a client could not be accepted");
    tokio::time::sleep(PAUSE).await;
}
