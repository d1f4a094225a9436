//! In: where a value came from, and what is wrong with it. Out: a line that says where to mend it.

use std::fmt;
use std::path::PathBuf;

/// Where the value of a setting came from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag on the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where to mend it.
    pub source: Source,
    /// The setting, as `section.key`; empty if it is about a file as a whole.
    pub key: String,
    /// What is wrong, or what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            // A flag or a variable names its setting.
            Source::Environment(_) | Source::Flag(_) => write!(f, "{}: {}", self.source, self.text),
            _ if self.key.is_empty() => write!(f, "{}: {}", self.source, self.text),
            Source::Default => write!(f, "{}: {}", self.key, self.text),
            Source::File { .. } => write!(f, "{}: {}: {}", self.source, self.key, self.text),
        }
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "the configuration has a problem:")?,
            count => writeln!(f, "the configuration has {count} problems:")?,
        }
        for problem in &self.0 {
            writeln!(f, "  {problem}")?;
        }
        f.write_str(
            "`peakstream config reference` lists every setting, `peakstream config check` tries again",
        )
    }
}

impl std::error::Error for Problems {}
