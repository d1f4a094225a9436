//! In: one object of a request. Out: its members by type, and a list of everything that is wrong with them.
//!
//! A Socket.IO message keeps its members in sections, a REST body is flat; problems name the member as the client sent it:
//! `metadata.call_id`, `call_id`.

use serde_json::{Map, Value};

use crate::session::error::FieldProblem;

/// Reads the members of one object and notes problems under the path of the member.
pub(super) struct Fields<'a> {
    /// `metadata.`, or nothing in a flat body.
    prefix: &'static str,
    object: &'a Map<String, Value>,
    problems: &'a mut Vec<FieldProblem>,
}

/// The object of a message that holds a group of members.
#[derive(Clone, Copy)]
pub(super) struct Section {
    /// Its name.
    pub(super) name: &'static str,
    /// What stands before its members in problems.
    pub(super) prefix: &'static str,
}

impl<'a> Fields<'a> {
    /// The members of a flat body.
    pub(super) fn flat(object: &'a Map<String, Value>, problems: &'a mut Vec<FieldProblem>) -> Self {
        Self { prefix: "", object, problems }
    }

    /// The object `section` of `body`; `None` (and a problem) if there is none.
    pub(super) fn of(
        body: &'a Map<String, Value>,
        section: Section,
        problems: &'a mut Vec<FieldProblem>,
    ) -> Option<Self> {
        let Section { name: section, prefix } = section;
        match body.get(section) {
            Some(Value::Object(object)) => Some(Self { prefix, object, problems }),
            None | Some(Value::Null) => {
                problems.push(FieldProblem::new(section, "is required"));
                None
            }
            Some(_) => {
                problems.push(FieldProblem::new(section, "must be an object"));
                None
            }
        }
    }

    /// Notes that `member` is wrong.
    pub(super) fn problem(&mut self, member: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem::new(format!("{}{member}", self.prefix), message));
    }

    /// Whether the member is there and not `null`.
    pub(super) fn has(&self, member: &str) -> bool {
        self.get(member).is_some()
    }

    fn get(&self, member: &str) -> Option<&'a Value> {
        self.object.get(member).filter(|value| !value.is_null())
    }

    fn required(&mut self, member: &str) -> Option<&'a Value> {
        let value = self.get(member);
        if value.is_none() {
            self.problem(member, "is required");
        }
        value
    }

    fn as_text(&mut self, member: &str, value: &Value) -> Option<String> {
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.problem(member, "must be a string");
        }
        text
    }

    /// A string that must be there.
    pub(super) fn required_text(&mut self, member: &str) -> Option<String> {
        let value = self.required(member)?;
        self.as_text(member, value)
    }

    /// A string that may be missing. A value of another type is a problem, and counts as missing.
    pub(super) fn optional_text(&mut self, member: &str) -> Option<String> {
        let value = self.get(member)?;
        self.as_text(member, value)
    }

    fn as_number(&mut self, member: &str, value: &Value) -> Option<f64> {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|n| n.is_finite());
        if number.is_none() {
            self.problem(member, "must be a number");
        }
        number
    }

    /// A number, or a string that holds one, that must be there.
    pub(super) fn required_number(&mut self, member: &str) -> Option<f64> {
        let value = self.required(member)?;
        self.as_number(member, value)
    }

    /// A number, or a string that holds one, that may be missing. `Err`: it is there and no number.
    pub(super) fn optional_number(&mut self, member: &str) -> Result<Option<f64>, ()> {
        match self.get(member) {
            None => Ok(None),
            Some(value) => self.as_number(member, value).map(Some).ok_or(()),
        }
    }

    fn as_integer(&mut self, member: &str, number: f64) -> Option<u32> {
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            return Some(number as u32);
        }
        self.problem(member, "must be a whole number");
        None
    }

    /// A non-negative whole number, or a string that holds one, that must be there.
    pub(super) fn required_integer(&mut self, member: &str) -> Option<u32> {
        let number = self.required_number(member)?;
        self.as_integer(member, number)
    }

    /// A non-negative whole number, or a string that holds one, that may be missing. `Err`: it is there and none.
    pub(super) fn optional_integer(&mut self, member: &str) -> Result<Option<u32>, ()> {
        match self.optional_number(member)? {
            None => Ok(None),
            Some(number) => self.as_integer(member, number).map(Some).ok_or(()),
        }
    }
}
