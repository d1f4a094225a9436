use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jsonschema::Validator;
use peakstream::{Action, AttackRate, Gate, Judgement, Llr, Score, Shortfall, Unjudged};
use serde_json::{Value, json};

use super::documents::resolve;
use super::strict::{problems, strict};
use super::*;
use crate::audio_channel::audiohook::exchange::{Command, Output};
use crate::audio_channel::audiohook::machine::Machine;
use crate::audio_channel::audiohook::media::ByteOrder;
use crate::audio_channel::audiohook::message::StreamTime;
use crate::audio_channel::wire::CloseCode;
use crate::ids::{CallId, SessionId};
use crate::replay::{HeardIn, Recorded, Replay, Sign};
use crate::sensitive::Sensitive;
use crate::session::countermeasure::{Consequence, Countermeasure, Response};
use crate::session::error::{AudioFault, EngineFault, FieldProblem, NotReady, SessionError};
use crate::session::event::{Event, Finding, Measurement, Progress};
use crate::session::policy::Outcome;
use crate::session::request::Kind;

const PLACE: Place<'static> = Place {
    base_url: "http://127.0.0.1:8080",
    rest_path: "/dpsrest",
    socketio_path: "/socket.io",
    media_streams_path: "/twilio",
    audiohook_path: "/audiohook",
};

const UUID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";

/// The messages of a channel: the name of each, and its validator.
fn messages(document: &Value, channel: &str) -> Vec<(String, Validator)> {
    let messages = document["channels"][channel]["messages"].as_object().unwrap();
    let all = messages.values().map(|message| {
        let message = resolve(document, message);
        (message["name"].as_str().unwrap().to_owned(), strict(document, &message["payload"]))
    });
    all.collect()
}

fn progress() -> Progress {
    Progress { net_speech: 5.1321, audio_seconds: 5.13, vad_percentage: 102, received: 7.0 }
}

fn measured(finding: Finding, judgement: Judgement) -> Measurement {
    let wav = Some(Sensitive::new(Bytes::from_static(b"RIFF")));
    let calibration = "telephone-channel@1f3a90c2".into();
    let (authenticity, outcome) = (judgement.authenticity(AttackRate::default()), Some(Outcome::Doubtful));
    let response = Response::default().with(Countermeasure::Authenticity, Consequence::StepUp);
    let centre = matches!(finding, Finding::Verified(_)).then(|| "telephone-channel@5d02c7e1".into());
    let shortfalls =
        Gate::ALL.map(|gate| Shortfall { gate, value: 1.0, limit: 2.0, action: Action::Warn }).to_vec();
    let agreement = peakstream::replay::Agreement::default();
    let replay =
        matches!(finding, Finding::Verified(_)).then_some(Replay { heard: HeardIn::Enrolment, agreement });
    let similar = replay.map(|_| Sign::TooSimilar(0.98));
    let signs = similar.into_iter().chain([Sign::Repetition(agreement)]).collect();
    let recorded = Recorded { replay, signs, attempt: None };
    Measurement {
        judgement,
        authenticity,
        response,
        finding,
        calibration,
        shortfalls,
        outcome,
        centre,
        voice: None,
        recorded,
        wav,
    }
}

fn session_errors() -> Vec<SessionError> {
    let second = Duration::from_secs(1);
    let audio = [
        AudioFault::NeverStarted(second),
        AudioFault::Idle(second),
        AudioFault::TooLong(second),
        AudioFault::SessionTooOld(second),
        AudioFault::EndedEarly { collected: 1.0, wanted: 5.0 },
        AudioFault::Protocol("not JSON"),
        AudioFault::Format("of a kind".into()),
        AudioFault::Cancelled,
    ];
    let engine = [
        EngineFault::InvalidCredential,
        EngineFault::TooLittleSpeech { centiseconds: 200 },
        EngineFault::Quality(Shortfall {
            gate: Gate::Music,
            value: 50.0,
            limit: 6.0,
            action: Action::Refuse,
        }),
        EngineFault::Busy,
        EngineFault::TimedOut,
        EngineFault::ShuttingDown,
        EngineFault::Interrupted,
        EngineFault::Internal,
    ];
    let not_ready = [NotReady::TooManySessions, NotReady::Loading, NotReady::Draining];
    let problem = vec![FieldProblem::new("metadata.call_id", "is required")];
    let mut all = vec![SessionError::Parameters(problem), SessionError::CallIdInUse];
    all.extend(not_ready.map(SessionError::NotReady));
    all.extend(audio.map(SessionError::Audio));
    all.extend(engine.map(SessionError::Engine));
    all
}

/// Every event that a session of `kind` can have, bare and with the additive members.
fn events(kind: Kind) -> Vec<Event> {
    let finding = || match kind {
        Kind::Register => Finding::Registered(Sensitive::new("AQ".into())),
        Kind::Verify => Finding::Verified(Score::new(0.97).unwrap()),
    };
    let mut all = vec![Event::consumer_ready(), Event::vad_status(&progress())];
    let unjudged =
        [Unjudged::CodecMismatch, Unjudged::NetSpeech, Unjudged::SignalNoiseRatio].map(Judgement::None);
    for judgement in [Judgement::Evidence(Llr(-3.25))].into_iter().chain(unjudged) {
        all.push(Event::success(measured(finding(), judgement), &progress()));
        all.push(Event::fail_spoof(measured(finding(), judgement), &progress()));
        if kind == Kind::Verify {
            all.push(Event::fail_score(measured(finding(), judgement), &progress()));
        }
    }
    all.extend(session_errors().iter().map(|error| Event::error(error, Some(&progress()))));
    all.extend(session_errors().iter().map(|error| Event::error(error, None)));
    let mut identified = all.clone();
    identified
        .iter_mut()
        .for_each(|event| event.identify(&CallId::new("call").unwrap(), SessionId::random()));
    all.extend(identified);
    all
}

#[test]
fn every_event_is_described_and_every_described_event_exists() {
    let document = Documents::of(&PLACE).asyncapi;
    for kind in [Kind::Register, Kind::Verify] {
        let messages = messages(&document, kind.name());
        let mut told = BTreeSet::from(["initialize".to_owned()]);
        for event in events(kind) {
            let (_, validator) = messages
                .iter()
                .find(|(name, _)| name == event.name())
                .unwrap_or_else(|| panic!("{} is not described", event.name()));
            let body = Value::Object(event.body().clone());
            assert_eq!(problems(validator, &body), Vec::<String>::new(), "{body}");
            told.insert(event.name().to_owned());
        }
        let described: BTreeSet<String> = messages.into_iter().map(|(name, _)| name).collect();
        assert_eq!(described, told, "{kind:?}");
    }
}

#[test]
fn a_payload_that_is_not_as_described_is_noticed() {
    let document = Documents::of(&PLACE).asyncapi;
    let messages = messages(&document, "register");
    let (_, validator) = messages.iter().find(|(name, _)| name == "info-vad-status").unwrap();
    let good = Value::Object(Event::vad_status(&progress()).body().clone());
    assert!(validator.is_valid(&good));
    for (member, wrong) in
        [("vad_percentage", json!(41.5)), ("content", json!("other words")), ("more", json!(1))]
    {
        let mut bad = good.clone();
        bad[member] = wrong;
        assert!(!validator.is_valid(&bad), "{member}");
    }
    let mut missing = good;
    missing.as_object_mut().unwrap().remove("audio_seconds");
    assert!(!validator.is_valid(&missing));
}

#[test]
fn the_second_argument_is_described_for_every_event() {
    let document = Documents::of(&PLACE).asyncapi;
    for kind in [Kind::Register, Kind::Verify] {
        for event in events(kind) {
            let all = document["channels"][kind.name()]["messages"].as_object().unwrap().values();
            let mut found =
                all.map(|m| resolve(&document, m)).filter(|message| message["name"] == event.name());
            let described = found.next().unwrap()["x-collected-audio"].as_str();
            let expected = if event.audio().is_some() { "audio/wav" } else { "null" };
            assert_eq!(described, Some(expected), "{}", event.name());
        }
    }
}

#[test]
fn every_close_code_is_described() {
    let own = [
        CloseCode::Normal,
        CloseCode::GoingAway,
        CloseCode::Unsupported,
        CloseCode::Invalid,
        CloseCode::Policy,
        CloseCode::TooBig,
        CloseCode::TryAgain,
    ];
    for code in own {
        // A new code does not compile here until it is added above.
        match code {
            CloseCode::Normal
            | CloseCode::GoingAway
            | CloseCode::Unsupported
            | CloseCode::Invalid
            | CloseCode::Policy
            | CloseCode::TooBig
            | CloseCode::TryAgain => {}
        }
    }
    let broken = 1002; // Of the WebSocket layer itself.
    let known: BTreeSet<u64> = own.iter().map(|code| *code as u64).chain([broken]).collect();
    let document = Documents::of(&PLACE).asyncapi;
    let described = |channel: &str| -> BTreeSet<u64> {
        let codes = document["channels"][channel]["x-close-codes"].as_array().unwrap();
        codes.iter().map(|end| end["code"].as_u64().unwrap()).collect()
    };
    assert_eq!(described("mediaStreams"), known);
    // AudioHook tells everything else by `disconnect`.
    assert_eq!(described("audioHook"), BTreeSet::from([1000, 1001, broken, 1007, 1008, 1009]));
}

/// Everything that an AudioHook connection can be sent, from a call that has everything happen to it.
fn audiohook_messages() -> Vec<Value> {
    let open = |inputs: bool| {
        let mut parameters = json!({"organizationId": UUID, "conversationId": UUID,
            "participant": {"id": UUID, "ani": "", "aniName": "", "dnis": ""},
            "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]});
        if inputs {
            parameters["inputVariables"] = json!({});
        }
        ("open", parameters)
    };
    let outputs = || Some(json!({"outcome": "success"}));
    let event = || Command::Event(json!({"type": "voice_biometrics_result", "data": {"outcome": "success"}}));
    let mut all = Vec::new();
    for ends_itself in [true, false] {
        let now = Instant::now();
        let mut machine = Machine::new(UUID, UUID, ByteOrder::Little, now);
        let mut seq = 0;
        let mut say = |machine: &mut Machine, (kind, parameters): (&str, Value)| {
            seq += 1;
            let message = json!({"version": "2", "type": kind, "id": UUID, "seq": seq, "serverseq": 0,
                "position": "PT0S", "parameters": parameters});
            machine.handle_text(now, &message.to_string());
        };
        say(&mut machine, open(true));
        machine.handle_command(now, Command::Known(StreamTime::of_samples(8000)));
        machine.handle_command(now, Command::Answer(false));
        say(&mut machine, ("ping", json!({})));
        say(&mut machine, ("update", json!({"language": "de-DE"})));
        for command in [Command::Listen(true), Command::Listen(false), event()] {
            machine.handle_command(now, command);
        }
        if ends_itself {
            machine.handle_command(now, Command::Disconnect { info: "result", outputs: outputs() });
        }
        say(&mut machine, ("close", json!({"reason": "end"})));
        machine.handle_command(now, Command::Closed { outputs: outputs() });
        while let Some(output) = machine.poll_output() {
            if let Output::Send(text) = output {
                all.push(serde_json::from_str(&text).unwrap());
            }
        }
    }
    all
}

#[test]
fn every_message_of_audiohook_is_described_and_every_described_one_is_sent() {
    let document = Documents::of(&PLACE).asyncapi;
    let described = document["operations"]["answerCall"]["messages"].as_array().unwrap();
    let described: Vec<&Value> = described.iter().map(|message| resolve(&document, message)).collect();
    let mut sent = BTreeSet::new();
    for message in audiohook_messages() {
        let kind = message["type"].as_str().unwrap().to_owned();
        let schema = described.iter().find(|schema| schema["name"] == kind.as_str()).unwrap();
        let found = problems(&strict(&document, &schema["payload"]), &message);
        assert_eq!(found, Vec::<String>::new(), "{message}");
        sent.insert(kind);
    }
    let named: BTreeSet<String> =
        described.iter().map(|schema| schema["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(sent, named);
}

#[test]
fn the_examples_of_the_documents_are_what_the_documents_ask_for() {
    let Documents { openapi, asyncapi } = Documents::of(&PLACE);
    for message in asyncapi["components"]["messages"].as_object().unwrap().values() {
        let validator = strict(&asyncapi, &message["payload"]);
        for example in message["examples"].as_array().into_iter().flatten() {
            assert_eq!(problems(&validator, &example["payload"]), Vec::<String>::new(), "{example}");
        }
    }
    let bodies = openapi["paths"].as_object().unwrap().values().map(|item| &item["post"]["requestBody"]);
    let responses = openapi["components"]["responses"].as_object().unwrap().values();
    let contents = bodies.chain(responses).map(|holder| &holder["content"]["application/json"]);
    let mut checked = 0;
    for content in contents.filter(|content| !content["example"].is_null()) {
        let validator = strict(&openapi, &content["schema"]);
        assert_eq!(problems(&validator, &content["example"]), Vec::<String>::new(), "{}", content["example"]);
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn version_address_and_paths_are_those_of_the_server() {
    let place = Place {
        base_url: "https://voice.example/bio",
        rest_path: "/speech",
        socketio_path: "/io",
        media_streams_path: "/calls",
        audiohook_path: "/genesys",
    };
    let Documents { openapi, asyncapi } = Documents::of(&place);
    assert_eq!(openapi["servers"][0]["url"], "https://voice.example/bio");
    assert_eq!(openapi["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(openapi["paths"]["/speech/v1/register_session"].is_object());
    assert!(openapi["paths"]["/io/oauth2/token"].is_object());
    assert_eq!(asyncapi["channels"]["register"]["address"], "/io/register");
    assert_eq!(asyncapi["channels"]["mediaStreams"]["address"], "/calls");
    assert_eq!(asyncapi["channels"]["audioHook"]["address"], "/genesys");
    let server = &asyncapi["servers"]["signalling"];
    assert_eq!((&server["protocol"], &server["pathname"]), (&json!("wss"), &json!("/bio/io/")));
    let page = page::render(&place, &Documents { openapi, asyncapi });
    for default in ["/dpsrest", "/socket.io/", "/twilio", "/audiohook", "127.0.0.1"] {
        assert!(!page.contains(default), "{default}");
    }
}

#[test]
fn the_page_is_whole_in_itself() {
    let page = page::render(&PLACE, &Documents::of(&PLACE));
    assert!(!page.contains("{{"), "a part is missing");
    for foreign in ["<script", "<img", "<link", "<iframe", "@import", "url(", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for link in page.split("href=\"").skip(1) {
        let target = link.split('"').next().unwrap();
        match target.strip_prefix('#') {
            Some(id) => assert!(page.contains(&format!("id=\"{id}\"")), "{target} leads nowhere"),
            None => assert!(target.starts_with("/docs/"), "{target} leads elsewhere"),
        }
    }
}

#[test]
fn the_page_shows_every_operation_and_every_message() {
    let Documents { openapi, asyncapi } = Documents::of(&PLACE);
    let page = page::render(&PLACE, &Documents { openapi: openapi.clone(), asyncapi: asyncapi.clone() });
    let items = openapi["paths"].as_object().unwrap().values();
    for operation in items.flat_map(|item| item.as_object().unwrap().values()).filter(|o| o.is_object()) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("<details id=\"{id}\">")), "{id}");
    }
    for channel in asyncapi["channels"].as_object().unwrap().values() {
        for message in channel["messages"].as_object().unwrap().values() {
            let title = resolve(&asyncapi, message)["title"].as_str().unwrap();
            assert!(page.contains(&html::inline(title)), "{title}");
        }
    }
}

#[test]
fn what_the_documents_say_is_no_markup() {
    let text = "<b onclick='x'>\"&`<i>` *<u>*";
    assert_eq!(
        html::inline(text),
        "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;<code>&lt;i&gt;</code> <em>&lt;u&gt;</em>"
    );
}
