//! `serve`: a server for others.

use anyhow::Result;
use clap::Args;
use diskwright::format::Registry;

use super::DataArguments;
use super::service::ServiceArguments;

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    data: DataArguments,

    #[command(flatten)]
    service: ServiceArguments,
}

/// Runs a server until it is told to stop; its first lines on standard output say where it listens.
pub(super) async fn serve(registry: Registry, arguments: ServeArguments) -> Result<()> {
    let service = arguments.service.open(registry, &arguments.data.data).await?;
    service.run(async { Ok(()) }).await
}
