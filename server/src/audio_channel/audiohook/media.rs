//! In: the media a client offers. Out: the one to take, and what its bytes are.
//!
//! Genesys names channels by who is heard in them: `external` is the followed participant, the caller; `internal` is what
//! that one hears. Whose index is which varies, so channels are chosen by name:
//!
//! | offered | taken |
//! |---|---|
//! | PCMU, `external` alone | first |
//! | PCMU, two channels with `external` in them | second: the other channel is left out by its place |
//! | L16, `external` alone; then two channels | third: its byte order is documented nowhere, so it is a setting |
//! | only `internal`, or nothing known | none: the session stays without audio |
//!
//! Of equals the client's order decides. The answer repeats the offer as it came, member by member.

use peakstream::{AudioFormat, Encoding, SampleRate};
use serde_json::Value;

/// In which order the two bytes of an L16 sample come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ByteOrder {
    /// Low byte first, as the reference implementation sends it on today's machines.
    #[default]
    Little,
    /// High byte first, as RTP has it (RFC 3551 §4.5.11).
    Big,
}

/// The media of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The offer, as it came.
    pub offer: Value,
    /// What its bytes are.
    pub format: AudioFormat,
    /// Bytes of one sample of every channel: 1, 2 or 4.
    pub frame_bytes: usize,
}

/// Chooses.
pub fn choose(offers: &[Value], order: ByteOrder) -> Option<Chosen> {
    let known = offers.iter().filter_map(|offer| Some((offer, read(offer, order)?)));
    let (offer, (_, format, frame_bytes)) = known.min_by_key(|(_, (rank, ..))| *rank)?;
    Some(Chosen { offer: offer.clone(), format, frame_bytes })
}

/// What an offer is, and how good; the least is the best.
fn read(offer: &Value, order: ByteOrder) -> Option<(u8, AudioFormat, usize)> {
    if offer["type"] != "audio" || offer["rate"] != 8000 {
        return None;
    }
    let (rank, encoding, bytes) = match (offer["format"].as_str()?, order) {
        ("PCMU", _) => (0, Encoding::MuLaw, 1),
        ("L16", ByteOrder::Little) => (2, Encoding::Linear16Le, 2),
        ("L16", ByteOrder::Big) => (2, Encoding::Linear16Be, 2),
        _ => return None,
    };
    let stereo = |caller| AudioFormat::stereo(encoding, SampleRate::Hz8000, caller);
    let channels: Vec<&str> =
        offer["channels"].as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    match channels[..] {
        ["external"] => Some((rank, AudioFormat::mono(encoding, SampleRate::Hz8000), bytes)),
        ["external", "internal"] => Some((rank + 1, stereo(0)?, 2 * bytes)),
        ["internal", "external"] => Some((rank + 1, stereo(1)?, 2 * bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn offer(format: &str, channels: &[&str]) -> Value {
        json!({"type": "audio", "format": format, "channels": channels, "rate": 8000})
    }

    fn chosen(offers: &[Value]) -> Option<(usize, usize)> {
        let chosen = choose(offers, ByteOrder::Little)?;
        let index = offers.iter().position(|offer| *offer == chosen.offer)?;
        Some((index, chosen.frame_bytes))
    }

    #[test]
    fn case_032_the_external_channel_alone_is_preferred_whatever_the_order() {
        let both = offer("PCMU", &["external", "internal"]);
        let (external, internal) = (offer("PCMU", &["external"]), offer("PCMU", &["internal"]));
        assert_eq!(chosen(&[both.clone(), external.clone(), internal.clone()]), Some((1, 1)));
        assert_eq!(chosen(&[internal, external, both]), Some((1, 1)));
    }

    #[test]
    fn case_033_of_two_channels_the_one_named_external_is_the_callers() {
        let stereo = |caller| AudioFormat::stereo(Encoding::MuLaw, SampleRate::Hz8000, caller);
        for (channels, caller) in [(["external", "internal"], 0), (["internal", "external"], 1)] {
            let chosen = choose(&[offer("PCMU", &channels)], ByteOrder::Little).unwrap();
            assert_eq!(Some(chosen.format), stereo(caller));
        }
    }

    #[test]
    fn case_034_case_037_without_the_caller_there_is_no_audio() {
        for offers in [vec![], vec![offer("PCMU", &["internal"])], vec![offer("PCMU", &[])]] {
            assert_eq!(chosen(&offers), None, "{offers:?}");
        }
    }

    #[test]
    fn case_035_l16_is_the_last_resort_and_its_byte_order_a_setting() {
        let (mono, both) = (offer("L16", &["external"]), offer("L16", &["external", "internal"]));
        assert_eq!(chosen(&[both.clone(), mono.clone()]), Some((1, 2)));
        assert_eq!(chosen(&[mono.clone(), both, offer("PCMU", &["internal", "external"])]), Some((2, 2)));
        let big = choose(&[mono], ByteOrder::Big).unwrap();
        assert_eq!(big.format, AudioFormat::mono(Encoding::Linear16Be, SampleRate::Hz8000));
    }

    #[test]
    fn case_036_offers_that_are_not_understood_are_passed_over() {
        let good = offer("PCMU", &["external"]);
        let mut fast = good.clone();
        fast["rate"] = json!(16_000);
        let odd = [
            json!(null),
            json!("audio"),
            json!([]),
            offer("OPUS", &["external"]),
            fast,
            json!({"type": "video"}),
            json!({"type": "audio", "format": "PCMU", "rate": 8000}),
            json!({"type": "audio", "format": "PCMU", "rate": "8000", "channels": ["external"]}),
            offer("PCMU", &["external", "external"]),
            offer("PCMU", &["internal", "external", "internal"]),
        ];
        assert_eq!(chosen(&odd), None);
        assert_eq!(chosen(&[&odd[..], &[good]].concat()), Some((odd.len(), 1)));
    }

    #[test]
    fn case_031_what_is_answered_is_the_offer_with_every_member_it_had() {
        let mut strange = offer("PCMU", &["external"]);
        strange["somethingNew"] = json!({"a": 1});
        assert_eq!(choose(std::slice::from_ref(&strange), ByteOrder::Little).unwrap().offer, strange);
    }
}
