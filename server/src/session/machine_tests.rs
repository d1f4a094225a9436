//! What a session must do, whatever happens in whatever order.

use std::time::{Duration, Instant};

use bytes::Bytes;
use peakstream::{AttackRate, Judgement, Llr, Score, Threshold};
use proptest::prelude::*;

use super::*;
use crate::replay::Recorded;
use crate::sensitive::Sensitive;
use crate::session::countermeasure::{Consequence, Countermeasure, Response};

const SECOND: Duration = Duration::from_secs(1);

fn timeouts() -> Timeouts {
    Timeouts {
        audio_start: 60 * SECOND,
        audio_idle: 20 * SECOND,
        max_stream: 180 * SECOND,
        max_age: 300 * SECOND,
        reattach_grace: Duration::ZERO,
        decision: 30 * SECOND,
    }
}

fn rules() -> Rules {
    Rules { wanted: 5.0, score: Threshold::new(0.5).unwrap(), accept_short: false, timeouts: timeouts() }
}

fn progress(net: f64) -> Progress {
    Progress { net_speech: net, audio_seconds: net, vad_percentage: (net * 20.0) as u32, received: net + 1.0 }
}

fn registered(follows: Consequence) -> Measurement {
    let judgement = Judgement::Evidence(Llr(0.0));
    Measurement {
        judgement,
        authenticity: judgement.authenticity(AttackRate::default()),
        response: Response::default().with(Countermeasure::Authenticity, follows),
        finding: Finding::Registered(Sensitive::new("credential".into())),
        calibration: "telephone-channel@1f3a90c2".into(),
        shortfalls: Vec::new(),
        outcome: None,
        centre: None,
        voice: None,
        recorded: Recorded::default(),
        wav: Some(Sensitive::new(Bytes::from_static(b"RIFF"))),
    }
}

fn verified(score: f32, follows: Consequence) -> Measurement {
    Measurement { finding: Finding::Verified(Score::new(score).unwrap()), ..registered(follows) }
}

/// What came out, events by name and commands by `!name`.
fn drain(machine: &mut Machine) -> Vec<String> {
    std::iter::from_fn(|| machine.poll_output())
        .map(|output| match output {
            Output::Emit(event) => event.name().to_owned(),
            Output::StopAudio => "!stop".into(),
            Output::StartInference => "!infer".into(),
            Output::Ended => "!ended".into(),
        })
        .collect()
}

fn error_content(machine: &mut Machine) -> String {
    std::iter::from_fn(|| machine.poll_output())
        .find_map(|output| match output {
            Output::Emit(event) if event.is_terminal() => event.body()["content"].as_str().map(str::to_owned),
            _ => None,
        })
        .unwrap()
}

/// A session that is streaming, with its first outputs taken.
fn streaming(rules: Rules) -> (Machine, Instant) {
    let now = Instant::now();
    let mut machine = Machine::new(rules, now);
    assert_eq!(drain(&mut machine), ["info-consumer-ready"]);
    machine.handle(now, Input::AudioAttached);
    assert!(drain(&mut machine).is_empty());
    (machine, now)
}

fn deciding(rules: Rules) -> (Machine, Instant) {
    let (mut machine, now) = complete(rules);
    machine.handle(now, Input::Enough(progress(5.13)));
    assert_eq!(drain(&mut machine), ["info-vad-status", "!stop"]);
    (machine, now)
}

/// Its speech is complete, the end of the block is still to come.
fn complete(rules: Rules) -> (Machine, Instant) {
    let (mut machine, now) = streaming(rules);
    machine.handle(now, Input::Complete(progress(5.13)));
    assert_eq!(drain(&mut machine), ["!infer"]);
    (machine, now)
}

#[test]
fn a_registration_goes_from_ready_to_success() {
    let (mut machine, now) = streaming(rules());
    machine.handle(now, Input::Progress(progress(0.0)));
    machine.handle(now, Input::Progress(progress(2.06)));
    machine.handle(now, Input::Complete(progress(5.13)));
    machine.handle(now, Input::Enough(progress(5.13)));
    assert_eq!(
        drain(&mut machine),
        ["info-vad-status", "info-vad-status", "!infer", "info-vad-status", "!stop"]
    );
    machine.handle(now, Input::Measured(registered(Consequence::Nothing)));
    assert_eq!(drain(&mut machine), ["result-success", "!ended"]);
    assert!(machine.is_over() && machine.deadline().is_none());
}

#[test]
fn what_is_known_before_the_block_ends_is_told_with_its_end() {
    let outcomes = [
        (Input::Measured(registered(Consequence::Nothing)), "result-success"),
        (Input::InferenceFailed(EngineFault::Busy), "error-das-Peak"),
    ];
    for (known, told) in outcomes {
        let (mut machine, now) = complete(rules());
        machine.handle(now, known);
        assert!(drain(&mut machine).is_empty() && machine.stage() == Stage::Streaming);
        machine.handle(now, Input::Enough(progress(5.13)));
        assert_eq!(drain(&mut machine), ["info-vad-status", "!stop", told, "!ended"]);
    }
}

#[test]
fn complete_speech_is_decided_though_the_block_does_not_end() {
    for measured in [true, false] {
        for end in [Some(Input::AudioEnded(progress(5.13))), None] {
            let (mut machine, now) = complete(rules());
            if measured {
                machine.handle(now, Input::Measured(registered(Consequence::Nothing)));
            }
            // It ends early, or nothing comes any more.
            match end {
                Some(end) => machine.handle(now, end),
                None => machine.handle_timeout(now + 20 * SECOND),
            }
            if !measured {
                machine.handle(now, Input::Measured(registered(Consequence::Nothing)));
            }
            assert_eq!(drain(&mut machine), ["info-vad-status", "!stop", "result-success", "!ended"]);
        }
    }
}

#[test]
fn a_session_that_fails_before_the_block_ends_does_not_tell_what_is_known() {
    let (mut machine, now) = complete(rules());
    machine.handle(now, Input::Measured(registered(Consequence::Nothing)));
    machine.handle(now, Input::Cancelled);
    assert_eq!(drain(&mut machine), ["error-audio", "!stop", "!ended"]);
}

#[test]
fn voice_audio_collected_is_the_last_audio_seconds() {
    let (mut machine, now) = deciding(rules());
    machine.handle(now, Input::Measured(registered(Consequence::Nothing)));
    let Some(Output::Emit(event)) = machine.poll_output() else { panic!("no event") };
    assert_eq!(event.body()["voice_audio_collected"], 5.13);
}

#[test]
fn a_spoof_wins_over_the_score_whose_threshold_equality_passes_and_a_question_changes_no_event() {
    for (score, follows, expected) in [
        (0.1, Consequence::Reject, "result-fail-spoof"),
        (0.9, Consequence::Reject, "result-fail-spoof"),
        (0.1, Consequence::Nothing, "result-fail-score"),
        (0.1, Consequence::StepUp, "result-fail-score"),
        (0.5, Consequence::Nothing, "result-success"),
        (0.9, Consequence::StepUp, "result-success"),
    ] {
        let (mut machine, now) = deciding(rules());
        machine.handle(now, Input::Measured(verified(score, follows)));
        assert_eq!(drain(&mut machine), [expected, "!ended"]);
    }
}

#[test]
fn a_registration_that_leaves_a_question_has_its_credential_and_says_who_asks() {
    let (mut machine, now) = deciding(rules());
    machine.handle(now, Input::Measured(registered(Consequence::StepUp)));
    let Some(Output::Emit(event)) = machine.poll_output() else { panic!("no event") };
    assert_eq!((event.name(), &event.body()["credential"]), ("result-success", &"credential".into()));
    assert_eq!(event.body()["step_up"], serde_json::json!(["authenticity"]));
}

#[test]
fn a_spoofed_registration_gets_no_credential() {
    let (mut machine, now) = deciding(rules());
    machine.handle(now, Input::Measured(registered(Consequence::Reject)));
    let Some(Output::Emit(event)) = machine.poll_output() else { panic!("no event") };
    assert_eq!(event.name(), "result-fail-spoof");
    assert!(!event.body().contains_key("credential"));
}

#[test]
fn no_audio_connection_in_time_is_an_audio_error() {
    let now = Instant::now();
    let mut machine = Machine::new(rules(), now);
    drain(&mut machine);
    assert_eq!(machine.deadline(), Some(now + 60 * SECOND));
    machine.handle_timeout(now + 59 * SECOND);
    assert!(drain(&mut machine).is_empty());
    machine.handle_timeout(now + 60 * SECOND);
    assert_eq!(drain(&mut machine), ["error-audio", "!ended"]);
}

#[test]
fn silence_on_the_wire_is_an_audio_error_but_silence_in_the_audio_is_not() {
    let (mut machine, now) = streaming(rules());
    machine.handle(now + 19 * SECOND, Input::AudioHeard);
    machine.handle_timeout(now + 38 * SECOND);
    assert!(drain(&mut machine).is_empty());
    assert_eq!(machine.deadline(), Some(now + 39 * SECOND));
    machine.handle_timeout(now + 39 * SECOND);
    assert_eq!(drain(&mut machine), ["error-audio", "!stop", "!ended"]);
}

#[test]
fn too_much_audio_without_enough_speech_is_an_audio_error() {
    let (mut machine, now) = streaming(rules());
    machine.handle(now, Input::Progress(Progress { received: 180.2, ..progress(1.0) }));
    assert_eq!(drain(&mut machine), ["info-vad-status", "error-audio", "!stop", "!ended"]);
}

#[test]
fn a_session_does_not_outlive_its_age() {
    let (mut machine, now) = streaming(rules());
    for second in (10..300).step_by(10) {
        machine.handle(now + second * SECOND, Input::AudioHeard);
        machine.handle_timeout(now + second * SECOND);
    }
    assert!(drain(&mut machine).is_empty());
    assert_eq!(machine.deadline(), Some(now + 300 * SECOND));
    machine.handle_timeout(now + 300 * SECOND);
    assert!(error_content(&mut machine).contains("300 s"));
}

#[test]
fn a_decision_that_takes_too_long_is_an_engine_error() {
    let (mut machine, now) = deciding(rules());
    assert_eq!(machine.deadline(), Some(now + 30 * SECOND));
    machine.handle_timeout(now + 30 * SECOND);
    assert_eq!(drain(&mut machine), ["error-das-Peak", "!ended"]);
    machine.handle(now + 31 * SECOND, Input::Measured(registered(Consequence::Nothing)));
    assert!(drain(&mut machine).is_empty());
}

#[test]
fn an_early_end_names_the_collected_and_the_needed_seconds() {
    let (mut machine, now) = streaming(rules());
    machine.handle(now, Input::AudioEnded(progress(1.2)));
    let content = error_content(&mut machine);
    assert!(content.contains("1.20 s") && content.contains("5.00 s"), "{content}");
}

#[test]
fn an_early_end_is_decided_if_short_speech_is_accepted_and_there_are_three_seconds() {
    let short = Rules { accept_short: true, ..rules() };
    let (mut machine, now) = streaming(short);
    machine.handle(now, Input::AudioEnded(progress(2.99)));
    assert_eq!(drain(&mut machine), ["error-audio", "!stop", "!ended"]);
    let (mut machine, now) = streaming(short);
    machine.handle(now, Input::AudioEnded(progress(3.0)));
    assert_eq!(drain(&mut machine), ["info-vad-status", "!stop", "!infer"]);
}

#[test]
fn within_the_grace_another_audio_connection_may_continue() {
    let patient = Rules { timeouts: Timeouts { reattach_grace: 5 * SECOND, ..timeouts() }, ..rules() };
    let (mut machine, now) = streaming(patient);
    assert!(!machine.accepts_audio());
    machine.handle(now, Input::AudioEnded(progress(1.2)));
    assert!(machine.accepts_audio() && drain(&mut machine).is_empty());
    machine.handle(now + 4 * SECOND, Input::AudioAttached);
    machine.handle(now + 4 * SECOND, Input::AudioEnded(progress(2.0)));
    machine.handle_timeout(now + 8 * SECOND);
    assert!(drain(&mut machine).is_empty());
    machine.handle_timeout(now + 9 * SECOND);
    assert_eq!(drain(&mut machine), ["error-audio", "!ended"]);
}

#[test]
fn a_client_that_goes_away_stops_the_audio_and_gets_nothing() {
    let (mut machine, now) = streaming(rules());
    machine.handle(now, Input::ClientGone);
    assert_eq!(drain(&mut machine), ["!stop", "!ended"]);
}

#[test]
fn shutdown_ends_every_state_with_one_terminal_event() {
    let now = Instant::now();
    let mut waiting = Machine::new(rules(), now);
    drain(&mut waiting);
    waiting.handle(now, Input::Shutdown);
    assert_eq!(drain(&mut waiting), ["error-das-Peak", "!ended"]);
    let (mut live, now) = streaming(rules());
    live.handle(now, Input::Shutdown);
    assert_eq!(drain(&mut live), ["error-das-Peak", "!stop", "!ended"]);
    let (mut busy, now) = deciding(rules());
    busy.handle(now, Input::Shutdown);
    assert_eq!(drain(&mut busy), ["error-das-Peak", "!ended"]);
}

fn any_consequence() -> impl Strategy<Value = Consequence> {
    proptest::sample::select(vec![Consequence::Nothing, Consequence::StepUp, Consequence::Reject])
}

fn any_input() -> impl Strategy<Value = Input> {
    let step = (0.0f64..200.0).prop_map(|received| Progress { received, ..progress(received / 4.0) });
    prop_oneof![
        4 => Just(Input::AudioAttached),
        2 => Just(Input::AudioHeard),
        4 => step.clone().prop_map(Input::Progress),
        2 => step.clone().prop_map(Input::Complete),
        2 => step.clone().prop_map(Input::Enough),
        1 => step.clone().prop_map(Input::AudioEnded),
        1 => step.prop_map(|p| Input::AudioFailed(AudioFault::Protocol("test"), p)),
        2 => any_consequence().prop_map(|c| Input::Measured(registered(c))),
        2 => (0.0f32..=1.0, any_consequence()).prop_map(|(s, c)| Input::Measured(verified(s, c))),
        1 => Just(Input::InferenceFailed(EngineFault::Busy)),
        1 => Just(Input::ClientGone),
        1 => Just(Input::Shutdown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_session_gets_exactly_one_terminal_event_whatever_order_inputs_come_in(
        inputs in proptest::collection::vec((any_input(), 0u64..15_000), 0..40),
        accept_short: bool,
        grace in 0u32..10,
    ) {
        let mut now = Instant::now();
        let start = now;
        let times = Timeouts { reattach_grace: grace * SECOND, ..timeouts() };
        let mut machine = Machine::new(Rules { accept_short, timeouts: times, ..rules() }, now);
        let mut out = Vec::new();
        let mut gone_first = false;
        for (input, wait) in inputs {
            now += Duration::from_millis(wait);
            machine.handle_timeout(now);
            gone_first |= matches!(input, Input::ClientGone) && !machine.is_over();
            machine.handle(now, input);
            out.extend(drain(&mut machine));
        }
        // Time alone ends whatever is left, within the sum of the limits.
        while let Some(deadline) = machine.deadline() {
            prop_assert!(deadline >= start);
            now = now.max(deadline);
            machine.handle_timeout(now);
            out.extend(drain(&mut machine));
        }
        let terminal = out.iter().filter(|o| o.starts_with("result-") || o.starts_with("error-")).count();
        prop_assert_eq!(terminal, usize::from(!gone_first), "{:?}", out);
        prop_assert_eq!(out.iter().filter(|o| *o == "!ended").count(), 1);
        prop_assert_eq!(out.last().map(String::as_str), Some("!ended"));
        prop_assert!(out.iter().filter(|o| *o == "!infer").count() <= 1);
        if let Some(at) = out.iter().position(|o| o.starts_with("result-") || o.starts_with("error-")) {
            prop_assert!(out[at + 1..].iter().all(|o| o.starts_with('!')), "{:?}", out);
        }
    }
}
