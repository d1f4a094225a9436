//! The text of a trial list enters, a [`TrialList`] leaves.

use std::str::FromStr;

use super::ids::Ids;
use super::{Group, ListError, ListedTrial, Numbering, TrialList};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `label,enroll,test,…` under a header.
    Csv,
    /// `enroll test label`.
    Labelled,
    /// `label enroll test`.
    VoxCeleb,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "enroll-test-label" | "kaldi" => Ok(Self::Labelled),
            "voxceleb" => Ok(Self::VoxCeleb),
            _ => Err("csv, enroll-test-label, kaldi or voxceleb".to_owned()),
        }
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No line that says anything.
    #[error("the list holds no trials")]
    Empty,
    /// Of no known form.
    #[error(
        "not a trial list: expected a header with label,enroll,test, or lines of `enroll test label` or `label enroll test`; \
         found {0:?}"
    )]
    UnknownForm(String),
    /// Of two forms at once.
    #[error(
        "both ends of {0:?} may be the label: say which with --form enroll-test-label or --form voxceleb"
    )]
    Ambiguous(String),
    /// The header lacks a column.
    #[error("the header has no column {0:?}")]
    NoColumn(&'static str),
    /// Not as many fields as there should be.
    #[error("{found} fields instead of {expected}")]
    Fields {
        /// How many the form or the header has.
        expected: usize,
        /// How many the line has.
        found: usize,
    },
    /// A quote that is not closed, or that closes within a field.
    #[error("a quoted field does not end")]
    Quote,
    /// Neither one speaker nor two.
    #[error("the label {0:?} is neither 1, 0, target nor nontarget")]
    Label(String),
    /// A field that must not be empty.
    #[error("no {0} recording")]
    NoRecording(&'static str),
    /// A recording against itself.
    #[error("{0} is on both sides: a recording compared with itself says nothing about its speaker")]
    Itself(String),
    /// An enrolment list's line without recordings.
    #[error("{0} has no recordings")]
    NoUtterances(String),
    /// A `wav.scp` line without a path.
    #[error("{0} has no path")]
    NoPath(String),
    /// A `wav.scp` line that is a command.
    #[error("{0} is a command; commands are not run: convert the recordings and name files")]
    Command(String),
    /// An id that stands in a table twice.
    #[error("{0} is there twice")]
    Twice(String),
}

/// The lines that say something, numbered from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    numbered
        .map(|(i, line)| (i + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Reads a list; the form is told by its first line unless it is given.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(text: &str, form: Option<Form>, ids: &Ids) -> Result<TrialList, ListError> {
    let mut lines = lines(text).peekable();
    let Some(&(line, first)) = lines.peek() else {
        return Err(ListError { line: 1, problem: Problem::Empty });
    };
    let at = |line| move |problem| ListError { line, problem };
    let form = form.map_or_else(|| told_by(first), Ok).map_err(at(line))?;
    let mut numbering = Numbering::default();
    let columns = if form == Form::Csv {
        lines.next();
        Some(Columns::of(first).map_err(at(line))?)
    } else {
        None
    };
    for (line, text) in lines {
        let trial = match &columns {
            Some(columns) => columns.trial(text, &mut numbering),
            None => plain(text, form, ids, &mut numbering),
        };
        let trial = trial.and_then(|trial| different_sides(trial, &numbering.list)).map_err(at(line))?;
        numbering.list.trials.push(trial);
    }
    if numbering.list.trials.is_empty() {
        return Err(ListError { line, problem: Problem::Empty });
    }
    Ok(numbering.list)
}

fn told_by(line: &str) -> Result<Form, Problem> {
    let fields: Vec<_> = line.split(',').map(str::trim).collect();
    if ["label", "enroll", "test"].iter().all(|column| fields.contains(column)) {
        return Ok(Form::Csv);
    }
    let unknown = || Problem::UnknownForm(line.chars().take(80).collect());
    let fields: Vec<_> = line.split_whitespace().collect();
    let [first, _, last] = fields[..] else { return Err(unknown()) };
    match (label(first).is_ok(), label(last).is_ok()) {
        (false, true) => Ok(Form::Labelled),
        (true, false) => Ok(Form::VoxCeleb),
        (true, true) => Err(Problem::Ambiguous(line.chars().take(80).collect())),
        (false, false) => Err(unknown()),
    }
}

fn label(text: &str) -> Result<bool, Problem> {
    match text {
        "1" | "target" => Ok(true),
        "0" | "nontarget" => Ok(false),
        _ => Err(Problem::Label(text.chars().take(40).collect())),
    }
}

fn plain(line: &str, form: Form, ids: &Ids, numbering: &mut Numbering) -> Result<ListedTrial, Problem> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [a, b, c] = fields[..] else { return Err(Problem::Fields { expected: 3, found: fields.len() }) };
    let (enroll, test, same) = if form == Form::VoxCeleb { (b, c, a) } else { (a, b, c) };
    Ok(ListedTrial {
        same: label(same)?,
        enroll: numbering.side(ids.enrolment(enroll)),
        test: numbering.side([ids.recording(test)]),
        group: numbering.group(Group::default()),
    })
}

/// Where the columns of a CSV list are.
struct Columns {
    count: usize,
    label: usize,
    enroll: usize,
    test: usize,
    source: Option<usize>,
    gender: Option<usize>,
    condition: Option<usize>,
}

impl Columns {
    fn of(header: &str) -> Result<Self, Problem> {
        let names = fields(header)?;
        let at = |wanted: &'static str| names.iter().position(|name| name == wanted);
        let required = |wanted| at(wanted).ok_or(Problem::NoColumn(wanted));
        Ok(Self {
            count: names.len(),
            label: required("label")?,
            enroll: required("enroll")?,
            test: required("test")?,
            source: at("source"),
            gender: at("gender"),
            condition: at("condition"),
        })
    }

    fn trial(&self, line: &str, numbering: &mut Numbering) -> Result<ListedTrial, Problem> {
        let fields = fields(line)?;
        if fields.len() != self.count {
            return Err(Problem::Fields { expected: self.count, found: fields.len() });
        }
        let text = |column: Option<usize>| column.map(|column| fields[column].clone()).unwrap_or_default();
        let side = |column: usize, name| {
            let recordings: Vec<_> = fields[column].split('|').map(str::trim).collect();
            let empty = recordings.iter().any(|recording| recording.is_empty());
            if empty { Err(Problem::NoRecording(name)) } else { Ok(recordings) }
        };
        let (enroll, test) = (side(self.enroll, "enroll")?, side(self.test, "test")?);
        Ok(ListedTrial {
            same: label(&fields[self.label])?,
            enroll: numbering.side(enroll),
            test: numbering.side(test),
            group: numbering.group(Group {
                source: text(self.source),
                gender: text(self.gender),
                condition: text(self.condition),
            }),
        })
    }
}

/// The fields of a line of comma-separated values (RFC 4180; a field does not span lines).
fn fields(line: &str) -> Result<Vec<String>, Problem> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// The field behind an opening quote, and what follows its end: a comma or nothing.
fn quoted_field(text: &str) -> Result<(String, &str), Problem> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let quote = rest.find('"').ok_or(Problem::Quote)?;
        field.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        if let Some(after) = rest.strip_prefix('"') {
            field.push('"');
            rest = after;
        } else {
            let rest = rest.trim_start();
            let ends = rest.is_empty() || rest.starts_with(',');
            return if ends { Ok((field, rest)) } else { Err(Problem::Quote) };
        }
    }
}

fn different_sides(trial: ListedTrial, list: &TrialList) -> Result<ListedTrial, Problem> {
    let (enroll, test) = (&list.sides[trial.enroll as usize], &list.sides[trial.test as usize]);
    match test.iter().find(|&recording| enroll.contains(recording)) {
        Some(&recording) => Err(Problem::Itself(list.recordings[recording as usize].clone())),
        None => Ok(trial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<TrialList, String> {
        parse(text, None, &Ids::default()).map_err(|error| error.to_string())
    }

    fn names(list: &TrialList, side: u32) -> Vec<&str> {
        list.sides[side as usize].iter().map(|&r| list.recordings[r as usize].as_str()).collect()
    }

    #[test]
    fn our_lists_join_enrolments_by_bars_and_say_source_gender_and_condition() {
        let text = "label,enroll,test,source,gender,condition\n1,a/1.flac|a/2.flac,a/3.flac,x,f/f,s\n\n\
                    0,a/1.flac|a/2.flac,\"b/1, \"\"loud\"\".flac\",x,f/m,s\n";
        let list = read(text).expect("a list");
        assert_eq!((list.trials.len(), list.sides.len(), list.recordings.len()), (2, 3, 4));
        assert_eq!(names(&list, list.trials[0].enroll), ["a/1.flac", "a/2.flac"]);
        assert_eq!(names(&list, list.trials[1].test), ["b/1, \"loud\".flac"]);
        assert!(list.trials[0].same && !list.trials[1].same);
        let group = &list.groups[list.trials[1].group as usize];
        assert_eq!(
            (group.source.as_str(), group.gender.as_str(), group.condition.as_str()),
            ("x", "f/m", "s")
        );
    }

    #[test]
    fn the_three_forms_of_lines_are_told_apart() {
        let lists = [
            "a.wav b.wav 1\nc.wav a.wav 0\n",
            "a.wav b.wav target\nc.wav a.wav nontarget\n",
            "1 a.wav b.wav\n0 c.wav a.wav\n",
        ];
        for text in lists {
            let list = read(text).expect("a list");
            assert_eq!(
                list.trials.iter().map(|trial| trial.same).collect::<Vec<_>>(),
                [true, false],
                "{text}"
            );
            assert_eq!(names(&list, list.trials[1].enroll), ["c.wav"], "{text}");
            assert_eq!(names(&list, list.trials[1].test), ["a.wav"], "{text}");
        }
        assert!(read("1 0 1\n").expect_err("ambiguous").contains("--form"));
        assert!(parse("1 0 1\n", Some(Form::VoxCeleb), &Ids::default()).is_ok());
    }

    #[test]
    fn ids_of_kaldi_lists_stand_for_recordings() {
        let mut ids = Ids::default();
        ids.add_enrolments("anna a-1 a-2\n").expect("a list");
        ids.add_paths("a-1 wav/a1.flac\na-2 wav/a2.flac\nb-1 wav/b1.flac\n").expect("a table");
        let list = parse("anna b-1 nontarget\n", None, &ids).expect("a list");
        assert_eq!(names(&list, list.trials[0].enroll), ["wav/a1.flac", "wav/a2.flac"]);
        assert_eq!(names(&list, list.trials[0].test), ["wav/b1.flac"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("", "line 1: the list holds no trials"),
            ("# nothing\n\n", "line 1: the list holds no trials"),
            ("label,enroll,test\n", "line 1: the list holds no trials"),
            ("a.wav b.wav c.wav\n", "line 1: not a trial list"),
            ("a.wav b.wav 1\n\na.wav c.wav maybe\n", "line 3: the label \"maybe\""),
            ("a.wav b.wav 1\na.wav 1\n", "line 2: 2 fields instead of 3"),
            ("a.wav a.wav 1\n", "line 1: a.wav is on both sides"),
            ("label,enroll,test\n1,a.wav\n", "line 2: 2 fields instead of 3"),
            ("label,enroll,test\n1,a.wav||b.wav,c.wav\n", "line 2: no enroll recording"),
            ("label,enroll,test\n1,\"a.wav,b.wav\n", "line 2: a quoted field does not end"),
        ];
        for (text, expected) in cases {
            let found = read(text).expect_err("wrong");
            assert!(found.starts_with(expected), "{text:?}: {found}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "([a-c01,|\"# \n\t]|label,enroll,test\n|target|\\PC){0,60}") {
            for form in [None, Some(Form::Csv), Some(Form::Labelled), Some(Form::VoxCeleb)] {
                let mut ids = Ids::default();
                let _ = ids.add_enrolments(&text);
                let _ = ids.add_paths(&text);
                if let Ok(list) = parse(&text, form, &ids) {
                    prop_assert!(!list.trials.is_empty());
                    for trial in &list.trials {
                        prop_assert!((trial.enroll.max(trial.test) as usize) < list.sides.len());
                        prop_assert!((trial.group as usize) < list.groups.len());
                    }
                    prop_assert!(list.sides.iter().flatten().all(|&r| (r as usize) < list.recordings.len()));
                }
            }
        }

        #[test]
        fn a_list_that_was_written_is_read_as_it_was(
            trials in proptest::collection::vec((any::<bool>(), "[a-z]{1,3}/\\PC{1,6}", "[A-Z]{1,3}\\PC{1,6}"), 1..20)
        ) {
            let clean = |name: &str| name.replace(['|', '\u{feff}'], "_").trim().to_owned();
            let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
            let mut text = "label,enroll,test\n".to_owned();
            for (same, enroll, test) in &trials {
                text += &format!("{},{},{}\n", u8::from(*same), quote(&clean(enroll)), quote(&clean(test)));
            }
            let list = read(&text).map_err(TestCaseError::fail)?;
            for (found, (same, enroll, test)) in list.trials.iter().zip(&trials) {
                prop_assert_eq!(found.same, *same);
                prop_assert_eq!(names(&list, found.enroll), [clean(enroll)]);
                prop_assert_eq!(names(&list, found.test), [clean(test)]);
            }
        }
    }
}
