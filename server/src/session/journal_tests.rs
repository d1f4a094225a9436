//! Records, listeners and collected speech.

use super::*;
use crate::session::record::tests::request;

fn journal() -> Arc<Journal> {
    let retention = Retention {
        results: Duration::from_secs(60),
        collected_audio: Duration::from_secs(60),
        collected_audio_bytes: 100,
    };
    Arc::new(Journal::new(Store::in_memory().unwrap(), retention))
}

fn enter(journal: &Arc<Journal>, call: &str) -> (SessionId, Recorder) {
    let id = SessionId::random();
    let record = SessionRecord::begin(id, &tenant(), &request(call), Timestamp::now());
    (id, journal.enter(record, SessionHandle::detached()))
}

fn tenant() -> Tenant {
    Tenant::new("a")
}

fn cancelled() -> Event {
    Event::error(&SessionError::Audio(crate::session::error::AudioFault::Cancelled), None)
}

#[tokio::test]
async fn a_session_is_found_live_and_then_stored_by_its_own_tenant_and_kind() {
    let journal = journal();
    let (id, recorder) = enter(&journal, "call");
    let call = CallId::new("call").unwrap();
    for _ in 0..2 {
        assert!(journal.find(&tenant(), Kind::Register, id).unwrap().is_some());
        assert!(journal.find(&tenant(), Kind::Verify, id).unwrap().is_none());
        assert!(journal.find(&Tenant::new("b"), Kind::Register, id).unwrap().is_none());
        assert!(journal.find_call(&tenant(), Kind::Register, &call).unwrap().is_some());
        assert!(journal.find_call(&Tenant::new("b"), Kind::Register, &call).unwrap().is_none());
        recorder.finish(&cancelled()).await;
    }
    drop(recorder);
    assert_eq!(journal.live_sessions(), 0);
    let found = journal.find(&tenant(), Kind::Register, id).unwrap().unwrap();
    assert!(matches!(&found, Found::Stored(_)));
    assert_eq!(found.record().status, Status::Error);
    assert!(journal.find_call(&tenant(), Kind::Register, &call).unwrap().is_some());
    journal.forget(found.record()).await.unwrap();
    assert!(journal.find(&tenant(), Kind::Register, id).unwrap().is_none());
}

#[tokio::test]
async fn a_listener_misses_nothing_however_late_it_reads() {
    let journal = journal();
    let (id, recorder) = enter(&journal, "call");
    let Some(Found::Live(entry)) = journal.find(&tenant(), Kind::Register, id).unwrap() else {
        panic!("live")
    };
    let mut listener = entry.listen();
    recorder.follow(&Event::consumer_ready());
    recorder.finish(&cancelled()).await;
    drop(recorder);
    assert_eq!(listener.event(0).await.unwrap().name, "info-consumer-ready");
    let end = listener.event(1).await.unwrap();
    assert!(end.terminal && end.name == "error-audio");
}

#[tokio::test]
async fn sessions_of_a_process_that_vanished_are_over_and_say_so() {
    let journal = journal();
    let (id, recorder) = enter(&journal, "call");
    journal.keep(id, Vec::new()).await.unwrap();
    // The process ends here: nobody tells the end.
    drop(recorder);
    assert_eq!(journal.close_interrupted().await.unwrap(), 1);
    assert_eq!(journal.close_interrupted().await.unwrap(), 0);
    let record = journal.find(&tenant(), Kind::Register, id).unwrap().unwrap().record();
    assert_eq!(record.resource()["content"], "The server was restarted during the session");
    assert_eq!(record.resource()["exception"], "ServiceUnavailable");
    assert!(record.last_event().0 > 10_000, "whatever number a listener has seen, this one is new");
}

#[tokio::test]
async fn a_newer_session_of_a_call_is_not_lost_when_the_older_goes() {
    let journal = journal();
    let (_, older) = enter(&journal, "call");
    let (newer, _recorder) = enter(&journal, "call");
    drop(older);
    let found = journal.find_call(&tenant(), Kind::Register, &CallId::new("call").unwrap()).unwrap().unwrap();
    assert_eq!(found.record().id, newer);
}

#[test]
fn collected_speech_is_kept_within_its_time_and_bytes() {
    let mut shelf = Shelf::default();
    let now = Timestamp::now();
    let until = now.after(Duration::from_secs(10));
    let ids: Vec<SessionId> = (0..4).map(|_| SessionId::random()).collect();
    for id in &ids {
        shelf.put(*id, Bytes::from(vec![0; 40]), until, 100);
    }
    assert!(shelf.get(ids[0], now).is_none() && shelf.get(ids[1], now).is_none(), "the oldest went");
    assert!(shelf.get(ids[2], now).is_some() && shelf.get(ids[3], now).is_some());
    assert!(shelf.get(ids[3], until).is_none(), "too old");
    shelf.put(SessionId::random(), Bytes::from(vec![0; 101]), until, 100);
    assert_eq!((shelf.bytes, shelf.order.len()), (80, 2), "what cannot fit displaces nothing");
    shelf.sweep(until);
    assert_eq!((shelf.bytes, shelf.kept.len(), shelf.order.len()), (0, 0, 0));
}
