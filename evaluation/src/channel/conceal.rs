//! Samples with gaps enter, samples whose gaps repeat the voice's last period leave.
//!
//! The idea of ITU-T G.711 Appendix I: the last pitch period goes on, after 10 ms the last two and then three, so that
//! it does not buzz; from 10 ms on it fades by a fifth every 10 ms, and what comes after the gap is faded in. Unlike the
//! Appendix, nothing is delayed: the sound before the gap is not touched up.

use super::loss::{Losses, PACKET_MS};

/// Pitch periods that are looked for, in samples of 8 kHz: 66 to 200 Hz, as the Appendix does.
const PERIODS: std::ops::RangeInclusive<usize> = 40..=120;
/// What is compared to find the period, at 8 kHz: 20 ms.
const COMPARED: usize = 160;

/// Replaces the packets that are lost.
pub(super) fn replace_lost(samples: &mut [f32], rate: u32, losses: &mut Losses) {
    let packet = (rate * PACKET_MS / 1_000) as usize;
    let mut burst: Option<Burst> = None;
    let mut at = 0;
    while at < samples.len() {
        let to = (at + packet).min(samples.len());
        let (before, rest) = samples.split_at_mut(at);
        let current = &mut rest[..to - at];
        if losses.next() {
            let burst = burst.get_or_insert_with(|| Burst::new(before, rate));
            current.iter_mut().for_each(|sample| *sample = burst.next());
        } else if let Some(mut burst) = burst.take() {
            let fade = (packet / 4).min(current.len());
            for (n, sample) in current[..fade].iter_mut().enumerate() {
                let weight = (n + 1) as f32 / (fade + 1) as f32;
                *sample = weight * *sample + (1.0 - weight) * burst.next();
            }
        }
        at = to;
    }
}

/// What stands in for a gap.
struct Burst {
    /// The last samples before it, three periods of them.
    history: Vec<f32>,
    period: usize,
    ten_ms: usize,
    made: usize,
}

impl Burst {
    fn new(before: &[f32], rate: u32) -> Self {
        let scale = rate as usize / 8_000;
        let period = pitch_period(before, scale);
        let kept = (4 * period).min(before.len());
        Self { history: before[before.len() - kept..].to_vec(), period, ten_ms: 80 * scale, made: 0 }
    }

    fn next(&mut self) -> f32 {
        let periods = (1 + self.made / self.ten_ms).min(3);
        let cycle = periods * self.period;
        let (phase, quarter) = (self.made % cycle, self.period / 4);
        let back = |distance: usize| {
            self.history.len().checked_sub(distance).and_then(|i| self.history.get(i)).copied().unwrap_or(0.0)
        };
        let mut sample = back(cycle - phase);
        // Towards the end of a cycle its beginning is approached, from a period earlier: no step where it wraps.
        if cycle - phase <= quarter {
            let weight = (cycle - phase) as f32 / quarter as f32;
            sample = weight * sample + (1.0 - weight) * back(2 * cycle - phase);
        }
        let after = self.made.saturating_sub(self.ten_ms) as f32 / self.ten_ms as f32;
        self.made += 1;
        sample * (1.0 - 0.2 * after).max(0.0)
    }
}

/// The shift at which the last samples are most like those before, relative to their power.
fn pitch_period(before: &[f32], scale: usize) -> usize {
    let compared = COMPARED * scale;
    let longest = PERIODS.end() * scale;
    let Some(start) = before.len().checked_sub(compared + longest) else { return longest };
    let recent = &before[start + longest..];
    let likeness = |period: usize| {
        let earlier = &before[start + longest - period..before.len() - period];
        let product: f32 = recent.iter().zip(earlier).map(|(a, b)| a * b).sum();
        let power: f32 = earlier.iter().map(|s| s * s).sum();
        product / (power + 1e-9).sqrt()
    };
    (PERIODS.start() * scale..=longest)
        .step_by(scale)
        .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
        .unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::tone;
    use super::*;
    use crate::sound::random::Random;

    #[test]
    fn a_short_gap_in_a_vowel_is_hardly_heard() {
        // 125 Hz: a period of 64 samples, which does not divide a packet.
        let vowel: Vec<_> =
            tone(125.0, 8_000, 8_000).iter().zip(tone(625.0, 8_000, 8_000)).map(|(a, b)| a + b).collect();
        let mut heard = vowel.clone();
        let mut losses = Losses::independent(0.1, Random::new(3, 0));
        replace_lost(&mut heard, 8_000, &mut losses);
        let error: f32 = vowel.iter().zip(&heard).map(|(a, b)| (a - b).powi(2)).sum();
        let power: f32 = vowel.iter().map(|s| s * s).sum();
        assert!(heard != vowel);
        assert!(error < 0.02 * power, "{error} of {power}");
    }

    #[test]
    fn a_long_gap_fades_to_silence() {
        let mut heard = tone(125.0, 8_000, 8_000);
        let mut losses = Losses::in_bursts(0.5, 1_000.0, Random::new(1, 0));
        let lost_from = (0..50).find(|_| losses.clone().next()).unwrap_or(0);
        replace_lost(&mut heard, 8_000, &mut losses);
        let silent = heard.chunks(160).filter(|packet| packet.iter().all(|s| s.abs() < 1e-6)).count();
        assert!(lost_from == 0 && (silent == 0 || silent > 5), "{silent}");
    }

    #[test]
    fn without_losses_nothing_changes() {
        let before = tone(300.0, 16_000, 5_000);
        let mut after = before.clone();
        replace_lost(&mut after, 16_000, &mut Losses::none());
        assert_eq!(before, after);
    }

    #[test]
    fn a_gap_at_the_very_beginning_is_no_trouble() {
        let mut samples = tone(300.0, 8_000, 500);
        replace_lost(&mut samples, 8_000, &mut Losses::in_bursts(0.5, 2.0, Random::new(9, 0)));
        assert_eq!(samples.len(), 500);
    }
}
