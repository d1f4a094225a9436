//! The table of the AudioHook machine, its deadlines, and what holds for any sequence of inputs.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const ID: &str = "30b0e395-84d3-4570-ac13-9a62d8f514c0";
const ORGANIZATION: &str = "d7934305-0972-4844-938e-9060eef73d05";
const CONVERSATION: &str = "090eaa2f-72fa-480a-83e0-8667ff89c0ec";
const SECOND: Duration = Duration::from_secs(1);

/// A client that counts right, a clock, and everything the machine said.
struct Call {
    machine: Machine,
    now: Instant,
    seq: u64,
    sent: Vec<Value>,
    audio: usize,
    opening: Option<Opening>,
    closing: Option<CloseReason>,
    failed: Option<&'static str>,
    end: Option<CloseCode>,
}

fn offers() -> Value {
    json!([{"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
        {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}])
}

fn open_parameters() -> Value {
    json!({"organizationId": ORGANIZATION, "conversationId": CONVERSATION, "media": offers(),
        "participant": {"id": CONVERSATION, "ani": "+1", "aniName": "x", "dnis": "+2"}})
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let machine = Machine::new(ID, ORGANIZATION, ByteOrder::Little, now);
        Self {
            machine,
            now,
            seq: 0,
            sent: vec![],
            audio: 0,
            opening: None,
            closing: None,
            failed: None,
            end: None,
        }
    }

    /// Opened, and a session listens.
    fn live() -> Self {
        let mut call = Self::new();
        call.say("open", open_parameters());
        call.command(Command::Answer(true));
        assert_eq!(call.types(), ["opened"]);
        call
    }

    fn envelope(&mut self, kind: &str, parameters: Value) -> Value {
        self.seq += 1;
        json!({"version": "2", "id": ID, "type": kind, "seq": self.seq, "serverseq": self.sent.len(),
            "position": "PT0S", "parameters": parameters})
    }

    fn say(&mut self, kind: &str, parameters: Value) -> &mut Self {
        let message = self.envelope(kind, parameters);
        self.text(&message.to_string())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.machine.handle_text(self.now, text);
        self.drain()
    }

    fn binary(&mut self, bytes: &[u8]) -> &mut Self {
        self.machine.handle_binary(self.now, bytes);
        self.drain()
    }

    fn command(&mut self, command: Command) -> &mut Self {
        self.machine.handle_command(self.now, command);
        self.drain()
    }

    /// Lets time pass as a driver does: every deadline on the way is met.
    fn wait(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.machine.handle_timeout(self.now);
            self.drain();
            turns += 1;
            assert!(turns < 10_000, "a deadline that does not pass");
        }
        self.now = end;
        self
    }

    fn drain(&mut self) -> &mut Self {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
                Output::Audio(bytes) => self.audio += bytes.len(),
                Output::Opening(opening) => assert!(self.opening.replace(*opening).is_none()),
                Output::Closing(reason) => assert!(self.closing.replace(reason).is_none()),
                Output::Failed(rule) => assert!(self.failed.replace(rule).is_none()),
                Output::Close(code, _) => assert!(self.end.replace(code).is_none()),
            }
        }
        self
    }

    fn types(&self) -> Vec<&str> {
        self.sent.iter().map(|message| message["type"].as_str().unwrap()).collect()
    }

    fn last(&self) -> &Value {
        self.sent.last().unwrap()
    }

    fn has_failed(&self) -> bool {
        self.last()["type"] == "disconnect" && self.last()["parameters"]["reason"] == "error"
    }
}

#[test]
fn case_017_a_call_from_open_to_closed_with_every_number_right() {
    let mut call = Call::live();
    assert_eq!(call.opening.as_ref().unwrap().call_id.as_str(), CONVERSATION);
    call.say("ping", json!({})).binary(&[0xff; 1600]).wait(SECOND).say("ping", json!({"rtt": "PT0.01S"}));
    call.say("close", json!({"reason": "end"}));
    assert_eq!(call.closing, Some(CloseReason::End));
    call.command(Command::Closed { outputs: None });
    assert_eq!(call.types(), ["opened", "pong", "pong", "closed"]);
    for (index, message) in call.sent.iter().enumerate() {
        assert_eq!(
            (&message["seq"], &message["id"], &message["version"]),
            (&json!(index + 1), &json!(ID), &json!("2"))
        );
        assert_eq!(message["clientseq"], json!(index + 1), "each answers the one that was just processed");
        assert!(message["parameters"].is_object() && message.get("position").is_none());
    }
    assert_eq!(call.audio, 1600);
    let opened = &call.sent[0]["parameters"];
    assert_eq!(opened, &json!({"media": [offers()[1]], "startPaused": false}));
}

#[test]
fn case_018_case_019_numbers_that_are_not_right_end_the_session_once() {
    for (name, value) in [
        ("seq", json!(1)),
        ("seq", json!(3)),
        ("seq", json!(0)),
        ("seq", json!("2")),
        ("serverseq", json!(2)),
    ] {
        let mut call = Call::live();
        let mut ping = call.envelope("ping", json!({}));
        ping[name] = value.clone();
        call.text(&ping.to_string());
        assert!(call.has_failed(), "{name} {value}: {:?}", call.sent);
        call.text("again").binary(&[0; 3]);
        assert_eq!(call.types(), ["opened", "disconnect"]);
        assert!(call.failed.is_some());
    }
    let mut call = Call::new();
    call.seq = 1;
    assert!(call.say("open", open_parameters()).has_failed(), "the first message has number 1");
    let mut call = Call::live();
    let mut late = call.envelope("ping", json!({}));
    late["serverseq"] = json!(0);
    assert_eq!(call.text(&late.to_string()).last()["type"], "pong", "the client may be behind");
}

#[test]
fn case_023_after_a_broken_rule_close_and_ping_are_still_answered() {
    let mut call = Call::live();
    call.text("this is not JSON");
    assert!(call.has_failed());
    call.seq += 1;
    call.say("ping", json!({})).say("close", json!({"reason": "disconnect"}));
    assert_eq!(call.types(), ["opened", "disconnect", "pong", "closed"]);
    assert_eq!(call.last()["clientseq"], json!(call.seq));
}

#[test]
fn case_013_case_015_an_organization_other_than_the_headers_is_unauthorized() {
    let mut call = Call::new();
    let mut parameters = open_parameters();
    parameters["organizationId"] = json!(CONVERSATION);
    call.say("open", parameters);
    assert_eq!(call.last()["parameters"], json!({"reason": "unauthorized"}));
    assert!(call.opening.is_none());
    call.say("open", open_parameters()).say("close", json!({"reason": "disconnect"}));
    assert_eq!(call.types(), ["disconnect", "closed"]);
}

#[test]
fn case_024_case_025_case_040_case_057_what_is_ignored_is_not_answered() {
    let mut call = Call::live();
    call.say("somethingNew", json!({})).say("dtmf", json!({"digit": "1"})).say("playback_started", json!({}));
    call.say("open", open_parameters())
        .say("error", json!({"code": 500, "message": "x"}))
        .say("error", json!({}));
    call.wait(5 * SECOND);
    assert_eq!(call.types(), ["opened"]);
    assert_eq!((call.machine.oddities().unknown, call.machine.oddities().complaints), (3, 2));
}

#[test]
fn case_034_case_037_case_046_case_060_without_media_a_session_stays_without_audio() {
    let mut internal = open_parameters();
    internal["media"] = json!([{"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000}]);
    let mut empty = open_parameters();
    empty["media"] = json!([]);
    let mut probe = open_parameters();
    probe["conversationId"] = json!("00000000-0000-0000-0000-000000000000");
    for parameters in [internal, empty, probe] {
        let mut call = Call::new();
        call.say("open", parameters).binary(&[]).binary(&[0xff; 160]).say("ping", json!({}));
        assert!(call.opening.is_none(), "no session is looked for");
        assert_eq!(call.sent[0]["parameters"], json!({"media": [], "startPaused": false}));
        call.say("close", json!({"reason": "end"})).command(Command::Closed { outputs: None });
        assert_eq!(call.types(), ["opened", "pong", "closed"]);
        assert_eq!(call.audio, 0);
    }
}

#[test]
fn case_043_audio_before_open_breaks_a_rule_and_a_ping_is_answered() {
    let mut call = Call::new();
    call.binary(&[]).say("ping", json!({}));
    assert_eq!(call.types(), ["pong"]);
    assert!(call.binary(&[0xff; 160]).has_failed());
}

#[test]
fn case_044_case_116_without_open_the_connection_is_ended_in_time() {
    let mut call = Call::new();
    call.wait(OPEN_TIMEOUT - SECOND);
    assert_eq!(call.end, None);
    call.wait(SECOND);
    assert_eq!((call.end, call.sent.len(), call.machine.deadline()), (Some(CloseCode::Policy), 0, None));
}

#[test]
fn case_045_a_slow_server_answers_open_in_time_all_the_same() {
    let mut call = Call::new();
    call.say("open", open_parameters()).wait(ANSWER_TIMEOUT);
    assert_eq!(call.sent[0]["parameters"]["startPaused"], json!(true));
    call.command(Command::Answer(true));
    assert_eq!(call.types(), ["opened", "resume"], "what was found later resumes");
}

#[test]
fn case_048_case_049_no_bytes_are_no_audio_and_half_a_frame_breaks_a_rule() {
    let mut call = Call::new();
    let mut stereo = open_parameters();
    stereo["media"].as_array_mut().unwrap().truncate(1);
    call.say("open", stereo).command(Command::Answer(true));
    call.binary(&[]).binary(&[0xff; 1600]);
    assert_eq!((call.audio, call.machine.position()), (1600, StreamTime::of_samples(800)));
    assert!(call.binary(&[0xff; 1601]).has_failed());
}

#[test]
fn case_052_a_client_may_pause_and_resume_as_it_likes() {
    let mut call = Call::live();
    let resumed = || json!({"start": "PT0.1S", "discarded": "PT1.4S"});
    call.binary(&[0xff; 800]).say("paused", json!({})).say("paused", json!({}));
    assert!(call.machine.is_waiting_for_audio());
    call.binary(&[0xff; 800]);
    assert_eq!(
        (call.audio, call.machine.oddities().untimely_audio),
        (800, 1),
        "none is expected, none is used"
    );
    call.say("resumed", resumed())
        .binary(&[0xff; 800])
        .say("resumed", json!({"start": "PT1.6S", "discarded": "PT0S"}));
    assert!(!call.machine.is_waiting_for_audio());
    assert_eq!((call.audio, call.machine.lost()), (1600, StreamTime::of_samples(11_200)));
    assert_eq!(call.types(), ["opened"]);
}

#[test]
fn case_055_what_can_wait_waits_for_the_first_ping() {
    let mut call = Call::live();
    call.say("update", json!({"language": "de-DE"})).command(Command::Listen(false));
    call.command(Command::Event(json!({"type": "x", "data": 1})));
    assert_eq!(call.types(), ["opened"]);
    call.wait(SECOND).say("ping", json!({}));
    assert_eq!(call.types(), ["opened", "pong", "pause", "updated", "event"]);
    let mut silent = Call::live();
    silent.command(Command::Listen(false)).wait(QUIET);
    assert_eq!(silent.types(), ["opened", "pause"], "a client that does not ping is not waited for");
}

#[test]
fn case_056_an_update_is_answered_and_a_bad_one_breaks_a_rule() {
    let mut call = Call::live();
    call.say("ping", json!({})).say("update", json!({"language": "de-DE"}));
    assert_eq!(call.last()["type"], "updated");
    assert!(call.say("update", json!({"language": 7})).has_failed());
}

#[test]
fn case_057_a_client_that_was_sent_too_much_is_left_alone_but_not_unanswered() {
    let mut call = Call::live();
    call.say("ping", json!({})).say("error", json!({"code": 429, "message": "slow", "retryAfter": "PT3S"}));
    call.command(Command::Event(json!(1))).say("ping", json!({})).wait(2 * SECOND);
    assert_eq!(call.types(), ["opened", "pong", "pong"]);
    call.wait(SECOND + SECOND);
    assert_eq!(call.last()["type"], "event");
    call.say("close", json!({"reason": "error"})).command(Command::Closed { outputs: None });
    assert_eq!(call.last()["type"], "closed");
}

#[test]
fn case_058_a_parked_call_is_resumed_and_paused_again_and_its_client_answers() {
    let mut call = Call::new();
    call.say("open", open_parameters()).command(Command::Answer(false));
    assert_eq!(call.sent[0]["parameters"]["startPaused"], json!(true));
    call.say("paused", json!({})).say("ping", json!({})).wait(60 * SECOND - QUIET);
    assert_eq!(call.types(), ["opened", "pong"], "a parked call is left alone");
    call.command(Command::Answer(true));
    call.say("resumed", json!({"start": "PT0S", "discarded": "PT60S"})).binary(&[0xff; 1600]);
    call.command(Command::Listen(false)).binary(&[0xff; 1600]).say("paused", json!({}));
    assert_eq!((call.types(), call.audio), (vec!["opened", "pong", "resume", "pause"], 1600));
    call.command(Command::Listen(true)).command(Command::Listen(true));
    assert_eq!(call.last()["type"], "resume");
}

#[test]
fn case_059_an_event_has_an_entity_and_comes_after_opened() {
    let mut call = Call::new();
    call.command(Command::Event(json!({"early": true}))).say("open", open_parameters());
    call.command(Command::Event(json!({"early": true}))).command(Command::Answer(true));
    call.say("ping", json!({})).command(Command::Event(json!({"type": "x", "data": 1})));
    assert_eq!(call.types(), ["opened", "pong", "event"]);
    assert_eq!(call.last()["parameters"]["entities"], json!([{"type": "x", "data": 1}]));
}

#[test]
fn case_062_the_servers_own_end_is_one_disconnect_then_closed_as_the_answer() {
    let mut call = Call::live();
    call.say("ping", json!({}));
    for _ in 0..3 {
        call.command(Command::Disconnect { info: "result", outputs: Some(json!({"outcome": "success"})) });
    }
    assert_eq!(call.last()["parameters"], json!({"reason": "completed", "info": "result"}));
    call.binary(&[0xff; 1600])
        .say("close", json!({"reason": "disconnect"}))
        .say("close", json!({"reason": "end"}));
    assert_eq!(call.types(), ["opened", "pong", "disconnect", "closed"]);
    assert_eq!((call.audio, call.end), (0, None), "the socket is left to the client");
    call.wait(CLOSE_TIMEOUT);
    assert_eq!(call.end, Some(CloseCode::Normal));
}

#[test]
fn outputs_are_for_clients_that_sent_inputs() {
    let outputs = || Some(json!({"outcome": "success"}));
    let mut flow = Call::new();
    let mut parameters = open_parameters();
    parameters["inputVariables"] = json!({});
    flow.say("open", parameters).command(Command::Answer(true)).say("ping", json!({}));
    flow.command(Command::Disconnect { info: "result", outputs: outputs() });
    assert_eq!(flow.last()["parameters"]["outputVariables"], json!({"outcome": "success"}));
    let mut plain = Call::live();
    plain.say("close", json!({"reason": "end"})).command(Command::Closed { outputs: outputs() });
    assert_eq!(plain.last()["parameters"], json!({}));
}

#[test]
fn case_063_case_064_case_065_closed_comes_in_time_after_what_waits_and_is_the_last() {
    let mut call = Call::live();
    call.command(Command::Event(json!(1))).say("close", json!({"reason": "end"}));
    assert_eq!(call.types(), ["opened"]);
    call.wait(FLUSH_TIMEOUT);
    assert_eq!(call.types(), ["opened", "event", "closed"]);
    call.say("ping", json!({})).say("close", json!({"reason": "end"})).binary(&[0; 3]).text("junk");
    call.command(Command::Event(json!(1))).command(Command::Closed { outputs: None });
    call.command(Command::Disconnect { info: "late", outputs: None }).wait(CLOSE_TIMEOUT);
    assert_eq!(call.types().len(), 3);
    assert_eq!(call.end, Some(CloseCode::Normal));
}

#[test]
fn case_068_whatever_comes_between_close_and_closed_is_harmless() {
    let mut call = Call::live();
    call.say("close", json!({"reason": "end"})).binary(&[0xff; 1600]).text("junk").say("ping", json!({}));
    call.say("close", json!({"reason": "end"})).command(Command::Closed { outputs: None });
    assert_eq!(call.types(), ["opened", "pong", "closed"]);
    assert_eq!((call.audio, call.failed), (0, None));
}

#[test]
fn case_066_a_close_without_a_known_reason_breaks_a_rule_and_is_answered_when_it_comes_right() {
    let mut call = Call::live();
    assert!(call.say("close", json!({"reason": "bored"})).has_failed());
    assert_eq!(call.say("close", json!({"reason": "disconnect"})).last()["type"], "closed");
}

#[test]
fn case_067_close_before_open_is_answered() {
    let mut call = Call::new();
    assert_eq!(call.say("close", json!({"reason": "end"})).types(), ["closed"]);
    let mut opening = Call::new();
    opening.say("open", open_parameters()).say("close", json!({"reason": "end"}));
    opening.command(Command::Answer(true)).command(Command::Closed { outputs: None });
    assert_eq!(opening.types(), ["opened", "closed"]);
}

#[test]
fn case_070_a_client_that_never_closes_after_disconnect_is_cut_off() {
    let mut call = Call::live();
    call.text("junk").wait(CLOSE_TIMEOUT - SECOND);
    assert_eq!(call.end, None);
    call.say("ping", json!({})).wait(SECOND);
    assert_eq!(call.end, Some(CloseCode::Policy), "pings do not put it off");
}

#[test]
fn case_071_a_server_that_stops_disconnects_and_goes_away() {
    for opened in [false, true] {
        let mut call = if opened { Call::live() } else { Call::new() };
        call.command(Command::Stop);
        assert_eq!(call.last()["parameters"]["info"], "the server is stopping");
        call.wait(STOP_TIMEOUT);
        assert_eq!(call.end, Some(CloseCode::GoingAway));
    }
    let mut call = Call::live();
    call.command(Command::Stop).say("close", json!({"reason": "disconnect"})).wait(STOP_TIMEOUT);
    assert_eq!((call.last()["type"].as_str(), call.end), (Some("closed"), Some(CloseCode::GoingAway)));
}

#[test]
fn case_072_a_continued_session_discards_what_was_heard_before() {
    let mut call = Call::new();
    let mut parameters = open_parameters();
    parameters["continuedSessions"] = json!([{"id": CONVERSATION, "serverseq": 1, "clientseq": 1}]);
    let mut open = call.envelope("open", parameters);
    open["position"] = json!("PT10S");
    call.text(&open.to_string());
    assert_eq!(call.opening.as_ref().unwrap().continued, [CONVERSATION]);
    let known = StreamTime::of_samples(12 * 8000);
    call.command(Command::Known(known)).command(Command::Answer(true));
    assert_eq!(call.sent[0]["parameters"]["discardTo"], "PT12.000000S");
    // A client that does not discard: the second that is known is left out here.
    call.binary(&vec![0xff; 3 * 8000]);
    assert_eq!(call.audio, 8000);
    call.command(Command::HandedOver).binary(&[0xff; 800]).wait(30 * SECOND);
    assert_eq!((call.audio, call.types().len()), (8000, 1), "after a handover nothing is heard or said");
    call.say("close", json!({"reason": "reconnect"})).command(Command::Closed { outputs: None });
    assert_eq!(call.last()["type"], "closed");
}

#[test]
fn a_client_that_vanished_without_a_word_is_given_up() {
    let mut call = Call::live();
    for _ in 0..10 {
        call.wait(5 * SECOND).say("ping", json!({}));
    }
    call.wait(SILENCE_TIMEOUT - SECOND).binary(&[0xff; 160]).wait(SILENCE_TIMEOUT - SECOND);
    assert_eq!(call.end, None);
    call.wait(SECOND);
    assert_eq!(call.end, Some(CloseCode::Policy));
}

#[test]
fn what_is_sent_is_paced() {
    let mut call = Call::live();
    call.say("ping", json!({}));
    for _ in 0..1000 {
        call.command(Command::Event(json!(1)));
    }
    let at_once = call.sent.len();
    assert!(at_once <= 11, "{at_once}");
    call.wait(60 * SECOND - QUIET);
    assert!(call.sent.len() <= at_once + MAX_WAITING);
    assert!(call.machine.oddities().left_out > 900);
}

#[derive(Clone, Debug)]
enum Step {
    Say(&'static str, Value),
    Junk(String),
    WrongSeq(u64),
    Audio(usize),
    Command(Command),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lost = || json!({"start": "PT1S", "discarded": "PT0.5S"});
    let said = prop::sample::select(vec![
        ("open", open_parameters()),
        ("open", json!({})),
        ("ping", json!({})),
        ("close", json!({"reason": "end"})),
        ("close", json!({"reason": "reconnect"})),
        ("close", json!({})),
        ("paused", json!({})),
        ("resumed", lost()),
        ("discarded", lost()),
        ("update", json!({"language": "de-DE"})),
        ("error", json!({"code": 429, "retryAfter": "PT2S"})),
        ("dtmf", json!({"digit": "1"})),
    ]);
    let outputs = || Some(json!({"outcome": "success"}));
    let commands = prop::sample::select(vec![
        Command::Answer(true),
        Command::Known(StreamTime::of_samples(800)),
        Command::Listen(true),
        Command::Listen(false),
        Command::Event(json!({"type": "x"})),
        Command::Disconnect { info: "result", outputs: outputs() },
        Command::Refuse("no room"),
        Command::Closed { outputs: outputs() },
        Command::HandedOver,
        Command::Stop,
    ]);
    let step = prop_oneof![
        8 => said.prop_map(|(kind, parameters)| Step::Say(kind, parameters)),
        1 => ".{0,30}".prop_map(Step::Junk),
        1 => (0u64..9).prop_map(Step::WrongSeq),
        3 => (0usize..500).prop_map(Step::Audio),
        4 => commands.prop_map(Step::Command),
        3 => (0u64..15_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

/// What a client may rely on, whatever it or the driver did.
fn check(call: &Call) {
    let types = call.types();
    for (index, message) in call.sent.iter().enumerate() {
        assert_eq!(message["seq"], json!(index + 1), "gaps: {types:?}");
        assert_eq!(message["id"], json!(ID));
        let empty = Map::new();
        let entities = message["parameters"].as_object().unwrap_or(&empty).get("entities");
        assert!(entities.is_none_or(|entities| !entities.as_array().unwrap().is_empty()));
    }
    let count = |kind: &str| types.iter().filter(|&&one| one == kind).count();
    assert!(count("opened") <= 1 && count("disconnect") <= 1 && count("closed") <= 1, "{types:?}");
    if let Some(at) = types.iter().position(|&kind| kind == "closed") {
        assert_eq!(at + 1, types.len(), "after closed: {types:?}");
    }
    let opened = types.iter().position(|&kind| kind == "opened");
    for (index, &kind) in types.iter().enumerate() {
        if matches!(kind, "event" | "pause" | "resume" | "updated") {
            assert!(opened.is_some_and(|opened| opened < index), "{kind} before opened: {types:?}");
        }
    }
    if let Some(at) = types.iter().position(|&kind| kind == "disconnect") {
        assert!(types[at + 1..].iter().all(|kind| matches!(*kind, "pong" | "closed")), "{types:?}");
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_protocol_is_kept_and_every_call_ends(steps in steps()) {
        let mut call = Call::new();
        for step in steps {
            match step {
                Step::Say(kind, parameters) => call.say(kind, parameters),
                Step::Junk(text) => call.text(&text),
                Step::WrongSeq(seq) => {
                    let mut message = call.envelope("ping", json!({}));
                    message["seq"] = json!(seq);
                    call.text(&message.to_string())
                }
                Step::Audio(bytes) => call.binary(&vec![0xff; bytes]),
                Step::Command(command) => call.command(command),
                Step::Wait(ms) => call.wait(Duration::from_millis(ms)),
            };
            check(&call);
        }
        // Left alone, it comes to its end by itself.
        call.wait(SILENCE_TIMEOUT + FLUSH_TIMEOUT + 2 * CLOSE_TIMEOUT);
        check(&call);
        prop_assert!(call.end.is_some());
        prop_assert_eq!(call.machine.deadline(), None);
    }
}
