//! A seed enters, a telephone's signals leave: ring-back, dial and busy tones, key tones (ITU-T E.180 and Q.23).

use std::f64::consts::TAU;

use super::random::Random;

/// Amplitude of each of a tone's frequencies.
const AMPLITUDE: f64 = 0.1;

/// What is played, for how long, with which silence behind it: seconds.
struct Signal {
    hertz: [f64; 2],
    on: f64,
    off: f64,
}

/// North American, European and British tones: a frequency of 0 is none.
const SIGNALS: [Signal; 6] = [
    Signal { hertz: [440.0, 480.0], on: 2.0, off: 4.0 },
    Signal { hertz: [425.0, 0.0], on: 1.0, off: 4.0 },
    Signal { hertz: [400.0, 450.0], on: 0.4, off: 0.2 },
    Signal { hertz: [350.0, 440.0], on: 3.0, off: 0.5 },
    Signal { hertz: [480.0, 620.0], on: 0.5, off: 0.5 },
    Signal { hertz: [425.0, 0.0], on: 0.48, off: 0.48 },
];
const KEY_ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const KEY_COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// So many samples of one signal after the other, each for some ten seconds.
pub fn tones(samples: usize, rate: u32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 0x70);
    let mut out = Vec::with_capacity(samples);
    while out.len() < samples {
        let kind = random.below(SIGNALS.len() + 2);
        if let Some(signal) = SIGNALS.get(kind) {
            for _ in 0..(8.0 / (signal.on + signal.off)).ceil() as usize {
                tone(&mut out, rate, signal);
            }
        } else {
            for _ in 0..12 {
                let hertz = [KEY_ROWS[random.below(4)], KEY_COLUMNS[random.below(4)]];
                tone(
                    &mut out,
                    rate,
                    &Signal { hertz, on: random.between(0.06, 0.25), off: random.between(0.06, 0.6) },
                );
            }
        }
    }
    out.truncate(samples);
    out
}

/// On and off, with edges of 5 ms.
fn tone(out: &mut Vec<f32>, rate: u32, signal: &Signal) {
    let rate = f64::from(rate);
    let on = (signal.on * rate) as usize;
    for n in 0..on {
        let t = n as f64 / rate;
        let edge = (t / 0.005).min((signal.on - t) / 0.005).clamp(0.0, 1.0);
        let wave: f64 = signal.hertz.iter().map(|hertz| (TAU * hertz * t).sin()).sum();
        out.push((edge * AMPLITUDE * wave) as f32);
    }
    out.resize(out.len() + (signal.off * rate) as usize, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_and_pauses_are_there() {
        let tones = tones(480_000, 8_000, 1);
        let loud = tones.chunks(800).filter(|piece| piece.iter().any(|s| s.abs() > 0.05)).count();
        assert!((120..560).contains(&loud), "{loud} of 600 tenths of a second");
        assert!(tones == super::tones(480_000, 8_000, 1));
    }
}
