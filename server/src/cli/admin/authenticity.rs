//! `peakstream tenant authenticity`. In: what a tenant assumes of attacks and wants done about them. Out: the tenant that says so.

use peakstream::AttackRate;

use super::tenant::Setting;
use crate::config::values::attack_rate;
use crate::session::authenticity::AuthenticityWishes;
use crate::session::countermeasure::{ParsePolicyError, PolicySetting};

/// Options of the command.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true, id = "change")]
pub(super) struct AuthenticityArgs {
    /// Name of the tenant
    pub(super) name: String,
    /// Share of its calls assumed to be attacks, between 0 and 1: the more, the lower the authenticity of the same voice
    #[arg(long, value_name = "X|none", value_parser = share, group = "change")]
    assumed_attack_rate: Option<Setting<AttackRate>>,
    /// What is done with voices that do not seem genuine: report (told), enforce (rejected) or step-up (decided, and flagged for one
    /// more question); register. or verify. before it for one kind of session only, the last that fits counts; replaces what was said
    #[arg(long, value_name = "POLICY|none", value_delimiter = ',', value_parser = policy, group = "change")]
    policy: Vec<Setting<PolicySetting>>,
}

fn share(text: &str) -> Result<Setting<AttackRate>, String> {
    if text == "none" {
        return Ok(Setting(None));
    }
    attack_rate(text).map(|rate| Setting(Some(rate))).map_err(|error| format!("{error}, or none"))
}

fn policy(text: &str) -> Result<Setting<PolicySetting>, String> {
    if text == "none" {
        return Ok(Setting(None));
    }
    text.parse()
        .map(|said| Setting(Some(said)))
        .map_err(|error: ParsePolicyError| format!("{error}, or none"))
}

/// What is not named stays.
pub(super) fn change(wishes: &mut AuthenticityWishes, args: &AuthenticityArgs) {
    if let Some(Setting(value)) = args.assumed_attack_rate {
        wishes.assumed_attack_rate = value;
    }
    if !args.policy.is_empty() {
        wishes.policy = args.policy.iter().filter_map(|Setting(said)| *said).collect();
    }
}

/// As a line of a table.
pub(super) fn in_words(wishes: &AuthenticityWishes) -> String {
    if wishes.is_empty() {
        return "-".to_owned();
    }
    let attacks = wishes.assumed_attack_rate.map(|rate| format!("assumed attack rate {}", rate.value()));
    let policy = wishes.policy.iter().map(ToString::to_string);
    attacks.into_iter().chain(policy).collect::<Vec<_>>().join(", ")
}
