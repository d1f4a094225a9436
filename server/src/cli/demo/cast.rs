//! In: the demo's list of calls, or a person's own recordings. Out: who plays which part, and what would be right.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::output::CliError;

/// The list that models/demo_audio.py writes.
const LIST: &str = "calls.json";

/// How a recording relates to the registered caller. What the server should answer follows from it; what the server will
/// answer does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// The caller who registers.
    Enrol,
    /// The same person again.
    Same,
    /// Somebody else.
    Other,
    /// No person at all.
    Synthetic,
}

impl Role {
    /// The event that would be right.
    pub(super) const fn right_event(self) -> &'static str {
        match self {
            Self::Enrol | Self::Same => "result-success",
            Self::Other => "result-fail-score",
            Self::Synthetic => "result-fail-spoof",
        }
    }

    /// The same in words.
    pub(super) const fn expectation(self) -> &'static str {
        match self {
            Self::Enrol => "registered",
            Self::Same => "accepted",
            Self::Other => "other voice",
            Self::Synthetic => "not live",
        }
    }
}

/// One call to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) role: Role,
    /// What a person is told about it.
    pub(super) title: String,
    /// Empty if nobody said.
    pub(super) language: String,
    pub(super) recording: PathBuf,
}

/// All calls of a demonstration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cast {
    register: Scene,
    verify: Vec<Scene>,
}

/// A person's own recordings.
#[derive(Debug, Default, clap::Args)]
pub(super) struct OwnRecordings {
    /// Recording of the caller who registers: your own instead of the installed calls
    #[arg(long, value_name = "FILE", requires = "same")]
    register: Option<PathBuf>,
    /// Another recording of the same caller; may be given several times
    #[arg(long, value_name = "FILE", requires = "register")]
    same: Vec<PathBuf>,
    /// Recording of somebody else; may be given several times
    #[arg(long, value_name = "FILE", requires = "register")]
    other: Vec<PathBuf>,
    /// Recording of a synthetic voice; may be given several times
    #[arg(long, value_name = "FILE", requires = "register")]
    synthetic: Vec<PathBuf>,
}

impl OwnRecordings {
    /// The calls these recordings make, if there are any.
    pub(super) fn cast(&self) -> Option<Cast> {
        let register = own(Role::Enrol, self.register.as_ref()?);
        let parts =
            [(Role::Same, &self.same), (Role::Other, &self.other), (Role::Synthetic, &self.synthetic)];
        let verify =
            parts.into_iter().flat_map(|(role, files)| files.iter().map(move |file| own(role, file)));
        Some(Cast { register, verify: verify.collect() })
    }
}

fn own(role: Role, file: &Path) -> Scene {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let part = match role {
        Role::Enrol => "registers",
        Role::Same => "the same caller again",
        Role::Other => "another caller",
        Role::Synthetic => "a synthetic voice",
    };
    Scene { role, title: format!("{name}: {part}"), language: String::new(), recording: file.to_owned() }
}

#[derive(Deserialize)]
struct List {
    calls: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    role: Role,
    what: String,
    language: String,
}

impl Cast {
    /// Reads `dir/calls.json`.
    ///
    /// # Errors
    /// No such list, or one that is no demonstration.
    pub(super) fn read(dir: &Path) -> Result<Self, CliError> {
        let path = dir.join(LIST);
        let text = std::fs::read_to_string(&path).map_err(|_| {
            CliError::NoDemo(format!(
                "{}: no recorded calls; `make demo` fetches them on Debian-like systems; elsewhere use your own recordings: \
                 peakstream demo --register a.wav --same b.wav --other c.wav",
                dir.display()
            ))
        })?;
        Self::parse(&text, dir).map_err(|reason| {
            CliError::NoDemo(format!(
                "{}: {reason}; fetch the calls again: python3 models/demo_audio.py --force",
                path.display()
            ))
        })
    }

    fn parse(text: &str, dir: &Path) -> Result<Self, String> {
        let list: List = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let scenes = list.calls.into_iter().map(|entry| Scene {
            role: entry.role,
            title: entry.what,
            language: entry.language,
            recording: dir.join(entry.file),
        });
        let (mut register, verify): (Vec<_>, Vec<_>) = scenes.partition(|scene| scene.role == Role::Enrol);
        match (register.pop(), register.is_empty(), verify.is_empty()) {
            (Some(register), true, false) => Ok(Self { register, verify }),
            _ => Err("exactly one call registers, and at least one verifies".to_owned()),
        }
    }

    /// The call that registers.
    pub(super) const fn register(&self) -> &Scene {
        &self.register
    }

    /// The calls that verify.
    pub(super) fn verify(&self) -> &[Scene] {
        &self.verify
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        1 + self.verify.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        r#"{"file":"a.wav","role":"enrol","what":"Ann registers","language":"en","seconds":28.0}"#;

    #[test]
    fn the_list_names_who_registers_and_who_calls_again() {
        let text = format!(r#"{{"recipe":"x","calls":[{ENTRY},{}]}}"#, ENTRY.replace("enrol", "synthetic"));
        let cast = Cast::parse(&text, Path::new("/demo")).expect("a demonstration");
        assert_eq!(cast.register().recording, Path::new("/demo/a.wav"));
        assert_eq!(cast.verify()[0].role.right_event(), "result-fail-spoof");
        assert_eq!(cast.len(), 2);
    }

    #[test]
    fn a_list_without_exactly_one_registration_is_no_demonstration() {
        for calls in [String::new(), ENTRY.into(), format!("{ENTRY},{ENTRY}"), ENTRY.replace("enrol", "same")]
        {
            let text = format!(r#"{{"calls":[{calls}]}}"#);
            assert!(Cast::parse(&text, Path::new("/demo")).is_err(), "{text}");
        }
        assert!(Cast::parse(r#"{"calls":[{"file":"a.wav","role":"king"}]}"#, Path::new("/demo")).is_err());
    }

    #[test]
    fn without_recorded_calls_the_error_says_how_to_use_ones_own() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let error = Cast::read(dir.path()).expect_err("nothing there").to_string();
        assert!(error.contains("--register a.wav --same b.wav --other c.wav"), "{error}");
    }

    #[test]
    fn own_recordings_keep_their_order_and_parts() {
        let own = OwnRecordings {
            register: Some("x/a.wav".into()),
            same: vec!["b.wav".into()],
            other: vec!["c.wav".into(), "d.wav".into()],
            synthetic: Vec::new(),
        };
        let cast = own.cast().expect("recordings");
        assert_eq!(cast.register().title, "a.wav: registers");
        let roles: Vec<_> = cast.verify().iter().map(|scene| scene.role).collect();
        assert_eq!(roles, [Role::Same, Role::Other, Role::Other]);
        assert!(OwnRecordings::default().cast().is_none());
    }
}
