//! What one second of audio and one decision cost on one core: figures leave as JSON for `benches/bench.py`.

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use peakstream::audio::decode;
use peakstream::audio::mismatch::Watch;
use peakstream::audio::resample::{NARROW_BLOCK, Raise, WIDE_BLOCK};
use peakstream::replay::Fingerprint;
use peakstream::speech::fbank::{Fbank, FbankTables};
use peakstream::speech::movement::Movement;
use peakstream::speech::silero::STEPS;
use peakstream::speech::spectrum::{Spectrum, SpectrumTables};
use peakstream::{
    AnalysisSpec, AudioFormat, CallSpec, CallStream, ChannelType, CollectedSpeech, Encoding, Engine,
    EngineOptions, Gates, Precision, SampleRate,
};
use peakstream_server::model_dir;
use serde_json::{Value, json};

use crate::audio::Audio;
use crate::cpu;
use crate::network;
use crate::timing::{figure, timed};

const TELEPHONE: AudioFormat = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each measurement is repeated; the minimum and the median are printed.
    #[arg(long, default_value_t = 15)]
    repeats: usize,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Also write the audio that is measured on, for the alternatives: µ-law at 8 kHz, without a header.
    #[arg(long)]
    audio_out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let engine = model_dir::load_engine(args.models.as_deref(), EngineOptions::default())?;
    let audio = Audio::new();
    if let Some(path) = &args.audio_out {
        std::fs::write(path, &audio.mulaw)?;
    }
    let mut figures = stages(&engine, &audio, args.repeats)?;
    figures.extend(decisions(&engine, &audio, args.repeats)?);
    if Precision::Int8.is_available() {
        let options = EngineOptions { precision: Precision::Int8, ..EngineOptions::default() };
        let engine = model_dir::load_engine(args.models.as_deref(), options)?;
        figures.push(analyses(&engine, &audio, args.repeats)?);
    }
    let report = json!({
        "threads": cpu::threads_of("self").unwrap_or(1),
        "cpu_features": cpu::features(),
        "cpu_level": peakstream::CpuLevel::in_use().name(),
        "figures": figures,
        "raise_response": raise_response(),
        "allocations_in_push": allocations(&engine, &audio)?,
        "bytes_per_open_call_5_s": memory(&engine)?,
        "bytes_of_state": memory(&engine)? - open(&engine, 5.0)?.room_for_speech() as i64,
    });
    println!("{report:#}");
    Ok(())
}

/// What the filter that raises 8 to 16 kHz answers to an impulse.
fn raise_response() -> Vec<f32> {
    let (mut raise, mut response) = (Raise::new(), Vec::new());
    let mut block = [0.0; NARROW_BLOCK];
    block[0] = 1.0;
    for narrow in [block, [0.0; NARROW_BLOCK]] {
        let (mut plain, mut filled) = ([0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
        raise.process(&narrow, &mut plain, &mut filled);
        response.extend(plain);
    }
    response
}

pub(crate) fn open(engine: &Engine, wanted: f64) -> Result<CallStream, Box<dyn Error>> {
    Ok(engine.open(CallSpec { format: TELEPHONE, channel_type: ChannelType::Telephone, wanted })?)
}

/// Cost of a second of audio, by stage and as a whole.
fn stages(engine: &Engine, audio: &Audio, repeats: usize) -> Result<Vec<Value>, Box<dyn Error>> {
    let per_second = |name: &str, times| figure(name, "µs per s of audio", times, audio.seconds());
    let mut samples = Vec::with_capacity(audio.mulaw.len());
    let decoding = timed(repeats, || {
        samples.clear();
        decode(black_box(&audio.mulaw), Encoding::MuLaw, &mut samples);
    });
    let (mut raise, mut plain, mut filled) = (Raise::new(), [0.0; WIDE_BLOCK], [0.0; WIDE_BLOCK]);
    let raising = timed(repeats, || {
        audio.narrow.iter().for_each(|block| raise.process(block, &mut plain, &mut filled));
    });
    let mut detector = engine.speech_detector();
    let detecting = timed(repeats, || {
        audio.plain.chunks(STEPS).for_each(|blocks| {
            let mut probabilities = [0.0; STEPS];
            detector.steps(blocks, &mut probabilities);
            black_box(probabilities);
        });
    });
    let mut fbank = Fbank::new(Arc::new(FbankTables::new()));
    let log_mel = timed(repeats, || {
        audio.filled.chunks(STEPS).for_each(|blocks| {
            black_box(fbank.push(blocks.as_flattened()));
        });
    });
    let mut spectrum = Spectrum::new(Arc::new(SpectrumTables::new()));
    let spectra = timed(repeats, || {
        audio.narrow.chunks(STEPS).for_each(|blocks| {
            black_box(spectrum.push(blocks.as_flattened()));
        });
    });
    // The rows of a block; a push asks only where the detector is in doubt, here every block is.
    let mut rows = Vec::new();
    audio.narrow.iter().for_each(|block| rows.push(spectrum.push(block).as_flattened().to_vec()));
    let notes = timed(repeats, || {
        let mut movement = Movement::new();
        rows.iter().for_each(|rows| {
            movement.push(rows);
            black_box(movement.moves());
        });
    });
    let watching = timed(repeats, || {
        if let Some(mut watch) = Watch::new(&TELEPHONE) {
            audio.mulaw.chunks(160).for_each(|packet| {
                let _ = black_box(watch.look(packet));
            });
        }
    });
    // Opened before and dropped after: neither reserving nor wiping a call's memory is a push.
    let mut streams = (0..repeats.max(1)).map(|_| open(engine, 60.0)).collect::<Result<Vec<_>, _>>()?;
    let mut fresh = streams.iter_mut();
    let whole = timed(repeats, || {
        if let Some(stream) = fresh.next() {
            for packet in audio.mulaw.chunks(160) {
                stream.push_all(packet);
            }
        }
    });
    Ok(vec![
        per_second("push: µ-law decoding", decoding),
        per_second("push: 8 to 16 kHz", raising),
        per_second("push: speech detection (Silero)", detecting),
        per_second("push: log-mel features", log_mel),
        per_second("push: authenticity spectra", spectra),
        per_second("push: held notes, asked of every block", notes),
        per_second("push: watch for streams of a wrong name", watching),
        per_second("push: everything, 20 ms packets", whole),
    ])
}

/// Cost of a decision as the server takes it.
fn analyses(engine: &Engine, audio: &Audio, repeats: usize) -> Result<Value, Box<dyn Error>> {
    let spec = AnalysisSpec { model: engine.newest_model() };
    engine.analyse(&call_of_5_s(engine, audio)?, spec)?;
    let name = format!("embedding and authenticity of a 5 s call{}", network::told(engine.precision()));
    decided(engine, audio, repeats, &name, &|speech| {
        let _ = black_box(engine.analyse(speech, spec));
    })
}

/// Cost of some work on a call, which is another for each run: what one decision has decoded, it need not decode again.
fn decided(
    engine: &Engine,
    audio: &Audio,
    repeats: usize,
    name: &str,
    work: &dyn Fn(&CollectedSpeech),
) -> Result<Value, Box<dyn Error>> {
    let calls = (0..repeats.max(1)).map(|_| call_of_5_s(engine, audio)).collect::<Result<Vec<_>, _>>()?;
    let mut fresh = calls.iter();
    Ok(figure(name, "ms", timed(repeats, || fresh.next().into_iter().for_each(work)), 1e3))
}

/// Cost of what follows the deciding sample.
fn decisions(engine: &Engine, audio: &Audio, repeats: usize) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut figures = vec![analyses(engine, audio, repeats)?];
    let spec = AnalysisSpec { model: engine.newest_model() };
    let gated = "the same behind the quality gates of a registration";
    figures.push(decided(engine, audio, repeats, gated, &|speech| {
        let _ = black_box(engine.judge(speech, &Gates::for_registration()));
        let _ = black_box(engine.analyse(speech, spec));
    })?);
    figures.push(decided(engine, audio, repeats, "fingerprint of a 5 s call", &|speech| {
        black_box(Fingerprint::of(speech));
    })?);
    let kept = Fingerprint::of(&call_of_5_s(engine, audio)?);
    let times = timed(repeats, || {
        black_box(kept.agreement(&kept));
    });
    figures.push(figure("comparison of two fingerprints of 5 s calls", "ms", times, 1e3));
    Ok(figures)
}

fn call_of_5_s(engine: &Engine, audio: &Audio) -> Result<CollectedSpeech, Box<dyn Error>> {
    let mut stream = open(engine, 5.0)?;
    stream.push_all(&audio.mulaw);
    Ok(stream.finish())
}

/// Allocations while 10 s are pushed in packets of 20 ms.
fn allocations(engine: &Engine, audio: &Audio) -> Result<u64, Box<dyn Error>> {
    let mut stream = open(engine, 60.0)?;
    let counted = allocation_counter::measure(|| {
        for packet in audio.mulaw.chunks(160) {
            stream.push_all(packet);
        }
    });
    Ok(counted.count_total)
}

/// Bytes that an open call for 5 s of speech reserves.
fn memory(engine: &Engine) -> Result<i64, Box<dyn Error>> {
    let mut stream = None;
    let counted = allocation_counter::measure(|| stream = Some(open(engine, 5.0)));
    stream.transpose()?;
    Ok(counted.bytes_current)
}
