use super::*;
use proptest::prelude::*;

const TIMING: Timing = Timing {
    ping_interval: Duration::from_secs(25),
    ping_timeout: Duration::from_secs(20),
    connect_timeout: Duration::from_secs(10),
};

fn begin(transport: Transport) -> (Machine, Instant) {
    let now = Instant::now();
    (Machine::new(transport, TIMING, now), now)
}

/// A session that is used.
fn quiet(transport: Transport) -> (Machine, Instant) {
    let (mut machine, now) = begin(transport);
    machine.used();
    (machine, now)
}

fn poll(machine: &mut Machine) -> Option<String> {
    machine.begin_poll().expect("no other poll");
    let answer = machine.answer_poll(1000);
    machine.end_poll();
    answer
}

fn event(text: &str) -> Vec<Frame> {
    vec![Frame::message(text)]
}

#[test]
fn pings_come_at_their_interval_as_long_as_they_are_answered() {
    let (mut machine, begun) = quiet(Transport::WebSocket);
    for round in 1..5 {
        let due = begun + TIMING.ping_interval * round;
        assert_eq!(machine.deadline(), Some(due));
        machine.handle_timeout(due - Duration::from_millis(1));
        assert_eq!(machine.next_frame(), None, "too early");
        machine.handle_timeout(due);
        assert_eq!(machine.next_frame(), Some(Frame::fixed(Frame::PING)));
        assert_eq!(machine.next_frame(), None);
        assert_eq!(machine.deadline(), Some(due + TIMING.ping_timeout));
        machine.receive(Packet::Pong);
    }
    assert_eq!(machine.end(), None);
}

#[test]
fn who_does_not_answer_a_ping_is_gone_when_its_time_is_up() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let (mut machine, begun) = quiet(transport);
        let pinged = begun + TIMING.ping_interval;
        machine.handle_timeout(pinged);
        machine.handle_timeout(pinged + TIMING.ping_timeout - Duration::from_millis(1));
        assert_eq!(machine.end(), None);
        machine.handle_timeout(pinged + TIMING.ping_timeout);
        assert_eq!(machine.end(), Some(End::NoPong));
    }
}

#[test]
fn who_joins_nothing_is_gone_after_the_connect_timeout_however_alive() {
    let (mut machine, begun) = begin(Transport::WebSocket);
    machine.receive(Packet::Pong);
    assert_eq!(machine.deadline(), Some(begun + TIMING.connect_timeout));
    machine.handle_timeout(begun + TIMING.connect_timeout);
    assert_eq!(machine.end(), Some(End::Unused));
}

#[test]
fn a_poll_takes_everything_that_fits_and_waits_if_there_is_nothing() {
    let (mut machine, _) = quiet(Transport::Polling);
    assert_eq!(poll(&mut machine), None);
    for text in ["a", "b"] {
        machine.push_event(event(text)).expect("room");
    }
    assert_eq!(poll(&mut machine).as_deref(), Some("4a\x1e4b"));
    machine.push_event(event(&"x".repeat(2000))).expect("room");
    machine.push_event(event("c")).expect("room");
    assert_eq!(poll(&mut machine).map(|text| text.len()), Some(2001));
    assert_eq!(poll(&mut machine).as_deref(), Some("4c"));
}

#[test]
fn two_polls_at_once_end_the_session_and_the_first_is_told() {
    let (mut machine, _) = quiet(Transport::Polling);
    machine.begin_poll().expect("the first");
    assert_eq!(machine.begin_poll(), Err(PollRefused::Overlapping));
    assert!(machine.has_output());
    assert_eq!(machine.answer_poll(1000).as_deref(), Some(Frame::CLOSE));
    assert_eq!(machine.end(), Some(End::TwoPolls));
}

#[test]
fn a_poll_that_waits_is_ended_by_the_clients_close_with_a_noop() {
    let (mut machine, _) = quiet(Transport::Polling);
    machine.begin_poll().expect("no other poll");
    machine.receive(Packet::Close);
    assert_eq!(machine.answer_poll(1000).as_deref(), Some(Frame::NOOP));
}

fn upgraded() -> (Machine, Instant) {
    let (mut machine, now) = quiet(Transport::Polling);
    assert!(machine.begin_upgrade());
    assert_eq!(machine.probe(Packet::PingProbe, now), Probe::Answer("3probe"));
    assert_eq!(machine.probe(Packet::Upgrade, now), Probe::TakenOver);
    (machine, now)
}

#[test]
fn a_probed_session_answers_polls_with_noops_and_keeps_its_packets_for_the_websocket() {
    let (mut machine, now) = quiet(Transport::Polling);
    machine.begin_poll().expect("no other poll");
    assert!(machine.begin_upgrade());
    machine.push_event(event("before the probe")).expect("room");
    assert_eq!(machine.answer_poll(1000).as_deref(), Some("4before the probe"));
    assert_eq!(machine.probe(Packet::PingProbe, now), Probe::Answer("3probe"));
    machine.push_event(event("meanwhile")).expect("room");
    assert!(machine.has_output());
    assert_eq!(machine.answer_poll(1000).as_deref(), Some(Frame::NOOP));
    assert_eq!(machine.next_frame(), None, "not yet the WebSocket's");
    assert_eq!(machine.probe(Packet::Upgrade, now), Probe::TakenOver);
    assert_eq!(machine.next_frame(), Some(Frame::message("meanwhile")));
}

#[test]
fn an_upgrade_that_is_given_up_at_any_point_leaves_the_session_polling_and_may_be_tried_again() {
    for said in [vec![], vec![Packet::PingProbe]] {
        let (mut machine, now) = quiet(Transport::Polling);
        assert!(machine.begin_upgrade());
        for packet in said {
            machine.probe(packet, now);
        }
        machine.abandon_upgrade(now);
        machine.push_event(event("a")).expect("room");
        assert_eq!(poll(&mut machine).as_deref(), Some("4a"));
        assert!(machine.begin_upgrade());
    }
}

#[test]
fn a_session_is_upgraded_once_and_by_one_websocket_at_a_time() {
    let (mut machine, _) = quiet(Transport::Polling);
    assert!(machine.begin_upgrade());
    assert!(!machine.begin_upgrade());
    let (mut machine, _) = upgraded();
    assert!(!machine.begin_upgrade());
    assert_eq!(machine.begin_poll(), Err(PollRefused::NotPolling));
    let (mut machine, _) = quiet(Transport::WebSocket);
    assert!(!machine.begin_upgrade());
}

#[test]
fn a_websocket_that_says_anything_else_than_the_probe_does_not_take_over() {
    for packet in [Packet::Upgrade, Packet::Ping, Packet::Message("a"), Packet::Close, Packet::Noop] {
        let (mut machine, now) = quiet(Transport::Polling);
        assert!(machine.begin_upgrade());
        assert_eq!(machine.probe(packet, now), Probe::Failed, "{packet:?}");
        assert_eq!(machine.transport(), Transport::Polling);
    }
}

#[test]
fn the_heartbeat_rests_during_an_upgrade_and_begins_anew_after_it() {
    let (mut machine, begun) = quiet(Transport::Polling);
    let pinged = begun + TIMING.ping_interval;
    machine.handle_timeout(pinged);
    assert!(machine.begin_upgrade());
    assert_eq!(machine.deadline(), None);
    let later = pinged + TIMING.ping_timeout * 2;
    machine.handle_timeout(later);
    machine.abandon_upgrade(later);
    assert_eq!(machine.deadline(), Some(later + TIMING.ping_timeout));
}

#[test]
fn packets_that_only_a_server_or_a_prober_sends_end_the_session() {
    for packet in [Packet::Open("{}"), Packet::Noop, Packet::Upgrade, Packet::PingProbe] {
        let (mut machine, _) = quiet(Transport::WebSocket);
        assert_eq!(machine.receive(packet), None);
        assert_eq!(machine.end(), Some(End::Malformed), "{packet:?}");
    }
}

#[test]
fn an_event_waits_for_room_as_a_whole_and_who_takes_no_answers_is_closed() {
    let (mut machine, _) = quiet(Transport::WebSocket);
    for _ in 0..MAX_QUEUED {
        machine.push_event(event("a")).expect("room");
    }
    let two = vec![Frame::message("b"), Frame::Binary("b".into())];
    assert_eq!(machine.push_event(two.clone()), Err(two.clone()));
    machine.next_frame();
    assert_eq!(machine.push_event(two), Ok(()));
    while machine.end().is_none() {
        machine.push_answer(Frame::message("c"));
        assert!(machine.queue.len() <= MAX_QUEUED + MAX_ANSWERS);
    }
    assert_eq!(machine.end(), Some(End::Flooded));
}

/// Anything that can happen to a session.
#[derive(Clone, Debug)]
enum Happens {
    Receive(usize),
    BeginPoll,
    AnswerPoll,
    EndPoll,
    BeginUpgrade,
    Probe(usize),
    Abandon,
    TakeFrame,
    Event,
    Answer,
    Used,
    Pass(u64),
    Close,
}

const PACKETS: [Packet<'static>; 8] = [
    Packet::Message("a"),
    Packet::Pong,
    Packet::Ping,
    Packet::PingProbe,
    Packet::Upgrade,
    Packet::Noop,
    Packet::Close,
    Packet::Open(""),
];

fn happenings() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Happens::Receive),
        1 => (0..PACKETS.len()).prop_map(Happens::Receive),
        3 => Just(Happens::BeginPoll),
        4 => Just(Happens::AnswerPoll),
        3 => Just(Happens::EndPoll),
        2 => Just(Happens::BeginUpgrade),
        4 => (3..5_usize).prop_map(Happens::Probe),
        1 => (0..PACKETS.len()).prop_map(Happens::Probe),
        1 => Just(Happens::Abandon),
        4 => Just(Happens::TakeFrame),
        6 => Just(Happens::Event),
        6 => Just(Happens::Answer),
        2 => Just(Happens::Used),
        6 => (1..30_000_u64).prop_map(Happens::Pass),
        1 => Just(Happens::Close),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_session_keeps_its_rules(
        websocket in any::<bool>(),
        happenings in prop::collection::vec(happenings(), 0..300),
    ) {
        let (mut machine, mut now) = begin(if websocket { Transport::WebSocket } else { Transport::Polling });
        let mut upgrades = u32::from(websocket);
        let mut polling = false;
        let (mut pushed, mut taken) = (0_usize, 0_usize);
        let (mut pings, begun) = (0_u32, now);
        // Since when it has shown no life, upgrades apart.
        let mut silent_since = now;
        for happens in happenings {
            let ended = machine.end();
            match happens {
                Happens::Receive(which) => {
                    let message = machine.receive(PACKETS[which]);
                    prop_assert!(ended.is_none() || message.is_none(), "something was received after the end");
                    if matches!(PACKETS[which], Packet::Pong | Packet::Ping) {
                        silent_since = now;
                    }
                }
                Happens::BeginPoll if !polling => polling = machine.begin_poll().is_ok(),
                Happens::BeginPoll => prop_assert!(machine.begin_poll().is_err()),
                Happens::AnswerPoll if polling => {
                    if let Some(answer) = machine.answer_poll(60) {
                        prop_assert!(answer.len() <= 60);
                        taken += answer.matches('4').count();
                        pings += u32::from(answer.starts_with('2'));
                        prop_assert!(ended.is_none() || answer == Frame::CLOSE || answer == Frame::NOOP);
                    } else {
                        prop_assert!(!machine.has_output(), "a poll waits though there is something for it");
                    }
                }
                Happens::AnswerPoll => {}
                Happens::EndPoll => {
                    machine.end_poll();
                    polling = false;
                }
                Happens::BeginUpgrade => {
                    let may = machine.begin_upgrade();
                    prop_assert!(!may || (ended.is_none() && machine.transport() == Transport::Polling));
                }
                Happens::Probe(which) => match machine.probe(PACKETS[which], now) {
                    Probe::TakenOver => {
                        upgrades += 1;
                        silent_since = now;
                        prop_assert_eq!(machine.transport(), Transport::WebSocket);
                    }
                    // As the prober does.
                    Probe::Failed if machine.upgrade != Upgrade::None => {
                        machine.abandon_upgrade(now);
                        silent_since = now;
                    }
                    Probe::Failed => {}
                    Probe::Answer(_) => {}
                },
                Happens::Abandon => {
                    silent_since = if machine.upgrade == Upgrade::None { silent_since } else { now };
                    machine.abandon_upgrade(now);
                }
                Happens::TakeFrame => {
                    let frame = machine.next_frame();
                    prop_assert!(frame.is_none() || (ended.is_none() && machine.transport() == Transport::WebSocket));
                    match frame {
                        Some(frame) if frame == Frame::fixed(Frame::PING) => pings += 1,
                        Some(_) => taken += 1,
                        None => {}
                    }
                }
                Happens::Event => pushed += usize::from(machine.push_event(event("a")).is_ok()),
                Happens::Answer => {
                    pushed += usize::from(machine.queue.len() < MAX_QUEUED + MAX_ANSWERS);
                    machine.push_answer(Frame::message("a"));
                }
                Happens::Used => machine.used(),
                Happens::Pass(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    machine.handle_timeout(now);
                    if let Some(deadline) = machine.deadline() {
                        prop_assert!(deadline > now, "time stands still");
                        prop_assert!(machine.upgrade != Upgrade::None || now - silent_since < (TIMING.ping_interval + TIMING.ping_timeout) * 2);
                    }
                }
                Happens::Close => machine.close(End::Shutdown),
            }
            prop_assert!(ended.is_none() || machine.end() == ended, "it ended twice");
            prop_assert!(upgrades <= 1, "it was upgraded twice");
            prop_assert!(machine.queue.len() <= MAX_QUEUED + MAX_ANSWERS);
            prop_assert_eq!(pushed, taken + machine.queue.len(), "a packet was lost or invented");
            prop_assert!(f64::from(pings) <= (now - begun).as_secs_f64() / TIMING.ping_interval.as_secs_f64() + 1.0);
        }
    }
}
