//! Guessing is slow, refusing is cheap, and nobody pays for another's guesses.

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::tenant::edit::{KeyKind, NewSecret, edit};
use crate::tenant::failures::FAILURES;
use crate::tenant::scope::Scopes;

struct Place {
    _temp: tempfile::TempDir,
    dir: DataDir,
    keyring: Arc<Keyring>,
    guard: Arc<Guard>,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    let keyring = Keyring::open(&dir).unwrap();
    Place { _temp: temp, dir, keyring, guard: Arc::new(Guard::new().unwrap()) }
}

impl Place {
    fn client(&self, tenant: &str) -> NewSecret {
        let add = |file: &mut crate::tenant::file::KeyFile| {
            file.add_tenant(tenant)?;
            file.add_key(KeyKind::Client, tenant, Scopes::ALL, None)
        };
        edit(&self.dir, add).unwrap()
    }

    async fn prove(&self, id: &str, secret: &str) -> Result<String, Denied> {
        let proven = self.guard.prove(&self.keyring, id, Sensitive::new(secret.to_owned())).await?;
        Ok(proven.client.tenant.name().to_owned())
    }
}

/// As many as a lane computes for at once.
const BURST: u64 = FAILURES.burst as u64;

#[tokio::test]
async fn ten_thousand_wrong_secrets_of_one_client_do_not_slow_another() {
    let place = Arc::new(place());
    let (a, b) = (place.client("a"), place.client("b"));
    // A computation for A that does not end before we say so.
    let lane = Arc::clone(&place.keyring.keys().client(&a.id).unwrap().lane);
    let turn = Arc::clone(&lane.turn).lock_owned().await;
    let core = Arc::clone(&place.guard.computing).acquire_owned().await.unwrap();
    let refused = Arc::new(AtomicU64::new(0));
    let guess = |number: usize| {
        let (place, id, refused) = (Arc::clone(&place), a.id.clone(), Arc::clone(&refused));
        tokio::spawn(async move {
            let denied = place.prove(&id, &format!("guess {number}")).await.unwrap_err();
            refused.fetch_add(u64::from(denied != Denied::Wrong), Ordering::Relaxed);
        })
    };
    let guesses: Vec<_> = (0..10_000).map(guess).collect();
    while refused.load(Ordering::Relaxed) < 10_000 - LANE_REQUESTS as u64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(place.guard.computations(), 0, "refused at no cost");
    // B has never been seen, so its secret is computed: while A's does not end, and its guesses wait.
    assert_eq!(place.prove(&b.id, b.secret.expose()).await, Ok("b".into()));
    assert_eq!(place.guard.computations(), 1);
    drop((turn, core));
    for guess in guesses {
        guess.await.unwrap();
    }
    let computed = place.guard.computations() - 1;
    assert!(
        (BURST..=LANE_REQUESTS as u64).contains(&computed),
        "{computed} of 10,000 were worth a computation"
    );
    assert_eq!(refused.load(Ordering::Relaxed), 10_000 - computed);
}

#[tokio::test]
async fn a_good_secret_is_computed_once_and_passes_while_its_client_is_being_guessed() {
    let place = place();
    let a = place.client("a");
    assert_eq!(place.prove(&a.id, a.secret.expose()).await, Ok("a".into()));
    let mut refused = Vec::new();
    for number in 0..BURST + 5 {
        refused.push(place.prove(&a.id, &number.to_string()).await.unwrap_err());
    }
    assert_eq!(refused[0], Denied::Wrong);
    let Some(Denied::TooMany(exceeded)) = refused.last() else { panic!("{refused:?}") };
    assert!((1..=2).contains(&exceeded.retry_after_seconds()));
    let before = place.guard.computations();
    for _ in 0..100 {
        assert_eq!(place.prove(&a.id, a.secret.expose()).await, Ok("a".into()));
    }
    assert_eq!(place.guard.computations(), before);
}

#[tokio::test]
async fn a_fleet_that_starts_at_once_costs_one_computation() {
    let place = Arc::new(place());
    let a = place.client("a");
    let ask = || {
        let (place, a) = (Arc::clone(&place), a.clone());
        tokio::spawn(async move { place.prove(&a.id, a.secret.expose()).await })
    };
    let fleet: Vec<_> = (0..LANE_REQUESTS).map(|_| ask()).collect();
    for one in fleet {
        assert_eq!(one.await.unwrap(), Ok("a".into()));
    }
    assert_eq!(place.guard.computations(), 1);
}

#[tokio::test]
async fn an_unknown_client_costs_and_answers_as_a_known_one_with_a_wrong_secret() {
    let place = place();
    let a = place.client("a");
    for id in [a.id.as_str(), "nobody"] {
        let before = place.guard.computations();
        for _ in 0..BURST {
            assert_eq!(place.prove(id, "").await, Err(Denied::Wrong), "{id}");
        }
        assert!(matches!(place.prove(id, "").await, Err(Denied::TooMany(_))), "{id}");
        assert_eq!(place.guard.computations() - before, BURST, "{id}");
    }
}

#[tokio::test]
async fn a_disabled_client_answers_as_an_unknown_one_even_if_its_secret_was_recognised() {
    let place = place();
    let a = place.client("a");
    assert!(place.prove(&a.id, a.secret.expose()).await.is_ok());
    edit(&place.dir, |file| file.disable_key(&a.id, true)).unwrap();
    assert_eq!(place.prove(&a.id, a.secret.expose()).await, Err(Denied::Wrong));
    assert_eq!(place.guard.computations(), 2, "at the same cost");
}

#[tokio::test]
async fn a_change_of_one_tenants_keys_forgets_neither_proofs_nor_failures_of_others() {
    let place = place();
    let a = place.client("a");
    assert!(place.prove(&a.id, a.secret.expose()).await.is_ok());
    for _ in 0..BURST {
        assert_eq!(place.prove(&a.id, "wrong").await, Err(Denied::Wrong));
    }
    place.client("b");
    assert!(matches!(place.prove(&a.id, "wrong").await, Err(Denied::TooMany(_))));
    let before = place.guard.computations();
    assert!(place.prove(&a.id, a.secret.expose()).await.is_ok());
    assert_eq!(place.guard.computations(), before);
}

#[tokio::test]
async fn during_the_overlap_of_a_rotation_both_secrets_prove_the_client() {
    let place = place();
    let old = place.client("a");
    let new = edit(&place.dir, |file| file.rotate_key(&old.id, Duration::from_secs(60), None)).unwrap();
    for secret in [&old, &new, &old, &new] {
        assert_eq!(place.prove(&old.id, secret.secret.expose()).await, Ok("a".into()));
    }
    edit(&place.dir, |file| file.rotate_key(&old.id, Duration::ZERO, None)).unwrap();
    for secret in [&old, &new] {
        assert_eq!(place.prove(&old.id, secret.secret.expose()).await, Err(Denied::Wrong));
    }
}
