//! In: the arguments of [`Config`]. Out: each as a file, the environment and a reference page know it.
//!
//! Nothing is listed a second time: the key in a file is the flag's name with underscores, its section is the heading of
//! its group, and whatever checks the flag's value checks all others.

use std::any::TypeId;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::num::ParseIntError;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Args, Command};
use peakstream::{AttackRate, Threshold};

use super::Config;

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    arg: Arg,
}

/// How a value is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A number, without quotes.
    Number,
    /// Anything else, in quotes.
    Text,
}

impl Setting {
    /// All settings, in the order of [`Config`].
    pub fn all() -> Vec<Self> {
        Self::of(&Config::augment_args(Command::new("settings")))
    }

    fn of(command: &Command) -> Vec<Self> {
        command
            .get_arguments()
            .filter(|arg| arg.get_long().is_some())
            .map(|arg| Self { arg: arg.clone() })
            .collect()
    }

    /// The name in [`clap::ArgMatches`].
    pub fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// The title of its group; `None` for what stands above all groups.
    pub fn heading(&self) -> Option<&str> {
        self.arg.get_help_heading()
    }

    /// The section of a file it stands in; empty above all sections.
    pub fn section(&self) -> String {
        self.heading().unwrap_or_default().to_lowercase().replace([' ', '-'], "_")
    }

    /// The key in that section.
    pub fn name(&self) -> String {
        self.arg.get_long().unwrap_or_default().replace('-', "_")
    }

    /// Section and key: `limits.max_sessions`.
    pub fn key(&self) -> String {
        let section = self.section();
        if section.is_empty() { self.name() } else { format!("{section}.{}", self.name()) }
    }

    /// `--max-sessions`
    pub fn flag(&self) -> String {
        format!("--{}", self.arg.get_long().unwrap_or_default())
    }

    /// The environment variable.
    pub fn variable(&self) -> Option<&str> {
        self.arg.get_env().and_then(OsStr::to_str)
    }

    /// How its values are written.
    pub fn kind(&self) -> Kind {
        let parsed = self.arg.get_value_parser().type_id();
        if parsed == TypeId::of::<bool>() {
            return Kind::Switch;
        }
        let numbers = [
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<i32>(),
            TypeId::of::<i64>(),
            TypeId::of::<f32>(),
            TypeId::of::<f64>(),
            TypeId::of::<Duration>(),
            TypeId::of::<Threshold>(),
            TypeId::of::<AttackRate>(),
        ];
        if numbers.iter().any(|number| parsed == *number) { Kind::Number } else { Kind::Text }
    }

    /// Whether it holds any number of values.
    pub fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// Whether its value is to be shown to nobody; a field says so with `hide_env_values = true`, as clap's help asks.
    pub fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// What it does, in one line.
    pub fn meaning(&self) -> String {
        self.arg.get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// The name its values have in `--help`.
    pub fn value_name(&self) -> &str {
        self.arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str())
    }

    /// The values it can have, if there are but a few.
    pub fn choices(&self) -> Vec<String> {
        self.arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
    }

    /// The value it has if nobody sets it; empty if it then has none.
    pub fn default_values(&self) -> Vec<OsString> {
        match self.arg.get_default_values() {
            [] if matches!(self.arg.get_action(), ArgAction::SetTrue) => vec!["false".into()],
            values => values.iter().map(|value| value.to_os_string()).collect(),
        }
    }

    /// The values that the text of an environment variable holds.
    pub fn split(&self, text: &OsStr) -> Vec<OsString> {
        match (self.arg.get_value_delimiter(), text.to_str()) {
            (Some(delimiter), Some(text)) => text.split(delimiter).map(OsString::from).collect(),
            _ => vec![text.to_owned()],
        }
    }

    /// Values as a configuration file has them.
    pub fn toml(&self, values: &[OsString]) -> String {
        let one = |value: &OsString| match self.kind() {
            Kind::Text => toml::Value::from(value.to_string_lossy().as_ref()).to_string(),
            Kind::Switch | Kind::Number => value.to_string_lossy().into_owned(),
        };
        let values: Vec<_> = values.iter().map(one).collect();
        if self.is_list() { format!("[{}]", values.join(", ")) } else { values.join(", ") }
    }

    /// Whether the server would take these values, and if not, what is wrong.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(&self, values: &[OsString]) -> Result<(), String> {
        let arguments = values.iter().map(|value| self.assignment(value));
        let command = Command::new("value").no_binary_name(true).arg(self.exact_argument());
        let reason = match command.try_get_matches_from(arguments) {
            Ok(_) => return Ok(()),
            Err(error) => explanation(&error),
        };
        let shown = values.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(",");
        Err(if self.is_secret() { reason } else { format!("{reason} (this is \"{shown}\")") })
    }

    /// One value as a command line gives it.
    pub fn assignment(&self, value: &OsStr) -> OsString {
        let mut text = OsString::from(self.flag());
        text.push("=");
        text.push(value);
        text
    }

    /// The argument for [`Self::assignment`]s only: no default, no environment, nothing split.
    pub fn exact_argument(&self) -> Arg {
        let arg = self.arg.clone();
        let arg = if self.kind() == Kind::Switch { arg.action(ArgAction::Set) } else { arg };
        arg.env(None::<&'static str>).default_value(None::<&'static str>).value_delimiter(None::<char>)
    }

    /// The argument of a command: whatever it is given is taken as it comes, to be checked with the rest.
    ///
    /// A switch can be set to false again over a file's true: `--keep-open=false`.
    pub fn command_argument(&self) -> Arg {
        let unchecked = Unchecked(self.arg.get_possible_values());
        if self.kind() != Kind::Switch {
            return self.arg.clone().value_parser(unchecked);
        }
        self.arg
            .clone()
            .action(ArgAction::Set)
            .value_parser(unchecked)
            .num_args(0..=1)
            .require_equals(true)
            .value_name("BOOL")
            .default_missing_value("true")
            .hide_possible_values(true)
    }
}

/// What clap found wrong with one value.
fn explanation(error: &clap::Error) -> String {
    if let Some(reason) = error.source() {
        // The standard library speaks of digits in strings.
        return match reason.is::<ParseIntError>() {
            true => "must be a whole number, 0 or more".to_owned(),
            false => reason.to_string(),
        };
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("must be {}", values.join(" or ")),
        _ => error.kind().to_string(),
    }
}

/// Takes any text; says in `--help` which would be right.
#[derive(Clone)]
struct Unchecked(Vec<PossibleValue>);

impl TypedValueParser for Unchecked {
    type Value = OsString;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match self.0.is_empty() {
            true => None,
            false => Some(Box::new(self.0.iter().cloned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sections_and_variables_follow_from_the_flags() {
        let settings = Setting::all();
        let of = |flag: &str| settings.iter().find(|setting| setting.flag() == flag).unwrap().clone();
        assert_eq!(of("--listen").key(), "listen");
        assert_eq!(of("--max-sessions").key(), "limits.max_sessions");
        assert_eq!(of("--max-sessions").variable(), Some("PEAKSTREAM_MAX_SESSIONS"));
        assert_eq!((of("--keep-open").kind(), of("--ping-timeout").kind()), (Kind::Switch, Kind::Number));
        assert_eq!((of("--score-threshold").kind(), of("--event-args").kind()), (Kind::Number, Kind::Text));
        assert!(of("--media-streams-paths").is_list() && !of("--listen").is_list());
    }

    #[test]
    fn every_setting_has_a_flag_a_variable_a_meaning_and_a_key_of_its_own() {
        let settings = Setting::all();
        let command = Config::augment_args(Command::new("settings"));
        assert_eq!(settings.len(), command.get_arguments().count(), "every setting has a long flag");
        let mut keys = std::collections::HashSet::new();
        for setting in settings {
            assert!(setting.variable().is_some_and(|name| name.starts_with("PEAKSTREAM_")), "{setting:?}");
            assert!(!setting.meaning().is_empty(), "{setting:?}");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
            assert!(setting.key().chars().all(plain), "{} needs no quotes in a file", setting.key());
            let number = setting
                .default_values()
                .iter()
                .any(|value| value.to_str().is_some_and(|value| value.parse::<f64>().is_ok()));
            assert!(
                !number || setting.kind() == Kind::Number,
                "Setting::kind knows the type of {}",
                setting.key()
            );
            assert!(keys.insert(setting.key()), "{} is there twice", setting.key());
        }
    }

    #[test]
    fn a_switch_may_be_on_unless_it_is_set_off() {
        let arg =
            Arg::new("on").long("on").action(ArgAction::SetTrue).value_parser(clap::value_parser!(bool));
        assert_eq!(Setting { arg: arg.clone() }.default_values(), ["false"]);
        let on = Setting { arg: arg.action(ArgAction::Set).default_value("true") };
        assert_eq!((on.kind(), on.default_values()), (Kind::Switch, vec!["true".into()]));
    }

    #[test]
    fn a_wrong_value_is_explained_unless_it_is_a_secret() {
        let arg = Arg::new("pin").long("pin").value_parser(clap::value_parser!(u16));
        let open = Setting { arg: arg.clone() };
        assert_eq!(
            open.check(&["12a".into()]),
            Err("must be a whole number, 0 or more (this is \"12a\")".into())
        );
        let secret = Setting { arg: arg.hide_env_values(true) };
        assert!(!secret.check(&["12a".into()]).unwrap_err().contains("12a"));
    }
}
