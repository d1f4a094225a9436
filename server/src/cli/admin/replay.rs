//! `peakstream tenant replay`. In: what is said of recordings that come again. Out: the tenant's setting, changed; and in words.

use std::time::Duration;

use crate::session::countermeasure::CountermeasurePolicy;
use crate::tenant::replay::{Heard, TenantReplay};

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// Name of the tenant
    pub(super) name: String,
    /// With what verifications are compared
    #[arg(value_enum)]
    with: With,
    /// Attempts that are kept of each credential, the newest; 8 if nobody says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(TenantReplay::MOST)))]
    keep: Option<u32>,
    /// How long an attempt is kept; 30d if nobody says
    #[arg(long, value_name = "TIME", value_parser = keep_for)]
    keep_for: Option<Duration>,
    /// What is done with a recording that was heard before: report tells it, step-up asks for one more question, enforce rejects; report
    /// if nobody says
    #[arg(long, value_name = "report|step-up|enforce", value_parser = policy)]
    policy: Option<CountermeasurePolicy>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum With {
    /// Nothing; attempts that were kept are removed
    Off,
    /// The enrolment, of which credentials made from now on know the recording; the server keeps nothing
    Enrolment,
    /// The enrolment, and earlier attempts with the credential, which the server keeps
    Attempts,
}

fn keep_for(text: &str) -> Result<Duration, String> {
    let time = super::duration(text)?;
    let sound = (1..=TenantReplay::LONGEST).contains(&time.as_secs());
    sound.then_some(time).ok_or_else(|| "between 1s and 400d".to_owned())
}

fn policy(text: &str) -> Result<CountermeasurePolicy, String> {
    CountermeasurePolicy::from_name(text).ok_or_else(|| "report, step-up or enforce".to_owned())
}

/// What was not said stays as it was.
pub(super) fn changed(known: Option<TenantReplay>, args: &ReplayArgs) -> Option<TenantReplay> {
    let with = match args.with {
        With::Off => return None,
        With::Enrolment => Heard::Enrolment,
        With::Attempts => Heard::Attempts,
    };
    let known = known.unwrap_or_else(|| TenantReplay::new(with));
    let keep = args.keep.unwrap_or(known.keep);
    let keep_for = args.keep_for.map_or(known.keep_for, |time| time.as_secs());
    Some(TenantReplay { with, keep, keep_for, policy: args.policy.unwrap_or(known.policy) })
}

pub(super) fn in_words(replay: TenantReplay) -> String {
    let policy = replay.policy.name();
    match replay.with {
        Heard::Enrolment => format!("compared with the enrolment: {policy}"),
        Heard::Attempts => format!(
            "compared with the enrolment and {} attempts, each kept for {}: {policy}",
            replay.keep,
            humantime::format_duration(replay.kept_for())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_and_off_forgets_it() {
        let args = |with, keep, seconds: Option<u64>| ReplayArgs {
            name: "acme".to_owned(),
            with,
            keep,
            keep_for: seconds.map(Duration::from_secs),
            policy: keep.map(|_| CountermeasurePolicy::StepUp),
        };
        let first = changed(None, &args(With::Attempts, Some(3), None)).unwrap();
        assert_eq!((first.with, first.keep, first.keep_for), (Heard::Attempts, 3, 30 * 86_400));
        let second = changed(Some(first), &args(With::Enrolment, None, Some(60))).unwrap();
        assert_eq!((second.with, second.keep, second.keep_for), (Heard::Enrolment, 3, 60));
        assert_eq!(
            (first.policy, second.policy),
            (CountermeasurePolicy::StepUp, CountermeasurePolicy::StepUp)
        );
        assert!(policy("enforce").is_ok() && policy("stepup").is_err());
        assert_eq!(changed(Some(second), &args(With::Off, None, None)), None);
        assert!(keep_for("0s").is_err() && keep_for("401d").is_err() && keep_for("soon").is_err());
        assert_eq!(keep_for("400d"), Ok(Duration::from_secs(TenantReplay::LONGEST)));
    }
}
