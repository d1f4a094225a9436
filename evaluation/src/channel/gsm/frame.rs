//! The parameters of one frame, and the 33 bytes they are carried in over RTP and in files (RFC 3551, 4.5.8.1).

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 33;

/// First four bits of a frame's bytes.
const SIGNATURE: u32 = 0xD;
/// Bits of the eight log area ratios.
const RATIO_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];
const LAG_BITS: u32 = 7;
const GAIN_BITS: u32 = 2;
const GRID_BITS: u32 = 2;
const MAXIMUM_BITS: u32 = 6;
const PULSE_BITS: u32 = 3;
/// Pulses of a part of a frame.
pub(super) const PULSES: usize = 13;

/// What 20 ms of speech are coded as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Log area ratios, LARc.
    pub(super) ratios: [i16; 8],
    pub(super) parts: [PartOfFrame; 4],
}

/// What 5 ms are coded as beside the spectrum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PartOfFrame {
    /// Pitch period, Nc.
    pub(super) lag: i16,
    /// Its gain, bc.
    pub(super) gain: i16,
    /// Where the first pulse is, Mc.
    pub(super) grid: i16,
    /// The strongest pulse, xmaxc.
    pub(super) maximum: i16,
    /// All pulses relative to it, xMc.
    pub(super) pulses: [i16; PULSES],
}

/// Bytes that are no frame of this codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a GSM frame begins with the bits 1101")]
pub struct NotAFrame;

impl Frame {
    /// As it is carried.
    pub fn to_bytes(&self) -> [u8; FRAME_BYTES] {
        let mut bits = Writer { bytes: [0; FRAME_BYTES], at: 0 };
        bits.put(SIGNATURE as i16, 4);
        for (ratio, width) in self.ratios.iter().zip(RATIO_BITS) {
            bits.put(*ratio, width);
        }
        for part in &self.parts {
            bits.put(part.lag, LAG_BITS);
            bits.put(part.gain, GAIN_BITS);
            bits.put(part.grid, GRID_BITS);
            bits.put(part.maximum, MAXIMUM_BITS);
            part.pulses.iter().for_each(|pulse| bits.put(*pulse, PULSE_BITS));
        }
        bits.bytes
    }

    /// From the bytes it is carried in.
    ///
    /// # Errors
    /// If the signature is missing. Every other bit has a meaning.
    pub fn from_bytes(bytes: &[u8; FRAME_BYTES]) -> Result<Self, NotAFrame> {
        let mut bits = Reader { bytes, at: 0 };
        if bits.take(4) != SIGNATURE as i16 {
            return Err(NotAFrame);
        }
        let mut frame = Self { ratios: RATIO_BITS.map(|width| bits.take(width)), ..Self::default() };
        for part in &mut frame.parts {
            part.lag = bits.take(LAG_BITS);
            part.gain = bits.take(GAIN_BITS);
            part.grid = bits.take(GRID_BITS);
            part.maximum = bits.take(MAXIMUM_BITS);
            part.pulses = std::array::from_fn(|_| bits.take(PULSE_BITS));
        }
        Ok(frame)
    }
}

/// Puts the highest bit first.
struct Writer {
    bytes: [u8; FRAME_BYTES],
    at: usize,
}

impl Writer {
    fn put(&mut self, value: i16, width: u32) {
        for bit in (0..width).rev() {
            self.bytes[self.at / 8] |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8; FRAME_BYTES],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, width: u32) -> i16 {
        let mut value = 0;
        for _ in 0..width {
            value = value << 1 | i16::from(self.bytes[self.at / 8] >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_bit_of_a_frame_is_kept(mut bytes in proptest::array::uniform32(any::<u8>()), last: u8) {
            bytes[0] = 0xD0 | bytes[0] & 0x0F;
            let mut whole = [0; FRAME_BYTES];
            whole[..32].copy_from_slice(&bytes);
            whole[32] = last;
            let frame = Frame::from_bytes(&whole).expect("a signature");
            prop_assert_eq!(frame.to_bytes(), whole);
        }
    }

    #[test]
    fn bytes_without_the_signature_are_no_frame() {
        assert_eq!(Frame::from_bytes(&[0; FRAME_BYTES]), Err(NotAFrame));
    }
}
