//! From a socket to the router: connections, limits, time-outs, TLS, what is told about requests.
//!
//! ```text
//! accept ─> Crowd (a place) ─> TLS ─> Wire (whole, unambiguous heads; pace) ─> hyper ─> observe ─> router
//! ```

mod chunks;
mod connection;
mod crowd;
mod head;
mod limits;
mod observe;
mod pace;
mod refusal;
mod tls;
mod wire;

pub(crate) use observe::{Trail, note_route};

pub use limits::ConnectionLimits;
pub use tls::Tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Server;
use connection::Common;
use crowd::{Crowd, Place};

/// Where a server listens, and what is behind it.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    tls: Option<Tls>,
    room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Public,
    Administrators,
}

impl Door {
    /// The API and the page.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, tls: None, room: Room::Public }
    }

    /// Metrics and health, for who runs the server: without accounts, so not for the public.
    pub fn for_administrators(listener: TcpListener) -> Self {
        Self { listener, tls: None, room: Room::Administrators }
    }

    /// Speaks TLS only.
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The address with the port that was taken.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn url(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }
}

/// What is behind the doors.
pub(crate) struct Rooms {
    pub(crate) public: Router,
    pub(crate) administrators: Router,
}

/// Lets clients in at all `doors` until `stop`, then waits for what is going on, as long as the settings allow, and cuts
/// the rest.
pub(crate) async fn serve(server: &Server, doors: Vec<Door>, rooms: Rooms, stop: CancellationToken) {
    let limits = Arc::new(server.settings().connection_limits.clone());
    let cut = CancellationToken::new();
    let tasks = TaskTracker::new();
    // All doors of the public share the places. Administrators have their own: they look when the others are all taken.
    let crowds = [Crowd::new(limits.connections), Crowd::new(limits.connections)];
    let public = Arc::clone(&crowds[0]);
    server.metrics().watch_crowd(move || public.count());
    for door in doors {
        let (crowd, router) = match door.room {
            Room::Public => (&crowds[0], &rooms.public),
            Room::Administrators => (&crowds[1], &rooms.administrators),
        };
        let common = Common {
            router: router.clone(),
            metrics: server.metrics().clone(),
            limits: Arc::clone(&limits),
            stop: stop.clone(),
        };
        tasks.spawn(accept(door, Arc::clone(crowd), common, tasks.clone(), cut.clone()));
    }
    stop.cancelled().await;
    server.begin_stop();
    tasks.close();
    if tokio::time::timeout(limits.shutdown, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "requests are cut: they took too long after the stop");
        cut.cancel();
        tasks.wait().await;
    }
}

/// Takes connections until the server stops.
async fn accept(door: Door, crowd: Arc<Crowd>, common: Common, tasks: TaskTracker, cut: CancellationToken) {
    let mut pause = SHORTEST_PAUSE;
    while let Some(accepted) = common.stop.run_until_cancelled(door.listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client has gone again.
            Err(error) if is_the_clients(&error) => continue,
            // No file descriptors or no memory: it does not become better by asking again at once.
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                crowd.dismiss_one();
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                continue;
            }
        };
        pause = SHORTEST_PAUSE;
        let Some(place) = crowd.enter() else {
            turn_away(&stream, &common);
            continue;
        };
        let (tls, common) = (door.tls.clone(), common.clone());
        let connection = async move { open(stream, tls, peer, place, common).await };
        let cut = cut.clone();
        tasks.spawn(async move { cut.run_until_cancelled(connection).await });
    }
}

async fn open(stream: TcpStream, tls: Option<Tls>, peer: SocketAddr, place: Place, common: Common) {
    // Answers are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    // In boxes: else every connection has room for both kinds, several times over.
    let Some(tls) = tls else { return Box::pin(connection::serve(stream, peer, place, common)).await };
    let handshake = Box::pin(tls.acceptor().accept(stream));
    let handshake = tokio::time::timeout(common.limits.handshake, handshake);
    match place.leave().run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => Box::pin(connection::serve(stream, peer, place, common)).await,
        Some(Ok(Err(error))) => tracing::debug!(%peer, %error, "no TLS"),
        Some(Err(_)) | None => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

/// Says that there is no room, if it can be said at once.
fn turn_away(stream: &TcpStream, common: &Common) {
    common.metrics.turned_away();
    let _ = stream.try_write(&refusal::full().bytes());
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
