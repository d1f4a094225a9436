//! `peakstream key`. In: a tenant, or the id of a client or API key. Out: secrets, shown once; keys listed or stopped.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::secret_file::SecretFile;
use super::{AdminOptions, own_keys};
use crate::cli::output::{self, Answer, CliError, print, print_json, table};
use crate::signalling::token::TOKEN_LIFETIME;
use crate::tenant::edit::{KeyKind, NewSecret, Origin};
use crate::tenant::file::{KeyFile, StoredKey};
use crate::tenant::own_keys::Removal;
use crate::tenant::scope::Scope;
use crate::tenant::time::UnixTime;

const EXAMPLES: &str = "\
Examples:
  peakstream key add --tenant acme --client
  peakstream key add --tenant acme --api-key --scope verify --expires-in 90d
  peakstream key add --tenant acme --audiohook                # Genesys: API key and client secret
  peakstream key add --tenant acme --twilio --secret-file -   # Twilio: type or pipe in the auth token
  peakstream key rotate ps-0123456789abcdef --overlap 24h
  peakstream key rotate ps-0123456789abcdef --overlap 0s      # it leaked: the old one stops now
  peakstream key disable ps-0123456789abcdef
  peakstream key rotate-credential                            # then, when nothing needs the older key any more:
  peakstream key remove-credential 0123456789abcdef           # tells what that takes; with --yes does it

Secrets go to stdout, once; they are kept nowhere in clear.
";

/// Clients, API keys and the server's own keys: add, rotate, stop, remove
///
/// A client asks for tokens with its id and secret; an API key comes with every REST request; carriers prove themselves with
/// AudioHook keys and Twilio auth tokens. Works on the data directory; a running server notices with its next request.
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
    /// Add a client or a key to a tenant; what is made here is shown once
    Add(Add),
    /// Clients and keys, without their secrets
    List(List),
    /// Make a new secret; the old one works until the overlap is over
    Rotate(Rotate),
    /// Stop a client or a key at once, tokens already given to it included
    Disable(Named),
    /// Undo disable
    Enable(Named),
    /// Remove a client or a key
    Remove(Named),
    /// Sign tokens with a new key; those signed before stay good for a while
    RotateToken(RotateToken),
    /// Seal credentials with a new key; those sealed before open as ever
    RotateCredential,
    /// Remove a credential key that seals no more; what was sealed with it never opens again
    RemoveCredential(RemoveCredential),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Whose it is
    #[arg(long, value_name = "NAME")]
    tenant: String,
    #[command(flatten)]
    kind: Kind,
    /// What a client or an API key may do [default: both]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', conflicts_with_all = ["audiohook", "twilio"])]
    scope: Vec<Scope>,
    /// An AudioHook key without a client secret: requests with it need no signature
    #[arg(long, conflicts_with_all = ["client", "api_key", "twilio", "secret_file"])]
    unsigned: bool,
    #[command(flatten)]
    supplied: SecretFile,
    /// After this time it does not work, for example 90d [default: never]
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    expires_in: Option<Duration>,
}

#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Kind {
    /// A client: an id and a secret, for Socket.IO (OAuth 2.0 client credentials)
    #[arg(long)]
    client: bool,
    /// An API key, for the HTTP interfaces
    #[arg(long)]
    api_key: bool,
    /// An API key and a client secret, for Genesys AudioHook
    #[arg(long)]
    audiohook: bool,
    /// The auth token of a Twilio account; it is supplied with --secret-file
    #[arg(long)]
    twilio: bool,
}

impl Kind {
    const fn kind(self) -> KeyKind {
        match self {
            Self { client: true, .. } => KeyKind::Client,
            Self { audiohook: true, .. } => KeyKind::AudioHook,
            Self { twilio: true, .. } => KeyKind::Twilio,
            _ => KeyKind::ApiKey,
        }
    }
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this tenant only
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// Id of the client or key
    id: String,
    /// For this time the old secret works beside the new one
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = super::duration)]
    overlap: Duration,
    /// After this time the key as a whole does not work [default: as before]
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    supplied: SecretFile,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Id of the client or key
    id: String,
}

#[derive(Debug, clap::Args)]
struct RemoveCredential {
    /// Id of the credential key, as key list shows it
    id: String,
    /// Do it; without this, what would become unreadable is told and nothing is changed
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
struct RotateToken {
    /// For this time tokens signed before stay good; 0s ends all of them now [default: the lifetime of a token, 2h]
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    forget_after: Option<Duration>,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    output::finish(execute(args), args.options.json)
}

fn execute(args: &Args) -> Result<Answer, CliError> {
    let options = &args.options;
    match &args.command {
        Command::Add(added) => add(options, added)?,
        Command::List(List { tenant }) => list(options, &options.read()?, tenant.as_deref())?,
        Command::Rotate(rotated) => rotate(options, rotated)?,
        Command::Disable(Named { id }) => {
            options.edit(|file| file.disable_key(id, true))?;
            done(options, id, "disabled; its running sessions are allowed to finish")?;
        }
        Command::Enable(Named { id }) => {
            options.edit(|file| file.disable_key(id, false))?;
            done(options, id, "enabled")?;
        }
        Command::Remove(Named { id }) => {
            options.edit(|file| file.remove_key(id))?;
            done(options, id, "removed")?;
        }
        Command::RotateToken(RotateToken { forget_after }) => {
            let forget_after = forget_after.unwrap_or(TOKEN_LIFETIME);
            let id = options.edit(|file| file.rotate_token_key(forget_after))?;
            let end = UnixTime::now().after(forget_after);
            done(
                options,
                &id,
                &format!("signs tokens from now on; those signed before are good until {end}"),
            )?;
        }
        Command::RotateCredential => {
            let id = options.edit(KeyFile::rotate_credential_key)?;
            done(options, &id, "seals credentials from now on; those sealed before open as ever")?;
        }
        Command::RemoveCredential(RemoveCredential { id, yes }) => {
            let Removal { sealed_anew, left } = options.edit(|file| file.remove_credential_key(id, *yes))?;
            let what = format!(
                "removed; credentials sealed with it do not open any more, {sealed_anew} secrets of carriers were sealed anew, \
                 {left} credential keys are left"
            );
            done(options, id, &what)?;
        }
    }
    Ok(Answer::Yes)
}

fn add(
    options: &AdminOptions,
    Add { tenant, kind, scope, unsigned, supplied, expires_in }: &Add,
) -> Result<(), CliError> {
    let (kind, end, text) = (kind.kind(), expiry(*expires_in), supplied.read()?);
    let made = options.edit(|file| match &text {
        None if !kind.is_carrier() => file.add_key(kind, tenant, super::scopes_of(scope), end),
        None => file.add_carrier_key(kind, tenant, end, Origin::Fresh { signed: !unsigned }),
        Some(text) => file.add_carrier_key(kind, tenant, end, Origin::Supplied(text.expose())),
    })?;
    print_secret(options, &made, None)
}

fn rotate(
    options: &AdminOptions,
    Rotate { id, overlap, expires_in, supplied }: &Rotate,
) -> Result<(), CliError> {
    let (renewed, text) = (expiry(*expires_in), supplied.read()?);
    let made = options.edit(|file| match &text {
        None => file.rotate_key(id, *overlap, renewed),
        Some(text) => file.rotate_key_to(id, *overlap, renewed, Origin::Supplied(text.expose())),
    })?;
    print_secret(options, &made, Some(UnixTime::now().after(*overlap)))
}

fn expiry(expires_in: Option<Duration>) -> Option<UnixTime> {
    expires_in.map(|duration| UnixTime::now().after(duration))
}

fn done(options: &AdminOptions, id: &str, what: &str) -> Result<(), CliError> {
    if options.json {
        return print_json(&json!({"id": id, "done": what}));
    }
    print(&format!("{id}: {what}"))
}

/// `old_until`: of a rotation, how long the secrets before this one work.
fn print_secret(
    options: &AdminOptions,
    made: &NewSecret,
    old_until: Option<UnixTime>,
) -> Result<(), CliError> {
    let id_name = if made.kind == KeyKind::Client { "client_id" } else { "id" };
    let secrets = shown(made);
    if options.json {
        let mut all = json!({
            id_name: made.id,
            "kind": made.kind.name(),
            "tenant": made.tenant,
            "expires_at": made.expires_at.map(|time| time.to_string()),
            "old_secret_until": old_until.map(|time| time.to_string()),
        });
        for (name, secret) in secrets {
            all[name] = json!(secret);
        }
        return print_json(&all);
    }
    let what = if made.supplied { "Taken over, and not shown" } else { "Shown once" };
    print(&format!("{what}, for tenant {}:\n", made.tenant))?;
    print(&format!("  {id_name:<14} {}", made.id))?;
    for (name, secret) in secrets {
        print(&format!("  {name:<14} {secret}"))?;
    }
    if let Some(end) = made.expires_at {
        print(&format!("  expires        {end}"))?;
    }
    if let Some(until) = old_until {
        print(&format!("  the old one    works until {until}"))?;
    }
    Ok(())
}

/// What only this moment can show; nothing of what was supplied.
fn shown(made: &NewSecret) -> Vec<(&'static str, &str)> {
    if made.supplied {
        return Vec::new();
    }
    let name = match made.kind {
        KeyKind::Client => "client_secret",
        KeyKind::ApiKey | KeyKind::AudioHook => "api_key",
        KeyKind::Twilio => "auth_token",
    };
    let client_secret = made.client_secret.as_ref().map(|secret| ("client_secret", secret.expose().as_str()));
    std::iter::once((name, made.secret.expose().as_str())).chain(client_secret).collect()
}

fn list(options: &AdminOptions, file: &KeyFile, tenant: Option<&str>) -> Result<(), CliError> {
    tenant.map(|name| file.tenant(name)).transpose()?;
    // The server's own keys are no tenant's.
    let own = tenant.is_none();
    if options.json {
        let mut all = json!({"keys": listed(file, tenant)});
        if own {
            all["own_keys"] = json!(own_keys::listed(file));
        }
        return print_json(&all);
    }
    print_keys(file, tenant)?;
    if own { own_keys::print_own(file) } else { Ok(()) }
}

fn of<'a>(file: &'a KeyFile, tenant: Option<&str>) -> impl Iterator<Item = (KeyKind, &'a StoredKey)> {
    file.kinds().filter(move |(_, key)| tenant.is_none_or(|name| key.tenant == name))
}

/// The keys of a tenant, or of all, as a table.
pub(super) fn print_keys(file: &KeyFile, tenant: Option<&str>) -> Result<(), CliError> {
    let mut table = table(["id", "kind", "tenant", "scopes", "state", "secrets", "added", "expires"]);
    for (kind, key) in of(file, tenant) {
        table.add_row([
            key.id.clone(),
            kind.name().to_owned(),
            key.tenant.clone(),
            if kind.is_carrier() { "-".to_owned() } else { key.scopes.to_string() },
            super::state(key.disabled, key.expires_at).to_owned(),
            key.live_secrets(UnixTime::now()).to_string(),
            super::time_or_dash(key.created_at),
            super::time_or_dash(key.expires_at),
        ]);
    }
    print(&table.to_string())
}

/// The keys of a tenant, or of all, for scripts.
pub(super) fn listed(file: &KeyFile, tenant: Option<&str>) -> Vec<Value> {
    let as_json = |(kind, key): (KeyKind, &StoredKey)| {
        json!({
            "id": key.id,
            "kind": kind.name(),
            "tenant": key.tenant,
            "scopes": (!kind.is_carrier()).then_some(key.scopes),
            "state": super::state(key.disabled, key.expires_at),
            "secrets": key.live_secrets(UnixTime::now()),
            "created_at": key.created_at.map(|time| time.to_string()),
            "expires_at": key.expires_at.map(|time| time.to_string()),
        })
    };
    of(file, tenant).map(as_json).collect()
}
