//! In: an optional folder. Out: an engine with the models installed there, or an error that says how to install them.
//!
//! `make models` writes `models/installed` in a checkout; a packaged installation has its models under the user's data
//! folder. The first folder of [`candidates`] that holds a manifest is used.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use peakstream::{Calibration, ChannelType, Engine, EngineOptions, LoadError};

/// The environment variable that names the folder.
pub const VARIABLE: &str = "PEAKSTREAM_MODELS";

/// The file that makes a folder one of models.
const MANIFEST: &str = "manifest.toml";

/// Where a checkout has its models, from its root.
const IN_CHECKOUT: &str = "models/installed";

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelDirError {
    /// A calibration file cannot be read.
    #[error("{}: cannot be read ({source})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is no calibration.
    #[error("not a calibration; make one with: peakstream calibrate: {source}")]
    Calibration {
        /// What is wrong.
        source: LoadError,
    },
    /// Two calibrations where one can be in force.
    #[error("two calibrations for {channel_type}; name one file for each channel type")]
    Twice {
        /// What both are for.
        channel_type: ChannelType,
    },
    /// The folder asked for holds no models.
    #[error("{}: no {MANIFEST} in it; install the models with: make models", dir.display())]
    NoManifest {
        /// The folder.
        dir: PathBuf,
    },
    /// No folder was asked for, and none was found.
    #[error(
        "no models found ({}); run `make models`, or name their folder with --models or {VARIABLE}",
        searched.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NotFound {
        /// Where they might have been.
        searched: Vec<PathBuf>,
    },
    /// The machine has not what the settings ask for, whatever the models.
    #[error(transparent)]
    Machine(LoadError),
    /// They are there, and the engine refuses them.
    #[error("{}: {source}; if the files are damaged, remove the folder and run `make models`", dir.display())]
    Load {
        /// The folder.
        dir: PathBuf,
        /// What the engine said.
        source: LoadError,
    },
}

/// What the search looks at; a value, so that tests need not change the process.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// [`VARIABLE`].
    pub models: Option<OsString>,
    /// `XDG_DATA_HOME`.
    pub data_home: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// The current directory.
    pub current_dir: Option<PathBuf>,
    /// The running program.
    pub executable: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            models: std::env::var_os(VARIABLE),
            data_home: std::env::var_os("XDG_DATA_HOME"),
            home: std::env::var_os("HOME"),
            current_dir: std::env::current_dir().ok(),
            executable: std::env::current_exe().ok(),
        }
    }
}

/// Where models may be, first choice first; without those that were asked for by name.
pub fn candidates(around: &Surroundings) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    dirs.extend(around.current_dir.iter().map(|dir| dir.join(IN_CHECKOUT)));
    // A program that cargo built lies in <workspace>/target/<profile>/; the target folder may lie deeper.
    dirs.extend(
        around
            .executable
            .iter()
            .flat_map(|exe| exe.ancestors().skip(1).take(5))
            .map(|dir| dir.join(IN_CHECKOUT)),
    );
    let filled =
        |variable: &Option<OsString>| variable.clone().filter(|value| !value.is_empty()).map(PathBuf::from);
    let data_home =
        filled(&around.data_home).or_else(|| filled(&around.home).map(|home| home.join(".local/share")));
    dirs.extend(data_home.map(|dir| dir.join("peakstream/models")));
    let mut seen = std::collections::HashSet::new();
    dirs.retain(|dir| seen.insert(dir.clone()));
    dirs
}

/// The folder to use: `asked` or the environment's, which must then hold models, or the first candidate that does.
///
/// # Errors
/// No models there, or anywhere.
pub fn find(asked: Option<&Path>, around: &Surroundings) -> Result<PathBuf, ModelDirError> {
    let named = around.models.as_ref().filter(|value| !value.is_empty()).map(Path::new);
    if let Some(dir) = asked.or(named) {
        return if holds_models(dir) {
            Ok(dir.to_owned())
        } else {
            Err(ModelDirError::NoManifest { dir: dir.to_owned() })
        };
    }
    let searched = candidates(around);
    match searched.iter().find(|dir| holds_models(dir)) {
        Some(dir) => Ok(dir.clone()),
        None => Err(ModelDirError::NotFound { searched }),
    }
}

fn holds_models(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file()
}

/// Loads the models of [`find`]'s folder and checks them against their golden vectors; takes about a second.
///
/// # Errors
/// No models, or models that the engine refuses.
pub fn load_engine(asked: Option<&Path>, options: EngineOptions) -> Result<Engine, ModelDirError> {
    load_engine_from(&find(asked, &Surroundings::of_process())?, options)
}

/// [`load_engine`] from a folder already found.
///
/// # Errors
/// Models that the engine refuses.
pub fn load_engine_from(dir: &Path, options: EngineOptions) -> Result<Engine, ModelDirError> {
    Engine::load(&|name| read_within(dir, name), options).map_err(|source| match source {
        LoadError::Cpu(_) | LoadError::Precision(_) => ModelDirError::Machine(source),
        _ => ModelDirError::Load { dir: dir.to_owned(), source },
    })
}

/// The engine with calibrations of the operator's own, as `peakstream calibrate` writes them, in place of those it came with.
///
/// # Errors
/// A file that cannot be read or is no calibration, or two for one channel type.
pub fn calibrated(mut engine: Engine, files: &[PathBuf]) -> Result<Engine, ModelDirError> {
    for calibration in read_calibrations(files)? {
        let channel_type = calibration.channel_type();
        // Nobody else has the engine yet.
        engine = engine.with_calibration(calibration).map_err(|_| ModelDirError::Twice { channel_type })?;
    }
    Ok(engine)
}

/// The calibrations that [`calibrated`] puts in force, one for each channel type, without the networks.
///
/// # Errors
/// No models, or what [`calibrated`] refuses.
pub fn calibrations(asked: Option<&Path>, files: &[PathBuf]) -> Result<Vec<Calibration>, ModelDirError> {
    let mut all = read_calibrations(files)?;
    let dir = find(asked, &Surroundings::of_process())?;
    for channel_type in [ChannelType::Telephone, ChannelType::Microphone] {
        if all.iter().all(|own| own.channel_type() != channel_type) {
            let installed = Calibration::installed(&|name| read_within(&dir, name), channel_type);
            all.push(installed.map_err(|source| ModelDirError::Load { dir: dir.clone(), source })?);
        }
    }
    Ok(all)
}

fn read_calibrations(files: &[PathBuf]) -> Result<Vec<Calibration>, ModelDirError> {
    let mut all: Vec<Calibration> = Vec::new();
    for path in files {
        let read = std::fs::read(path);
        let bytes = read.map_err(|source| ModelDirError::Unreadable { path: path.clone(), source })?;
        let calibration = Calibration::read(&path.display().to_string(), &bytes)
            .map_err(|source| ModelDirError::Calibration { source })?;
        let channel_type = calibration.channel_type();
        if all.iter().any(|other| other.channel_type() == channel_type) {
            return Err(ModelDirError::Twice { channel_type });
        }
        all.push(calibration);
    }
    Ok(all)
}

/// Reads a file of the folder. Names come from the manifest; one that leads out of the folder is refused.
fn read_within(dir: &Path, name: &str) -> io::Result<Vec<u8>> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || name.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is not a file of the models' folder"),
        ));
    }
    let path = dir.join(name);
    std::fs::read(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(root: &Path, dir: &str) -> PathBuf {
        let dir = root.join(dir);
        std::fs::create_dir_all(&dir).expect("temporary folder");
        std::fs::write(dir.join(MANIFEST), "").expect("temporary file");
        dir
    }

    #[test]
    fn the_folder_asked_for_wins_over_the_environment_and_that_over_every_other() {
        let root = tempfile::tempdir().expect("temporary folder");
        let asked = install(root.path(), "asked");
        let named = install(root.path(), "named");
        let checkout = install(root.path(), "work/models/installed");
        let around = Surroundings {
            models: Some(named.clone().into_os_string()),
            current_dir: Some(root.path().join("work")),
            ..Surroundings::default()
        };
        assert_eq!(find(Some(&asked), &around).expect("found"), asked);
        assert_eq!(find(None, &around).expect("found"), named);
        let unnamed = Surroundings { models: Some(OsString::new()), ..around };
        assert_eq!(find(None, &unnamed).expect("found"), checkout);
    }

    #[test]
    fn a_program_built_in_a_checkout_finds_the_models_of_that_checkout() {
        let root = tempfile::tempdir().expect("temporary folder");
        let models = install(root.path(), "models/installed");
        let around = Surroundings {
            executable: Some(root.path().join("target/debug/peakstream")),
            current_dir: Some("/".into()),
            ..Surroundings::default()
        };
        assert_eq!(find(None, &around).expect("found"), models);
    }

    #[test]
    fn an_installed_program_finds_the_models_in_the_users_data_folder() {
        let root = tempfile::tempdir().expect("temporary folder");
        let models = install(root.path(), ".local/share/peakstream/models");
        let around = Surroundings { home: Some(root.path().into()), ..Surroundings::default() };
        assert_eq!(find(None, &around).expect("found"), models);
        let elsewhere = install(root.path(), "xdg/peakstream/models");
        let around = Surroundings { data_home: Some(root.path().join("xdg").into()), ..around };
        assert_eq!(find(None, &around).expect("found"), elsewhere);
    }

    #[test]
    fn a_folder_asked_for_by_name_is_not_replaced_by_another() {
        let root = tempfile::tempdir().expect("temporary folder");
        install(root.path(), "models/installed");
        let around = Surroundings { current_dir: Some(root.path().into()), ..Surroundings::default() };
        let error = find(Some(Path::new("/no/such/folder")), &around).expect_err("nothing there");
        assert!(error.to_string().contains("make models"), "{error}");
    }

    #[test]
    fn without_models_the_error_says_where_it_looked_and_what_to_run() {
        let around = Surroundings { home: Some("/home/nobody".into()), ..Surroundings::default() };
        let text = find(None, &around).expect_err("nothing anywhere").to_string();
        assert!(text.contains("/home/nobody/.local/share/peakstream/models"), "{text}");
        assert!(text.contains("make models") && text.contains(VARIABLE), "{text}");
    }

    #[test]
    fn a_file_that_is_no_calibration_is_named() {
        let read = |bytes: &[u8]| Calibration::read("mine.json", bytes);
        let error = read(b"{}").expect_err("no calibration").to_string();
        assert!(error.contains("mine.json"), "{error}");
        let good =
            br#"{"name": "telephone-channel", "scale": 20.0, "offset": -10.0, "operating_points": []}"#;
        let identity = read(good).expect("a calibration").identity().to_owned();
        assert!(identity.starts_with("telephone-channel@"), "{identity}");
    }

    #[test]
    fn a_manifest_cannot_name_files_outside_its_folder() {
        let root = tempfile::tempdir().expect("temporary folder");
        install(root.path(), "m");
        std::fs::write(root.path().join("secret"), "x").expect("temporary file");
        for name in ["../secret", "/etc/hostname", "", "./../secret"] {
            let error = read_within(&root.path().join("m"), name).expect_err(name);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(read_within(&root.path().join("m"), MANIFEST).is_ok());
    }
}
