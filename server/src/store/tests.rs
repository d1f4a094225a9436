//! What the store keeps, finds and forgets.

use std::time::Duration;

use super::*;
use crate::ids::SessionId;
use crate::session::event::Event;
use crate::session::record::tests::request;

fn settings(now: Timestamp) -> StoredSettings {
    StoredSettings {
        declared: Declared::telephone(),
        created_at: now,
        expires_at: now.after(Duration::from_secs(60)),
    }
}

fn record(tenant: &str, call: &str, now: Timestamp) -> SessionRecord {
    SessionRecord::begin(SessionId::random(), &Tenant::new(tenant), &request(call), now)
}

fn over(mut record: SessionRecord, now: Timestamp) -> SessionRecord {
    record.follow(&Event::error(&crate::session::error::SessionError::CallIdInUse, None), now);
    record.keep_for(Duration::from_secs(60), now);
    record
}

fn put(record: &SessionRecord) -> Change {
    Change::PutSession(Box::new(record.clone()))
}

#[tokio::test]
async fn objects_are_found_by_their_tenant_only() {
    let (store, now, id) = (Store::in_memory().unwrap(), Timestamp::now(), Uuid::new_v4());
    let (a, b) = (Tenant::new("a"), Tenant::new("b"));
    store.commit(vec![Change::PutSettings(a.clone(), id, settings(now))]).await.unwrap();
    assert_eq!(store.settings(&a, id, now).unwrap(), Some(settings(now)));
    assert_eq!(store.settings(&b, id, now).unwrap(), None);
    store.commit(vec![Change::DeleteSettings(b, id)]).await.unwrap();
    assert!(store.settings(&a, id, now).unwrap().is_some());
    store.commit(vec![Change::DeleteSettings(a.clone(), id)]).await.unwrap();
    assert!(store.settings(&a, id, now).unwrap().is_none());
}

#[tokio::test]
async fn a_call_finds_its_newest_session_and_no_other_calls() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let older = over(record("a", "call", now), now);
    let newer = over(record("a", "call", now.after(Duration::from_secs(1))), now);
    let longer = over(record("a", "call2", now), now);
    let other = over(record("ac", "all", now), now);
    store.commit([&newer, &older, &longer, &other].map(put).into()).await.unwrap();
    let find = |tenant: &str, call: &str, kind| {
        let call_id = CallId::new(call).unwrap();
        store.session_of_call(&Tenant::new(tenant), kind, &call_id, now).unwrap().map(|record| record.id)
    };
    assert_eq!(find("a", "call", Kind::Register), Some(newer.id));
    assert_eq!(find("a", "call2", Kind::Register), Some(longer.id));
    assert_eq!(find("a", "call", Kind::Verify), None);
    assert_eq!(find("a", "cal", Kind::Register), None);
    assert_eq!(find("ac", "all", Kind::Register), Some(other.id), "tenant and call id do not run together");
    store.commit(vec![Change::DeleteSession(Box::new(newer))]).await.unwrap();
    assert_eq!(find("a", "call", Kind::Register), Some(older.id));
}

#[tokio::test]
async fn sessions_without_an_end_are_known_as_such() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let (one, two) = (record("a", "1", now), record("a", "2", now));
    store.commit(vec![put(&one), put(&two)]).await.unwrap();
    assert_eq!(store.unfinished().unwrap().len(), 2);
    store.commit(vec![put(&over(one, now))]).await.unwrap();
    let left: Vec<_> = store.unfinished().unwrap().iter().map(|record| record.id).collect();
    assert_eq!(left, [two.id]);
}

#[tokio::test]
async fn a_beginning_that_comes_late_does_not_replace_the_end() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let session = record("a", "call", now);
    store.commit(vec![put(&over(session.clone(), now))]).await.unwrap();
    store.commit(vec![put(&session)]).await.unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    let kept = store.session(session.id.uuid(), now).unwrap().unwrap();
    assert!(kept.status.is_terminal());
}

#[tokio::test]
async fn what_has_expired_is_not_found_and_is_swept() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let (tenant, id) = (Tenant::new("a"), Uuid::new_v4());
    let session = over(record("a", "call", now), now);
    let live = record("a", "live", now);
    let answer = StoredAnswer { fingerprint: "f".into(), id, expires_at: now.after(Duration::from_secs(60)) };
    let changes = vec![
        Change::PutSettings(tenant.clone(), id, settings(now)),
        Change::PutAnswer(tenant.clone(), "k".into(), answer),
        put(&session),
        put(&live),
    ];
    store.commit(changes).await.unwrap();
    let later = now.after(Duration::from_secs(61));
    assert!(store.settings(&tenant, id, later).unwrap().is_none());
    assert!(store.answer(&tenant, "k", later).unwrap().is_none());
    assert!(store.session(session.id.uuid(), later).unwrap().is_none());
    assert!(store.session(live.id.uuid(), later).unwrap().is_some(), "a live session does not expire");
    assert_eq!(store.sweep(now, 100).await.unwrap(), 0, "nothing is due yet");
    assert_eq!(store.sweep(later, 2).await.unwrap(), 2, "no more than was asked for");
    assert_eq!(store.sweep(later, 100).await.unwrap(), 1);
    assert_eq!(store.counts().unwrap(), StoreCounts { sessions: 1, ..StoreCounts::default() });
}

#[tokio::test]
async fn what_is_used_lives_longer() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let (tenant, id) = (Tenant::new("a"), Uuid::new_v4());
    store.commit(vec![Change::PutSettings(tenant.clone(), id, settings(now))]).await.unwrap();
    let later = now.after(Duration::from_secs(61));
    let used = StoredSettings { expires_at: later.after(Duration::from_secs(60)), ..settings(now) };
    store.commit(vec![Change::PutSettings(tenant.clone(), id, used)]).await.unwrap();
    assert_eq!(store.sweep(later, 100).await.unwrap(), 1, "its first expiry is looked at");
    assert!(store.settings(&tenant, id, later).unwrap().is_some());
}

#[tokio::test]
async fn commits_that_wait_together_are_all_made() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let commits = (0..500).map(|number| {
        let store = store.clone();
        async move { store.commit(vec![put(&record("a", &number.to_string(), now))]).await }
    });
    for result in futures_util::future::join_all(commits).await {
        result.unwrap();
    }
    assert_eq!(store.counts().unwrap().sessions, 500);
}

#[tokio::test]
async fn a_file_is_opened_again_and_one_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let session = over(record("a", "call", Timestamp::now()), Timestamp::now());
    let store = Store::open(&path).unwrap();
    store.commit(vec![put(&session)]).await.unwrap();
    schema::pretend_first(&store.database().unwrap());
    let other = store.clone();
    store.close().await;
    assert!(matches!(other.counts(), Err(StoreError::Closed)));
    assert!(matches!(other.commit(Vec::new()).await, Err(StoreError::Closed)));
    let store = Store::open(&path).unwrap();
    assert!(store.session(session.id.uuid(), Timestamp::now()).unwrap().is_some());
    assert_eq!(store.counts().unwrap().attempts, 0, "what the first layout did not have is there");
    let database = store.database().unwrap();
    schema::pretend_newer(&database);
    assert!(matches!(schema::migrate(&database), Err(StoreError::TooNew { found: 3, known: 2 })));
}
