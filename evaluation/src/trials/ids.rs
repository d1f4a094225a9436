//! Kaldi's tables enter; the recordings behind an id leave.

use std::collections::HashMap;

use super::ListError;
use super::parse::{Problem, lines};

/// Which recordings an enrolment's id stands for (`spk2utt`: `id utterance…`), and where an utterance is (`wav.scp`:
/// `utterance path`). An id that is in neither stands for itself.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    enrolments: HashMap<String, Vec<String>>,
    paths: HashMap<String, String>,
}

impl Ids {
    /// Adds an enrolment list.
    ///
    /// # Errors
    /// An id without utterances, or twice.
    pub fn add_enrolments(&mut self, text: &str) -> Result<(), ListError> {
        for (number, line) in lines(text) {
            let mut fields = line.split_whitespace().map(str::to_owned);
            let (Some(id), utterances) = (fields.next(), fields.collect::<Vec<_>>()) else { continue };
            let problem = if utterances.is_empty() {
                Some(Problem::NoUtterances(id.clone()))
            } else {
                self.enrolments.insert(id.clone(), utterances).map(|_| Problem::Twice(id))
            };
            if let Some(problem) = problem {
                return Err(ListError { line: number, problem });
            }
        }
        Ok(())
    }

    /// Adds a `wav.scp`.
    ///
    /// # Errors
    /// An id without a path, or twice; or a command (a path that ends in a bar): commands of lists are not run.
    pub fn add_paths(&mut self, text: &str) -> Result<(), ListError> {
        for (number, line) in lines(text) {
            let (id, path) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let path = path.trim();
            let problem = if path.is_empty() {
                Some(Problem::NoPath(id.to_owned()))
            } else if path.ends_with('|') {
                Some(Problem::Command(id.to_owned()))
            } else {
                self.paths.insert(id.to_owned(), path.to_owned()).map(|_| Problem::Twice(id.to_owned()))
            };
            if let Some(problem) = problem {
                return Err(ListError { line: number, problem });
            }
        }
        Ok(())
    }

    pub(super) fn enrolment<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        match self.enrolments.get(id) {
            Some(utterances) => utterances.iter().map(|utterance| self.recording(utterance)).collect(),
            None => vec![self.recording(id)],
        }
    }

    pub(super) fn recording<'a>(&'a self, id: &'a str) -> &'a str {
        self.paths.get(id).map_or(id, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_is_its_utterances_and_an_utterance_its_path() {
        let mut ids = Ids::default();
        ids.add_enrolments("anna a-1 a-2\n# nobody\nbert b-1\n").expect("a list");
        ids.add_paths("a-1 wav/a 1.flac\nb-1 wav/b1.flac\n").expect("a table");
        assert_eq!(ids.enrolment("anna"), ["wav/a 1.flac", "a-2"]);
        assert_eq!(ids.enrolment("x.wav"), ["x.wav"]);
        assert_eq!(ids.recording("b-1"), "wav/b1.flac");
    }

    #[test]
    fn what_is_no_table_is_said_with_its_line() {
        let paths = |text: &str| Ids::default().add_paths(text).expect_err("refused").to_string();
        assert!(paths("a x.wav\nb\n").starts_with("line 2: b has no path"));
        assert!(paths("a sph2pipe -f wav x.sph |\n").contains("commands are not run"));
        assert!(paths("a x.wav\na y.wav\n").starts_with("line 2: a is there twice"));
        let enrolments = Ids::default().add_enrolments("\nanna\n").expect_err("refused").to_string();
        assert_eq!(enrolments, "line 2: anna has no recordings");
    }
}
