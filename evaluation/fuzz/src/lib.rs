//! Bytes from a fuzzer enter one of the evaluation's parsers; what must hold for any input is checked.
//!
//! Each function is a fuzz target. `make fuzz` looks for inputs that break one (libFuzzer, guided by coverage); every
//! input it found worth keeping lies in `corpus/<target>/`, and `cargo test` replays them all.

use peakstream_evaluation::channel::Simulation;
use peakstream_evaluation::trials::{Form, Ids, ListError, Speakers, TrialList, parse};

/// Samples of the clip that simulated lines carry: 50 ms at 16 kHz.
const CLIP: usize = 800;

/// A list of trials in each form, and the same text as Kaldi's two tables: what was read is about recordings that have names,
/// every trial about sides that are there, and the speakers behind the trials can be told; a refusal names a line of the text.
///
/// # Panics
/// If that does not hold.
pub fn trials(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = text.split('\n').count();
    let within = |refusal: ListError| assert!((1..=lines).contains(&refusal.line), "{refusal} of {lines}");
    let mut ids = Ids::default();
    ids.add_enrolments(text).unwrap_or_else(within);
    ids.add_paths(text).unwrap_or_else(within);
    for ids in [ids, Ids::default()] {
        for form in [None, Some(Form::Csv), Some(Form::Labelled), Some(Form::VoxCeleb)] {
            parse(text, form, &ids).map_or_else(within, |list| sound(&list));
        }
    }
}

fn sound(list: &TrialList) {
    assert!(list.recordings.iter().all(|name| !name.is_empty()), "a recording without a name");
    let known = |recording: &u32| (*recording as usize) < list.recordings.len();
    assert!(list.sides.iter().all(|side| !side.is_empty() && side.iter().all(known)), "a side of nobody");
    for trial in &list.trials {
        assert!([trial.enroll, trial.test].iter().all(|side| (*side as usize) < list.sides.len()));
        assert!((trial.group as usize) < list.groups.len());
    }
    let speakers = Speakers::of(list);
    assert_eq!(speakers.of_recording.len(), list.recordings.len());
    for number in 0..list.trials.len() {
        let _ = speakers.pair(list, number);
    }
}

/// A simulated line by its name: written out it is the same line, and what it carries is about as long as the clip.
///
/// # Panics
/// If that does not hold.
pub fn channel(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(line) = text.parse::<Simulation>() else { return };
    assert_eq!(line.to_string().parse().as_ref(), Ok(&line), "{line}: written out it is another line");
    let clip: Vec<f32> = (0..CLIP).map(|i| ((i * i) as f32 * 0.001).sin() * 0.5).collect();
    let others = [&clip[..], &clip[..CLIP / 2]];
    if let Ok(call) = line.apply(&clip, &others, 1) {
        let seconds = call.samples.len() as f64 / f64::from(call.rate.hz());
        assert!((0.03..2.0).contains(&seconds), "{line}: {seconds} s come out");
    }
}
