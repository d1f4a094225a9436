//! Trials enter; who speaks in which recording leaves, which lists do not say.
//!
//! Intervals are made by resampling speakers, so speakers must be known. Most corpora have one folder for each; the
//! right level of folders is the highest that contradicts no trial. Where there is none, speakers are what same-speaker trials
//! connect.

use std::collections::HashMap;

use super::TrialList;
use crate::metrics::Pair;

/// How speakers were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Recordings with as many leading folders in common.
    Folders(usize),
    /// Recordings that trials of one speaker connect. A speaker who is never a target counts as several.
    Links,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speakers {
    /// Speaker of each recording, numbered from 0.
    pub of_recording: Vec<u32>,
    /// How they were found.
    pub grouping: Grouping,
}

impl Speakers {
    /// Finds out who speaks.
    pub fn of(list: &TrialList) -> Self {
        let deepest = list.recordings.iter().map(|name| name.split('/').count() - 1).max().unwrap_or(0);
        (1..=deepest).find_map(|level| by_folders(list, level)).unwrap_or_else(|| by_links(list))
    }

    /// The speakers of a trial's two sides.
    pub fn pair(&self, list: &TrialList, trial: usize) -> Pair {
        let trial = &list.trials[trial];
        let of = |side: u32| self.of_recording[list.sides[side as usize][0] as usize];
        let (enroll, test) = (of(trial.enroll), of(trial.test));
        // One speaker is one, even where links could not show it.
        if trial.same { Pair(enroll, enroll) } else { Pair(enroll, test) }
    }
}

fn by_folders(list: &TrialList, level: usize) -> Option<Speakers> {
    let mut numbers = HashMap::new();
    let mut of_recording = Vec::with_capacity(list.recordings.len());
    for name in &list.recordings {
        // The file itself is no folder.
        let end = name.match_indices('/').nth(level - 1)?.0;
        let next = numbers.len() as u32;
        of_recording.push(*numbers.entry(&name[..end]).or_insert(next));
    }
    let agrees = list.trials.iter().all(|trial| {
        let (enroll, test) = (&list.sides[trial.enroll as usize], &list.sides[trial.test as usize]);
        let first = of_recording[enroll[0] as usize];
        let one = |side: &[u32], speaker| side.iter().all(|&r| of_recording[r as usize] == speaker);
        let other = of_recording[test[0] as usize];
        one(enroll, first) && one(test, other) && (first == other) == trial.same
    });
    agrees.then_some(Speakers { of_recording, grouping: Grouping::Folders(level) })
}

/// Connected components of recordings: those of one side, and those of trials of one speaker.
fn by_links(list: &TrialList) -> Speakers {
    let mut root: Vec<u32> = (0..list.recordings.len() as u32).collect();
    let mut join = |a: u32, b: u32| {
        let (a, b) = (find(&mut root, a), find(&mut root, b));
        root[a.max(b) as usize] = a.min(b);
    };
    for side in &list.sides {
        side.windows(2).for_each(|pair| join(pair[0], pair[1]));
    }
    for trial in list.trials.iter().filter(|trial| trial.same) {
        join(list.sides[trial.enroll as usize][0], list.sides[trial.test as usize][0]);
    }
    let mut numbers = HashMap::new();
    let of_recording = (0..root.len() as u32)
        .map(|recording| {
            let found = find(&mut root, recording);
            let next = numbers.len() as u32;
            *numbers.entry(found).or_insert(next)
        })
        .collect();
    Speakers { of_recording, grouping: Grouping::Links }
}

fn find(root: &mut [u32], mut at: u32) -> u32 {
    while root[at as usize] != at {
        // Halves the path for the next time.
        root[at as usize] = root[root[at as usize] as usize];
        at = root[at as usize];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::{Ids, parse};
    use super::*;

    fn speakers(text: &str) -> Speakers {
        Speakers::of(&parse(text, None, &Ids::default()).expect("a list"))
    }

    #[test]
    fn speakers_are_the_highest_folders_that_no_trial_contradicts() {
        // VoxCeleb: speaker / video / recording.
        let found = speakers("1 p/v1/1.wav p/v2/1.wav\n0 p/v1/1.wav q/v1/1.wav\n");
        assert_eq!((found.of_recording, found.grouping), (vec![0, 0, 1], Grouping::Folders(1)));
        // Ours: clips / source / speaker / recording.
        let found = speakers("1 c/x/a/1.wav c/x/a/2.wav\n0 c/x/a/1.wav c/x/b/1.wav\n");
        assert_eq!((found.of_recording, found.grouping), (vec![0, 0, 1], Grouping::Folders(3)));
    }

    #[test]
    fn without_folders_speakers_are_what_trials_connect() {
        let found = speakers("1 a1.wav a2.wav\n1 a2.wav a3.wav\n0 a1.wav b1.wav\n");
        assert_eq!((found.of_recording, found.grouping), (vec![0, 0, 0, 1], Grouping::Links));
        // Folders by day, not by speaker.
        let found = speakers("1 mon/a.wav tue/a.wav\n0 mon/a.wav mon/b.wav\n");
        assert_eq!((found.of_recording, found.grouping), (vec![0, 0, 1], Grouping::Links));
    }
}
