use std::io::IsTerminal;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What is logged, and how. Only the program does: who embeds the server has a log of their own.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogArguments {
    /// Form of the lines on standard error
    #[arg(long, value_enum, env = "DISKWRIGHT_LOG_FORMAT", default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// From which level on: error, warn, info, debug, trace; or for parts, as in warn,diskwright_server=debug
    #[arg(long, value_name = "LEVEL", env = "DISKWRIGHT_LOG_LEVEL", default_value = "info", value_parser = filter)]
    log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// JSON objects, one a line
    Json,
}

impl LogArguments {
    /// Begins to log.
    pub(super) fn start(&self) -> Result<()> {
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new(&self.log_level)?)
            .with_span_events(FmtSpan::NONE)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let started = match self.log_format {
            LogFormat::Text => log.try_init(),
            LogFormat::Json => log.json().flatten_event(true).try_init(),
        };
        started.map_err(|error| anyhow!("cannot log: {error}"))
    }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
