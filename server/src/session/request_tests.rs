//! Every member of `initialize`: what is accepted, what is refused, and by which name.

use serde_json::json;

use super::*;
use crate::session::policy::Wishes;
use crate::session::request::audio::AudioProtocol;

/// A catalogue with one model, and two credentials whose texts say what they are.
struct Fake;

const MODEL: &str = "07070707070707070707070707070707070707070707070707070707";
const OTHER_MODEL: &str = "08080808080808080808080808080808080808080808080808080808";

fn hash(text: &str) -> ModelHash {
    text.parse().unwrap()
}

impl Catalogue for Fake {
    fn newest_model(&self) -> ModelHash {
        hash(MODEL)
    }

    fn policy(&self, kind: Kind) -> Policy {
        Policy::of(kind, &Wishes::default(), &Wishes::default())
    }

    fn has_model(&self, model: ModelHash) -> bool {
        model == hash(MODEL)
    }

    fn inspect(&self, credential: &str) -> Result<CredentialFacts, CredentialRefusal> {
        let (model, by_telephone) = match credential {
            "good" => (hash(MODEL), true),
            "microphone-only" => (hash(MODEL), false),
            "old-model" => (hash(OTHER_MODEL), true),
            "foreign" => return Err(CredentialRefusal::Foreign),
            _ => return Err(CredentialRefusal::Malformed),
        };
        Ok(CredentialFacts { model, by_telephone })
    }
}

fn defaults() -> Defaults {
    Defaults {
        authenticity_threshold: Threshold::new(0.5).unwrap(),
        score_threshold: Threshold::new(0.5).unwrap(),
    }
}

fn register() -> Value {
    json!({
        "metadata": {
            "audio_protocol": "twilio", "audio_format": "raw", "audio_codec": "mulaw", "sample_format": "",
            "sample_rate": "8000", "channels": "1", "call_id": "888806c3-3391-4d73-bb86-e5874e6ed5b4"
        },
        "register_request": {"authenticity_threshold": 0.8, "audio_total_duration": 5.0, "model_hash": MODEL}
    })
}

fn verify() -> Value {
    let mut body = register();
    body.as_object_mut().unwrap().remove("register_request");
    body["verify_request"] = json!({"credential": "good", "audio_total_duration": 5.0});
    body
}

fn parse(kind: Kind, body: &Value) -> Result<SessionRequest, SessionError> {
    SessionRequest::parse(kind, body, &Fake, defaults())
}

/// The names of everything that is wrong with `body`.
fn wrong(kind: Kind, body: &Value) -> Vec<String> {
    match parse(kind, body) {
        Err(SessionError::Parameters(problems)) => problems.into_iter().map(|p| p.field).collect(),
        other => panic!("expected parameter errors, got {other:?}"),
    }
}

/// `body` with the member at `path` ("metadata/call_id") set, or removed.
fn with(mut body: Value, path: &str, value: Option<Value>) -> Value {
    let (section, member) = path.split_once('/').unwrap();
    let object = body[section].as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(member.into(), value),
        None => object.remove(member),
    };
    body
}

#[test]
fn the_documented_example_is_accepted() {
    let request = parse(Kind::Register, &register()).unwrap();
    assert_eq!(request.call_id.as_str(), "888806c3-3391-4d73-bb86-e5874e6ed5b4");
    assert_eq!(request.wanted, 5.0);
    assert_eq!(request.authenticity_threshold.value(), 0.8);
    assert_eq!(request.channel_type, ChannelType::Telephone);
    assert_eq!(request.purpose, Purpose::Register { model: hash(MODEL) });
}

#[test]
fn a_body_that_is_a_json_string_is_parsed() {
    let text = Value::String(register().to_string());
    assert_eq!(parse(Kind::Register, &text), parse(Kind::Register, &register()));
}

#[test]
fn anything_but_an_object_is_refused() {
    for body in [json!(null), json!([]), json!(5), json!("{not json"), json!("[1]"), json!(true)] {
        assert_eq!(wrong(Kind::Register, &body), ["initialize"]);
    }
}

#[test]
fn numbers_may_be_numbers_or_strings() {
    for (path, value) in [
        ("metadata/sample_rate", json!(8000)),
        ("metadata/sample_rate", json!(8000.0)),
        ("metadata/channels", json!(1)),
        ("metadata/channel", json!("1")),
        ("register_request/audio_total_duration", json!("5.0")),
        ("register_request/authenticity_threshold", json!(" 0.8 ")),
    ] {
        assert!(parse(Kind::Register, &with(register(), path, Some(value))).is_ok(), "{path}");
    }
}

#[test]
fn optional_members_have_defaults() {
    let mut body = register();
    for path in
        ["metadata/sample_format", "register_request/authenticity_threshold", "register_request/model_hash"]
    {
        body = with(body, path, None);
    }
    let request = parse(Kind::Register, &body).unwrap();
    assert_eq!(request.authenticity_threshold.value(), 0.5);
    assert_eq!((request.audio.format.caller(), request.audio.declared.channel), (0, 1));
    assert_eq!(request.purpose, Purpose::Register { model: hash(MODEL) });
    let request = parse(Kind::Verify, &verify()).unwrap();
    assert_eq!(request.score_threshold.value(), 0.5);
}

#[test]
fn every_required_member_is_named_when_it_is_missing_or_null() {
    for path in [
        "metadata/audio_protocol",
        "metadata/audio_format",
        "metadata/audio_codec",
        "metadata/sample_rate",
        "metadata/channels",
        "metadata/call_id",
        "register_request/audio_total_duration",
    ] {
        let name = path.replace('/', ".");
        assert_eq!(wrong(Kind::Register, &with(register(), path, None)), [name.as_str()]);
        assert_eq!(wrong(Kind::Register, &with(register(), path, Some(Value::Null))), [name.as_str()]);
    }
    assert_eq!(
        wrong(Kind::Verify, &with(verify(), "verify_request/credential", None)),
        ["verify_request.credential"]
    );
}

#[test]
fn every_member_is_named_when_its_value_is_wrong() {
    let cases: [(&str, &[Value]); 11] = [
        ("metadata/audio_protocol", &[json!("sip"), json!(""), json!(1)]),
        ("metadata/audio_format", &[json!("mp3"), json!(1)]),
        ("metadata/audio_codec", &[json!("gsm"), json!([])]),
        ("metadata/sample_format", &[json!("u7"), json!(5)]),
        (
            "metadata/sample_rate",
            &[json!("11025"), json!("8 kHz"), json!(-8000), json!(8000.5), json!("NaN"), json!({})],
        ),
        ("metadata/channels", &[json!(0), json!("3"), json!(1e9), json!(65537), json!("one")]),
        ("metadata/channel", &[json!(0), json!("2"), json!(3), json!(1e9), json!("left")]),
        ("metadata/call_id", &[json!(""), json!("x".repeat(257)), json!(12345)]),
        (
            "register_request/audio_total_duration",
            &[json!(2.99), json!(30.01), json!("inf"), json!("five"), json!(-5)],
        ),
        ("register_request/authenticity_threshold", &[json!(-0.1), json!(1.1), json!("high")]),
        ("register_request/calibration", &[json!("radio"), json!(1)]),
    ];
    for (path, values) in cases {
        for value in values {
            let names = wrong(Kind::Register, &with(register(), path, Some(value.clone())));
            assert_eq!(names, [path.replace('/', ".")], "{path} = {value}");
        }
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let body = json!({
        "metadata": {"audio_protocol": "sip", "audio_codec": "gsm", "sample_rate": 1, "channels": 9},
        "register_request": {"authenticity_threshold": 2, "model_hash": "x"}
    });
    let expected = [
        "metadata.audio_protocol",
        "metadata.audio_format",
        "metadata.call_id",
        "metadata.audio_codec",
        "metadata.sample_rate",
        "metadata.channels",
        "register_request.audio_total_duration",
        "register_request.authenticity_threshold",
        "register_request.model_hash",
    ];
    let mut names = wrong(Kind::Register, &body);
    names.sort();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    assert_eq!(wrong(Kind::Register, &json!({})), ["metadata", "register_request"]);
    assert_eq!(
        wrong(Kind::Verify, &json!({"metadata": 1, "verify_request": []})),
        ["metadata", "verify_request"]
    );
}

#[test]
fn unknown_members_are_ignored() {
    let body = with(register(), "metadata/colour", Some(json!("blue")));
    let mut body = with(body, "register_request/score_threshold", Some(json!("not a number")));
    body["extra"] = json!([1, 2, 3]);
    assert!(parse(Kind::Register, &body).is_ok());
}

#[test]
fn a_request_of_the_other_channel_is_refused() {
    let mut body = register();
    body["verify_request"] = verify()["verify_request"].clone();
    assert_eq!(wrong(Kind::Register, &body), ["verify_request"]);
    assert_eq!(wrong(Kind::Verify, &register()), ["register_request", "verify_request"]);
}

#[test]
fn the_score_threshold_has_aliases_that_must_agree() {
    for name in SCORE_THRESHOLD_NAMES {
        let path = format!("verify_request/{name}");
        let request = parse(Kind::Verify, &with(verify(), &path, Some(json!("0.7")))).unwrap();
        assert_eq!(request.score_threshold.value(), 0.7);
        assert_eq!(wrong(Kind::Verify, &with(verify(), &path, Some(json!(7)))), [path.replace('/', ".")]);
    }
    let one = with(verify(), "verify_request/score_threshold", Some(json!(0.7)));
    let same = with(one.clone(), "verify_request/threshold", Some(json!("0.7")));
    assert!(parse(Kind::Verify, &same).is_ok());
    let other = with(one, "verify_request/threshold", Some(json!(0.6)));
    assert_eq!(wrong(Kind::Verify, &other), ["verify_request.threshold"]);
}

#[test]
fn an_unknown_model_or_the_model_of_another_credential_is_refused() {
    for value in [json!(OTHER_MODEL), json!("abc"), json!(7)] {
        let body = with(register(), "register_request/model_hash", Some(value));
        assert_eq!(wrong(Kind::Register, &body), ["register_request.model_hash"]);
    }
    let body = with(verify(), "verify_request/model_hash", Some(json!(OTHER_MODEL)));
    assert_eq!(wrong(Kind::Verify, &body), ["verify_request.model_hash"]);
    assert!(parse(Kind::Verify, &with(verify(), "verify_request/model_hash", Some(json!(MODEL)))).is_ok());
    let body = with(verify(), "verify_request/credential", Some(json!("old-model")));
    assert_eq!(wrong(Kind::Verify, &body), ["verify_request.credential"]);
}

#[test]
fn a_credential_without_the_telephones_band_is_refused_by_telephone() {
    let body = with(verify(), "verify_request/credential", Some(json!("microphone-only")));
    assert_eq!(wrong(Kind::Verify, &body), ["verify_request.calibration"]);
    let body = with(body, "verify_request/calibration", Some(json!("microphone-channel")));
    assert_eq!(wrong(Kind::Verify, &body), ["metadata.sample_rate"], "8 kHz is no microphone");
    let body = with(body, "metadata/sample_rate", Some(json!(16000)));
    assert!(parse(Kind::Verify, &body).is_ok());
    let body = with(body, "verify_request/credential", Some(json!("good")));
    assert!(
        parse(Kind::Verify, &body).is_ok(),
        "a voice by microphone is compared as if it had come by telephone"
    );
}

#[test]
fn a_malformed_credential_is_a_parameter_error_and_a_foreign_one_an_engine_error() {
    let body = with(verify(), "verify_request/credential", Some(json!("@@@")));
    assert_eq!(wrong(Kind::Verify, &body), ["verify_request.credential"]);
    let body = with(verify(), "verify_request/credential", Some(json!("foreign")));
    assert_eq!(parse(Kind::Verify, &body), Err(SessionError::Engine(EngineFault::InvalidCredential)));
    // A parameter error elsewhere is what the client can act on first.
    let body = with(body, "metadata/call_id", None);
    assert_eq!(wrong(Kind::Verify, &body), ["metadata.call_id"]);
}

#[test]
fn the_audio_protocol_is_read_in_any_case() {
    let body = with(register(), "metadata/audio_protocol", Some(json!("AudioHook")));
    assert_eq!(parse(Kind::Register, &body).unwrap().audio.protocol, AudioProtocol::AudioHook);
}

#[test]
fn debug_of_a_request_shows_neither_call_id_nor_credential() {
    let shown = format!("{:?}", parse(Kind::Verify, &verify()).unwrap());
    assert!(!shown.contains("888806c3") && !shown.contains("good"), "{shown}");
}
