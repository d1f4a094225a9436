//! A part's text enters, the part leaves, or an error that says how it is written; and back.

use std::fmt;
use std::str::FromStr;

use peakstream::Encoding;

use super::amr_like::Rate as AmrRate;
use super::band::Band;
use super::noise::Kind;

/// Everything that can be written, for `--help`: how, and what it does.
pub const PARTS: &[(&str, &str)] = &[
    ("clean", "the clip itself, alone"),
    ("band:g712", "the filters of a telephone line, 300 to 3,400 Hz (ITU-T G.712); leaves 8 kHz"),
    ("band:irs", "a telephone handset, rising towards 2.5 kHz (like ITU-T P.48); leaves 8 kHz"),
    ("band:muffled", "nothing above 1,800 Hz, as no telephone line does; leaves 8 kHz"),
    ("band:thin", "nothing below 1,000 Hz, as no telephone line does; leaves 8 kHz"),
    ("mulaw", "ITU-T G.711 µ-law, 8 kHz"),
    ("alaw", "ITU-T G.711 A-law, 8 kHz"),
    ("gsm", "GSM full rate, 13 kbit/s (3GPP TS 46.010), 8 kHz"),
    ("amr-like:12.2k", "a CELP codec in the manner of AMR at 12.2k, 7.4k or 4.75k, not AMR itself; 8 kHz"),
    ("opus:12k", "Opus for voice at 6k to 64k (bit/s), 20 ms packets; leaves 16 kHz"),
    (
        "loss:5%",
        "lost packets, 0.1% to 50%; of the codec written right before it, else of 20 ms samples; concealed",
    ),
    ("loss:5%:bursts:60ms", "the same in bursts of 20ms to 1000ms in the mean (Gilbert-Elliott)"),
    ("noise:babble:10dB", "white, pink, babble (other clips) or music; speech over noise, -10dB to 60dB"),
    ("gain:-6dB", "louder or quieter by up to 40dB"),
    ("clip:1%", "the loudest 0.01% to 50% of the samples cut off"),
    ("replay:300ms", "a small loudspeaker in a room that reverberates for 50ms to 1500ms"),
];

/// Why a simulation cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// More parts than anyone means.
    #[error("{parts} parts in one channel; at most {most} can be joined with +")]
    TooMany {
        /// How many were written.
        parts: usize,
        /// How many may be.
        most: usize,
    },
    /// No part begins with that word.
    #[error("{found:?} is no part of a channel{}; there are: {}",
        closest.map(|name| format!(" (is {name} meant?)")).unwrap_or_default(), names().join(", "))]
    Unknown {
        /// What was written.
        found: String,
        /// The name that looks most like it.
        closest: Option<&'static str>,
    },
    /// `clean` together with something else.
    #[error("clean stands alone: leave it out where there are other parts")]
    NotClean,
    /// A part that is written in another way.
    #[error("{found:?}: {problem}; it is written like {}", examples(name).join(" or "))]
    Malformed {
        /// What was written.
        found: String,
        /// Which part it is.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A babble without other people's clips.
    #[error("noise:babble is made of other people's clips, and there are none with speech in them")]
    NoOthers,
    /// The Opus encoder refused its input.
    #[error("the Opus encoder failed: {0}")]
    Opus(&'static str),
}

/// A number as it is written, in hundredths: no rounding between text and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hundredths(i32);

impl Hundredths {
    #[cfg(test)]
    pub(super) const fn new(hundredths: i32) -> Self {
        Self(hundredths)
    }

    pub(super) fn as_number(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// `12`, `12.5` or `-3.25`; nothing else.
    fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |s: &str| (1..=6).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(part) || part.len() > 2 {
            return None;
        }
        let (whole, cents): (i32, i32) = (whole.parse().ok()?, format!("{part:0<2}").parse().ok()?);
        Some(Self(sign * (100 * whole + cents)))
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}", magnitude / 100)?;
        match magnitude % 100 {
            0 => Ok(()),
            tenths if tenths % 10 == 0 => write!(f, ".{}", tenths / 10),
            cents => write!(f, ".{cents:02}"),
        }
    }
}

/// Per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Share(pub(super) Hundredths);

impl Share {
    /// 0…1.
    pub(super) fn as_fraction(self) -> f64 {
        self.0.as_number() / 100.0
    }
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Milliseconds(pub(super) Hundredths);

impl Milliseconds {
    pub(super) fn as_seconds(self) -> f64 {
        self.0.as_number() / 1_000.0
    }
}

/// Bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BitRate(pub(super) Hundredths);

impl BitRate {
    pub(super) fn as_number(self) -> f64 {
        1_000.0 * self.0.as_number()
    }
}

/// One of G.711's two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Law {
    Mu,
    A,
}

impl Law {
    pub(super) const fn encoding(self) -> Encoding {
        match self {
            Self::Mu => Encoding::MuLaw,
            Self::A => Encoding::ALaw,
        }
    }
}

/// One thing that happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Band(Band),
    G711(Law),
    Gsm,
    AmrLike(AmrRate),
    Opus(BitRate),
    Loss(Share, Option<Milliseconds>),
    Noise(Kind, Hundredths),
    /// In decibels.
    Gain(Hundredths),
    Clip(Share),
    Replay(Milliseconds),
}

impl Part {
    pub(super) const fn needs_others(&self) -> bool {
        matches!(self, Self::Noise(Kind::Babble, _))
    }

    /// Whether a loss that follows is a loss of its packets.
    pub(super) const fn is_codec(&self) -> bool {
        matches!(self, Self::G711(_) | Self::Gsm | Self::AmrLike(_) | Self::Opus(_))
    }
}

/// Names that a choice is written with.
const BANDS: [(&str, Band); 4] =
    [("g712", Band::G712), ("irs", Band::Irs), ("muffled", Band::Muffled), ("thin", Band::Thin)];
const KINDS: [(&str, Kind); 4] =
    [("white", Kind::White), ("pink", Kind::Pink), ("babble", Kind::Babble), ("music", Kind::Music)];

const AMR_RATES: [(&str, AmrRate); 3] =
    [("12.2k", AmrRate::Kbps12_2), ("7.4k", AmrRate::Kbps7_4), ("4.75k", AmrRate::Kbps4_75)];

impl FromStr for Part {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
        let Some(name) = names().into_iter().find(|name| *name == word) else {
            return Err(ChannelError::Unknown { found: text.to_owned(), closest: closest(word) });
        };
        if name == "clean" {
            return Err(ChannelError::NotClean);
        }
        let arguments: Vec<_> = rest.map(|rest| rest.split(':').collect()).unwrap_or_default();
        part(name, &arguments).map_err(|problem| ChannelError::Malformed {
            found: text.to_owned(),
            name,
            problem,
        })
    }
}

fn part(name: &str, arguments: &[&str]) -> Result<Part, String> {
    Ok(match (name, arguments) {
        ("band", [band]) => Part::Band(choice(band, &BANDS)?),
        ("mulaw", []) => Part::G711(Law::Mu),
        ("alaw", []) => Part::G711(Law::A),
        ("gsm", []) => Part::Gsm,
        ("amr-like", [rate]) => Part::AmrLike(choice(rate, &AMR_RATES)?),
        ("opus", [rate]) => Part::Opus(BitRate(number(rate, "k", 600, 6_400)?)),
        ("loss", [share]) => Part::Loss(Share(number(share, "%", 10, 5_000)?), None),
        ("loss", [share, "bursts", burst]) => {
            let burst = Milliseconds(number(burst, "ms", 2_000, 100_000)?);
            Part::Loss(Share(number(share, "%", 10, 5_000)?), Some(burst))
        }
        ("noise", [kind, snr]) => Part::Noise(choice(kind, &KINDS)?, number(snr, "dB", -1_000, 6_000)?),
        ("gain", [gain]) => Part::Gain(number(gain, "dB", -4_000, 4_000)?),
        ("clip", [share]) => Part::Clip(Share(number(share, "%", 1, 5_000)?)),
        ("replay", [time]) => Part::Replay(Milliseconds(number(time, "ms", 5_000, 150_000)?)),
        (_, []) => return Err("something is missing behind it".to_owned()),
        (_, arguments) => return Err(format!("{:?} does not belong there", arguments.join(":"))),
    })
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let known = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("{text:?} is none of {}", known()))
}

/// A number with its unit, between two hundredths.
fn number(text: &str, unit: &str, low: i32, high: i32) -> Result<Hundredths, String> {
    let (low, high) = (Hundredths(low), Hundredths(high));
    let value = text
        .strip_suffix(unit)
        .and_then(Hundredths::parse)
        .ok_or_else(|| format!("{text:?} is no number with {unit} behind it (two decimals at most)"))?;
    if value < low || high < value {
        return Err(format!("{text} is not between {low}{unit} and {high}{unit}"));
    }
    Ok(value)
}

/// The words that parts begin with.
fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = PARTS.iter().filter_map(|(form, _)| form.split(':').next()).collect();
    names.dedup();
    names
}

fn examples(name: &str) -> Vec<&'static str> {
    let of_name = |form: &&str| form.split(':').next() == Some(name);
    PARTS.iter().map(|(form, _)| *form).filter(of_name).collect()
}

fn closest(word: &str) -> Option<&'static str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(word, name);
    names().into_iter().min_by_key(distance).filter(|name| distance(name) <= 2)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Band(band) => write!(f, "band:{}", name_of(band, &BANDS)),
            Self::G711(Law::Mu) => f.write_str("mulaw"),
            Self::G711(Law::A) => f.write_str("alaw"),
            Self::Gsm => f.write_str("gsm"),
            Self::AmrLike(rate) => write!(f, "amr-like:{}", name_of(rate, &AMR_RATES)),
            Self::Opus(BitRate(rate)) => write!(f, "opus:{rate}k"),
            Self::Loss(Share(share), None) => write!(f, "loss:{share}%"),
            Self::Loss(Share(share), Some(Milliseconds(burst))) => {
                write!(f, "loss:{share}%:bursts:{burst}ms")
            }
            Self::Noise(kind, snr) => write!(f, "noise:{}:{snr}dB", name_of(kind, &KINDS)),
            Self::Gain(gain) => write!(f, "gain:{gain}dB"),
            Self::Clip(Share(share)) => write!(f, "clip:{share}%"),
            Self::Replay(Milliseconds(time)) => write!(f, "replay:{time}ms"),
        }
    }
}

fn name_of<T: PartialEq>(value: &T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, choice)| choice == value).map_or("", |(name, _)| name)
}
