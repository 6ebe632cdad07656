//! A server as a process: its doors, its signals, its log.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use diskwright::format::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::files;
use super::log::LogArguments;
use super::options::{LimitArguments, TlsArguments, WorkArguments};
use crate::{Door, Server, Settings, Tls};

/// How a server runs.
#[derive(Debug, Args)]
pub(super) struct ServiceArguments {
    /// Address and port to listen on, several for several; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "DISKWRIGHT_LISTEN",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    listen: Vec<SocketAddr>,

    /// Address and port for /metrics and /health, which ask for no account [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "DISKWRIGHT_ADMIN_LISTEN")]
    admin_listen: Option<SocketAddr>,

    #[command(flatten)]
    tls: TlsArguments,

    #[command(flatten)]
    work: WorkArguments,

    #[command(flatten)]
    limits: LimitArguments,

    #[command(flatten)]
    log: LogArguments,
}

/// A server that is ready to run.
pub(super) struct Service {
    server: Server,
    doors: Vec<Door>,
    tls: Option<Tls>,
    signals: Signals,
}

impl ServiceArguments {
    /// Opens everything: log, doors, data directory.
    pub(super) async fn open(&self, registry: Registry, data: &Path) -> Result<Service> {
        self.log.start()?;
        let mut settings = Settings::new(data);
        self.work.set(&mut settings);
        settings.connection_limits = self.limits.limits();
        files::raise_limit(settings.connection_limits.connections)?;
        let tls = self.tls.open()?;
        // Before anything is opened: a signal that comes meanwhile stops the server and does not kill it.
        let signals = Signals::new()?;
        let doors = self.doors(tls.as_ref()).await?;
        let server = Server::open(registry, settings).await?;
        Ok(Service { server, doors, tls, signals })
    }

    async fn doors(&self, tls: Option<&Tls>) -> Result<Vec<Door>> {
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        let mut doors = Vec::new();
        for &address in &self.listen {
            let door = Door::new(bind(address).await?);
            doors.push(match tls {
                Some(tls) => door.with_tls(tls.clone()),
                None => door,
            });
        }
        if let Some(address) = self.admin_listen {
            doors.push(Door::for_administrators(bind(address).await?));
        }
        Ok(doors)
    }
}

impl Service {
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Where the first door is, as clients name it.
    pub(super) fn url(&self) -> Result<String> {
        let door = self.doors.first().context("the server has no door")?;
        Ok(door.url()?)
    }

    /// Says where it listens, and runs until it is told to stop; meanwhile `beside` is done, whose failure stops it, too.
    pub(super) async fn run(self, beside: impl Future<Output = Result<()>>) -> Result<()> {
        self.server.start().await?;
        announce(&self.doors)?;
        let stop = CancellationToken::new();
        let watch = tokio::spawn(self.signals.watch(stop.clone(), self.tls));
        let beside = async {
            let done = tokio::select! {
                done = beside => done,
                () = stop.cancelled() => Ok(()),
            };
            if done.is_err() {
                stop.cancel();
            }
            done
        };
        let (done, ()) = tokio::join!(beside, self.server.serve(self.doors, stop.clone()));
        self.server.close().await;
        watch.abort();
        tracing::info!("stopped");
        done
    }
}

/// Prints a line for each door, in the order of the options: `listening on URL`.
fn announce(doors: &[Door]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for door in doors {
        writeln!(out, "listening on {}", door.url()?)?;
    }
    Ok(out.flush()?)
}

/// The signals that concern a server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Cancels `stop` at the first SIGINT or SIGTERM and ends the process at the second; SIGHUP reads the files of TLS again.
    async fn watch(mut self, stop: CancellationToken, tls: Option<Tls>) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.hang_up.recv() => {
                    if let Some(Err(error)) = tls.as_ref().map(Tls::reload) {
                        tracing::error!("the certificate that was stays in use: {error:#}");
                    }
                    continue;
                }
            }
            if stop.is_cancelled() {
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(1);
            }
            tracing::info!("stopping");
            stop.cancel();
        }
    }
}
