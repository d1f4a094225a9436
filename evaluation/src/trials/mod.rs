//! Trial lists enter in one of the field's forms; trials over numbered recordings leave.
//!
//! | form | a line | recordings are |
//! |---|---|---|
//! | [`Form::Csv`] | `label,enroll,test,source,gender,condition` under that header; the last three may be missing | paths; several of one side are joined by bars |
//! | [`Form::Labelled`] | `enroll test label`, label `1`, `0`, `target` or `nontarget` (Kaldi's) | paths, or ids of an enrolment list and of a `wav.scp` |
//! | [`Form::VoxCeleb`] | `label enroll test`, label `1` or `0` | paths |
//!
//! Blank lines and lines that begin with `#` say nothing.

mod ids;
mod parse;
mod speakers;

use std::collections::HashMap;

pub use ids::Ids;
pub use parse::{Form, Problem, parse};
pub use speakers::{Grouping, Speakers};

/// Something wrong in a list, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ListError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// Trials, and the recordings they are about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialList {
    /// Every recording once, in order of appearance, as the list names it.
    pub recordings: Vec<String>,
    /// Every enrolment and test once: the recordings that are heard, in order.
    pub sides: Vec<Vec<u32>>,
    /// What the list says about trials, each once.
    pub groups: Vec<Group>,
    /// The questions.
    pub trials: Vec<ListedTrial>,
}

/// One question of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedTrial {
    /// Whether both sides are of one speaker.
    pub same: bool,
    /// Index into [`TrialList::sides`].
    pub enroll: u32,
    /// Index into [`TrialList::sides`].
    pub test: u32,
    /// Index into [`TrialList::groups`].
    pub group: u32,
}

/// What a list says about a trial beside its answer; empty texts where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// Corpus.
    pub source: String,
    /// Genders of the two sides, such as `f/f`.
    pub gender: String,
    /// Such as same or other session.
    pub condition: String,
}

/// Gives each recording, side and group one number.
#[derive(Debug, Default)]
struct Numbering {
    list: TrialList,
    recordings: HashMap<String, u32>,
    sides: HashMap<Vec<u32>, u32>,
    groups: HashMap<Group, u32>,
}

impl Numbering {
    fn recording(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.recordings.get(name) {
            return known;
        }
        let number = self.list.recordings.len() as u32;
        self.list.recordings.push(name.to_owned());
        self.recordings.insert(name.to_owned(), number);
        number
    }

    fn side<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> u32 {
        let side: Vec<u32> = names.into_iter().map(|name| self.recording(name)).collect();
        let sides = &mut self.list.sides;
        *self.sides.entry(side).or_insert_with_key(|side| {
            sides.push(side.clone());
            sides.len() as u32 - 1
        })
    }

    fn group(&mut self, group: Group) -> u32 {
        let groups = &mut self.list.groups;
        *self.groups.entry(group).or_insert_with_key(|group| {
            groups.push(group.clone());
            groups.len() as u32 - 1
        })
    }
}
