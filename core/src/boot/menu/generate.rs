use std::fmt::Write;

use super::MenuRequest;
use super::defaults::Defaults;
use super::options::OptionRules;
use crate::Result;
use crate::boot::kernels::Kernel;
use crate::guest::{GuestWorkspace, OsRelease};

/// A `grub.cfg` with an entry for each kernel, newest first.
pub(super) fn generated(
    workspace: &GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    rules: &OptionRules<'_>,
    defaults: &Defaults,
    kernels: &[Kernel],
) -> Result<String> {
    let options = kernel_options(request, rules, defaults);
    let mut menu = String::from("# Made together with this disk; grub-mkconfig may replace it.\n");
    push_line(
        &mut menu,
        format_args!("set default=0\nset timeout={}", defaults.timeout().unwrap_or(TIMEOUT)),
    );
    if let Some(serial) = serial_line(request.parameters) {
        // EFI firmware shows its own console on serial lines; GRUB's driver is for BIOS.
        push_line(&mut menu, format_args!("if [ \"$grub_platform\" = pc ]; then\n\t{serial}"));
        push_line(
            &mut menu,
            format_args!("\tterminal_input console serial\n\tterminal_output console serial\nfi"),
        );
    }
    let name = system_name(workspace)?;
    for kernel in kernels {
        let title = match kernel.version.as_str() {
            "" => name.clone(),
            version => format!("{name}, with Linux {version}"),
        };
        push_line(&mut menu, format_args!("menuentry '{title}' {{"));
        let (uuid, image) = request.place_of(&kernel.image);
        push_line(&mut menu, format_args!("\tsearch --no-floppy --fs-uuid --set=root {uuid}"));
        push_line(&mut menu, format_args!("\tlinux {image} {} {options}", request.root_option()));
        if !kernel.initrds.is_empty() {
            let paths: Vec<String> = kernel.initrds.iter().map(|path| request.place_of(path).1).collect();
            push_line(&mut menu, format_args!("\tinitrd {}", paths.join(" ")));
        }
        menu.push_str("}\n");
    }
    Ok(menu)
}

/// The options for kernels behind `root=`: what the machine ran with, else what its configuration says.
pub(super) fn kernel_options(
    request: &MenuRequest<'_>,
    rules: &OptionRules<'_>,
    defaults: &Defaults,
) -> String {
    let scanned = match request.scanned_cmdline {
        Some(cmdline) => cmdline.to_owned(),
        None => defaults.kernel_options(),
    };
    let own = ["BOOT_IMAGE", "initrd", "root"];
    let base: Vec<&str> = scanned
        .split_whitespace()
        .filter(|option| !own.contains(&option.split('=').next().unwrap_or_default()))
        .filter(|option| !matches!(*option, "ro" | "rw") && is_plain_option(option))
        .collect();
    rules.fixed(&[&["ro"], base.as_slice()].concat().join(" "))
}

/// Whether GRUB takes an option as it is, without quotes.
pub(super) fn is_plain_option(option: &str) -> bool {
    let special =
        |byte: u8| matches!(byte, b'\'' | b'"' | b'\\' | b'$' | b'`' | b';' | b'&' | b'|' | b'<' | b'>');
    option
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !special(byte) && !matches!(byte, b'{' | b'}' | b'#'))
}

/// GRUB's command for the serial line of the last `console=ttyS…`.
fn serial_line(parameters: &[String]) -> Option<String> {
    let console = parameters.iter().rev().find_map(|parameter| parameter.strip_prefix("console=ttyS"))?;
    let (unit, mode) = console.split_once(',').unwrap_or((console, ""));
    let unit: u8 = unit.parse().ok()?;
    let digits = mode.find(|c: char| !c.is_ascii_digit()).map_or(mode, |end| &mode[..end]);
    let speed: u32 = digits.parse().unwrap_or(115_200);
    Some(format!("serial --unit={unit} --speed={speed}"))
}

/// The distribution's name for itself, without characters that end a quoted title.
fn system_name(workspace: &GuestWorkspace<'_>) -> Result<String> {
    let name = OsRelease::of(workspace)?.map_or_else(String::new, |os| os.pretty_name);
    let name: String = name.chars().filter(|c| !c.is_control() && *c != '\'').take(100).collect();
    Ok(if name.trim().is_empty() { "Linux".to_owned() } else { name })
}

fn push_line(menu: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _infallible = menu.write_fmt(line);
    menu.push('\n');
}

/// Seconds.
const TIMEOUT: u32 = 3;
