//! What a tenant's centre learns from, when it is used, and what is kept of it.

use super::*;
use crate::data_dir::DataDir;
use crate::first_run::ensure_keys;
use crate::tenant::file::KEY_FILE;

const MODEL: [u8; 28] = [7; 28];

struct Place {
    _temp: tempfile::TempDir,
    dir: DataDir,
    centres: Centres,
    tenant: Tenant,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::open(temp.path()).unwrap();
    ensure_keys(&dir).unwrap();
    let centres = Centres::new(Keyring::open(&dir).unwrap());
    Place { _temp: temp, dir, centres, tenant: Tenant::new("default") }
}

/// A place whose tenant learns.
fn learning() -> Place {
    let place = place();
    place.set(Some(TenantCentre::begin(None)));
    place
}

fn template(number: u32, channel_type: ChannelType) -> Template {
    let mut values = [0.0; 192];
    values[0] = 0.5;
    values[1 + number as usize % 191] = 1.0;
    Template::new(ModelHash::from_bytes(MODEL), channel_type, values).unwrap()
}

impl Place {
    fn set(&self, centre: Option<TenantCentre>) {
        edit(&self.dir, |file| {
            file.tenant_mut("default")?.centre = centre;
            Ok::<(), EditError>(())
        })
        .unwrap();
    }

    /// The voice of a credential, if it is wanted.
    fn heard(&self, template: &Template, credential: u32) -> Option<Box<Voice>> {
        self.centres.hears(&self.tenant, template, &format!("credential {credential}"))
    }

    /// Voices of the credentials `numbers`, all accepted.
    fn accept(&self, numbers: std::ops::Range<u32>, channel_type: ChannelType) {
        for number in numbers {
            if let Some(voice) = self.heard(&template(number, channel_type), number) {
                self.centres.learn(&voice);
            }
        }
    }

    fn learnt(&self, channel_type: ChannelType) -> Option<Arc<Centre>> {
        self.centres.of(&self.tenant, ModelHash::from_bytes(MODEL), channel_type)
    }
}

#[test]
fn nothing_is_learnt_unless_it_was_asked_for() {
    let place = place();
    place.accept(0..60, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none());
    place.set(Some(TenantCentre { in_use: false, ..TenantCentre::begin(None) }));
    place.accept(0..60, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none());
    assert!(place.centres.learning.lock().unwrap().is_empty());
}

#[test]
fn fifty_voices_make_a_centre_that_stays_as_it_is_and_survives_a_restart() {
    let place = learning();
    place.accept(0..49, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none(), "one voice is missing");
    place.accept(49..50, ChannelType::Telephone);
    let learnt = place.learnt(ChannelType::Telephone).unwrap();
    assert_eq!(learnt.voices(), 50);
    place.accept(50..120, ChannelType::Telephone);
    assert_eq!(place.learnt(ChannelType::Telephone).unwrap().identity(), learnt.identity());
    assert!(place.learnt(ChannelType::Microphone).is_none(), "of which nobody was heard");
    let restarted = Centres::new(Keyring::open(&place.dir).unwrap());
    let kept = restarted.of(&place.tenant, ModelHash::from_bytes(MODEL), ChannelType::Telephone).unwrap();
    assert_eq!(kept.identity(), learnt.identity());
}

#[test]
fn a_credential_counts_once_however_often_it_calls() {
    let place = learning();
    for _ in 0..60 {
        place.accept(0..49, ChannelType::Telephone);
    }
    assert!(place.learnt(ChannelType::Telephone).is_none());
}

#[test]
fn each_channel_type_has_its_own() {
    let place = learning();
    place.accept(0..50, ChannelType::Microphone);
    assert!(place.learnt(ChannelType::Telephone).is_none());
    place.accept(0..50, ChannelType::Telephone);
    assert_ne!(
        place.learnt(ChannelType::Telephone).unwrap().identity(),
        place.learnt(ChannelType::Microphone).unwrap().identity()
    );
}

#[test]
fn what_was_forgotten_is_learnt_anew_and_earlier_voices_do_not_count() {
    let place = place();
    let since =
        |seconds| TenantCentre { since: UnixTime::from_seconds(seconds), ..TenantCentre::begin(None) };
    place.set(Some(since(1)));
    place.accept(0..49, ChannelType::Telephone);
    place.set(Some(since(2)));
    place.accept(49..98, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none(), "49 of each");
    place.accept(98..99, ChannelType::Telephone);
    assert_eq!(place.learnt(ChannelType::Telephone).unwrap().voices(), 50);
    place.set(Some(since(3)));
    assert!(place.learnt(ChannelType::Telephone).is_none());
}

#[test]
fn a_voice_that_waited_while_its_tenant_changed_its_mind_is_dropped() {
    let place = learning();
    let voice = place.heard(&template(1, ChannelType::Telephone), 1).unwrap();
    place.set(None);
    place.centres.learn(&voice);
    assert!(place.centres.learning.lock().unwrap().is_empty());
}

#[test]
fn neither_voices_nor_credentials_are_shown() {
    let place = learning();
    let voice = place.heard(&template(1, ChannelType::Telephone), 1).unwrap();
    place.centres.learn(&voice);
    let shown = format!("{voice:?} {:?}", place.centres);
    assert!(!shown.contains("0.70") && !shown.contains(&format!("{:?}", voice.credential)), "{shown}");
}

#[test]
fn a_centre_that_cannot_be_read_is_as_good_as_none_and_stops_nobody() {
    let place = learning();
    place.accept(0..50, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_some());
    let path = place.dir.file(KEY_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("learnt = [\"").unwrap() + 11;
    std::fs::write(&path, format!("{}!{}", &text[..at], &text[at + 1..])).unwrap();
    assert!(place.learnt(ChannelType::Telephone).is_none());
    place.accept(50..100, ChannelType::Telephone);
    assert_eq!(place.learnt(ChannelType::Telephone).unwrap().voices(), 50, "learnt anew");
}

#[test]
fn fifty_registrations_of_one_person_make_no_centre() {
    let place = learning();
    for number in 0..60 {
        let voice = place.heard(&template(7, ChannelType::Telephone), number).unwrap();
        place.centres.learn(&voice);
    }
    assert!(place.learnt(ChannelType::Telephone).is_none());
    place.accept(0..90, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_some(), "the next are many");
}

#[test]
fn a_voice_of_an_earlier_centre_does_not_count_for_the_next() {
    let place = place();
    let first = TenantCentre::begin(None);
    place.set(Some(first.clone()));
    let voice = place.heard(&template(1, ChannelType::Telephone), 1).unwrap();
    place.set(Some(TenantCentre::begin(Some(&first))));
    place.centres.learn(&voice);
    assert!(place.centres.learning.lock().unwrap().is_empty());
}

#[test]
fn a_centre_that_cannot_be_written_is_not_lost_and_tried_again_later_only() {
    let place = learning();
    place.accept(0..49, ChannelType::Telephone);
    // Where the file would be written before it takes its place, there is a folder.
    let beside = place.dir.file(&format!("{KEY_FILE}.new"));
    std::fs::create_dir(&beside).unwrap();
    place.accept(49..50, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none());
    std::fs::remove_dir(&beside).unwrap();
    place.accept(50..60, ChannelType::Telephone);
    assert!(place.learnt(ChannelType::Telephone).is_none(), "not before a minute has passed");
    for begun in place.centres.learning.lock().unwrap().values_mut() {
        begun.failed = begun.failed.and_then(|failed| failed.checked_sub(TRY_AGAIN));
    }
    place.accept(60..61, ChannelType::Telephone);
    assert_eq!(place.learnt(ChannelType::Telephone).unwrap().voices(), 50);
}
