//! Sessions with a handler that answers every message with itself, and ends with `end`.

use std::time::Duration;

use super::super::machine::MAX_QUEUED;
use super::*;

struct Echo;

impl Handler for Echo {
    fn text(&mut self, message: &str, _: &Arc<Session<Self>>, machine: &mut Machine) {
        match message {
            "end" => machine.close(End::Malformed),
            "panic" => panic!("test"),
            _ => machine.push_answer(Frame::message(message)),
        }
    }

    fn binary(&mut self, data: Bytes, _: &Arc<Session<Self>>, machine: &mut Machine) {
        machine.push_answer(Frame::Binary(data));
    }
}

const TIMING: Timing = Timing {
    ping_interval: Duration::from_secs(25),
    ping_timeout: Duration::from_secs(20),
    connect_timeout: Duration::from_secs(10),
};
const LIMIT: usize = 1000;

/// A polling session.
async fn polling() -> (Arc<Sessions<Echo>>, Arc<Session<Echo>>) {
    let sessions = Sessions::new(10);
    let session = sessions.open(Transport::Polling, TIMING, Echo).expect("room");
    (sessions, session)
}

async fn poll(session: &Arc<Session<Echo>>) -> String {
    session.begin_poll().expect("no other poll").answer(LIMIT).await
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_what_is_said_and_gets_all_of_it() {
    let (_sessions, session) = polling().await;
    let waiting = tokio::spawn({
        let session = Arc::clone(&session);
        async move { poll(&session).await }
    });
    tokio::task::yield_now().await;
    assert!(session.receive_payload("4a\x1e4b\x1ebAQID"));
    assert_eq!(waiting.await.expect("an answer"), "4a\x1e4b\x1ebAQID");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_was_given_up_does_not_stand_in_the_way_of_the_next() {
    let (_sessions, session) = polling().await;
    let given_up = tokio::time::timeout(Duration::from_secs(1), poll(&session)).await;
    assert!(given_up.is_err(), "there was nothing to be told");
    assert!(session.receive_payload("4a"));
    assert_eq!(poll(&session).await, "4a");
}

#[tokio::test(start_paused = true)]
async fn pieces_before_a_malformed_one_are_heard_and_nothing_after_it() {
    let (sessions, session) = polling().await;
    assert!(!session.receive_payload("4a\x1e9\x1e4b"));
    assert_eq!(session.lock().machine.end(), Some(End::Malformed));
    assert!(sessions.find(session.sid()).is_none(), "it is nobody's now");
    assert!(!session.receive_payload("4c"));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_polls_is_ended_in_time_though_nobody_asks() {
    let (sessions, session) = polling().await;
    tokio::spawn({
        let session = Arc::clone(&session);
        async move { session.keep_time().await }
    });
    let begun = Instant::now();
    session.until(|_, _| None::<()>).await;
    assert_eq!(session.lock().machine.end(), Some(End::Unused));
    assert_eq!(begun.elapsed().as_secs(), TIMING.connect_timeout.as_secs());
    assert!(sessions.find(session.sid()).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_gets_it_in_order_as_soon_as_something_is_taken() {
    let (_sessions, session) = polling().await;
    let push = |text: String| {
        let session = Arc::clone(&session);
        async move {
            let mut waiting = Some(vec![Frame::message(&text)]);
            session
                .until(|_, machine| {
                    waiting = waiting.take().and_then(|frames| machine.push_event(frames).err());
                    waiting.is_none().then_some(())
                })
                .await
        }
    };
    for number in 0..MAX_QUEUED {
        push(number.to_string()).await.expect("it lives");
    }
    let late = tokio::spawn(push("late".to_owned()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!late.is_finished());
    let mut heard = poll(&session).await;
    assert_eq!(late.await.expect("no panic"), Some(()));
    heard.push('\x1e');
    heard.push_str(&poll(&session).await);
    let expected: Vec<_> =
        (0..MAX_QUEUED).map(|number| format!("4{number}")).chain(["4late".to_owned()]).collect();
    assert_eq!(heard.split('\x1e').collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_learns_of_the_end() {
    let (sessions, session) = polling().await;
    let waits_for_room = tokio::spawn({
        let session = Arc::clone(&session);
        async move { session.until(|_, _| None::<()>).await }
    });
    let polls = tokio::spawn({
        let session = Arc::clone(&session);
        async move { poll(&session).await }
    });
    tokio::task::yield_now().await;
    sessions.close();
    assert_eq!(waits_for_room.await.expect("no panic"), None);
    assert_eq!(polls.await.expect("no panic"), Frame::CLOSE);
    assert_eq!(sessions.open(Transport::Polling, TIMING, Echo).err(), Some(NoRoom), "none begins any more");
}

#[tokio::test]
async fn sessions_that_poll_are_limited_and_those_with_a_connection_are_not() {
    let sessions = Sessions::new(2);
    let _first = sessions.open(Transport::Polling, TIMING, Echo).expect("room");
    let second = sessions.open(Transport::WebSocket, TIMING, Echo).expect("room");
    assert_eq!(sessions.open(Transport::Polling, TIMING, Echo).err(), Some(NoRoom));
    let _third = sessions.open(Transport::WebSocket, TIMING, Echo).expect("it has a connection");
    second.close(End::Lost);
    _third.close(End::Lost);
    let _fourth = sessions.open(Transport::Polling, TIMING, Echo).expect("room again");
}

#[tokio::test]
async fn an_upgrade_that_is_dropped_is_given_up() {
    let (_sessions, session) = polling().await;
    let upgrading = session.begin_upgrade().expect("the first");
    assert!(session.begin_upgrade().is_none());
    assert_eq!(upgrading.probe("2probe"), Probe::Answer("3probe"));
    assert_eq!(poll(&session).await, Frame::NOOP);
    drop(upgrading);
    assert!(session.receive_payload("4a"));
    assert_eq!(poll(&session).await, "4a");
    assert!(session.begin_upgrade().is_some());
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_session_and_no_other() {
    let (sessions, session) = polling().await;
    let other = sessions.open(Transport::Polling, TIMING, Echo).expect("room");
    let panicking = Arc::clone(&session);
    assert!(tokio::spawn(async move { panicking.receive_payload("4panic") }).await.is_err());
    assert_eq!(session.with(|_, _| ()), None);
    assert!(sessions.find(session.sid()).is_none());
    assert!(other.receive_payload("4a"));
}
