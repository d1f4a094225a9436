//! Our Opus decoder beside the system's libopus (Debian package `libopus0`), on streams that libopus encoded: every mode,
//! clean and with lost packets.
//!
//! Without libopus there is nothing to compare with: the test says so and passes, unless `PEAKSTREAM_NEEDS_LIBOPUS` is set,
//! as CI sets it, which installs the package.
#![cfg(feature = "opus")]
#![allow(unsafe_code, reason = "a C library is called")]

mod common;

use std::ffi::{c_int, c_void};

use common::voice;
use libloading::Library;
use peakstream::WireRate;
use peakstream::audio::opus::Decoder;

type Create = unsafe extern "C" fn(i32, c_int, c_int, *mut c_int) -> *mut c_void;
type CreateDecoder = unsafe extern "C" fn(i32, c_int, *mut c_int) -> *mut c_void;
type Control = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;
type Encode = unsafe extern "C" fn(*mut c_void, *const i16, c_int, *mut u8, i32) -> i32;
type Decode = unsafe extern "C" fn(*mut c_void, *const u8, i32, *mut i16, c_int, c_int) -> c_int;

const VOIP: c_int = 2048;
const SET_BITRATE: c_int = 4002;
const SET_BANDWIDTH: c_int = 4008;
const SET_FEC: c_int = 4012;
const SET_LOSS: c_int = 4014;
const FORCE_MODE: c_int = 11_002;
/// `opus_defines.h` and `opus_private.h`: bandwidths and modes.
const NARROW: c_int = 1101;
const MEDIUM: c_int = 1102;
const WIDE: c_int = 1103;
const SUPER_WIDE: c_int = 1104;
const FULL: c_int = 1105;
const SILK: c_int = 1000;
const HYBRID: c_int = 1001;
const CELT: c_int = 1002;

struct Stream {
    name: &'static str,
    mode: c_int,
    bandwidth: c_int,
    bitrate: c_int,
    /// 48 kHz samples of a packet.
    frame: usize,
    fec: bool,
    /// Least signal-to-difference ratio in dB: without loss, and with every 37th packet lost. Measured (libopus 1.3.1):
    /// equal to the bit for SILK and hybrid, 108 dB for CELT; with losses 63 to 105 dB and 20 dB (CELT's concealment has
    /// noise in it).
    clean: f64,
    lossy: f64,
}

fn libopus() -> Option<Library> {
    // SAFETY: loading libopus runs no code of its own.
    let found = unsafe { Library::new("libopus.so.0") };
    if let Err(error) = &found {
        let needed = std::env::var_os("PEAKSTREAM_NEEDS_LIBOPUS").is_some();
        assert!(!needed, "the system's libopus is needed and absent (apt-get install libopus0): {error}");
        println!("NOT COMPARED: the system's libopus is absent (apt-get install libopus0): {error}");
    }
    found.ok()
}

fn encoded(library: &Library, stream: &Stream, samples: &[i16]) -> Vec<Vec<u8>> {
    // SAFETY: names and types are those of opus.h, buffers have the lengths that are passed.
    unsafe {
        let create = library.get::<Create>(b"opus_encoder_create").expect("libopus");
        let control = library.get::<Control>(b"opus_encoder_ctl").expect("libopus");
        let encode = library.get::<Encode>(b"opus_encode").expect("libopus");
        let mut error = 0;
        let encoder = create(48_000, 1, VOIP, &mut error);
        assert_eq!(error, 0);
        for (request, value) in [
            (SET_BITRATE, stream.bitrate),
            (SET_BANDWIDTH, stream.bandwidth),
            (FORCE_MODE, stream.mode),
            (SET_FEC, c_int::from(stream.fec)),
            (SET_LOSS, if stream.fec { 20 } else { 0 }),
        ] {
            assert_eq!(control(encoder, request, value), 0, "{}: request {request}", stream.name);
        }
        let mut packet = vec![0; 4_000];
        samples
            .chunks_exact(stream.frame)
            .map(|frame| {
                let length =
                    encode(encoder, frame.as_ptr(), frame.len() as c_int, packet.as_mut_ptr(), 4_000);
                packet[..usize::try_from(length).expect("a packet")].to_vec()
            })
            .collect()
    }
}

/// What libopus makes of packets at 16 kHz; `None` is lost.
fn theirs(library: &Library, packets: &[Option<&Vec<u8>>], samples_of_packet: usize) -> Vec<i16> {
    let mut all = Vec::new();
    // SAFETY: as above.
    unsafe {
        let create = library.get::<CreateDecoder>(b"opus_decoder_create").expect("libopus");
        let decode = library.get::<Decode>(b"opus_decode").expect("libopus");
        let mut error = 0;
        let decoder = create(16_000, 1, &mut error);
        assert_eq!(error, 0);
        let mut samples = vec![0i16; samples_of_packet];
        for packet in packets {
            let (data, length) = packet.map_or((std::ptr::null(), 0), |p| (p.as_ptr(), p.len() as i32));
            let made = decode(decoder, data, length, samples.as_mut_ptr(), samples_of_packet as c_int, 0);
            assert_eq!(usize::try_from(made), Ok(samples_of_packet));
            all.extend(&samples);
        }
    }
    all
}

fn ours(packets: &[Option<&Vec<u8>>]) -> Vec<i16> {
    let mut decoder = Decoder::new(1, 0);
    let (mut all, mut samples) = (Vec::new(), [0; 1_920]);
    for packet in packets {
        decoder.packet(packet.map_or(&[], Vec::as_slice)).expect("a codec that works");
        let made = decoder.take(&mut samples);
        all.extend(&samples[..made]);
    }
    assert_eq!(decoder.counts().damaged, 0);
    all
}

fn ratio(theirs: &[i16], ours: &[i16]) -> f64 {
    assert_eq!(theirs.len(), ours.len());
    let (mut signal, mut difference) = (0.0, 0.0);
    for (&a, &b) in theirs.iter().zip(ours) {
        signal += f64::from(a).powi(2);
        difference += (f64::from(a) - f64::from(b)).powi(2);
    }
    10.0 * (signal / difference.max(1e-3)).log10()
}

#[test]
fn every_mode_decodes_as_libopus_decodes_it() {
    let Some(library) = libopus() else { return };
    let stream = |name, mode, bandwidth, bitrate, frame, fec, clean, lossy| Stream {
        name,
        mode,
        bandwidth,
        bitrate,
        frame,
        fec,
        clean,
        lossy,
    };
    let streams = [
        stream("SILK narrow band", SILK, NARROW, 12_000, 960, false, 140.0, 40.0),
        stream("SILK medium band", SILK, MEDIUM, 16_000, 960, false, 140.0, 40.0),
        stream("SILK wide band", SILK, WIDE, 24_000, 960, false, 140.0, 40.0),
        stream("SILK wide band, 60 ms, in-band FEC", SILK, WIDE, 24_000, 2_880, true, 140.0, 40.0),
        stream("hybrid", HYBRID, SUPER_WIDE, 32_000, 960, false, 140.0, 40.0),
        stream("CELT wide band", CELT, WIDE, 32_000, 960, false, 90.0, 10.0),
        stream("CELT full band, 10 ms", CELT, FULL, 64_000, 480, false, 90.0, 10.0),
    ];
    let mut speech = voice(10.0, 140.0, WireRate::Hz48000);
    let mut noise = 1u32;
    for sample in &mut speech {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = sample.saturating_add((noise >> 16) as i16 / 512);
    }
    for stream in streams {
        let packets = encoded(&library, &stream, &speech);
        let of_packet = stream.frame / 3;
        let clean: Vec<_> = packets.iter().map(Some).collect();
        let lossy: Vec<_> =
            packets.iter().enumerate().map(|(n, packet)| (n % 37 != 36).then_some(packet)).collect();
        let [clean, lossy] =
            [clean, lossy].map(|packets| ratio(&theirs(&library, &packets, of_packet), &ours(&packets)));
        println!("{}: {clean:.1} dB clean, {lossy:.1} dB with losses", stream.name);
        assert!(clean >= stream.clean && lossy >= stream.lossy, "{}: {clean} dB, {lossy} dB", stream.name);
    }
}
