//! Connections: how many there may be, how long they may say nothing, and how they end.
//!
//! INVARIANT (nobody holds the door): a connection that does not speak, or does not listen, is closed, one too many is told so and closed, and each
//! address has its share; what any of them does costs bounded memory and no thread.
//!
//! HTTP/1.1 without TLS: that is what a reverse proxy speaks to the servers behind it, and the smallest thing to attack.

use crate::app::App;
use crate::options::{HEAD_BYTES_MOST, HEADERS_MOST};
use crate::problem::{Kind, Language, Problem};
use crate::rates::network;
use axum::Router;
use axum::http::Request;
use haoyuan::said;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// The address at the other end of a connection, in each of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// How long somebody who is turned away may take to hear it, and how many hear it at once.
const TURNING_AWAY: Duration = Duration::from_secs(2);
const TURNED_AWAY_MOST: usize = 256;

/// Accepts connections until the server closes, then waits for those that are open, for as long as the options say.
pub(crate) async fn accept(listener: TcpListener, router: Router, app: Arc<App>) {
    let seats = Arc::new(Semaphore::new(app.options.connections));
    let away = Arc::new(Semaphore::new(TURNED_AWAY_MOST));
    let shares = Arc::new(Shares::default());
    let mut closing = app.closing.subscribe();
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
            Some(_) = open.join_next(), if !open.is_empty() => continue,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                // Whoever hung up before we answered is no reason to wait; too few file descriptors are.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                continue;
            }
        };
        let most =
            if app.options.proxies.contains(&peer) { usize::MAX } else { app.options.connections_of_peer };
        let seat = Arc::clone(&seats).try_acquire_owned().ok();
        let Some((seat, share)) = seat.zip(Share::take(&shares, network(peer), most)) else {
            app.metrics.turned_away.inc();
            if let Ok(permit) = Arc::clone(&away).try_acquire_owned() {
                tokio::spawn(turn_away(stream, permit));
            }
            continue;
        };
        let connection =
            Connection { app: Arc::clone(&app), router: router.clone(), peer, _seat: seat, _share: share };
        open.spawn(connection.run(stream));
    }
    drop(listener);
    let end = tokio::time::sleep(app.options.end_time);
    tokio::pin!(end);
    loop {
        tokio::select! {
            joined = open.join_next() => if joined.is_none() { break },
            () = &mut end => break,
        }
    }
    open.shutdown().await;
}

struct Connection {
    app: Arc<App>,
    router: Router,
    peer: IpAddr,
    _seat: OwnedSemaphorePermit,
    _share: Share,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        // Answers are small and somebody waits for each.
        let _ = stream.set_nodelay(true);
        self.app.metrics.connections.inc();
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(self.app.options.write_time));
        let peer = Peer(self.peer);
        let router = &self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.app.options.head_time)
            .max_buf_size(HEAD_BYTES_MOST)
            .max_headers(HEADERS_MOST)
            .serve_connection(TokioIo::new(stream), service);
        let mut closing = self.app.closing.subscribe();
        let mut is_closing = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                _ = closing.wait_for(|closing| *closing), if !is_closing => {
                    is_closing = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        // Somebody who began to speak and did not go on is told so; who said nothing is not.
        if ended.is_err_and(|error| error.is_timeout()) {
            let parts = connection.into_parts();
            if !parts.read_buf.is_empty() {
                let detail = said!("the head must be there within a few seconds", "请求头须在数秒内到达");
                say_and_close(parts.io.into_inner(), Problem::new(Kind::TimedOut, detail)).await;
            }
        }
        self.app.metrics.connections.dec();
    }
}

/// Tells one too many to come again.
async fn turn_away(stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let detail = said!("too many connections are open; ask again later", "连接数已达上限,请稍后重试");
    say_and_close(stream, Problem::new(Kind::Unavailable, detail)).await;
}

/// The whole of a response, for a connection that gets no other. Its language is not known.
async fn say_and_close(mut stream: impl AsyncRead + AsyncWrite + Unpin, problem: Problem) {
    let (status, body) = problem.say(Language::En);
    let response = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-language: en\r\n\
         content-length: {}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let say = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await?;
        // What the other end has sent is read away; closing over it would be a reset, and the answer lost.
        let mut rest = [0; 1024];
        for _ in 0..64 {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // That the other end does not listen is its own affair.
    let _ = tokio::time::timeout(TURNING_AWAY, say).await;
}

/// How many connections each address has.
#[derive(Default)]
struct Shares(Mutex<HashMap<IpAddr, usize>>);

/// One of them; given back when it is dropped.
struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
}

impl Share {
    fn take(shares: &Arc<Shares>, address: IpAddr, most: usize) -> Option<Self> {
        let mut counts = shares.0.lock();
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { shares: Arc::clone(shares), address })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_nothing_is_left_of_it_afterwards() {
        let shares = Arc::new(Shares::default());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let first = Share::take(&shares, one, 2).unwrap();
        let second = Share::take(&shares, one, 2).unwrap();
        assert!(Share::take(&shares, one, 2).is_none() && Share::take(&shares, other, 2).is_some());
        drop(first);
        assert!(Share::take(&shares, one, 2).is_some());
        drop(second);
        assert!(shares.0.lock().is_empty());
    }
}
