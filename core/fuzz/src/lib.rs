//! Bytes from a fuzzer enter one of the engine's parsers; what must hold for any input is checked.
//!
//! Each function is a fuzz target. `make fuzz` looks for inputs that break one (libFuzzer, guided by coverage); every
//! input it found worth keeping lies in `corpus/<target>/`, and `cargo test` replays them all ([`replay`]).

use peakstream::audio::wav;
use peakstream::credential::{self, CredentialKey, CredentialKeys};

pub mod replay;

/// A WAV file: reading it never panics and what was read is a sound recording, which survives being written.
///
/// # Panics
/// If that does not hold.
pub fn wav(data: &[u8]) {
    let Ok(read) = wav::read(data) else { return };
    assert!(
        (1..=8).contains(&read.channels) && read.rate > 0,
        "{} channels at {} Hz",
        read.channels,
        read.rate
    );
    assert_eq!(read.samples.len() % read.channels, 0, "a frame is cut off");
    assert!(read.samples.len() <= data.len(), "more samples than bytes");
    let again = wav::read(&wav::write(&read.samples, read.rate)).expect("what was written is read");
    assert_eq!((again.channels, again.rate, &again.samples), (1, read.rate, &read.samples));
}

/// A credential, as the text a client sends and as the bytes found inside once it was opened: neither panics, nobody's
/// text opens, and what the bytes say survives being sealed.
///
/// # Panics
/// If that does not hold.
pub fn credential(data: &[u8]) {
    let keys =
        CredentialKeys::new(CredentialKey::new([1; 8], [2; 32]), vec![CredentialKey::new([3; 8], [4; 32])]);
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(credential::open(&keys, "tenant", text).is_err(), "a forged credential opened");
    }
    let Some(found) = credential::from_plain(data) else { return };
    let text = credential::seal(&keys, "tenant", &found, [5; 24]);
    let opened = credential::open(&keys, "tenant", &text).expect("own credential");
    assert_eq!((&opened.calibration, opened.created_at), (&found.calibration, found.created_at));
    assert_eq!(opened.template.model(), found.template.model());
    assert_eq!(opened.template.channel_type(), found.template.channel_type());
    let cosine = opened.template.cosine(&found.template);
    assert!((cosine - 1.0).abs() < 1e-5, "sealing turned the voice: {cosine}");
    assert!(credential::open(&keys, "another", &text).is_err(), "another tenant's credential opened");
}
