use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Args;
use diskwright::format::Registry;
use tokio::net::TcpListener;

use super::DataArguments;
use crate::{Server, Settings};

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    data: DataArguments,

    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Runs a server until it is told to stop; its first line on standard output says where it listens.
pub(super) async fn serve(registry: Registry, arguments: ServeArguments) -> Result<()> {
    let server = Server::open(registry, Settings::new(arguments.data.data)).await?;
    server.start().await?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    axum::serve(listener, server.router()).await?;
    server.close().await;
    Ok(())
}
