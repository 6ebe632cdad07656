use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use diskwright::Error;
use diskwright::format::DiskController;
use diskwright::profile::{
    BootPolicy, ByteSize, Firmware, IdentityPolicy, LvmPolicy, Profile, SectorSize, TableKind,
};

use crate::disk_arguments::DiskArguments;
use crate::guest_arguments::GuestArguments;

/// Turns a scan of a Linux machine into a bootable disk image, in one pass, without root.
#[derive(Debug, Parser)]
#[command(name = "diskwright", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the image files and report.json of a scan
    ///
    /// Prints the paths of the files written to standard output, one a line, the report last. Nothing is visible in the
    /// output directory before everything is complete; after an error or Ctrl-C nothing is left.
    Generate(Box<GenerateArguments>),
    /// Take this machine's tree into one archive, with a report of its hardware
    ///
    /// The archive is a scan for the other commands. Progress and what could not be taken as it was go to standard error, the
    /// archive's path to standard output. Run it as root, or what root alone may read ends it with an error.
    Capture(CaptureArguments),
    /// Print the exact layout without writing anything
    Plan(Box<PlanArguments>),
    /// Foretell whether the image boots, and name what is missing
    ///
    /// Reads kernels, module tables and initial RAM disks of the scan without running anything, and says for each target,
    /// controller and firmware whether the image that `generate` would make comes up: what is missing in an initial RAM
    /// disk is appended to it unless `--initramfs keep` is given. Exits with 0 if every machine that the order asks for
    /// boots, with 1 if one does not, with 3 if the scan does not tell of one and all others boot, with 2 for a usage error.
    Check(Box<CheckArguments>),
    /// List the formats with their names and options
    Formats(FormatsArguments),
    /// Check images against the rules of the products that import them
    ///
    /// Takes OVA, OVF, VMDK, VMX, VBOX, VDI, QCOW2, VHD and VHDX files, Vagrant's boxes, archives for Compute Engine and disks
    /// packed by gzip or zstd, ours or others', and the files beside them that they name. Prints a line for each rule broken;
    /// exits with 1 if one is whose severity is an error.
    Lint(LintArguments),
    /// Read images again and compare them with their scan and report
    ///
    /// Reads container, partition table and file systems with code that shares nothing with what wrote them, and compares
    /// every file and attribute with the scan, or with a list that `generate --file-digests` wrote. Prints a line for each
    /// finding; exits with 1 if there is one, with 2 if an image cannot be read.
    Verify(VerifyArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print a manual page in roff: `diskwright man generate | man -l -`
    Man(ManArguments),
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    #[command(flatten)]
    pub(crate) order: OrderArguments,

    /// Where the files go; created if absent
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) output: PathBuf,

    /// Replace files of the same names
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,

    /// Make a plain SHA-256 of every output in place of the tree digest, not only of those that are downloaded
    #[arg(long, help_heading = "Output")]
    pub(crate) sha256: bool,

    /// Write a list of all files of the guest with their attributes and SHA-256, for `verify`; reads the scan once more
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) file_digests: Option<PathBuf>,

    /// Number of worker threads, at most 256 [default: one for each processor]; the outputs do not depend on it
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Progress on standard error: a bar on a terminal, JSON objects one a line, or nothing
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto, help_heading = "Output")]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, Args)]
pub(crate) struct CaptureArguments {
    /// The directory that is taken as the root
    #[arg(long, value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    pub(crate) root: PathBuf,

    /// The archive; its name says how it is packed: .tar, .tar.zst, .tar.gz or .tar.xz
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Leave out a path from the root (/var/cache/*), or a name anywhere (*.swp), and all below; `**` crosses slashes; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<OsString>,

    /// Leave out all that is mounted below the root [default: what is not on this machine's disks: pseudo file systems, memory,
    /// network, overlays]
    #[arg(long)]
    pub(crate) one_file_system: bool,

    /// Replace a file of the same name
    #[arg(long)]
    pub(crate) force: bool,

    /// Progress on standard error: a bar on a terminal, JSON objects one a line, or nothing
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) order: OrderArguments,

    /// How the plan is printed
    #[arg(long, value_enum, default_value_t = OutputMode::Text, help_heading = "Output")]
    pub(crate) output: OutputMode,

    /// List every region of the disks, too
    #[arg(long, conflicts_with = "output", help_heading = "Output")]
    pub(crate) regions: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) order: OrderArguments,

    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = OutputMode::Text, help_heading = "Output")]
    pub(crate) output: OutputMode,

    /// The same as --output json
    #[arg(long, conflicts_with = "output", help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FormatsArguments {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    pub(crate) output: OutputMode,
}

#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// The files to check
    #[arg(value_name = "FILE", required_unless_present = "rules", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Fail on warnings, too
    #[arg(long)]
    pub(crate) strict: bool,

    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    pub(crate) output: OutputMode,

    /// List all rules instead
    #[arg(long, conflicts_with_all = ["files", "strict"])]
    pub(crate) rules: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The images: raw (plain, gzip, zstd), QCOW2, VDI, VHD and VHDX (plain, gzip), VMDK, OVA, VBOX and VMX files, archives for
    /// Google Compute Engine and Vagrant boxes
    #[arg(value_name = "IMAGE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) images: Vec<PathBuf>,

    /// What was written with them [default: report.json beside the first image]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,

    /// The scan that they were made of, as `generate` took it
    #[arg(long, value_name = "PATH", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) scan: Vec<PathBuf>,

    /// Read `.wh.` files of the second and later scans as OCI whiteouts
    #[arg(long, requires = "scan")]
    pub(crate) oci_whiteouts: bool,

    /// Take in file systems mounted below a scanned directory
    #[arg(long, requires = "scan")]
    pub(crate) cross_file_systems: bool,

    /// A list that `generate --file-digests` wrote
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) digests: Option<PathBuf>,

    /// Do not check the digests that the report has of the images themselves
    #[arg(long)]
    pub(crate) skip_own_digests: bool,

    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = OutputMode::Text)]
    pub(crate) output: OutputMode,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The command whose page is wanted [default: the program's own]
    pub(crate) command: Option<String>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar if standard error is a terminal
    Auto,
    /// JSON objects, one a line
    Json,
    /// Nothing
    None,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputMode {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What becomes of initial RAM disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitramfsMode {
    /// What they lack is appended
    Amend,
    /// They stay as they are
    Keep,
}

/// What makes an order; flags come before the request, the request before the profile.
#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    /// The captured tree: a directory or a tar archive (plain, gzip, zstd, xz, bzip2); of several, later ones lie over
    /// earlier ones
    #[arg(long, value_name = "PATH", num_args = 1.., required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) scan: Vec<PathBuf>,

    /// Read `.wh.` files of the second and later scans as OCI whiteouts
    #[arg(long)]
    pub(crate) oci_whiteouts: bool,

    /// Take in file systems mounted below a scanned directory
    #[arg(long)]
    pub(crate) cross_file_systems: bool,

    /// The machine report of the scan (JSON, diskwright-machine/1)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) machine: Option<PathBuf>,

    /// An image document of the scan-image API, XML or JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) request: Option<PathBuf>,

    /// An install profile (JSON)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) profile: Option<PathBuf>,

    /// A target format, by id or name, see `diskwright formats`; several share one layout and one read
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Vec<String>,

    /// Make each result one downloadable file
    #[arg(long)]
    pub(crate) compress: bool,

    /// An option for every format that has it, or for one
    #[arg(short = 'O', long = "option", value_name = "[ID.]KEY=VALUE")]
    pub(crate) option: Vec<String>,

    /// A directory whose boot files stand in for those that the scan lacks
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) boot_files: Option<PathBuf>,

    /// What becomes of initial RAM disks that would not find the disk or wait for devices of the old machine
    #[arg(long, value_enum, default_value_t = InitramfsMode::Amend)]
    pub(crate) initramfs: InitramfsMode,

    /// A controller on which the disk must be found besides those that the target's machines have, see `check`; repeatable
    #[arg(long, value_name = "NAME", value_parser = controller())]
    pub(crate) controller: Vec<DiskController>,

    /// Refuse a scan with anything to warn of or to normalise
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) settings: SettingArguments,

    #[command(flatten)]
    pub(crate) disks: DiskArguments,

    #[command(flatten)]
    pub(crate) guest: GuestArguments,
}

/// The settings of a profile.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings of the machine")]
pub(crate) struct SettingArguments {
    /// Name of the machine and of the files: letters, digits, `.`, `_`, `-`, at most 64 [default: from the first scan]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Memory in MiB [default: 1024]
    #[arg(long, value_name = "MIB", value_parser = mib)]
    pub(crate) memory: Option<ByteSize>,

    /// Number of CPUs [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) cpus: Option<u32>,

    /// Exact size of the disk, as in 10G [default: fitted to the tree, with spare room]
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk_size: Option<ByteSize>,

    /// Size of the swap partition, 0M for none [default: none, unless the tree's fstab names one]
    #[arg(long, value_name = "SIZE")]
    pub(crate) swap_size: Option<ByteSize>,

    /// Room left free on the root file system [default: a quarter of its content, at least 1G]
    #[arg(long, value_name = "SIZE")]
    pub(crate) spare: Option<ByteSize>,

    /// Bytes of a logical sector [default: 512]
    #[arg(long, value_parser = named(&["512", "4096"], sector_size))]
    pub(crate) sector_size: Option<SectorSize>,

    /// Firmware under which the disk must boot [default: auto, whatever the tree has loaders for]
    #[arg(long, value_parser = named(&["auto", "bios", "uefi", "both"], Firmware::from_str))]
    pub(crate) firmware: Option<Firmware>,

    /// What happens if it boots under none: an error, a warning, or only data is laid out [default: required]
    #[arg(long, value_parser = named(&["required", "optional", "none"], BootPolicy::from_str))]
    pub(crate) boot: Option<BootPolicy>,

    /// Kind of partition table [default: gpt]
    #[arg(long, value_parser = named(&["gpt", "mbr"], TableKind::from_str))]
    pub(crate) partition_table: Option<TableKind>,

    /// Lay out volume groups, those of the profile or else those on which the scan has its root, or make every logical
    /// volume a partition [default: keep]
    #[arg(long, value_parser = named(&["keep", "flatten"], LvmPolicy::from_str))]
    pub(crate) lvm: Option<LvmPolicy>,

    /// A parameter added to the kernel's command line; repeatable
    #[arg(long, value_name = "PARAMETER", allow_hyphen_values = true)]
    pub(crate) kernel_parameter: Vec<String>,

    /// Host name written into the tree [default: its own]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// Keep the identifiers that the tree names, make new ones, or make a clone [default: keep]
    #[arg(long, value_parser = named(&["keep", "new", "clone"], IdentityPolicy::from_str))]
    pub(crate) identity: Option<IdentityPolicy>,

    /// The same as --identity clone: new identifiers, and machine id, SSH host keys, random seeds, leases and the state of
    /// cloud-init are reset
    #[arg(long, conflicts_with = "identity")]
    pub(crate) clone: bool,

    /// Text from which every new identifier is derived [default: random, shown in the report]
    #[arg(long, value_name = "TEXT")]
    pub(crate) seed: Option<String>,

    /// Creation time of everything made, seconds since 1970 [default: SOURCE_DATE_EPOCH, else now]
    #[arg(long, value_name = "EPOCH", allow_negative_numbers = true)]
    pub(crate) timestamp: Option<i64>,
}

impl SettingArguments {
    /// The flags as a profile.
    pub(crate) fn to_profile(&self) -> Profile {
        Profile {
            name: self.name.clone(),
            memory: self.memory,
            cpus: self.cpus,
            disk_size: self.disk_size,
            swap_size: self.swap_size,
            sector_size: self.sector_size,
            firmware: self.firmware,
            boot: self.boot,
            partition_table: self.partition_table,
            lvm: self.lvm,
            kernel_parameters: (!self.kernel_parameter.is_empty()).then(|| self.kernel_parameter.clone()),
            hostname: self.hostname.clone(),
            spare: self.spare,
            identity: self.identity.or(self.clone.then_some(IdentityPolicy::Clone)),
            seed: self.seed.clone(),
            timestamp: self.timestamp,
            ..Profile::default()
        }
    }
}

/// A parser that shells can complete.
pub(crate) fn named<T: Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
    parse: fn(&str) -> Result<T, Error>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(move |name| parse(&name))
}

/// A parser of controllers' names that shells can complete.
fn controller() -> impl TypedValueParser<Value = DiskController> {
    let names = DiskController::ALL.iter().map(|controller| controller.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<DiskController>())
}

fn sector_size(text: &str) -> Result<SectorSize, Error> {
    // Something that is no number is none of the possible values.
    SectorSize::from_bytes(text.parse().unwrap_or_default())
}

fn mib(text: &str) -> Result<ByteSize, String> {
    let number = text.parse::<u64>().ok().and_then(ByteSize::from_mib);
    number.ok_or_else(|| "memory is a whole number of MiB".to_owned())
}
