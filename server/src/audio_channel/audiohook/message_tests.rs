//! What is read, and which rule is named when it is not.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";
const ORGANIZATION: &str = "d7934305-0972-4844-938e-9060eef73d05";
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

fn envelope(kind: &str, parameters: &Value) -> Value {
    json!({"version": "2", "id": ID, "type": kind, "seq": 1, "serverseq": 0, "position": "PT0S", "parameters": parameters})
}

fn open_parameters() -> Value {
    json!({"organizationId": ORGANIZATION, "conversationId": ID,
        "participant": {"id": ID, "ani": "+1", "aniName": "", "dnis": "+2"}, "media": []})
}

fn parse(message: &Value) -> Result<Message, Broken> {
    Message::parse(&message.to_string(), ID)
}

fn changed(mut message: Value, path: &str, to: Option<Value>) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = message.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match to {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    message
}

#[test]
fn case_022_positions_are_seconds_and_nothing_else() {
    for (text, samples) in [
        ("PT0S", 0),
        ("PT1S", 8000),
        ("PT1.250S", 10_000),
        ("PT.5S", 4000),
        ("PT0.000125S", 1),
        ("PT0.0001249999S", 0),
        ("PT014400S", 115_200_000),
    ] {
        assert_eq!(StreamTime::parse(text).map(StreamTime::samples), Some(samples), "{text}");
        assert!(parse(&changed(envelope("ping", &json!({})), "/position", Some(json!(text)))).is_ok());
    }
    for text in [
        "",
        "PTS",
        "PT1.S",
        "PT.S",
        "PT1",
        "P1S",
        "pt1S",
        "PT1s",
        "PT1M",
        "PT1M1S",
        "PT1H",
        "PT-1S",
        "PT+1S",
        "PT1e3S",
        "PT1,5S",
        "PT 1S",
        "PT1234567890S",
        "PT1.2.3S",
        "PT１S",
    ] {
        assert_eq!(StreamTime::parse(text), None, "{text:?}");
        assert!(parse(&changed(envelope("ping", &json!({})), "/position", Some(json!(text)))).is_err());
    }
    assert!(parse(&changed(envelope("ping", &json!({})), "/position", None)).is_err());
    assert!(parse(&changed(envelope("ping", &json!({})), "/position", Some(json!(1)))).is_err());
    assert_eq!(StreamTime::of_samples(10_001).text(), "PT1.250125S");
}

#[test]
fn case_018_case_019_case_020_case_021_each_member_of_the_envelope_is_looked_at() {
    assert!(parse(&envelope("ping", &json!({}))).is_ok());
    for (path, wrong) in [
        ("/version", vec![None, Some(json!("1")), Some(json!(2)), Some(json!(null))]),
        ("/id", vec![None, Some(json!(ORGANIZATION)), Some(json!(7))]),
        ("/seq", vec![None, Some(json!("1")), Some(json!(1.5)), Some(json!(-1)), Some(json!(1u64 << 53))]),
        ("/serverseq", vec![None, Some(json!("0")), Some(json!(-1))]),
        ("/type", vec![None, Some(json!(5))]),
        ("/parameters", vec![None, Some(json!([])), Some(json!(null))]),
    ] {
        for to in wrong {
            let message = changed(envelope("ping", &json!({})), path, to);
            assert!(parse(&message).is_err(), "{message}");
        }
    }
    let upper = changed(envelope("ping", &json!({})), "/id", Some(json!(ID.to_uppercase())));
    assert!(parse(&upper).is_ok());
}

#[test]
fn case_023_what_is_no_json_object_is_no_message() {
    for text in ["", "this is not JSON", "[]", "5", "null", "\"ping\"", "{", "\u{0}"] {
        assert!(Message::parse(text, ID).is_err(), "{text:?}");
        assert!(Message::glance(text).is_none(), "{text:?}");
    }
    let bomb = format!("{{\"parameters\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(Message::parse(&bomb, ID).is_err());
}

#[test]
fn case_026_members_that_are_not_known_are_ignored() {
    let message =
        changed(envelope("ping", &json!({"rtt": "PT0.1S", "more": [1]})), "/somethingNew", Some(json!({})));
    assert!(matches!(parse(&message).unwrap().body, Body::Ping));
}

#[test]
fn case_024_case_025_types_that_are_not_known_are_read_as_nothing() {
    for kind in ["somethingNew", "dtmf", "playback_started", "playback_completed", "opened", ""] {
        assert!(matches!(parse(&envelope(kind, &json!({}))).unwrap().body, Body::Other), "{kind}");
    }
}

fn open(parameters: &Value) -> Result<Open, Broken> {
    match parse(&envelope("open", parameters))?.body {
        Body::Open(open) => Ok(*open),
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_038_an_open_is_whole_or_broken() {
    assert!(open(&open_parameters()).is_ok());
    for (path, wrong) in [
        ("/organizationId", vec![None, Some(json!("x")), Some(json!(7))]),
        ("/conversationId", vec![None, Some(json!("")), Some(json!("30b0e395-84d3-4570-ac13-9a62d8f514cg"))]),
        ("/participant", vec![None, Some(json!([])), Some(json!({}))]),
        ("/participant/id", vec![None, Some(json!("x"))]),
        ("/participant/ani", vec![None, Some(json!(491_701_234_567_u64))]),
        ("/participant/aniName", vec![None]),
        ("/participant/dnis", vec![None]),
        ("/media", vec![None, Some(json!({})), Some(json!("audio"))]),
        (
            "/language",
            vec![Some(json!("english")), Some(json!(7)), Some(json!("en-1")), Some(json!("EN-us"))],
        ),
        ("/inputVariables", vec![Some(json!([])), Some(json!({"call_id": "x".repeat(257)}))]),
    ] {
        for to in wrong {
            let parameters = changed(open_parameters(), path, to);
            assert!(open(&parameters).is_err(), "{parameters}");
        }
    }
}

#[test]
fn case_041_case_042_what_an_open_may_say_besides_is_taken() {
    let mut parameters = open_parameters();
    parameters["language"] = json!("en-US");
    parameters["supportedLanguages"] = json!(true);
    parameters["customConfig"] = json!({"deep": [{"er": "x".repeat(50_000)}]});
    parameters["inputVariables"] = json!({"call_id": "from-the-flow", "other": "x"});
    parameters["continuedSessions"] =
        json!([{"id": ORGANIZATION, "serverseq": 3, "clientseq": 4}, {"id": 7}, null]);
    let open = open(&parameters).unwrap();
    assert_eq!((open.call_id.as_str(), open.takes_outputs), ("from-the-flow", true));
    assert_eq!(open.continued, [ORGANIZATION]);
    let empty = changed(open_parameters(), "/inputVariables", Some(json!({"call_id": ""})));
    assert_eq!(self::open(&empty).unwrap().call_id.as_str(), ID);
}

#[test]
fn case_046_a_probe_is_known_by_its_conversation() {
    assert!(!open(&open_parameters()).unwrap().is_probe());
    let probe = changed(open_parameters(), "/conversationId", Some(json!(ZERO)));
    assert!(open(&probe).unwrap().is_probe());
}

#[test]
fn case_066_a_close_has_one_of_four_reasons() {
    for (text, reason) in [
        ("end", CloseReason::End),
        ("error", CloseReason::Error),
        ("disconnect", CloseReason::Disconnect),
        ("reconnect", CloseReason::Reconnect),
    ] {
        let message = parse(&envelope("close", &json!({"reason": text}))).unwrap();
        assert!(matches!(message.body, Body::Close(read) if read == reason));
    }
    for parameters in [json!({}), json!({"reason": "bored"}), json!({"reason": 1})] {
        assert!(parse(&envelope("close", &parameters)).is_err());
    }
}

#[test]
fn case_053_case_056_what_is_incomplete_is_broken() {
    let whole = json!({"start": "PT1S", "discarded": "PT0.5S"});
    for kind in ["discarded", "resumed"] {
        assert!(parse(&envelope(kind, &whole)).is_ok());
        for name in ["/start", "/discarded"] {
            assert!(parse(&envelope(kind, &changed(whole.clone(), name, None))).is_err());
        }
    }
    assert!(parse(&envelope("update", &json!({"language": "de-DE"}))).is_ok());
    assert!(parse(&envelope("update", &json!({}))).is_err());
}

proptest! {
    #[test]
    fn times_are_read_back_as_they_were_written(samples in 0u64..1 << 50) {
        let time = StreamTime::of_samples(samples);
        if samples / RATE < 1_000_000_000 {
            prop_assert_eq!(StreamTime::parse(&time.text()), Some(time));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = (Message::parse(&text, ID), Message::glance(&text));
    }
}
