//! `peakstream` as a person or a script runs it: what it prints, where, and its exit status.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{call, engine, models, register_request, serve, signalling::Client};
use peakstream::{ChannelType, Precision, Voices};
use serde_json::Value;

fn peakstream(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peakstream"))
        .args(args)
        .env_remove("PEAKSTREAM_DATA_DIR")
        .env("PEAKSTREAM_MODELS", models())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn wav(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, peakstream::audio::wav::write(&call(name), 8000)).unwrap();
    path
}

#[test]
fn every_failure_has_its_exit_status_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, good) = (dir.path().to_str().unwrap(), wav(dir.path(), "allison-en-enrol.wav"));
    let good = good.to_str().unwrap();
    let text = dir.path().join("notes.mp3");
    std::fs::write(&text, "ID3").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("ws://{}/twilio", listener.local_addr().unwrap());
    drop(listener);
    let settings = dir.path().join("settings.toml");
    std::fs::write(&settings, "[limits]\nmax_sesions = 1\n").unwrap();
    let settings = settings.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 11] = [
        (&["call", good], 2, "--call-id"),
        (&["serve", "--config", settings, "--json"], 2, "did you mean max_sessions?"),
        (&["serve", "--config", "/no/such.toml"], 2, "--config: /no/such.toml cannot be read"),
        (&["config", "check", "--config", settings], 2, "settings.toml:2: limits.max_sesions"),
        (&["call", "--call-id", "x", "--codec", "speex", good], 2, "mulaw"),
        (&["call", "--call-id", "x", "/no/such.wav"], 3, "/no/such.wav"),
        (&["call", "--call-id", "x", text.to_str().unwrap()], 3, "ffmpeg -i"),
        (&["verify", "--credential", "abc", "--data-dir", folder, good], 3, "--key-file"),
        (&["demo", "--audio", folder], 3, "--register a.wav --same b.wav --other c.wav"),
        (&["compare", "--models", folder, good, good], 4, "make models"),
        (&["call", "--call-id", "x", "--url", &nobody, good], 5, "peakstream serve"),
    ];
    for (args, status, advice) in cases {
        let output = peakstream(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {output:?}");
        assert!(stderr(&output).contains(advice), "{args:?}: {output:?}");
        assert_eq!(stdout(&output), "", "results only: {args:?}");
    }
    let output = peakstream(&["compare", "--json", "--models", folder, good, good]);
    assert_eq!(json(&output)["exit_status"], 4);
    assert!(json(&output)["error"].as_str().unwrap().contains("make models"));
}

#[test]
fn the_precision_asked_for_is_shown_or_refused_with_the_reason() {
    let models = |level: Option<&str>, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peakstream"));
        command.args([&["models"], args].concat()).env("PEAKSTREAM_MODELS", models());
        level.map(|level| command.env("PEAKSTREAM_CPU", level));
        command.output().unwrap()
    };
    let usual = json(&models(None, &["--json"]));
    assert_eq!(usual["precision"], "f32");
    let below = models(Some("portable"), &["--precision", "int8"]);
    assert_eq!(below.status.code(), Some(4), "{below:?}");
    let text = stderr(&below);
    assert!(text.contains("AVX-512 VNNI") && text.contains("portable") && text.contains("use f32"), "{text}");
    assert!(!text.contains("make models"), "{text}");
    let quick = models(None, &["--precision", "int8"]);
    match Precision::Int8.is_available() {
        true => assert!(stdout(&quick).contains("computed in int8"), "{quick:?}"),
        false => assert_eq!(quick.status.code(), Some(4), "{quick:?}"),
    }
    let unknown = models(None, &["--precision", "bf16"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(stderr(&unknown).contains("f32, int8"), "{unknown:?}");
}

#[test]
fn every_command_that_can_fail_tells_its_exit_statuses_and_an_example() {
    for command in ["call", "register", "verify", "compare", "demo", "tenant", "key"] {
        let help = stdout(&peakstream(&[command, "--help"]));
        assert!(help.contains("Exit status:") && help.contains(&format!("peakstream {command} ")), "{help}");
    }
}

#[test]
fn a_voice_registered_from_a_file_is_recognised_in_another_file_and_nobody_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let [enrol, same, other] = ["allison-en-enrol.wav", "allison-en-verify.wav", "other-man-it.wav"]
        .map(|name| wav(dir.path(), name).to_str().unwrap().to_owned());
    let key = dir.path().join("key").to_str().unwrap().to_owned();

    let registered = peakstream(&["register", "--key-file", &key, &enrol]);
    assert_eq!(registered.status.code(), Some(0), "{registered:?}");
    let credential = stdout(&registered).trim().to_owned();
    assert!(!credential.contains(char::is_whitespace), "stdout holds the credential and nothing else");
    let file = dir.path().join("allison.credential");
    std::fs::write(&file, &credential).unwrap();

    let verified = peakstream(&["verify", "--json", "--key-file", &key, "--credential", &credential, &same]);
    assert_eq!((verified.status.code(), &json(&verified)["event"]), (Some(0), &"result-success".into()));
    let file = file.to_str().unwrap();
    let rejected = peakstream(&["verify", "--json", "--key-file", &key, "--credential", file, &other]);
    assert_eq!((rejected.status.code(), &json(&rejected)["event"]), (Some(1), &"result-fail-score".into()));

    // Another installation's key: the same file under another id.
    let foreign = dir.path().join("foreign");
    std::fs::copy(&key, &foreign).unwrap();
    let text = std::fs::read_to_string(&key).unwrap();
    let (comment, digits) = text.split_once('\n').unwrap();
    let other_digit = if digits.starts_with('0') { "1" } else { "0" };
    std::fs::write(&foreign, format!("{comment}\n{other_digit}{}", &digits[1..])).unwrap();
    let foreign = foreign.to_str().unwrap();
    let refused = peakstream(&["verify", "--key-file", foreign, "--credential", file, &same]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(stderr(&refused).contains("unknown key"), "{refused:?}");
}

#[test]
fn a_threshold_that_goes_by_a_name_is_the_one_of_the_calibration() {
    let dir = tempfile::tempdir().unwrap();
    let [enrol, same] = ["allison-en-enrol.wav", "allison-en-verify.wav"]
        .map(|name| wav(dir.path(), name).to_str().unwrap().to_owned());
    let compare =
        |threshold| peakstream(&["compare", "--json", "--score-threshold", threshold, &enrol, &same]);
    let compared = json(&compare("far=1%"));
    let engine = engine();
    let calibration = engine.calibration(ChannelType::Telephone);
    let said = calibration.threshold("far=1%".parse().unwrap(), Voices::Whole).unwrap();
    assert_eq!(compared["score_threshold"], said.value());
    assert_eq!(compared["same_voice"], compared["score"].as_f64().unwrap() >= said.value());
    let refused = compare("far=0.01%");
    let error = json(&refused)["error"].as_str().unwrap().to_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    for told in ["--score-threshold", "far=0.01%: its trials did not suffice", "far=1% (", "far=0.1% ("] {
        assert!(error.contains(told), "{error}");
    }
    let mistyped = compare("far=1");
    assert_eq!(mistyped.status.code(), Some(2));
    assert!(stderr(&mistyped).contains("such as far=0.1%"), "{mistyped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_sent_by_the_command_is_a_call_and_the_server_says_when_it_has_heard_enough() {
    let dir = tempfile::tempdir().unwrap();
    let file = wav(dir.path(), "allison-en-enrol.wav").to_str().unwrap().to_owned();
    let server = serve(|_| ()).await;
    let url = format!("{}/twilio", server.running.base_url().replacen("http", "ws", 1));
    for (call_id, minimal) in [("call-1", false), ("call-2", true)] {
        let mut client = Client::start(&server, "register", &register_request(call_id)).await;
        let mut args = ["call", "--json", "--speed", "0", "--call-id", call_id, "--url", &url, &file]
            .map(str::to_owned)
            .to_vec();
        args.extend(minimal.then(|| "--minimal".to_owned()));
        let sending = tokio::task::spawn_blocking(move || {
            peakstream(&args.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let events = client.rest().await;
        assert_eq!(events.last().unwrap().name, "result-success");
        let output = sending.await.unwrap();
        assert_eq!((output.status.code(), &json(&output)["code"]), (Some(0), &1000.into()), "{output:?}");
    }
}

#[test]
fn the_configuration_is_shown_with_its_sources_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("peakstream.toml"), "[limits]\nmax_parked = 7\n").unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let flags = ["--data-dir", data_dir, "--keep-open=false"];
    let show = |more: &[&str]| peakstream(&[&["config", "show"], &flags[..], more].concat());
    let shown = json(&show(&["--json"]));
    let settings = &shown["settings"];
    assert_eq!(shown["file"], dir.path().join("peakstream.toml").to_str().unwrap());
    assert_eq!(
        (&settings["limits.max_parked"]["value"], &settings["limits.max_parked"]["line"]),
        (&7.into(), &2.into())
    );
    assert_eq!(settings["signalling.keep_open"]["name"], "--keep-open");
    assert_eq!(settings["models"]["source"], "environment");
    assert_eq!(
        (&settings["listen"]["source"], &settings["public_url"]["value"]),
        (&"default".into(), &Value::Null)
    );
    assert!(stdout(&show(&[])).contains("peakstream.toml:2"));

    let checked = peakstream(&[&["config", "check"], &flags[..]].concat());
    assert_eq!((checked.status.code(), stdout(&checked).lines().count()), (Some(0), 1), "{checked:?}");
    assert!(stdout(&peakstream(&["config", "reference"])).starts_with("# Configuration"));
}

#[test]
fn the_demonstration_decides_every_call_rightly_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_peakstream"))
        .args(["demo", "--speed", "0", "--json"])
        .env("PEAKSTREAM_MODELS", models())
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let report = json(&output);
    assert_eq!((output.status.code(), &report["all_right"]), (Some(0), &true.into()), "{report:#}");
    assert_eq!(report["calls"].as_array().map(Vec::len), Some(6));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the server's folder is gone");
    assert!(!stdout(&output).contains("credential\""), "a report holds no credential");
}
