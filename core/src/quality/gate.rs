//! The gates by name, their limits, and what passes them. Settings are read and written as text here, for files and flags.

use std::fmt;
use std::str::FromStr;

use super::Figures;

/// One reason why speech may not carry a decision.
///
/// | gate | figure | falls short | limit by default | range |
/// |---|---|---|---|---|
/// | `net_speech` | seconds of net speech | below | 3 | 0…120 |
/// | `signal_noise_ratio` | dB | below | 8 | −10…60 |
/// | `clipping` | per cent of samples that crowd at the signal's own limit | above | 0.6 | 0…100 |
/// | `band_limitation` | dB of the steepest edge within 300…3,300 Hz | above | 21 | 0…100 |
/// | `codec_mismatch` | what the bytes look like | another codec | | |
/// | `multiple_speakers` | log-likelihood ratio of one voice | below | −2 | −50…50 |
/// | `music` | per cent of the time with held notes | above | 8 | 0…100 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Gate {
    /// Too little speech.
    NetSpeech,
    /// Too much noise.
    SignalNoiseRatio,
    /// Peaks cut off.
    Clipping,
    /// Less than the telephone band.
    BandLimitation,
    /// The bytes are not what was declared.
    CodecMismatch,
    /// More than one person talks.
    MultipleSpeakers,
    /// Music instead of, or under, the speech.
    Music,
}

impl Gate {
    /// All of them, in the order in which the batch API checks them.
    pub const ALL: [Self; 7] = [
        Self::CodecMismatch,
        Self::NetSpeech,
        Self::SignalNoiseRatio,
        Self::Clipping,
        Self::BandLimitation,
        Self::MultipleSpeakers,
        Self::Music,
    ];

    /// The name in settings and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetSpeech => "net_speech",
            Self::SignalNoiseRatio => "signal_noise_ratio",
            Self::Clipping => "clipping",
            Self::BandLimitation => "band_limitation",
            Self::CodecMismatch => "codec_mismatch",
            Self::MultipleSpeakers => "multiple_speakers",
            Self::Music => "music",
        }
    }

    /// The unit of its figure as results and settings write it; empty where there is none.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::NetSpeech => "s",
            Self::SignalNoiseRatio | Self::BandLimitation => "dB",
            Self::Clipping | Self::Music => "%",
            Self::CodecMismatch | Self::MultipleSpeakers => "",
        }
    }

    /// Whether too much is wrong, rather than too little.
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::Clipping | Self::BandLimitation | Self::Music)
    }

    /// Least and greatest limit, in [`Gate::unit`]; `None` for what has no limit.
    pub const fn range(self) -> Option<[f32; 2]> {
        match self {
            Self::NetSpeech => Some([0.0, 120.0]),
            Self::SignalNoiseRatio => Some([-10.0, 60.0]),
            Self::Clipping | Self::BandLimitation | Self::Music => Some([0.0, 100.0]),
            Self::MultipleSpeakers => Some([-50.0, 50.0]),
            Self::CodecMismatch => None,
        }
    }

    const fn index(self) -> usize {
        self as usize
    }

    /// What was measured for it, in [`Gate::unit`]; `None` if nothing was, or nothing is wrong that has no figure.
    pub fn value(self, figures: &Figures) -> Option<f32> {
        match self {
            Self::NetSpeech => Some(figures.net_speech),
            Self::SignalNoiseRatio => Some(figures.signal_noise_ratio),
            Self::Clipping => Some(100.0 * figures.clipping),
            Self::BandLimitation => Some(figures.band),
            Self::CodecMismatch => figures.codec_mismatch.map(|_| 1.0),
            Self::MultipleSpeakers => figures.one_voice,
            Self::Music => Some(100.0 * figures.music),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a gate does with speech that falls short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Off,
    /// The reason stands beside the result.
    Warn,
    /// There is no result.
    Refuse,
}

impl Action {
    const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Refuse];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One gate's part of [`Gates`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Its limit, in [`Gate::unit`].
    pub limit: f32,
}

/// Every gate's action and limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// By [`Gate`], in the order of its declaration.
    rules: [Rule; Gate::ALL.len()],
}

/// A gate that speech does not pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shortfall {
    /// Which.
    pub gate: Gate,
    /// What was measured, in [`Gate::unit`].
    pub value: f32,
    /// What is needed.
    pub limit: f32,
    /// What follows.
    pub action: Action,
}

impl fmt::Display for Shortfall {
    /// `signal_noise_ratio: 4.1 dB, at least 8 dB are needed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gate, value, limit, .. } = self;
        if *gate == Gate::CodecMismatch {
            return write!(f, "{gate}");
        }
        let unit = if gate.unit().is_empty() { String::new() } else { format!(" {}", gate.unit()) };
        let relation = if gate.is_upper() { "at most" } else { "at least" };
        write!(f, "{gate}: {value:.1}{unit}, {relation} {limit}{unit}")
    }
}

impl Default for Gates {
    /// Warns, but for what has always been refused. Whether several people talk is not asked: it costs embeddings of its own
    /// ([`Gates::for_registration`] asks).
    fn default() -> Self {
        let rule = |gate| match gate {
            Gate::NetSpeech => Rule { action: Action::Refuse, limit: 3.0 },
            Gate::SignalNoiseRatio => Rule { action: Action::Warn, limit: 8.0 },
            Gate::Clipping => Rule { action: Action::Warn, limit: 0.6 },
            Gate::BandLimitation => Rule { action: Action::Warn, limit: 21.0 },
            Gate::CodecMismatch => Rule { action: Action::Refuse, limit: 0.0 },
            Gate::MultipleSpeakers => Rule { action: Action::Off, limit: -2.0 },
            Gate::Music => Rule { action: Action::Warn, limit: 8.0 },
        };
        let mut rules = [Rule { action: Action::Off, limit: 0.0 }; Gate::ALL.len()];
        Gate::ALL.iter().for_each(|gate| rules[gate.index()] = rule(*gate));
        Self { rules }
    }
}

impl Gates {
    /// The default for a voice that is to be compared with for years.
    pub fn for_registration() -> Self {
        let mut gates = Self::default();
        gates.rules[Gate::MultipleSpeakers.index()].action = Action::Warn;
        gates
    }

    /// Nothing is asked.
    pub fn off() -> Self {
        let mut gates = Self::default();
        gates.rules.iter_mut().for_each(|rule| rule.action = Action::Off);
        gates
    }

    /// One gate's rule.
    pub const fn rule(&self, gate: Gate) -> Rule {
        self.rules[gate.index()]
    }

    /// Changes one gate; a setting without a limit leaves the limit as it is.
    pub fn set(&mut self, gate: Gate, setting: Setting) {
        let rule = &mut self.rules[gate.index()];
        rule.action = setting.action;
        rule.limit = setting.limit.unwrap_or(rule.limit);
    }

    /// Changes one gate's rule.
    pub const fn set_rule(&mut self, gate: Gate, rule: Rule) {
        self.rules[gate.index()] = rule;
    }

    /// Whether the figure of that gate is wanted at all.
    pub fn asks(&self, gate: Gate) -> bool {
        self.rule(gate).action != Action::Off
    }

    /// The gates that speech does not pass, in the order of [`Gate::ALL`].
    pub fn judge(&self, figures: &Figures) -> Vec<Shortfall> {
        let shortfall = |gate: &Gate| {
            let Rule { action, limit } = self.rule(*gate);
            let value = gate.value(figures).filter(|_| action != Action::Off)?;
            // What is no number passes nothing.
            let passes = if gate.is_upper() { value <= limit } else { value >= limit };
            let passes = passes && *gate != Gate::CodecMismatch;
            (!passes).then_some(Shortfall { gate: *gate, value, limit, action })
        };
        Gate::ALL.iter().filter_map(shortfall).collect()
    }
}

/// What may be said about one gate: `warn`, or with a limit `refuse:10`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// What it does.
    pub action: Action,
    /// Its limit; `None` leaves the one there is.
    pub limit: Option<f32>,
}

/// A text that is no gate, or no setting of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseGateError {
    /// No such gate.
    #[error("{found:?} is no gate; there are: {}", Gate::ALL.map(Gate::name).join(", "))]
    Gate {
        /// What was written.
        found: String,
    },
    /// No such action.
    #[error("{found:?} is none of off, warn, refuse (a limit follows after a colon, as in warn:10)")]
    Action {
        /// What was written.
        found: String,
    },
    /// A limit that the gate cannot have.
    #[error("the limit of {gate} is a number from {low} to {high}{}", unit(*gate), low = range(*gate)[0], high = range(*gate)[1])]
    Limit {
        /// Whose.
        gate: Gate,
    },
    /// A limit of a gate that has none.
    #[error("{gate} has no limit")]
    NoLimit {
        /// Which.
        gate: Gate,
    },
}

fn unit(gate: Gate) -> String {
    if gate.unit().is_empty() { String::new() } else { format!(" {}", gate.unit()) }
}

fn range(gate: Gate) -> [f32; 2] {
    gate.range().unwrap_or_default()
}

impl FromStr for Gate {
    type Err = ParseGateError;

    fn from_str(text: &str) -> Result<Self, ParseGateError> {
        let found = Self::ALL.into_iter().find(|gate| gate.name() == text);
        found.ok_or_else(|| ParseGateError::Gate { found: text.chars().take(64).collect() })
    }
}

impl Setting {
    /// Reads what is said about a gate.
    ///
    /// # Errors
    /// See [`ParseGateError`].
    pub fn parse(gate: Gate, text: &str) -> Result<Self, ParseGateError> {
        let (action, limit) =
            text.split_once(':').map_or((text, None), |(action, limit)| (action, Some(limit)));
        let action = Action::ALL
            .into_iter()
            .find(|known| known.name() == action)
            .ok_or_else(|| ParseGateError::Action { found: text.chars().take(64).collect() })?;
        let Some(limit) = limit else { return Ok(Self { action, limit: None }) };
        let [low, high] = gate.range().ok_or(ParseGateError::NoLimit { gate })?;
        let limit = limit.parse().ok().filter(|limit| (low..=high).contains(limit));
        Ok(Self { action, limit: Some(limit.ok_or(ParseGateError::Limit { gate })?) })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            None => write!(f, "{}", self.action),
            Some(limit) => write!(f, "{}:{limit}", self.action),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: Figures = Figures {
        net_speech: 5.0,
        signal_noise_ratio: 30.0,
        clipping: 0.0,
        band: 10.0,
        codec_mismatch: None,
        one_voice: Some(5.0),
        music: 0.0,
    };

    #[test]
    fn good_speech_passes_everything_and_each_gate_is_a_reason_of_its_own() {
        let gates = Gates::for_registration();
        assert_eq!(gates.judge(&GOOD), []);
        for (figures, gate) in [
            (Figures { net_speech: 2.9, ..GOOD }, Gate::NetSpeech),
            (Figures { signal_noise_ratio: 3.0, ..GOOD }, Gate::SignalNoiseRatio),
            (Figures { clipping: 0.02, ..GOOD }, Gate::Clipping),
            (Figures { band: 45.0, ..GOOD }, Gate::BandLimitation),
            (Figures { one_voice: Some(-9.0), ..GOOD }, Gate::MultipleSpeakers),
            (Figures { music: 0.9, ..GOOD }, Gate::Music),
        ] {
            let found = gates.judge(&figures);
            assert_eq!(found.iter().map(|shortfall| shortfall.gate).collect::<Vec<_>>(), [gate]);
            let mut off = gates;
            off.set(gate, Setting { action: Action::Off, limit: None });
            assert_eq!(off.judge(&figures), []);
        }
    }

    #[test]
    fn what_was_not_measured_or_is_no_number_is_told_apart() {
        let gates = Gates::for_registration();
        assert_eq!(gates.judge(&Figures { one_voice: None, ..GOOD }), []);
        let found = gates.judge(&Figures { band: f32::NAN, ..GOOD });
        assert_eq!(found[0].gate, Gate::BandLimitation, "not a number is not good");
    }

    #[test]
    fn a_limit_is_met_by_equality() {
        let limit = Gates::default().rule(Gate::SignalNoiseRatio).limit;
        assert_eq!(Gates::default().judge(&Figures { signal_noise_ratio: limit, ..GOOD }), []);
    }

    #[test]
    fn settings_out_of_range_and_unknown_names_are_told() {
        let wrong = |gate, text| Setting::parse(gate, text).expect_err("wrong").to_string();
        assert!(wrong(Gate::Clipping, "warn:101").contains("from 0 to 100 %"));
        assert!(wrong(Gate::Clipping, "warn:x").contains("number"));
        assert!(wrong(Gate::CodecMismatch, "warn:1").contains("no limit"));
        assert!(wrong(Gate::Music, "maybe").contains("off, warn, refuse"));
        assert!("loud".parse::<Gate>().expect_err("no gate").to_string().contains("net_speech"));
    }

    proptest! {
        #[test]
        fn a_setting_survives_its_text(gate in 0..Gate::ALL.len(), action in 0usize..3, limit in proptest::option::of(0.0f32..=1.0)) {
            let gate = Gate::ALL[gate];
            let limit = limit.and_then(|share| gate.range().map(|[low, high]| low + share * (high - low)));
            let setting = Setting { action: Action::ALL[action], limit };
            prop_assert_eq!(Setting::parse(gate, &setting.to_string()), Ok(setting));
        }
    }
}
