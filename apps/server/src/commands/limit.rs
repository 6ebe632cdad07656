use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use diskwright::profile::ByteSize;

use crate::store::Limits;

/// What an account may have.
#[derive(Debug, Args)]
pub(super) struct LimitArguments {
    /// How many scans it may have; "default" is what the server allows
    #[arg(long, value_name = "N", value_parser = count)]
    scans: Option<Limit>,

    /// How many images it may have
    #[arg(long, value_name = "N", value_parser = count)]
    images: Option<Limit>,

    /// How much its uploads and images may take, as in 500G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    bytes: Option<Limit>,
}

/// A number of the account's own, or what the server allows.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Server,
    Own(i64),
}

impl LimitArguments {
    /// `limits` with those changed that were given.
    pub(super) fn of(&self, limits: Limits) -> Limits {
        let or = |given: Option<Limit>, before| match given {
            None => before,
            Some(Limit::Server) => None,
            Some(Limit::Own(number)) => Some(number),
        };
        Limits {
            scans: or(self.scans, limits.scans),
            images: or(self.images, limits.images),
            bytes: or(self.bytes, limits.bytes),
        }
    }
}

/// A limit for people.
pub(super) fn shown(limit: Option<i64>) -> String {
    limit.map_or_else(|| "what the server allows".to_owned(), |limit| limit.to_string())
}

fn count(text: &str) -> anyhow::Result<Limit> {
    if text == "default" {
        return Ok(Limit::Server);
    }
    let number = u32::from_str(text).context("not a number of things")?;
    Ok(Limit::Own(number.into()))
}

fn size(text: &str) -> anyhow::Result<Limit> {
    if text == "default" {
        return Ok(Limit::Server);
    }
    let size: ByteSize = text.parse()?;
    Ok(Limit::Own(i64::try_from(size.bytes()).context("more than any disk holds")?))
}
