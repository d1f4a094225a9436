//! What a configuration has to do, as tests.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args as _, Command, FromArgMatches as _};
use tempfile::TempDir;

use super::load::{FILE_NAME, Given, Loaded, misspelt};
use super::problem::{Problems, Source};
use super::reference;
use super::setting::{Kind, Setting};

/// Flags, environment and file of one start.
struct Start {
    folder: TempDir,
    flags: Vec<String>,
    environment: HashMap<String, String>,
}

impl Start {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), flags: Vec::new(), environment: HashMap::new() }
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("my.toml")
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.path(), text).unwrap();
        let flag = format!("--config={}", self.path().display());
        self.flags(&[&flag])
    }

    fn load(&self) -> Result<Loaded, Problems> {
        let command = Given::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(&self.flags).unwrap();
        let given = Given::from_arg_matches(&matches).unwrap();
        given.load_from(&|name| self.environment.get(name).map(Into::into))
    }

    /// The problems, one a line, without the file's folder.
    fn problems(&self) -> Vec<String> {
        let Problems(problems) = self.load().expect_err("something is wrong");
        let folder = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }
}

fn settings_from_file(loaded: &Loaded) -> usize {
    loaded.values.iter().filter(|value| matches!(value.source, Source::File { .. })).count()
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let max_sessions = |start: Start| {
        let loaded = start.load().unwrap();
        let value = loaded.values.iter().find(|value| value.setting.key() == "limits.max_sessions").unwrap();
        (loaded.config.limits.max_sessions, value.source.clone())
    };
    let file = "[limits]\nmax_sessions = 2\n";
    let name = "PEAKSTREAM_MAX_SESSIONS";
    assert_eq!(max_sessions(Start::new()), (1000, Source::Default));
    let start = Start::new().file(file);
    let source = Source::File { path: start.path(), line: 2 };
    assert_eq!(max_sessions(start), (2, source));
    assert_eq!(
        max_sessions(Start::new().file(file).variable(name, "3")),
        (3, Source::Environment(name.into()))
    );
    assert_eq!(
        max_sessions(Start::new().file(file).variable(name, "3").flags(&["--max-sessions", "4"])),
        (4, Source::Flag("--max-sessions".into()))
    );
    assert_eq!(max_sessions(Start::new().variable(name, "")).1, Source::Default, "empty is not set");
}

#[test]
fn a_switch_can_be_set_back_by_whatever_is_stronger() {
    let file = "[signalling]\nkeep_open = true\n";
    let keep_open = |start: Start| start.load().unwrap().config.signalling.keep_open;
    assert!(keep_open(Start::new().file(file)));
    assert!(!keep_open(Start::new().file(file).variable("PEAKSTREAM_KEEP_OPEN", "false")));
    assert!(!keep_open(Start::new().file(file).flags(&["--keep-open=false"])));
    assert!(keep_open(Start::new().variable("PEAKSTREAM_KEEP_OPEN", "false").flags(&["--keep-open"])));
}

#[test]
fn a_list_is_replaced_whole_and_may_be_empty() {
    let paths = |start: Start| start.load().unwrap().config.signalling.media_streams_paths;
    let file = |list: &str| Start::new().file(&format!("signalling.media_streams_paths = {list}"));
    assert_eq!(paths(file("['/a', '/b,c']")), ["/a", "/b,c"], "only flags and variables are split at commas");
    assert!(paths(file("[]")).is_empty());
    assert_eq!(paths(file("['/a']").variable("PEAKSTREAM_MEDIA_STREAMS_PATHS", "/x,/y")), ["/x", "/y"]);
    assert_eq!(paths(file("['/a']").flags(&["--media-streams-paths", "/z"])), ["/z"]);
}

#[test]
fn every_setting_can_come_from_the_file() {
    for setting in Setting::all() {
        let value = match (setting.default_values(), setting.kind()) {
            _ if !setting.choices().is_empty() => vec![setting.choices().pop().unwrap().into()],
            (values, _) if !values.is_empty() => values,
            (_, Kind::Number) => vec!["1".into()],
            _ if setting.name() == "quality_gates" => vec!["music=refuse".into()],
            _ if setting.name().ends_with("_listen") => vec!["127.0.0.1:1".into()],
            (_, _) => vec!["http://host".into()],
        };
        let file = format!("{} = {}", setting.key(), setting.toml(&value));
        let loaded = Start::new().file(&file).load().unwrap_or_else(|problems| panic!("{file}: {problems}"));
        assert_eq!(settings_from_file(&loaded), 1, "{file}");
        let found = loaded.values.iter().find(|value| value.setting.key() == setting.key()).unwrap();
        assert_eq!(found.values, value, "{file}");
    }
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    let cases = [
        (
            "[limits]\nmax_sesions = 1",
            "my.toml:2: limits.max_sesions: no such setting; did you mean max_sessions?",
        ),
        ("lisen = 'x'", "my.toml:1: lisen: no such setting; did you mean listen?"),
        (
            "[signaling]\nkeep_open = true",
            "my.toml:1: signaling: no such section; did you mean [signalling]?",
        ),
        (
            "[limits]\nkeep_open = true",
            "my.toml:2: limits.keep_open: no such setting here; keep_open belongs into the section [signalling]",
        ),
        ("max_sesions = 1", "my.toml:1: max_sesions: no such setting; did you mean limits.max_sessions?"),
        (
            "[limits]\nlisten = ''",
            "my.toml:2: limits.listen: no such setting in [limits]; listen stands above all sections",
        ),
        (
            "[signalling]\nkeep-open = true",
            "my.toml:2: signalling.keep-open: no such setting; did you mean keep_open?",
        ),
        ("[limits]\nelephants = 1", "my.toml:2: limits.elephants: no such setting"),
        ("[zoo]\nelephants = 1", "my.toml:1: zoo: no such section"),
        ("limits = 3", "my.toml:1: limits: is a section: write [limits] on a line, and its settings below"),
    ];
    for (file, problem) in cases {
        assert_eq!(Start::new().file(file).problems(), [problem], "{file}");
    }
}

#[test]
fn a_misspelt_variable_is_pointed_out_and_those_of_others_are_not() {
    let names = [
        "PEAKSTREAM_KEEP_OPN",
        "PEAKSTREAM_LOG",
        "PEAKSTREAM_CONFIG",
        "PEAKSTREAM_SERVICE_HOST",
        "PEAKSTREAM_PORT",
        "PEAKSTREAM_PORT_8080_TCP_ADDR",
        "PEAKSTREAM_LISTEN",
        "LISTEM",
    ];
    let found = misspelt(names.into_iter().map(str::to_owned));
    assert_eq!(found, [("PEAKSTREAM_KEEP_OPN".to_owned(), "PEAKSTREAM_KEEP_OPEN".to_owned())]);
}

#[test]
fn a_value_of_the_wrong_type_is_told_what_it_should_be() {
    let cases = [
        ("[limits]\nmax_sessions = '7'", "must be a number, without quotes, not text in quotes"),
        ("[signalling]\nkeep_open = 'true'", "must be true or false, without quotes, not text in quotes"),
        ("listen = 8080", "must be text in quotes, not a number"),
        ("listen = ['127.0.0.1:1']", "must be text in quotes, not a list"),
        ("listen = 2026-11-21", "must be text in quotes, not a date"),
        ("[listen]\nport = 1", "must be text in quotes, not a section"),
        (
            "[signalling]\nmedia_streams_paths = '/a'",
            r#"must be a list, such as ["/twilio", "/dpstwilio"], not text in quotes"#,
        ),
        (
            "[signalling]\nmedia_streams_paths = [1]",
            "must be a list of text in quotes, not one with a number in it",
        ),
    ];
    for (file, problem) in cases {
        let problems = Start::new().file(file).problems();
        assert_eq!(problems.len(), 1, "{file}: {problems:?}");
        assert!(problems[0].ends_with(problem), "{file}: {problems:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let start = Start::new()
        .file("[limits]\nmax_sessions = 0\nmax_parked = 1.5\nmax_sesions = 3\n[signalling]\nsocketio_path = '/livez'\n")
        .variable("PEAKSTREAM_PING_TIMEOUT", "soon")
        .flags(&["--score-threshold=2", "--event-args=three", "--decision-timeout=0"]);
    assert_eq!(
        start.problems(),
        [
            "my.toml:4: limits.max_sesions: no such setting; did you mean max_sessions?",
            r#"--event-args: must be always2 or results_only or always1 (this is "three")"#,
            r#"PEAKSTREAM_PING_TIMEOUT: must be a number of seconds (this is "soon")"#,
            r#"--score-threshold: must be a number from 0 to 1 (this is "2")"#,
            r#"my.toml:3: limits.max_parked: must be a whole number, 0 or more (this is "1.5")"#,
            "my.toml:6: signalling.socketio_path: /livez collides with /livez of the server itself",
            "--decision-timeout: must be more than 0: it would be over before it began",
            "my.toml:2: limits.max_sessions: must be at least 1: a server that takes nothing is of no use",
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_the_line() {
    let problems = Start::new().file("listen = '127.0.0.1:1'\n[limits\n").problems();
    assert!(problems[0].starts_with("my.toml:2: "), "{problems:?}");
    let problems = Start::new().file("models = 'a'\nmodels = 'b'\n").problems();
    assert!(problems[0].starts_with("my.toml:2: ") && problems[0].contains("duplicate"), "{problems:?}");
}

#[test]
fn a_file_that_is_overruled_is_checked_all_the_same() {
    let start = Start::new().file("[limits]\nmax_parked = -1\n").flags(&["--max-parked=1"]);
    assert_eq!(start.problems().len(), 1);
}

#[test]
fn paths_that_collide_are_refused() {
    for paths in [
        "/socket.io",
        "/socket.io/oauth2/token",
        "/livez",
        "/readyz/",
        "/v1/audio",
        "/dpsrest/a",
        "/twilio,/twilio/",
    ] {
        let problems = Start::new().flags(&["--media-streams-paths", paths]).problems();
        assert_eq!(problems.len(), 1, "{paths}: {problems:?}");
        assert!(problems[0].starts_with("--media-streams-paths: /"), "{problems:?}");
    }
    assert!(Start::new().flags(&["--media-streams-paths=/socket.io2,/a,/a/b"]).load().is_ok());
    let one_path_for_both = Start::new().flags(&["--socketio-path=/x", "--rest-path=/x/y"]);
    assert_eq!(
        one_path_for_both.problems(),
        ["--rest-path: /x/y collides with /x of signalling.socketio_path"]
    );
}

#[test]
fn a_public_url_is_one_that_paths_can_be_appended_to() {
    for url in ["voice.example.com", "ftp://voice.example.com", "https://", "https://voice.example.com/"] {
        assert_eq!(Start::new().flags(&["--public-url", url]).problems().len(), 1, "{url}");
    }
    assert!(Start::new().flags(&["--public-url=https://voice.example.com/peak"]).load().is_ok());
}

#[test]
fn audiohook_has_an_address_of_its_own_and_times_that_can_pass() {
    for (flag, value) in [
        ("--audiohook-url", "voice.example.com"),
        ("--audiohook-url", "wss://voice.example.com/hook?x=1"),
        ("--audiohook-paths", "/twilio"),
        ("--audiohook-paths", "/socket.io/hook"),
        ("--audiohook-park-timeout", "0"),
        ("--audiohook-signature-age", "0"),
    ] {
        let problems = Start::new().flags(&[flag, value]).problems();
        assert!(problems.len() == 1 && problems[0].starts_with(flag), "{flag} {value}: {problems:?}");
    }
    let flags = ["--audiohook-url=wss://voice.example.com/hook", "--audiohook-paths=/genesys,/genesys/b"];
    assert!(Start::new().flags(&flags).load().is_ok());
}

#[test]
fn without_a_name_the_data_directory_s_own_file_is_read() {
    let start = Start::new();
    let data_dir = format!("--data-dir={}", start.folder.path().display());
    let start = start.flags(&[&data_dir]);
    assert_eq!(start.load().unwrap().file, None, "it need not be there");
    let own = start.folder.path().join(FILE_NAME);
    std::fs::write(&own, "[limits]\nmax_sessions = 5\n").unwrap();
    let loaded = start.load().unwrap();
    assert_eq!((loaded.file, loaded.config.limits.max_sessions), (Some(own.clone()), 5));
    std::fs::write(&own, "data_dir = 'elsewhere'\n").unwrap();
    assert!(start.problems()[0].contains("cannot name another"));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let problems = Start::new().flags(&["--config=/no/such.toml"]).problems();
    assert!(problems[0].starts_with("--config: /no/such.toml cannot be read"), "{problems:?}");
    let start = Start::new().variable("PEAKSTREAM_CONFIG", "/no/such.toml");
    assert!(start.problems()[0].starts_with("PEAKSTREAM_CONFIG: "));
    let start =
        Start::new().file("[limits]\nmax_sessions = 5\n").variable("PEAKSTREAM_CONFIG", "/no/such.toml");
    assert_eq!(start.load().unwrap().config.limits.max_sessions, 5, "the flag wins");
}

#[test]
fn the_example_file_is_right_as_it_is_and_with_every_default_written_out() {
    let nothing = Start::new().file(&reference::example()).load().unwrap();
    assert_eq!(settings_from_file(&nothing), 0);
    let all: String = reference::example()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let loaded = Start::new().file(&all).load().unwrap();
    let with_default = Setting::all().iter().filter(|setting| !setting.default_values().is_empty()).count();
    assert_eq!(settings_from_file(&loaded), with_default);
    assert_eq!(format!("{:?}", loaded.config), format!("{:?}", nothing.config));
}

#[test]
fn the_reference_page_is_what_the_program_prints() {
    let page = include_str!("../../../docs/configuration.md");
    assert!(
        page == reference::markdown(),
        "docs/configuration.md is out of date; write it again with:\n  \
         cargo run -p peakstream-server -- config reference > docs/configuration.md"
    );
}
