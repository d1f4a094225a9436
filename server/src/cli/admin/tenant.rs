//! `peakstream tenant`. In: a tenant's name. Out: it added, shown, limited, stopped or removed.

use std::process::ExitCode;

use peakstream::{Gate, Voices};
use serde_json::{Value, json};

use super::AdminOptions;
use super::authenticity::{self, AuthenticityArgs};
use super::replay::{self, ReplayArgs};
use crate::cli::options::ModelOptions;
use crate::cli::output::{self, Answer, CliError, print, print_json, table};
use crate::session::policy::{Doubt, GateSetting, ParseSettingError};
use crate::session::request::Kind;
use crate::session::score_threshold::{ParseThresholdError, ScoreThreshold};
use crate::tenant::centre::TenantCentre;
use crate::tenant::file::{KeyFile, StoredTenant};
use crate::tenant::limits::TenantLimits;

const EXAMPLES: &str = "\
Examples:
  peakstream tenant add acme
  peakstream key add --tenant acme --client
  peakstream tenant limit acme --live-sessions 50 --requests-per-second 20
  peakstream tenant gates acme music=refuse verify.signal_noise_ratio=warn:12
  peakstream tenant doubt acme --reject-below 0.2 --accept-from 0.9 --poor-quality yes
  peakstream tenant doubt acme --reject-below far=1% --accept-from far=0.1%
  peakstream tenant authenticity acme --assumed-attack-rate 0.02 --policy verify.step-up,register.enforce
  peakstream tenant centre acme on
  peakstream tenant replay acme attempts --keep 8 --keep-for 30d
  peakstream tenant disable acme
";

/// The customers of a server: add, limit, stop, remove
///
/// Works on the data directory; a running server notices with its next request. Disabling stops all keys of a tenant, and
/// tokens already given out, at once; sessions that run are allowed to finish.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n{}", output::EXIT_STATUS))]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: AdminOptions,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a tenant; it has no keys yet
    Add(Named),
    /// All tenants
    List,
    /// One tenant, its limits and its keys
    Show(Named),
    /// Set limits; what is not named stays, `none` takes a limit away
    Limit(Limit),
    /// Set what speech must pass; what is not named stays, `none` goes back to the server's setting
    Gates(Gates),
    /// Set when results are doubtful; what is not named stays, `none` takes it away
    Doubt(DoubtArgs),
    /// Set what is assumed of attacks, and what follows where a voice does not seem genuine; what is not named stays, `none` goes back
    /// to the server's setting
    Authenticity(AuthenticityArgs),
    /// Learn what all voices of a tenant have in common, and take it from both voices of a comparison
    Centre(CentreArgs),
    /// Compare verifications with recordings that were heard before; what is not named stays
    Replay(ReplayArgs),
    /// Stop all keys of a tenant at once
    Disable(Named),
    /// Undo disable
    Enable(Named),
    /// Remove a tenant
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Name of the tenant: lower-case letters, digits and hyphens
    name: String,
}

#[derive(Debug, clap::Args)]
struct Limit {
    /// Name of the tenant
    name: String,
    /// Sessions at the same time
    #[arg(long, value_name = "N|none", value_parser = count)]
    live_sessions: Option<Setting<usize>>,
    /// Token and REST requests, connections and `initialize` together
    #[arg(long, value_name = "X|none", value_parser = rate)]
    requests_per_second: Option<Setting<f64>>,
    /// Bytes of request bodies; and, counted by itself, of audio, which is then read no faster
    #[arg(long, value_name = "X|none", value_parser = rate)]
    bytes_per_second: Option<Setting<f64>>,
}

#[derive(Debug, clap::Args)]
struct Gates {
    /// Name of the tenant
    name: String,
    /// Gates with what they do: off, warn or refuse, with a limit after a colon; register. or verify. before it for one kind of
    /// session only. `none` instead takes the setting away
    #[arg(value_name = "GATE=ACTION", required = true, value_parser = gate)]
    settings: Vec<GateChange>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true, id = "what")]
struct DoubtArgs {
    /// Name of the tenant
    name: String,
    /// Verifications with a lower score are rejected, those between are doubtful; far=1%, far=0.1%: the score that so many impostors
    /// reach, as the calibration in force says
    #[arg(long, value_name = "0..1|far=X%|none", value_parser = score, group = "what")]
    reject_below: Option<Setting<ScoreThreshold>>,
    /// Verifications with this score or more are accepted, those between are doubtful
    #[arg(long, value_name = "0..1|far=X%|none", value_parser = score, group = "what")]
    accept_from: Option<Setting<ScoreThreshold>>,
    /// Less net speech makes results doubtful, in seconds
    #[arg(long, value_name = "S|none", value_parser = seconds, group = "what")]
    net_speech: Option<Setting<f64>>,
    /// Speech that does not pass a quality gate makes results doubtful: yes or no
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, group = "what")]
    poor_quality: Option<bool>,
    /// Whose calibrations have to know the names: the server's
    #[command(flatten)]
    models: ModelOptions,
}

#[derive(Debug, clap::Args)]
struct CentreArgs {
    /// Name of the tenant
    name: String,
    /// What to do
    #[arg(value_enum)]
    what: CentreChange,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CentreChange {
    /// Learn it from the next 50 callers who are accepted, then use it; one that was learnt before is used at once
    On,
    /// Neither learn nor use it; what was learnt is kept
    Off,
    /// Forget what was learnt; where it is on, it is learnt anew
    Forget,
}

/// What to change of one gate: set it, or take what was said about it away.
#[derive(Clone, Copy, Debug, PartialEq)]
enum GateChange {
    Set(GateSetting),
    Forget(Option<Kind>, Gate),
}

fn gate(text: &str) -> Result<GateChange, ParseSettingError> {
    match text.strip_suffix("=none") {
        Some(target) => GateSetting::parse_target(target).map(|(kind, gate)| GateChange::Forget(kind, gate)),
        None => text.parse().map(GateChange::Set),
    }
}

fn score(text: &str) -> Result<Setting<ScoreThreshold>, String> {
    if text == "none" {
        return Ok(Setting(None));
    }
    text.parse()
        .map(|said| Setting(Some(said)))
        .map_err(|error: ParseThresholdError| format!("{error}, or none"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Name of the tenant
    name: String,
    /// Remove its clients and keys with it
    #[arg(long)]
    yes: bool,
}

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Setting<T>(pub(super) Option<T>);

fn count(text: &str) -> Result<Setting<usize>, String> {
    setting(text, |number: &usize| *number > 0)
}

fn rate(text: &str) -> Result<Setting<f64>, String> {
    setting(text, |number: &f64| number.is_finite() && *number > 0.0)
}

fn seconds(text: &str) -> Result<Setting<f64>, String> {
    let sound = |number: &f64| *number > 0.0 && *number <= Doubt::MOST_SECONDS;
    setting(text, sound).map_err(|_| format!("seconds above 0, at most {}, or none", Doubt::MOST_SECONDS))
}

fn setting<T: std::str::FromStr>(text: &str, sound: impl Fn(&T) -> bool) -> Result<Setting<T>, String> {
    if text == "none" {
        return Ok(Setting(None));
    }
    let number = text.parse().ok().filter(|number| sound(number));
    number.map(|number| Setting(Some(number))).ok_or_else(|| "a number above 0, or none".to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(execute(args), args.options.json)
}

fn execute(args: &Args) -> Result<Answer, CliError> {
    let options = &args.options;
    match &args.command {
        Command::List => list(options, &options.read()?)?,
        Command::Show(Named { name }) => show(options, &options.read()?, name)?,
        Command::Add(Named { name }) => {
            options.edit(|file| file.add_tenant(name))?;
            let next = format!("added; give it a key with: peakstream key add --tenant {name} --client");
            done(options, name, &next)?;
        }
        Command::Limit(limit) => {
            options.edit(|file| {
                set(&mut file.tenant_mut(&limit.name)?.limits, limit);
                Ok(())
            })?;
            show(options, &options.read()?, &limit.name)?;
        }
        Command::Gates(Gates { name, settings }) => {
            options.edit(|file| {
                change(&mut file.tenant_mut(name)?.gates, settings);
                Ok(())
            })?;
            show(options, &options.read()?, name)?;
        }
        Command::Doubt(args) => {
            let file = options.read()?;
            let tenant = file.tenant(&args.name)?;
            let doubt = doubted(tenant.doubt.unwrap_or_default(), args);
            check(doubt, tenant, args)?;
            options.edit(|file| {
                file.tenant_mut(&args.name)?.doubt = Some(doubt).filter(|doubt| !doubt.is_never());
                Ok(())
            })?;
            show(options, &options.read()?, &args.name)?;
        }
        Command::Authenticity(args) => {
            options.edit(|file| {
                let tenant = file.tenant_mut(&args.name)?;
                authenticity::change(&mut tenant.authenticity, args);
                Ok(())
            })?;
            show(options, &options.read()?, &args.name)?;
        }
        Command::Centre(CentreArgs { name, what }) => {
            options.edit(|file| {
                let centre = &mut file.tenant_mut(name)?.centre;
                *centre = centred(centre.take(), *what);
                Ok(())
            })?;
            show(options, &options.read()?, name)?;
        }
        Command::Replay(args) => {
            options.edit(|file| {
                let known = &mut file.tenant_mut(&args.name)?.replay;
                *known = replay::changed(known.take(), args);
                Ok(())
            })?;
            show(options, &options.read()?, &args.name)?;
        }
        Command::Disable(Named { name }) => {
            options.edit(|file| file.disable_tenant(name, true))?;
            done(options, name, "disabled; its running sessions are allowed to finish")?;
        }
        Command::Enable(Named { name }) => {
            options.edit(|file| file.disable_tenant(name, false))?;
            done(options, name, "enabled")?;
        }
        Command::Remove(Remove { name, yes }) => {
            let keys = options.edit(|file| file.remove_tenant(name, *yes))?;
            done(options, name, &format!("removed, with {keys} clients and keys"))?;
        }
    }
    Ok(Answer::Yes)
}

const fn set(limits: &mut TenantLimits, limit: &Limit) {
    if let Some(Setting(value)) = limit.live_sessions {
        limits.live_sessions = value;
    }
    if let Some(Setting(value)) = limit.requests_per_second {
        limits.requests_per_second = value;
    }
    if let Some(Setting(value)) = limit.bytes_per_second {
        limits.bytes_per_second = value;
    }
}

/// Each change replaces what was said about the same gate and kind of session.
fn change(gates: &mut Vec<GateSetting>, changes: &[GateChange]) {
    for change in changes {
        let (kind, gate) = match *change {
            GateChange::Set(setting) => (setting.kind, setting.gate),
            GateChange::Forget(kind, gate) => (kind, gate),
        };
        gates.retain(|known| (known.kind, known.gate) != (kind, gate));
        if let GateChange::Set(setting) = *change {
            gates.push(setting);
        }
    }
}

fn doubted(mut doubt: Doubt, args: &DoubtArgs) -> Doubt {
    if let Some(Setting(value)) = args.reject_below {
        doubt.reject_below = value;
    }
    if let Some(Setting(value)) = args.accept_from {
        doubt.accept_from = value;
    }
    if let Some(Setting(value)) = args.net_speech {
        doubt.net_speech = value;
    }
    doubt.poor_quality = args.poor_quality.unwrap_or(doubt.poor_quality);
    doubt
}

/// A name must be one that the calibrations know now, and the band not upside down by any of them.
fn check(doubt: Doubt, tenant: &StoredTenant, args: &DoubtArgs) -> Result<(), CliError> {
    let upside_down = || CliError::Usage("--reject-below must not be above --accept-from".to_owned());
    if !doubt.is_sound() {
        return Err(upside_down());
    }
    let is_new = args.reject_below.is_some() || args.accept_from.is_some();
    let bounds = [doubt.reject_below, doubt.accept_from];
    if !is_new || !bounds.iter().flatten().any(|bound| matches!(bound, ScoreThreshold::At(_))) {
        return Ok(());
    }
    let has_centre = tenant.centre.as_ref().is_some_and(|centre| centre.in_use);
    for calibration in args.models.calibrations()? {
        let centred = has_centre && calibration.centred().is_some();
        for voices in [Voices::Whole].into_iter().chain(centred.then_some(Voices::Centred)) {
            let band = doubt.band(&calibration, voices);
            let [low, high] = band.map_err(|error| CliError::Usage(error.to_string()))?;
            if low.zip(high).is_some_and(|(low, high)| low > high) {
                return Err(upside_down());
            }
        }
    }
    Ok(())
}

fn centred(known: Option<TenantCentre>, change: CentreChange) -> Option<TenantCentre> {
    match (known, change) {
        (None, CentreChange::On) => Some(TenantCentre::begin(None)),
        (Some(known), CentreChange::On) => Some(TenantCentre { in_use: true, ..known }),
        (known, CentreChange::Off) => known.map(|known| TenantCentre { in_use: false, ..known }),
        (known, CentreChange::Forget) => {
            known.filter(|known| known.in_use).map(|known| TenantCentre::begin(Some(&known)))
        }
    }
}

fn done(options: &AdminOptions, name: &str, what: &str) -> Result<(), CliError> {
    if options.json {
        return print_json(&json!({"tenant": name, "done": what}));
    }
    print(&format!("{name}: {what}"))
}

fn list(options: &AdminOptions, file: &KeyFile) -> Result<(), CliError> {
    if options.json {
        let all: Vec<Value> = file.tenants.iter().map(|tenant| as_json(tenant, file)).collect();
        return print_json(&json!({"tenants": all}));
    }
    let mut table =
        table(["tenant", "state", "clients", "API keys", "carriers", "sessions", "requests/s", "bytes/s"]);
    for tenant in &file.tenants {
        let of_tenant = |keys: &[crate::tenant::file::StoredKey]| {
            keys.iter().filter(|key| key.tenant == tenant.name).count().to_string()
        };
        let carriers = file.kinds().filter(|(kind, key)| kind.is_carrier() && key.tenant == tenant.name);
        let limits = &tenant.limits;
        table.add_row([
            tenant.name.clone(),
            super::state(tenant.disabled, None).to_owned(),
            of_tenant(&file.clients),
            of_tenant(&file.api_keys),
            carriers.count().to_string(),
            or_dash(limits.live_sessions),
            or_dash(limits.requests_per_second),
            or_dash(limits.bytes_per_second),
        ]);
    }
    print(&table.to_string())
}

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn show(options: &AdminOptions, file: &KeyFile, name: &str) -> Result<(), CliError> {
    let tenant = file.tenant(name)?;
    if options.json {
        return print_json(&as_json(tenant, file));
    }
    let limits = &tenant.limits;
    print(&format!("{name}: {}", super::state(tenant.disabled, None)))?;
    print(&format!("  added                {}", super::time_or_dash(tenant.created_at)))?;
    print(&format!("  live sessions        {}", or_dash(limits.live_sessions)))?;
    print(&format!("  requests per second  {}", or_dash(limits.requests_per_second)))?;
    print(&format!("  bytes per second     {}", or_dash(limits.bytes_per_second)))?;
    let gates: Vec<String> = tenant.gates.iter().map(ToString::to_string).collect();
    print(&format!(
        "  quality gates        {}",
        if gates.is_empty() { "-".to_owned() } else { gates.join(", ") }
    ))?;
    print(&format!("  doubtful             {}", tenant.doubt.map_or_else(|| "-".to_owned(), in_words)))?;
    print(&format!("  authenticity         {}", authenticity::in_words(&tenant.authenticity)))?;
    print(&format!(
        "  centre               {}",
        tenant.centre.as_ref().map_or_else(|| "-".to_owned(), in_short)
    ))?;
    print(&format!(
        "  recordings           {}\n",
        tenant.replay.map_or_else(|| "-".to_owned(), replay::in_words)
    ))?;
    super::key::print_keys(file, Some(name))
}

fn in_words(doubt: Doubt) -> String {
    let Doubt { reject_below, accept_from, net_speech, poor_quality } = doubt;
    let parts = [
        reject_below.map(|score| format!("rejected below {score}")),
        accept_from.map(|score| format!("accepted from {score}")),
        net_speech.map(|seconds| format!("with less than {seconds} s")),
        poor_quality.then(|| "with poor quality".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn in_short(centre: &TenantCentre) -> String {
    let state = if centre.in_use { "on" } else { "off" };
    let learnt: Vec<String> = centre.centres().map(|learnt| learnt.identity()).collect();
    match (&learnt[..], centre.in_use) {
        ([], true) => format!("{state}, learning since {}", centre.since),
        ([], false) => format!("{state}, nothing learnt"),
        (learnt, _) => format!("{state}, learnt {}", learnt.join(", ")),
    }
}

fn as_json(tenant: &StoredTenant, file: &KeyFile) -> Value {
    let keys: Vec<Value> = super::key::listed(file, Some(&tenant.name));
    json!({
        "tenant": tenant.name,
        "disabled": tenant.disabled,
        "created_at": tenant.created_at.map(|time| time.to_string()),
        "limits": tenant.limits,
        "gates": tenant.gates,
        "doubt": tenant.doubt,
        "authenticity": tenant.authenticity,
        "centre": tenant.centre.as_ref().map(|centre| {
            json!({
                "in_use": centre.in_use,
                "since": centre.since.to_string(),
                "learnt": centre.centres().map(|learnt| learnt.identity()).collect::<Vec<_>>(),
            })
        }),
        "replay": tenant.replay,
        "keys": keys,
    })
}
