//! With what a call is compared, and what is kept of it.

use std::time::Duration;

use peakstream::Template;
use peakstream::credential::{self, Credential};
use peakstream::{ChannelType, ModelHash};

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::tenant::edit::{EditError, edit};
use crate::tenant::file::OwnKey;
use crate::tenant::replay::Heard;

struct Place {
    _temp: tempfile::TempDir,
    dir: DataDir,
    store: Store,
    replays: Replays,
    tenant: Tenant,
}

fn place(most: u64) -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    let store = Store::in_memory().unwrap();
    let replays = Replays::new(Keyring::open(&dir).unwrap(), store.clone(), most);
    Place { _temp: temp, dir, store, replays, tenant: Tenant::new("default") }
}

/// Frames whose clear cells are random: unlike those of any other seed.
pub(super) fn recording(seed: u64) -> Fingerprint {
    made_of(&frames(seed))
}

/// The same frames three times.
pub(super) fn loop_of(seed: u64) -> Fingerprint {
    made_of(&frames(seed).repeat(3))
}

fn made_of(frames: &[u8]) -> Fingerprint {
    Fingerprint::from_bytes(&[&[1], frames].concat()).unwrap()
}

/// Two seconds of them.
fn frames(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let frame = |_| {
        let clear = [random(), random(), random()];
        let rising = clear.map(|clear| clear & random());
        [clear, rising].concat()
    };
    (0..100).flat_map(frame).collect()
}

impl Place {
    fn set(&self, wanted: Option<TenantReplay>) {
        edit(&self.dir, |file| {
            file.tenant_mut("default")?.replay = wanted;
            Ok::<(), EditError>(())
        })
        .unwrap();
    }

    fn credential(&self, number: u8) -> String {
        let values = std::array::from_fn(|i| if i == usize::from(number) { 1.0 } else { 0.1 });
        let template = Template::new(ModelHash::from_bytes([7; 28]), ChannelType::Telephone, values);
        let credential = Credential {
            template: template.unwrap(),
            calibration: "telephone-channel@1f3a90c2".into(),
            created_at: 0,
            fingerprint: None,
        };
        let keys = self.replays.keyring.credential_keys();
        credential::seal(&keys, "default", &credential, [number; 24])
    }

    /// A call of now with that recording; it is kept afterwards if it is to be.
    async fn call(&self, credential: &str, seed: u64) -> Option<Replay> {
        let wanted = self.replays.wanted(&self.tenant).unwrap();
        let began = Timestamp::now().after(Duration::from_millis(1));
        let known = Known { credential, enrolment: None, cosine: None, began };
        let recorded = self.replays.look(&self.tenant, wanted, known, recording(seed));
        if let Some(attempt) = recorded.attempt {
            self.replays.keep(&self.tenant, SessionId::random(), &attempt).await;
        }
        recorded.replay
    }
}

const ATTEMPTS: TenantReplay = TenantReplay::new(Heard::Attempts);

#[tokio::test]
async fn a_recording_is_known_again_with_the_same_credential_only() {
    let place = place(100);
    place.set(Some(ATTEMPTS));
    let (mine, hers) = (place.credential(1), place.credential(2));
    assert_eq!(place.call(&mine, 1).await, None);
    assert_eq!(place.call(&mine, 2).await, None);
    assert_eq!(place.call(&hers, 1).await, None);
    for seed in [1, 2] {
        let found = place.call(&mine, seed).await.unwrap();
        assert_eq!((found.heard, found.agreement.differing()), (HeardIn::Attempt, 0));
    }
    assert_eq!(place.store.counts().unwrap().attempts, 3, "what was heard before is not kept again");
}

#[test]
fn the_enrolment_is_compared_without_a_store_and_the_closer_recording_is_told() {
    let place = place(0);
    let (credential, call) = (place.credential(1), recording(1));
    let known =
        Known { credential: &credential, enrolment: Some(&call), cosine: None, began: Timestamp::now() };
    let only_enrolment = TenantReplay::new(Heard::Enrolment);
    let recorded = place.replays.look(&place.tenant, only_enrolment, known, call.clone());
    let heard = recorded.replay.map(|replay| replay.heard);
    assert_eq!((heard, recorded.attempt.is_none()), (Some(HeardIn::Enrolment), true));
    let recorded = place.replays.look(&place.tenant, only_enrolment, known, recording(2));
    assert!(recorded.replay.is_none() && recorded.attempt.is_none());
}

#[tokio::test]
async fn a_call_is_compared_with_calls_that_had_ended_when_it_began() {
    let place = place(100);
    place.set(Some(ATTEMPTS));
    let credential = place.credential(1);
    let began = Timestamp::now();
    assert_eq!(place.call(&credential, 1).await, None);
    let of = |began| {
        let known = Known { credential: &credential, enrolment: None, cosine: None, began };
        place.replays.look(&place.tenant, ATTEMPTS, known, recording(1)).replay
    };
    assert!(of(began).is_none(), "a second copy of the same call");
    assert!(of(Timestamp::now().after(Duration::from_millis(1))).is_some());
}

#[tokio::test]
async fn attempts_open_after_the_key_was_rotated_and_are_gone_with_the_key() {
    let place = place(100);
    place.set(Some(ATTEMPTS));
    let credential = place.credential(1);
    place.call(&credential, 1).await;
    let rotate = |file: &mut crate::tenant::file::KeyFile| {
        file.credential_keys.insert(0, OwnKey::random()?);
        Ok::<(), EditError>(())
    };
    edit(&place.dir, rotate).unwrap();
    assert!(place.call(&credential, 1).await.is_some());
    edit(&place.dir, |file| {
        file.credential_keys.truncate(1);
        Ok::<(), EditError>(())
    })
    .unwrap();
    let known = Known { credential: &credential, enrolment: None, cosine: None, began: Timestamp::now() };
    assert_eq!(place.replays.look(&place.tenant, ATTEMPTS, known, recording(1)).replay, None);
}

#[tokio::test]
async fn nothing_readable_is_stored() {
    let place = place(100);
    place.set(Some(ATTEMPTS));
    let credential = place.credential(1);
    place.call(&credential, 1).await;
    let mark = place.replays.mark(&place.tenant, &credential).unwrap();
    let other = Tenant::new("other");
    assert_ne!(Some(mark), place.replays.mark(&other, &credential), "each tenant has marks of its own");
    let kept = place.store.attempts(&place.tenant, &mark, Timestamp::now()).unwrap();
    let sealed = kept[0].fingerprint.expose();
    let purpose = purpose(&mark);
    let open = |tenant| place.replays.keyring.sealer().open(Owner { purpose: &purpose, tenant }, sealed);
    assert_eq!(open("default").unwrap().as_slice(), recording(1).to_bytes());
    assert!(open("other").is_none());
}

#[tokio::test]
async fn a_tenant_that_does_not_want_attempts_any_more_has_none() {
    let place = place(100);
    place.set(Some(ATTEMPTS));
    let credential = place.credential(1);
    place.call(&credential, 1).await;
    place.replays.sweep().await.unwrap();
    assert_eq!(place.store.counts().unwrap().attempts, 1);
    let attempt = Attempt { mark: [1; 32], fingerprint: recording(2) };
    for unwanted in [Some(TenantReplay::new(Heard::Enrolment)), None] {
        place.set(unwanted);
        place.replays.keep(&place.tenant, SessionId::random(), &attempt).await;
        place.replays.sweep().await.unwrap();
        assert_eq!(place.store.counts().unwrap().attempts, 0);
        place.set(Some(ATTEMPTS));
        place.call(&credential, 1).await;
    }
}

#[tokio::test]
async fn no_more_are_kept_than_the_server_has_room_for() {
    let place = place(2);
    place.set(Some(ATTEMPTS));
    let credential = place.credential(1);
    for seed in 1..5 {
        place.call(&credential, seed).await;
    }
    assert_eq!(place.store.counts().unwrap().attempts, 2);
    assert!(place.call(&credential, 2).await.is_some());
    assert!(place.call(&credential, 3).await.is_none());
}
