use std::time::Duration;

/// What one client may cost the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Connections at once. One more closes that which has waited longest for its client's next request. Default: 2048.
    pub connections: usize,
    /// How long a TLS handshake may take. Default: 10 s.
    pub handshake: Duration,
    /// How long a request's head may take, from its first byte, and the first one from the connection on. Default: 10 s.
    pub head: Duration,
    /// How long a connection may wait for a further request. Default: 60 s.
    pub idle: Duration,
    /// How long a client may let the server wait for bytes of a body, or for room for those of an answer. Default: 30 s.
    pub stall: Duration,
    /// Bytes a second that a client moves at least while the server waits for it, measured over [`ConnectionLimits::stall`].
    /// Default: 1024.
    pub rate: u64,
    /// Bytes of a request's head. Default: 32 KiB.
    pub head_bytes: usize,
    /// Header fields of a request. Default: 100.
    pub headers: usize,
    /// How long requests may go on after the server was told to stop. Default: 30 s.
    pub shutdown: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            rate: 1024,
            head_bytes: 32 << 10,
            headers: 100,
            shutdown: Duration::from_secs(30),
        }
    }
}
