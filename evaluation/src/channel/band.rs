//! Speech enters, what a telephone line or handset lets through leaves, at 8 kHz.

use super::filter::{Symmetric, between_corners};

/// Half the length of these filters: edges of 60 Hz, which 300 Hz needs.
const HALF: usize = 256;

/// Which path the speech takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Band {
    /// The filters of a PCM channel: flat from 300 to 3,400 Hz.
    G712,
    /// The carbon-era handset that many simulations assume: rising 6 dB an octave to 2.5 kHz.
    Irs,
    /// A covered microphone, or a wrong filter: nothing above 1.8 kHz. No telephone line; a test of what notices it.
    Muffled,
    /// A defective handset: nothing below 1 kHz. No telephone line either.
    Thin,
}

/// Inside the mask of ITU-T G.712 (11/2001, figure 1) for a channel between four-wire ports: within ±0.5 dB from 300 to
/// 3,000 Hz, at most 1.8 dB down at 3,400 Hz, and, as line equipment does it, suppressed below 200 Hz (mains hum) and from
/// 3.6 kHz up. One such filter, not all that the mask allows.
const G712: [(f64, f64); 7] = [
    (50.0, -40.0),
    (100.0, -28.0),
    (200.0, -6.0),
    (280.0, 0.0),
    (3_300.0, 0.0),
    (3_400.0, -1.0),
    (3_950.0, -32.0),
];

/// The sending side of the intermediate reference system (ITU-T P.48, table 1), relative to 1 kHz. The values are written
/// down from memory of the table and rounded to 0.5 dB: IRS-like, not for calibrating a measuring set.
const IRS: [(f64, f64); 15] = [
    (100.0, -42.0),
    (125.0, -32.5),
    (160.0, -22.0),
    (200.0, -15.5),
    (250.0, -10.5),
    (315.0, -7.0),
    (400.0, -4.5),
    (500.0, -3.0),
    (630.0, -2.5),
    (1_000.0, 0.0),
    (1_600.0, 3.0),
    (2_500.0, 5.5),
    (3_150.0, 5.5),
    (3_500.0, -3.5),
    (4_000.0, -33.5),
];

const MUFFLED: [(f64, f64); 4] = [(200.0, -6.0), (280.0, 0.0), (1_700.0, 0.0), (2_000.0, -50.0)];
const THIN: [(f64, f64); 5] =
    [(700.0, -50.0), (1_000.0, 0.0), (3_300.0, 0.0), (3_400.0, -1.0), (3_950.0, -32.0)];

/// Filters speech at 8 kHz.
pub(super) fn limit(band: Band, narrow: &[f32]) -> Vec<f32> {
    let corners: &[_] = match band {
        Band::G712 => &G712,
        Band::Irs => &IRS,
        Band::Muffled => &MUFFLED,
        Band::Thin => &THIN,
    };
    Symmetric::new(8_000, HALF, |hz| between_corners(corners, hz.max(1.0))).apply(narrow)
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::{gain_db, tone};
    use super::*;

    fn gain(band: Band, hz: f64) -> f64 {
        let tone = tone(hz, 8_000, 8_000);
        gain_db(&tone, &limit(band, &tone))
    }

    #[test]
    fn a_pcm_channel_is_flat_within_the_mask_and_stops_hum() {
        for hz in [310.0, 500.0, 1_020.0, 2_400.0, 2_990.0] {
            assert!(gain(Band::G712, hz).abs() < 0.5, "{hz} Hz: {}", gain(Band::G712, hz));
        }
        assert!((-1.8..=0.5).contains(&gain(Band::G712, 3_390.0)));
        assert!(gain(Band::G712, 50.0) < -26.0);
    }

    #[test]
    fn half_a_band_has_nothing_of_the_other_half() {
        assert!(gain(Band::Muffled, 1_000.0).abs() < 0.5 && gain(Band::Muffled, 2_100.0) < -40.0);
        assert!(gain(Band::Thin, 1_500.0).abs() < 0.5 && gain(Band::Thin, 600.0) < -40.0);
    }

    #[test]
    fn a_handset_favours_the_upper_half() {
        assert!((gain(Band::Irs, 1_000.0)).abs() < 0.5);
        assert!((gain(Band::Irs, 2_500.0) - 5.5).abs() < 0.7);
        assert!((gain(Band::Irs, 300.0) + 7.7).abs() < 1.5);
        assert!(gain(Band::Irs, 120.0) < -25.0);
    }
}
