//! `peakstream key`. In: a tenant, or the id of a client or API key. Out: secrets, shown once; keys listed or stopped.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::AdminOptions;
use crate::cli::output::{self, Answer, CliError, print, print_json, table};
use crate::signalling::token::TOKEN_LIFETIME;
use crate::tenant::edit::{KeyKind, NewSecret};
use crate::tenant::file::{KeyFile, StoredKey};
use crate::tenant::scope::Scope;
use crate::tenant::time::UnixTime;

const EXAMPLES: &str = "\
Examples:
  peakstream key add --tenant acme --client
  peakstream key add --tenant acme --api-key --scope verify --expires-in 90d
  peakstream key rotate ps-0123456789abcdef --overlap 24h
  peakstream key rotate ps-0123456789abcdef --overlap 0s      # it leaked: the old one stops now
  peakstream key disable ps-0123456789abcdef

Secrets go to stdout, once; they are kept nowhere in clear.
";

/// Clients, API keys and the server's own keys: add, rotate, stop, remove
///
/// A client asks for tokens with its id and secret; an API key comes with every REST request. Works on the data directory; a
/// running server notices with its next request.
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
    /// Add a client or an API key to a tenant; its secret is shown once
    Add(Add),
    /// Clients and API keys, without their secrets
    List(List),
    /// Make a new secret; the old one works until the overlap is over
    Rotate(Rotate),
    /// Stop a client or an API key at once, tokens already given to it included
    Disable(Named),
    /// Undo disable
    Enable(Named),
    /// Remove a client or an API key
    Remove(Named),
    /// Sign tokens with a new key; those signed before stay good for a while
    RotateToken(RotateToken),
    /// Seal credentials with a new key; those sealed before open for ever
    RotateCredential,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Whose it is
    #[arg(long, value_name = "NAME")]
    tenant: String,
    #[command(flatten)]
    kind: Kind,
    /// What it may do [default: both]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
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
}

#[derive(Debug, clap::Args)]
struct List {
    /// Of this tenant only
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// Id of the client or API key
    id: String,
    /// For this time the old secret works beside the new one
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = super::duration)]
    overlap: Duration,
    /// After this time the key as a whole does not work [default: as before]
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    expires_in: Option<Duration>,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Id of the client or API key
    id: String,
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
        Command::Add(add) => {
            let kind = if add.kind.client { KeyKind::Client } else { KeyKind::ApiKey };
            let (scopes, end) = (super::scopes_of(&add.scope), expiry(add.expires_in));
            let made = options.edit(|file| file.add_key(kind, &add.tenant, scopes, end))?;
            print_secret(options, &made, None)?;
        }
        Command::List(List { tenant }) => list(options, &options.read()?, tenant.as_deref())?,
        Command::Rotate(Rotate { id, overlap, expires_in }) => {
            let renewed = expiry(*expires_in);
            let made = options.edit(|file| file.rotate_key(id, *overlap, renewed))?;
            print_secret(options, &made, Some(UnixTime::now().after(*overlap)))?;
        }
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
    }
    Ok(Answer::Yes)
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
    let (id_name, secret_name) = match made.kind {
        KeyKind::Client => ("client_id", "client_secret"),
        KeyKind::ApiKey => ("id", "api_key"),
    };
    if options.json {
        return print_json(&json!({
            id_name: made.id,
            secret_name: made.secret.expose(),
            "tenant": made.tenant,
            "expires_at": made.expires_at.map(|time| time.to_string()),
            "old_secret_until": old_until.map(|time| time.to_string()),
        }));
    }
    print(&format!("Shown once, for tenant {}:\n", made.tenant))?;
    print(&format!("  {id_name:<14} {}", made.id))?;
    print(&format!("  {secret_name:<14} {}", made.secret.expose()))?;
    if let Some(end) = made.expires_at {
        print(&format!("  expires        {end}"))?;
    }
    if let Some(until) = old_until {
        print(&format!("  the old one    works until {until}"))?;
    }
    Ok(())
}

fn list(options: &AdminOptions, file: &KeyFile, tenant: Option<&str>) -> Result<(), CliError> {
    tenant.map(|name| file.tenant(name)).transpose()?;
    if options.json {
        return print_json(&json!({"keys": listed(file, tenant)}));
    }
    print_keys(file, tenant)
}

fn of<'a>(file: &'a KeyFile, tenant: Option<&str>) -> impl Iterator<Item = (KeyKind, &'a StoredKey)> {
    let clients = file.clients.iter().map(|key| (KeyKind::Client, key));
    let api_keys = file.api_keys.iter().map(|key| (KeyKind::ApiKey, key));
    clients.chain(api_keys).filter(move |(_, key)| tenant.is_none_or(|name| key.tenant == name))
}

/// The keys of a tenant, or of all, as a table.
pub(super) fn print_keys(file: &KeyFile, tenant: Option<&str>) -> Result<(), CliError> {
    let mut table = table(["id", "kind", "tenant", "scopes", "state", "secrets", "added", "expires"]);
    for (kind, key) in of(file, tenant) {
        table.add_row([
            key.id.clone(),
            kind.name().to_owned(),
            key.tenant.clone(),
            key.scopes.to_string(),
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
            "scopes": key.scopes,
            "state": super::state(key.disabled, key.expires_at),
            "secrets": key.live_secrets(UnixTime::now()),
            "created_at": key.created_at.map(|time| time.to_string()),
            "expires_at": key.expires_at.map(|time| time.to_string()),
        })
    };
    of(file, tenant).map(as_json).collect()
}
