//! In: a folder of models and a recording. Out: nanoseconds that a push of 20 ms of mu-law takes, one line for each time that the whole
//! call was heard. `bindings/python/bench/push.py` is the same in Python.

use std::time::Instant;

use peakstream::{AudioFormat, CallSpec, ChannelType, Encoding, EngineOptions, SampleRate};
use peakstream_bindings::{audio_file, model_dir, push};

/// So much that no recording of the demonstration has it: every push does its work.
const SECONDS: f64 = 120.0;
const FRAME: usize = 160;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [models, recording, rounds] = arguments.as_slice() else {
        return Err("push MODELS RECORDING ROUNDS".into());
    };
    let engine = model_dir::load_engine(Some(models.as_ref()), EngineOptions::default())?;
    let read = audio_file::read(recording.as_ref(), &audio_file::ReadOptions { raw: None, channel: 1 })?;
    let mut bytes = Vec::new();
    peakstream::audio::encode(read.samples(), Encoding::MuLaw, &mut bytes);
    let format = AudioFormat::mono(Encoding::MuLaw, SampleRate::Hz8000);
    for _ in 0..rounds.to_str().unwrap_or_default().parse::<usize>()? {
        let mut call =
            engine.open(CallSpec { format, channel_type: ChannelType::Telephone, wanted: SECONDS })?;
        let frames = bytes.chunks_exact(FRAME);
        let (count, begun) = (frames.len(), Instant::now());
        for frame in frames {
            push(&mut call, frame);
        }
        println!("{:.0}", begun.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
    Ok(())
}
