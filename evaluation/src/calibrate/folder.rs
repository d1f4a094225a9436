//! Speakers with their recordings enter, a list of trials leaves.

use crate::metrics::SplitMix;
use crate::trials::{Group, ListedTrial, TrialList};

/// Most trials of two speakers: enough for a threshold at one false accept in 10,000.
const MOST_OTHER: usize = 400_000;

/// One person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Corpus: people of different corpora are not compared, since their lines would tell them apart.
    pub source: String,
    /// Names of the recordings.
    pub recordings: Vec<String>,
}

/// Every recording against every other: all of one speaker, and all of two speakers of one source, or, where there are more than
/// 400,000, as many of them, drawn by a fixed seed.
pub fn all_trials(speakers: &[Speaker]) -> TrialList {
    let mut list = TrialList::default();
    let mut owners = Vec::new();
    for (number, speaker) in speakers.iter().enumerate() {
        let group = Group { source: speaker.source.clone(), ..Group::default() };
        let group = list.groups.iter().position(|known| *known == group).unwrap_or_else(|| {
            list.groups.push(group);
            list.groups.len() - 1
        });
        for recording in &speaker.recordings {
            list.sides.push(vec![list.recordings.len() as u32]);
            list.recordings.push(recording.clone());
            owners.push((number, group as u32));
        }
    }
    let mut other = Vec::new();
    for (enroll, (a, group)) in owners.iter().enumerate() {
        for (test, (b, of_test)) in owners.iter().enumerate().take(enroll) {
            let trial = ListedTrial { same: a == b, enroll: enroll as u32, test: test as u32, group: *group };
            if a == b {
                list.trials.push(trial);
            } else if group == of_test {
                other.push(trial);
            }
        }
    }
    // The first steps of a shuffle (Fisher and Yates): every choice of as many is equally likely.
    if other.len() > MOST_OTHER {
        let mut random = SplitMix::new(1);
        for i in 0..MOST_OTHER {
            let chosen = i + random.below(other.len() - i);
            other.swap(i, chosen);
        }
        other.truncate(MOST_OTHER);
    }
    list.trials.extend(other);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speakers(source: &str, count: usize, recordings: usize) -> Vec<Speaker> {
        let names = |s| (0..recordings).map(|r| format!("{source}/{s}/{r}.wav")).collect();
        (0..count).map(|s| Speaker { source: source.to_owned(), recordings: names(s) }).collect()
    }

    #[test]
    fn everyone_is_compared_with_everyone_of_the_same_source() {
        let list = all_trials(&[speakers("a", 3, 2), speakers("b", 2, 4)].concat());
        let count = |same| list.trials.iter().filter(|trial| trial.same == same).count();
        assert_eq!(count(true), 3 + 2 * 6);
        assert_eq!(count(false), 3 * 4 + 16);
        assert_eq!(list.groups.len(), 2);
    }

    #[test]
    fn of_very_many_trials_as_many_are_drawn_as_a_threshold_needs() {
        let list = all_trials(&speakers("a", 200, 5));
        let same = list.trials.iter().filter(|trial| trial.same).count();
        assert_eq!((same, list.trials.len() - same), (2_000, MOST_OTHER));
        let mut pairs: Vec<_> = list.trials.iter().map(|trial| (trial.enroll, trial.test)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), list.trials.len(), "no trial twice");
        assert_eq!(all_trials(&speakers("a", 200, 5)), list);
    }
}
