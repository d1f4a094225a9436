//! In: the text of a configuration file. Out: the values it sets, with their lines, and everything wrong with it.
//!
//! A file is TOML: the settings above all groups first, then a section for each group (`[limits]`).

use std::ffi::OsString;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Source};
use super::setting::{Kind, Setting};
use crate::similar::nearest;

/// What a file says about one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place among the settings.
    pub setting: usize,
    /// The values; as many as a list has, else one.
    pub values: Vec<OsString>,
    /// The file and the line.
    pub source: Source,
}

/// Reads a file.
pub fn read(path: &Path, text: &str, settings: &[Setting]) -> (Vec<Entry>, Vec<Problem>) {
    let mut reader = Reader { path, text, settings, entries: Vec::new(), problems: Vec::new() };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.problem(at, String::new(), error.message().to_owned());
    }
    // What is left of a file that is not TOML would only be misunderstood.
    if reader.problems.is_empty() {
        reader.table("", root.get_ref());
    }
    reader.problems.sort_by_key(|problem| match problem.source {
        Source::File { line, .. } => line,
        _ => 0,
    });
    (reader.entries, reader.problems)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    settings: &'a [Setting],
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn source(&self, at: usize) -> Source {
        let line = self.text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        Source::File { path: self.path.to_owned(), line }
    }

    fn problem(&mut self, at: usize, key: String, text: String) {
        let source = self.source(at);
        self.problems.push(Problem { source, key, text });
    }

    fn has_section(&self, name: &str) -> bool {
        !name.is_empty() && self.settings.iter().any(|setting| setting.section() == name)
    }

    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            let key = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let known = self.settings.iter().position(|setting| setting.key() == key);
            match (known, value.get_ref()) {
                (Some(setting), value) => self.value(setting, at, value),
                (None, DeValue::Table(table)) if section.is_empty() && self.has_section(name) => {
                    self.table(name, table);
                }
                (None, _) if section.is_empty() && self.has_section(name) => {
                    let text = format!("is a section: write [{name}] on a line, and its settings below");
                    self.problem(at, key, text);
                }
                (None, DeValue::Table(_)) => {
                    let text = unknown_section(&key, self.settings);
                    self.problem(at, key, text);
                }
                (None, _) => {
                    let text = unknown_key(section, name, self.settings);
                    self.problem(at, key, text);
                }
            }
        }
    }

    fn value(&mut self, index: usize, at: usize, value: &DeValue<'_>) {
        let setting = &self.settings[index];
        let values: Option<Vec<_>> = match value {
            DeValue::Array(values) if setting.is_list() => {
                values.iter().map(|value| scalar(setting.kind(), value.get_ref())).collect()
            }
            value if setting.is_list() => {
                let text = format!("must be a list, such as {}, not {}", example(setting), type_of(value));
                return self.problem(at, setting.key(), text);
            }
            value => scalar(setting.kind(), value).map(|value| vec![value]),
        };
        match values {
            Some(values) => {
                let source = self.source(at);
                self.entries.push(Entry { setting: index, values, source });
            }
            None => {
                let odd = match value {
                    DeValue::Array(values) if setting.is_list() => {
                        let odd =
                            values.iter().find(|value| scalar(setting.kind(), value.get_ref()).is_none());
                        format!("one with {} in it", odd.map_or("nothing", |value| type_of(value.get_ref())))
                    }
                    value => type_of(value).to_owned(),
                };
                let text = format!("must be {}, not {odd}", expected(setting));
                self.problem(at, setting.key(), text);
            }
        }
    }
}

/// The text of a value, as a flag would give it; `None` if it is of another kind.
fn scalar(kind: Kind, value: &DeValue<'_>) -> Option<OsString> {
    match (kind, value) {
        (Kind::Switch, DeValue::Boolean(value)) => Some(value.to_string().into()),
        (Kind::Number, DeValue::Integer(value)) => {
            let digits = value.as_str().replace('_', "");
            Some(
                i128::from_str_radix(&digits, value.radix()).map_or(digits, |value| value.to_string()).into(),
            )
        }
        (Kind::Number, DeValue::Float(value)) => Some(value.as_str().replace('_', "").into()),
        (Kind::Text, DeValue::String(value)) => Some(value.as_ref().into()),
        _ => None,
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text in quotes",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

fn expected(setting: &Setting) -> String {
    let one = match setting.kind() {
        Kind::Switch => "true or false, without quotes",
        Kind::Number => "a number, without quotes",
        Kind::Text => "text in quotes",
    };
    if setting.is_list() { format!("a list of {one}") } else { one.to_owned() }
}

fn example(setting: &Setting) -> String {
    match setting.default_values() {
        values if values.is_empty() => "[\"…\"]".to_owned(),
        values => setting.toml(&values),
    }
}

fn unknown_section(name: &str, settings: &[Setting]) -> String {
    let sections = settings.iter().map(Setting::section).filter(|section| !section.is_empty());
    match nearest(name, sections) {
        Some(section) => format!("no such section; did you mean [{section}]?"),
        None => "no such section".to_owned(),
    }
}

fn unknown_key(section: &str, name: &str, settings: &[Setting]) -> String {
    let meant = name.replace('-', "_");
    if let Some(elsewhere) = settings.iter().find(|setting| setting.name() == meant) {
        return match elsewhere.section() {
            home if home == section => format!("no such setting; did you mean {meant}?"),
            home if home.is_empty() => {
                format!("no such setting in [{section}]; {meant} stands above all sections")
            }
            home => format!("no such setting here; {meant} belongs into the section [{home}]"),
        };
    }
    let here = settings.iter().filter(|setting| setting.section() == section).map(Setting::name);
    let near = nearest(&meant, here).or_else(|| {
        let by_name = nearest(&meant, settings.iter().map(Setting::name))?;
        settings.iter().find(|setting| setting.name() == by_name).map(Setting::key)
    });
    match near {
        Some(near) => format!("no such setting; did you mean {near}?"),
        None => "no such setting".to_owned(),
    }
}
