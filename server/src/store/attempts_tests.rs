//! Which attempts are kept, found and forgotten.

use std::time::Duration;

use super::*;
use crate::ids::SessionId;
use crate::session::event::Event;
use crate::session::record::SessionRecord;
use crate::session::record::tests::request;
use crate::store::Change;

const LIFE: Duration = Duration::from_secs(60);

fn new(tenant: &str, mark: u8, ended_at: Timestamp) -> NewAttempt {
    let fingerprint = Sensitive::new(format!("ended at {}", ended_at.milliseconds()));
    let attempt = StoredAttempt { fingerprint, ended_at, expires_at: ended_at.after(LIFE) };
    NewAttempt { tenant: Tenant::new(tenant), mark: [mark; 32], session: Uuid::new_v4(), attempt, keep: 3 }
}

async fn put(store: &Store, new: &NewAttempt) {
    store.commit(vec![Change::PutAttempt(Box::new(new.clone()))]).await.unwrap();
}

fn found(store: &Store, tenant: &str, mark: u8, now: Timestamp) -> Vec<Timestamp> {
    let found = store.attempts(&Tenant::new(tenant), &[mark; 32], now).unwrap();
    found.iter().map(|attempt| attempt.ended_at).collect()
}

#[tokio::test]
async fn of_each_credential_of_each_tenant_the_newest_few_are_kept() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let at = |seconds| now.after(Duration::from_secs(seconds));
    for seconds in [2, 0, 4, 1, 3] {
        put(&store, &new("a", 1, at(seconds))).await;
    }
    for (tenant, mark) in [("a", 2), ("b", 1)] {
        put(&store, &new(tenant, mark, now)).await;
    }
    assert_eq!(found(&store, "a", 1, at(5)), [2, 3, 4].map(at));
    assert_eq!(found(&store, "a", 2, at(5)), [now]);
    assert_eq!(found(&store, "b", 1, at(5)), [now]);
    assert!(found(&store, "b", 2, at(5)).is_empty());
    assert_eq!(store.counts().unwrap().attempts, 5);
    assert_eq!(store.tenants_with_attempts().unwrap(), [Tenant::new("a"), Tenant::new("b")]);
}

#[tokio::test]
async fn attempts_expire_and_leave_nothing() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let later = now.after(Duration::from_secs(1));
    put(&store, &new("a", 1, now)).await;
    put(&store, &new("a", 1, later)).await;
    assert_eq!(found(&store, "a", 1, now.after(LIFE)), [later], "what has expired is not found");
    assert_eq!(store.sweep(now.after(LIFE), 100).await.unwrap(), 1);
    assert_eq!(store.sweep(later.after(LIFE), 100).await.unwrap(), 1);
    assert_eq!(store.counts().unwrap().attempts, 0);
    assert!(store.tenants_with_attempts().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_pushed_out_or_deleted_is_not_swept_again() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    for seconds in 0..5 {
        put(&store, &new("a", 1, now.after(Duration::from_secs(seconds)))).await;
    }
    store.commit(vec![Change::DeleteAttempts(Tenant::new("a"), 1)]).await.unwrap();
    assert_eq!(found(&store, "a", 1, now).len(), 2, "no more than was asked for");
    assert_eq!(store.sweep(now.after(Duration::from_secs(600)), 100).await.unwrap(), 2);
}

#[tokio::test]
async fn who_deletes_a_session_deletes_the_attempt_that_it_was_but_time_does_not() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    for deletes in [true, false] {
        let mut record = SessionRecord::begin(SessionId::random(), &Tenant::new("a"), &request("call"), now);
        record.follow(&Event::error(&crate::session::error::SessionError::CallIdInUse, None), now);
        record.keep_for(Duration::from_secs(10), now);
        put(&store, &NewAttempt { session: record.id.uuid(), ..new("a", 1, now) }).await;
        store.commit(vec![Change::PutSession(Box::new(record.clone()))]).await.unwrap();
        if deletes {
            store.commit(vec![Change::DeleteSession(Box::new(record))]).await.unwrap();
            assert!(found(&store, "a", 1, now).is_empty());
        } else {
            let later = now.after(Duration::from_secs(20));
            assert!(store.sweep(later, 100).await.unwrap() > 0);
            assert!(store.session(record.id.uuid(), now).unwrap().is_none());
            assert_eq!(found(&store, "a", 1, later), [now]);
        }
    }
}

#[tokio::test]
async fn an_attempt_is_deleted_by_its_session_by_its_tenant_only() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    let attempt = new("a", 1, now);
    put(&store, &attempt).await;
    let is_attempt = |tenant: &str, id| store.is_attempt(&Tenant::new(tenant), id).unwrap();
    assert!(is_attempt("a", attempt.session));
    assert!(!is_attempt("b", attempt.session) && !is_attempt("a", Uuid::new_v4()));
    store.commit(vec![Change::DeleteAttempt(attempt.session)]).await.unwrap();
    assert!(!is_attempt("a", attempt.session) && found(&store, "a", 1, now).is_empty());
}

#[tokio::test]
async fn a_tenant_whose_name_begins_like_another_keeps_its_own() {
    let (store, now) = (Store::in_memory().unwrap(), Timestamp::now());
    for tenant in ["a", "a-b", "aa"] {
        put(&store, &new(tenant, 1, now)).await;
    }
    store.commit(vec![Change::DeleteAttempts(Tenant::new("a"), 100)]).await.unwrap();
    assert_eq!(["a", "a-b", "aa"].map(|tenant| found(&store, tenant, 1, now).len()), [0, 1, 1]);
}
