//! In: flags, the environment, a file. Out: one [`Config`] with the source of each value, or everything that is wrong.
//!
//! A flag wins over the environment, which wins over the file, which wins over the default. Whatever the source, a value
//! passes the parser of its flag.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::file::{self, Entry};
use super::problem::{Problem, Problems, Source};
use super::setting::Setting;
use super::{Config, check};
use crate::similar::nearest;

/// The file that is read from the data directory where none is named.
pub const FILE_NAME: &str = "peakstream.toml";

const FILE_ID: &str = "config_file";
const FILE_FLAG: &str = "--config";
const FILE_VARIABLE: &str = "PEAKSTREAM_CONFIG";

/// The flags that a command was given, for [`Given::load`]: every setting, and `--config`. Flatten it into a command.
#[derive(Clone, Debug)]
pub struct Given {
    flags: ArgMatches,
}

/// A configuration that is right.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Each setting, in the order of [`Config`].
    pub values: Vec<Value>,
}

/// What a setting is, and why.
#[derive(Clone, Debug)]
pub struct Value {
    /// The setting.
    pub setting: Setting,
    /// Its values as text; none if it is not set and has no default.
    pub values: Vec<OsString>,
    /// Where they come from.
    pub source: Source,
}

/// Looks up an environment variable. A value, so that tests need not change the process.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Given {
    /// Reads the environment and the file.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(&self) -> Result<Loaded, Problems> {
        self.load_from(&|name| std::env::var_os(name))
    }

    pub(super) fn load_from(&self, environment: Environment<'_>) -> Result<Loaded, Problems> {
        // Empty means not set: a variable cannot be taken out of every environment that has it.
        let environment = &|name: &str| environment(name).filter(|text| !text.is_empty());
        let settings = Setting::all();
        let given: Vec<_> = settings.iter().map(|setting| self.given(setting, environment)).collect();
        let mut problems = Vec::new();
        let file = self.file(&settings, &given, environment, &mut problems);
        let path = file.as_ref().map(|file| file.path.clone());
        let mut entries = file.map(|file| file.entries(&settings, &mut problems)).unwrap_or_default();
        let mut values = Vec::new();
        for (number, (setting, given)) in settings.into_iter().zip(given).enumerate() {
            let entry = entries.iter().position(|entry| entry.setting == number).map(|at| entries.remove(at));
            values.push(checked(setting, given, entry, &mut problems));
        }
        let config = typed(&values, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(Loaded { config, file: path, values }),
            _ => Err(Problems(problems)),
        }
    }

    /// What flags or the environment say about a setting.
    fn given(&self, setting: &Setting, environment: Environment<'_>) -> Option<(Vec<OsString>, Source)> {
        if self.flags.value_source(setting.id()) == Some(ValueSource::CommandLine) {
            let values = self.flags.get_raw(setting.id()).into_iter().flatten().map(OsStr::to_owned);
            return Some((values.collect(), Source::Flag(setting.flag())));
        }
        let variable = setting.variable()?;
        environment(variable).map(|text| (setting.split(&text), Source::Environment(variable.to_owned())))
    }

    /// The text of the file: the one that was named, or the data directory's own if there is one.
    fn file(
        &self,
        settings: &[Setting],
        given: &[Option<(Vec<OsString>, Source)>],
        environment: Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<ConfigFile> {
        let flag = self.flags.value_source(FILE_ID) == Some(ValueSource::CommandLine);
        let named = match flag {
            true => self.flags.get_one::<OsString>(FILE_ID).map(PathBuf::from),
            false => environment(FILE_VARIABLE).map(PathBuf::from),
        };
        let data_dir = || {
            let (setting, given) =
                settings.iter().zip(given).find(|(setting, _)| setting.key() == "data_dir")?;
            let values =
                given.as_ref().map_or_else(|| setting.default_values(), |(values, _)| values.clone());
            values.into_iter().next().map(PathBuf::from)
        };
        let of_data_dir = if named.is_some() { None } else { data_dir() };
        let path = named.or_else(|| of_data_dir.as_ref().map(|dir| dir.join(FILE_NAME)))?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(ConfigFile { path, text, of_data_dir }),
            Err(error) if of_data_dir.is_some() && error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                let source = match (&of_data_dir, flag) {
                    (Some(_), _) => Source::Default,
                    (None, true) => Source::Flag(FILE_FLAG.to_owned()),
                    (None, false) => Source::Environment(FILE_VARIABLE.to_owned()),
                };
                let text = format!("{} cannot be read: {error}", path.display());
                problems.push(Problem { source, key: "configuration file".to_owned(), text });
                None
            }
        }
    }
}

/// Variables of this process that were probably meant to be settings, with what they were meant to be.
pub fn misspelt_variables() -> Vec<(String, String)> {
    misspelt(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

/// No errors, because not every `PEAKSTREAM_*` is ours: container platforms set some for a service of that name.
pub(super) fn misspelt(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    const PREFIX: &str = "PEAKSTREAM_";
    let settings = Setting::all();
    let known: Vec<_> =
        settings.iter().filter_map(|setting| setting.variable()?.strip_prefix(PREFIX)).collect();
    names
        .filter_map(|name| {
            let own = name.strip_prefix(PREFIX).filter(|own| !known.contains(own))?;
            let meant = nearest(own, known.iter().copied())?;
            Some((name, format!("{PREFIX}{meant}")))
        })
        .collect()
}

struct ConfigFile {
    path: PathBuf,
    text: String,
    /// The data directory, if the file was found there.
    of_data_dir: Option<PathBuf>,
}

impl ConfigFile {
    fn entries(&self, settings: &[Setting], problems: &mut Vec<Problem>) -> Vec<Entry> {
        let (entries, wrong) = file::read(&self.path, &self.text, settings);
        problems.extend(wrong);
        for entry in &entries {
            let key = settings[entry.setting].key();
            let elsewhere = |dir: &PathBuf| entry.values.first().is_none_or(|value| Path::new(value) != dir);
            if key == "data_dir" && self.of_data_dir.as_ref().is_some_and(elsewhere) {
                let text = format!(
                    "a file found in a data directory cannot name another; name this file with {FILE_FLAG}, or \
                     remove the line"
                );
                problems.push(Problem { source: entry.source.clone(), key, text });
            }
        }
        entries
    }
}

/// The value that wins. One that is wrong is reported and replaced by the default, so that the rest can be checked too.
fn checked(
    setting: Setting,
    given: Option<(Vec<OsString>, Source)>,
    entry: Option<Entry>,
    problems: &mut Vec<Problem>,
) -> Value {
    // The file is checked even where it is overruled: the flag may be gone at the next start.
    let of_file = entry.map(|entry| (entry.values, entry.source));
    let mut right = [given, of_file].into_iter().flatten().filter(|(values, source)| {
        let wrong = setting.check(values).err();
        let problem = |text| Problem { source: source.clone(), key: setting.key(), text };
        problems.extend(wrong.clone().map(problem));
        wrong.is_none()
    });
    let winner = right.next();
    // Goes through the others too.
    right.for_each(drop);
    let (values, source) = winner.unwrap_or_else(|| (setting.default_values(), Source::Default));
    Value { setting, values, source }
}

/// The settings as one structure, if they go together.
fn typed(values: &[Value], problems: &mut Vec<Problem>) -> Option<Config> {
    let settings = values.iter().map(|value| &value.setting);
    let command = Command::new("settings").no_binary_name(true).args(settings.map(Setting::exact_argument));
    let assign = |value: &Value| -> Vec<_> {
        value.values.iter().map(|text| value.setting.assignment(text)).collect()
    };
    let config = command
        .try_get_matches_from(values.iter().flat_map(assign))
        .and_then(|matches| Config::from_arg_matches(&matches));
    match config {
        Ok(config) => {
            let already: Vec<_> = problems.iter().map(|problem| problem.key.clone()).collect();
            let new =
                check::findings(&config).into_iter().filter(|(key, _)| !already.iter().any(|k| k == key));
            problems.extend(new.map(|(key, text)| Problem {
                source: source_of(key, values),
                key: key.into(),
                text,
            }));
            Some(config)
        }
        Err(error) => {
            let text = error.to_string();
            problems.push(Problem { source: Source::Default, key: "configuration".to_owned(), text });
            None
        }
    }
}

fn source_of(key: &str, values: &[Value]) -> Source {
    values
        .iter()
        .find(|value| value.setting.key() == key)
        .map_or(Source::Default, |value| value.source.clone())
}

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE_ID)
            .long(FILE_FLAG.trim_start_matches('-'))
            .env(FILE_VARIABLE)
            .value_name("FILE")
            // Not a path, which may not be empty: an empty variable is none.
            .value_parser(clap::value_parser!(OsString))
            .display_order(0)
            .help(format!("Configuration file [default: {FILE_NAME} in the data directory, if it is there]"));
        command.arg(file).args(Setting::all().iter().map(Setting::command_argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { flags: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.flags = matches.clone();
        Ok(())
    }
}
