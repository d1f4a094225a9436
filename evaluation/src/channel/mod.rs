//! A clip enters as it was spoken, and leaves as a server hears it through a given line: codecs, lost packets, bands, noise,
//! clipping, a loudspeaker. A microphone corpus becomes a telephone corpus.
//!
//! A [`Simulation`] is written as parts in the order in which the sound passes them: `replay:300ms+gsm+loss:5%` is a
//! recording that is played to a mobile telephone on a poor link. [`PARTS`] lists them. Each part is a file of its own here.
//!
//! Everything is deterministic: the same clip, parts and seed give the same call, on every machine of one kind.

mod amr_like;
mod band;
mod clip;
mod conceal;
pub(crate) mod filter;
mod g711;
pub mod gsm;
mod level;
mod loss;
mod noise;
mod opus;
mod part;
mod replay;
mod sample;

use std::fmt;
use std::str::FromStr;

use peakstream::SampleRate;

use crate::sound::random::Random;
use loss::Losses;
pub use part::{ChannelError, PARTS};
use part::{Part, Share};

/// Most parts of a simulation: more is a mistake in writing.
const MOST_PARTS: usize = 8;

/// One way from a mouth to the server. Its text form is canonical: it parses to an equal value, and equal values have equal
/// texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Simulation {
    parts: Vec<Part>,
}

/// What the server receives.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// 16-bit linear samples of one channel.
    pub samples: Vec<i16>,
    /// 8 kHz behind a part of the telephone's band; 16 kHz otherwise, and behind Opus, as the engine decodes it.
    pub rate: SampleRate,
}

impl fmt::Debug for Call {
    /// Without the audio.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} samples at {} Hz)", self.samples.len(), self.rate.hz())
    }
}

impl Simulation {
    /// The clip itself.
    pub const fn clean() -> Self {
        Self { parts: Vec::new() }
    }

    /// Whether [`Simulation::apply`] needs other people's clips.
    pub fn needs_others(&self) -> bool {
        self.parts.iter().any(Part::needs_others)
    }

    /// Sends a clip (16 kHz, full scale ±1; what is no number is silence) through it. `others` are clips of other people in the same form, of which a babble
    /// is made; six or more make a good one. The call is as long as the clip: the delay of filters and codecs is taken out.
    ///
    /// Costs between 1 ms (G.711) and some 50 ms (Opus) a second of speech; some copies of the clip in memory.
    ///
    /// # Errors
    /// [`ChannelError::NoOthers`] for a babble of nobody, [`ChannelError::Opus`] if that encoder fails.
    pub fn apply(&self, clip: &[f32], others: &[&[f32]], seed: u64) -> Result<Call, ChannelError> {
        let heard = clip.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }).collect();
        let mut line = Line { samples: heard, rate: SampleRate::Hz16000 };
        let mut parts = self.parts.iter().enumerate().peekable();
        while let Some((place, part)) = parts.next() {
            let mut random = Random::new(seed, place as u64 + 1);
            // A codec loses its own packets, and hides that as its standard says.
            let losses = match parts.peek() {
                Some((place, Part::Loss(share, burst))) if part.is_codec() => {
                    let losses = losses(*share, *burst, Random::new(seed, *place as u64 + 1));
                    parts.next();
                    losses
                }
                _ => Losses::none(),
            };
            line.pass(part, losses, others, &mut random)?;
        }
        let samples = line.samples.into_iter().map(sample::to_linear16).collect();
        Ok(Call { samples, rate: line.rate })
    }
}

fn losses(share: Share, burst: Option<part::Milliseconds>, random: Random) -> Losses {
    match burst {
        None => Losses::independent(share.as_fraction(), random),
        Some(burst) => {
            let packets = burst.as_seconds() * 1_000.0 / f64::from(loss::PACKET_MS);
            Losses::in_bursts(share.as_fraction(), packets, random)
        }
    }
}

/// The sound on its way.
struct Line {
    samples: Vec<f32>,
    rate: SampleRate,
}

impl Line {
    fn pass(
        &mut self,
        part: &Part,
        mut losses: Losses,
        others: &[&[f32]],
        random: &mut Random,
    ) -> Result<(), ChannelError> {
        match *part {
            Part::Band(band) => self.samples = band::limit(band, self.narrow()),
            Part::G711(law) => self.samples = g711::pass(law.encoding(), self.narrow(), &mut losses),
            Part::Gsm => self.samples = gsm::pass(self.narrow(), &mut losses),
            Part::AmrLike(rate) => self.samples = amr_like::pass(rate, self.narrow(), &mut losses),
            Part::Opus(rate) => self.samples = opus::pass(rate.as_number() as i32, self.wide(), &mut losses)?,
            Part::Loss(share, burst) => {
                let mut losses = self::losses(share, burst, random.clone());
                conceal::replace_lost(&mut self.samples, self.rate.hz(), &mut losses);
            }
            Part::Noise(kind, snr) => {
                noise::add(kind, snr.as_number(), &mut self.samples, self.rate.hz(), others, random)?;
            }
            Part::Gain(gain) => level::change(gain.as_number(), &mut self.samples),
            Part::Clip(share) => clip::cut(&mut self.samples, share.as_fraction()),
            Part::Replay(time) => {
                self.samples = replay::play(&self.samples, self.rate.hz(), time.as_seconds(), random);
            }
        }
        Ok(())
    }

    /// The sound at 8 kHz, which it has from here on.
    fn narrow(&mut self) -> &[f32] {
        if self.rate == SampleRate::Hz16000 {
            self.samples = filter::to_narrow(&self.samples);
            self.rate = SampleRate::Hz8000;
        }
        &self.samples
    }

    /// The sound at 16 kHz, which it has from here on.
    fn wide(&mut self) -> &[f32] {
        if self.rate == SampleRate::Hz8000 {
            self.samples = filter::to_wide(&self.samples);
            self.rate = SampleRate::Hz16000;
        }
        &self.samples
    }
}

impl FromStr for Simulation {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let written: Vec<_> = text.trim().split('+').map(str::trim).collect();
        if written == ["clean"] {
            return Ok(Self::clean());
        }
        if written.len() > MOST_PARTS {
            return Err(ChannelError::TooMany { parts: written.len(), most: MOST_PARTS });
        }
        let parts = written.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }
}

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("clean");
        }
        for (n, part) in self.parts.iter().enumerate() {
            write!(f, "{}{part}", if n == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
