use super::*;
use proptest::prelude::*;

const NS: &str = "/socket.io/register";

fn decoded(text: &str) -> Result<(&str, Body<'_>), PacketError> {
    Packet::decode(text).map(|packet| (packet.namespace, packet.body))
}

#[test]
fn every_type_is_read_with_and_without_a_namespace() {
    let cases = [
        ("0", (MAIN, Body::Connect(""))),
        (r#"0{"token":"123"}"#, (MAIN, Body::Connect(r#"{"token":"123"}"#))),
        ("0/admin", ("/admin", Body::Connect(""))),
        ("0/admin,{}", ("/admin", Body::Connect("{}"))),
        ("0/a?b=c,", ("/a?b=c", Body::Connect(""))),
        ("1", (MAIN, Body::Disconnect)),
        ("1/admin,", ("/admin", Body::Disconnect)),
        (r#"2["a"]"#, (MAIN, Body::Event(r#"["a"]"#, 0))),
        (r#"2/é,12["a"]"#, ("/é", Body::Event(r#"["a"]"#, 0))),
        ("3/admin,12[]", ("/admin", Body::Ack("[]", 0))),
        (r#"4{"message":"no"}"#, (MAIN, Body::ConnectError(r#"{"message":"no"}"#))),
        (
            r#"51-["a",{"_placeholder":true,"num":0}]"#,
            (MAIN, Body::Event(r#"["a",{"_placeholder":true,"num":0}]"#, 1)),
        ),
        ("62-/admin,7[]", ("/admin", Body::Ack("[]", 2))),
    ];
    for (text, expected) in cases {
        assert_eq!(decoded(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    let cases = [
        ("", PacketError::Type),
        ("7", PacketError::Type),
        ("é", PacketError::Type),
        ("abc", PacketError::Type),
        ("3[]", PacketError::Content),
        ("5[]", PacketError::Content),
        ("5-[]", PacketError::Content),
        ("5+1-[]", PacketError::Content),
        ("5x-[]", PacketError::Content),
        ("517-[]", PacketError::Attachments(17)),
        ("599999999999999999999999-[]", PacketError::Content),
    ];
    for (text, error) in cases {
        assert_eq!(decoded(text), Err(error), "{text}");
    }
}

fn read(json: &str) -> Result<(String, Vec<&str>), PacketError> {
    let (name, arguments) = event(json)?;
    Ok((name, arguments.collect::<Result<_, _>>()?))
}

#[test]
fn an_event_has_a_name_and_arguments_as_they_are_written() {
    let cases = [
        (r#"["a"]"#, ("a", vec![])),
        (r#" [ "a" , {"b": [1, "]"]} ,null,-1.5e3 ] "#, ("a", vec![r#"{"b": [1, "]"]}"#, "null", "-1.5e3"])),
        (r#"["\u0061é",true,""]"#, ("aé", vec!["true", "\"\""])),
    ];
    for (json, (name, arguments)) in cases {
        let (read, given) = read(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(
            (read.as_str(), given.iter().map(|text| text.trim()).collect::<Vec<_>>()),
            (name, arguments),
            "{json}"
        );
    }
}

#[test]
fn an_array_that_is_not_whole_or_does_not_begin_with_a_name_is_no_event() {
    let cases = [
        "",
        "{}",
        "[]",
        "[",
        "[1,2]",
        r#"["a""#,
        r#"["a","#,
        r#"["a",]"#,
        r#"["a"]]"#,
        r#"["a" 1]"#,
        r#"["a"]x"#,
        r#"["a",{]"#,
        "[\"a\",\"\n\"]",
        r#"abc["a"]"#,
        "[,]",
        r#"[,"a"]"#,
    ];
    for json in cases {
        assert_eq!(read(json), Err(PacketError::Content), "{json}");
    }
}

#[test]
fn an_argument_may_nest_deeper_than_any_stack() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(r#"["a",{deep},1]"#);
    let (name, arguments) = read(&json).expect("it is sound JSON");
    assert_eq!((name.as_str(), arguments), ("a", vec![deep.as_str(), "1"]));
    assert!(
        serde_json::from_str::<Value>(&deep).is_err(),
        "whoever wants its value is told that it is too deep"
    );
}

#[test]
fn packets_are_written_as_the_protocol_wants_them() {
    assert_eq!(write_connect(MAIN, r#"{"sid":"x"}"#), r#"0{"sid":"x"}"#);
    assert_eq!(write_connect(NS, ""), "0/socket.io/register,");
    assert_eq!(write_disconnect(MAIN), "1");
    assert_eq!(write_disconnect(NS), "1/socket.io/register,");
    assert_eq!(
        write_connect_error("/nowhere", "Invalid namespace"),
        r#"4/nowhere,{"message":"Invalid namespace"}"#
    );
    let plain = write_event(NS, "e", vec![Argument::Json(json!({"a": 1})), Argument::Json(Value::Null)]);
    assert_eq!(plain, (r#"2/socket.io/register,["e",{"a":1},null]"#.to_owned(), vec![]));
    let (wav, more) = (Bytes::from_static(b"RIFF"), Bytes::from_static(b"x"));
    let binary = write_event(
        NS,
        "e",
        vec![Argument::Binary(wav.clone()), Argument::Json(json!(1)), Argument::Binary(more.clone())],
    );
    let text =
        r#"52-/socket.io/register,["e",{"_placeholder":true,"num":0},1,{"_placeholder":true,"num":1}]"#;
    assert_eq!(binary, (text.to_owned(), vec![wav, more]));
}

/// JSON of any shape, some levels deep.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((".{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_event_that_is_written_is_read_back(
        namespace in prop_oneof![Just(MAIN.to_owned()), "/[a-zé.]{1,6}"],
        name in ".{0,8}",
        arguments in prop::collection::vec(values(), 0..5),
    ) {
        let (text, attachments) = write_event(&namespace, &name, arguments.iter().cloned().map(Argument::Json).collect());
        prop_assert!(attachments.is_empty());
        let packet = Packet::decode(&text).expect("a packet");
        prop_assert_eq!(packet.namespace, namespace);
        let Body::Event(json, 0) = packet.body else { panic!("{text}") };
        let (read, given) = read(json).expect("an event");
        prop_assert_eq!(read, name);
        let given: Vec<Value> = given.iter().map(|text| serde_json::from_str(text).expect("a value")).collect();
        prop_assert_eq!(given, arguments);
    }

    #[test]
    fn arguments_are_read_exactly_where_the_whole_is_an_array_of_json(json in r#"[\[\]{},:"a0 é]{0,24}"#) {
        let whole: Option<Vec<Value>> = serde_json::from_str(&json).ok();
        let expected = whole.filter(|elements| elements.first().is_some_and(Value::is_string));
        let found = read(&json).ok().map(|(name, arguments)| {
            let rest = arguments.iter().map(|text| serde_json::from_str(text).expect("sound"));
            std::iter::once(Value::from(name)).chain(rest).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "[0-6]{0,3}[-,/0-9a-zé\\[\\]{}\":]{0,40}") {
        if let Ok(Packet { body: Body::Event(json, _), .. }) = Packet::decode(&text) {
            let _ = read(json);
        }
    }
}
