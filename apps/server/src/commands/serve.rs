use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;
use diskwright::format::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::log::LogArguments;
use super::options::{LimitArguments, TlsArguments, WorkArguments};
use super::{DataArguments, files};
use crate::{Door, Server, Settings, Tls};

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    data: DataArguments,

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

/// Runs a server until it is told to stop; its first lines on standard output say where it listens.
pub(super) async fn serve(registry: Registry, arguments: ServeArguments) -> Result<()> {
    arguments.log.start()?;
    let mut settings = Settings::new(&arguments.data.data);
    arguments.work.set(&mut settings);
    settings.connection_limits = arguments.limits.limits();
    files::raise_limit(settings.connection_limits.connections)?;
    let tls = arguments.tls.open()?;
    // Before anything is opened: a signal that comes meanwhile stops the server and does not kill it.
    let signals = Signals::new()?;
    let doors = doors(&arguments, tls.as_ref()).await?;
    let server = Server::open(registry, settings).await?;
    server.start().await?;
    announce(&doors)?;
    let stop = CancellationToken::new();
    let watch = tokio::spawn(signals.watch(stop.clone(), tls));
    server.serve(doors, stop).await;
    server.close().await;
    watch.abort();
    tracing::info!("stopped");
    Ok(())
}

async fn doors(arguments: &ServeArguments, tls: Option<&Tls>) -> Result<Vec<Door>> {
    let bind = async |address: SocketAddr| {
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
    };
    let mut doors = Vec::new();
    for &address in &arguments.listen {
        let door = Door::new(bind(address).await?);
        doors.push(match tls {
            Some(tls) => door.with_tls(tls.clone()),
            None => door,
        });
    }
    if let Some(address) = arguments.admin_listen {
        doors.push(Door::for_administrators(bind(address).await?));
    }
    Ok(doors)
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
