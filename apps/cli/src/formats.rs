use std::io::{self, Write};

use diskwright::format::{FormatInfo, Registry};
use serde_json::{Value, json};

use crate::arguments::OutputMode;
use crate::failure::Failure;

/// `diskwright formats`.
pub(crate) fn formats(registry: &Registry, mode: OutputMode) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let infos = registry.entries().iter().map(|entry| entry.info);
    match mode {
        OutputMode::Json => {
            let formats: Vec<Value> = infos.map(to_json).collect();
            let document = json!({"schema": "diskwright-formats/1", "formats": formats});
            writeln!(out, "{document:#}")?;
        }
        OutputMode::Text => {
            for (at, info) in infos.enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                print(info, &mut out)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn to_json(info: &FormatInfo) -> Value {
    let options = info.options.iter().map(|option| {
        json!({
            "key": option.key,
            "values": option.values.describe(),
            "default": option.default,
            "summary": option.summary,
        })
    });
    json!({
        "id": info.id,
        "api_name": info.api_name,
        "aliases": info.aliases,
        "primitive": info.primitive,
        "plain": info.plain,
        "compressed": info.compressed,
        "options": options.collect::<Vec<Value>>(),
    })
}

fn print(info: &FormatInfo, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{}", info.id)?;
    let names: Vec<&str> = info.api_name.into_iter().chain(info.aliases.iter().copied()).collect();
    if !names.is_empty() {
        write!(out, " ({})", names.join(", "))?;
    }
    writeln!(out, ": {}; --compress: {}", info.plain, info.compressed.unwrap_or("refused"))?;
    for option in info.options {
        let default =
            if option.default.is_empty() { String::new() } else { format!(" [default: {}]", option.default) };
        writeln!(out, "  -O {}={}  {}{default}", option.key, option.values.describe(), option.summary)?;
    }
    Ok(())
}
