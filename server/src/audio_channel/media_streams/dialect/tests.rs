//! What all dialects have in common.

use super::*;

/// The dialect that a text begins, and what it says; on a connection about which nothing else is known.
pub(super) fn opened(text: &str) -> (&'static str, Start) {
    let json = serde_json::from_str(text).ok();
    let opening = Opening { text: Some(text), json: json.as_ref(), subprotocol: None, call_id_known: false };
    let (dialect, start) = recognise(&opening).expect("a message that begins a stream");
    (dialect.name, start)
}

#[test]
fn every_dialect_is_recognised_by_its_own_beginning_and_no_other() {
    for dialect in TABLE {
        let (name, start) = opened(dialect.example);
        assert_eq!(name, dialect.name);
        assert_eq!(start.named.or(start.own).as_deref(), Some("CALL"), "{name}");
    }
}

#[test]
fn an_address_that_names_the_call_hides_no_dialect() {
    for dialect in TABLE {
        let json = serde_json::from_str(dialect.example).ok();
        let opening = Opening {
            text: Some(dialect.example),
            json: json.as_ref(),
            subprotocol: dialect.subprotocol,
            call_id_known: true,
        };
        assert_eq!(recognise(&opening).unwrap().0.name, dialect.name);
    }
}

#[test]
fn names_and_subprotocols_are_unique() {
    let unique =
        |names: Vec<&str>| names.iter().collect::<std::collections::HashSet<_>>().len() == names.len();
    assert!(unique(TABLE.iter().map(|dialect| dialect.name).collect()));
    assert!(unique(subprotocols().collect()));
}

#[test]
fn what_comes_before_a_start_begins_nothing() {
    for text in [
        r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
        r#"{"event":"media","media":{"payload":"//8="}}"#,
        r#"{"media":{"payload":"//8="}}"#,
        "[1,2,3]",
        "\"start\"",
        "this is not JSON",
    ] {
        let json = serde_json::from_str(text).ok();
        let opening =
            Opening { text: Some(text), json: json.as_ref(), subprotocol: None, call_id_known: false };
        assert!(recognise(&opening).is_none(), "{text}");
    }
}
