//! In: the key file. Out: the keys that the server itself uses, as a table or for scripts; never the keys themselves.

use serde_json::{Value, json};

use crate::cli::output::{CliError, print, table};
use crate::tenant::file::{KeyFile, OwnKey};
use crate::tenant::time::UnixTime;

/// A key with what it is and what it does now.
fn all(file: &KeyFile) -> impl Iterator<Item = (&'static str, &'static str, &OwnKey)> {
    let now = UnixTime::now();
    let tokens = file.token_keys.iter().enumerate().map(move |(at, key)| {
        let over = key.expires_at.is_some_and(|end| end <= now);
        (
            "token",
            if at == 0 {
                "signs"
            } else if over {
                "expired"
            } else {
                "checks"
            },
            key,
        )
    });
    let credentials = file.credential_keys.iter().enumerate();
    tokens.chain(credentials.map(|(at, key)| ("credential", if at == 0 { "seals" } else { "opens" }, key)))
}

/// As a table.
pub(super) fn print_own(file: &KeyFile) -> Result<(), CliError> {
    let mut table = table(["own key", "of", "does", "added", "expires"]);
    for (of, does, key) in all(file) {
        table.add_row([
            key.id.clone(),
            of.to_owned(),
            does.to_owned(),
            super::time_or_dash(key.created_at),
            super::time_or_dash(key.expires_at),
        ]);
    }
    print(&table.to_string())
}

/// For scripts.
pub(super) fn listed(file: &KeyFile) -> Vec<Value> {
    let as_json = |(of, does, key): (&str, &str, &OwnKey)| {
        json!({
            "id": key.id,
            "of": of,
            "does": does,
            "created_at": key.created_at.map(|time| time.to_string()),
            "expires_at": key.expires_at.map(|time| time.to_string()),
        })
    };
    all(file).map(as_json).collect()
}
