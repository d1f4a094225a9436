//! In: a folder of models and a recording; then, a line each, how the next frames are pushed. Out: nanoseconds that a push took.
//!
//! The line is `mulaw` or `pcm`, which is 20 ms of that codec at a time, or `nothing`: pushes without a byte.
//! `bindings/python/bench/push.py` is the same in Python, and `run.py` beside it asks both in turn for the same frames.

use std::hint::black_box;
use std::io::{BufRead as _, stdin};
use std::time::Instant;

use peakstream::{
    AudioFormat, CallSpec, CallStream, ChannelType, Encoding, Engine, EngineOptions, OpenError, SampleRate,
};
use peakstream_bindings::{audio_file, model_dir};

/// So much that no recording of the demonstration has it: every push does its work.
const SECONDS: f64 = 120.0;
const FRAME_SAMPLES: usize = 160;
/// Frames in a batch that are timed: so few that a batch is seldom interrupted. Those before them bring code and call into the caches.
const TIMED: usize = 100;
const UNTIMED: usize = 20;

/// A recording as a carrier sends it, over and over.
struct Feed<'a> {
    engine: &'a Engine,
    encoding: Encoding,
    frames: Vec<&'a [u8]>,
    next: usize,
    call: CallStream,
}

impl<'a> Feed<'a> {
    fn new(engine: &'a Engine, encoding: Encoding, frames: Vec<&'a [u8]>) -> Result<Self, OpenError> {
        Ok(Self { engine, encoding, frames, next: 0, call: Self::open(engine, encoding)? })
    }

    fn open(engine: &Engine, encoding: Encoding) -> Result<CallStream, OpenError> {
        let format = AudioFormat::mono(encoding, SampleRate::Hz8000);
        engine.open(CallSpec { format, channel_type: ChannelType::Telephone, wanted: SECONDS })
    }

    fn batch(&mut self) -> Result<f64, OpenError> {
        if self.next + UNTIMED + TIMED > self.frames.len() {
            self.call = Self::open(self.engine, self.encoding)?;
            self.next = 0;
        }
        let (untimed, rest) = self.frames[self.next..].split_at(UNTIMED);
        self.next += UNTIMED + TIMED;
        let mut push = |frame: &&[u8]| _ = black_box(self.call.push_all(frame));
        untimed.iter().for_each(&mut push);
        let begun = Instant::now();
        rest[..TIMED].iter().for_each(push);
        Ok(begun.elapsed().as_secs_f64() * 1e9 / TIMED as f64)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [models, recording] = arguments.as_slice() else {
        return Err("push MODELS RECORDING".into());
    };
    let engine = model_dir::load_engine(Some(models.as_ref()), EngineOptions::default())?;
    let read = audio_file::read(recording.as_ref(), &audio_file::ReadOptions { raw: None, channel: 1 })?;
    let encoded = |encoding| {
        let mut bytes = Vec::new();
        peakstream::audio::encode(read.samples(), encoding, &mut bytes);
        bytes
    };
    let (mulaw, pcm) = (encoded(Encoding::MuLaw), encoded(Encoding::Linear16Le));
    let frames: Vec<_> = mulaw.chunks_exact(FRAME_SAMPLES).collect();
    let wide = pcm.chunks_exact(2 * FRAME_SAMPLES).collect();
    let nothing = vec![&[] as &[u8]; frames.len()];
    let mut mulaw = Feed::new(&engine, Encoding::MuLaw, frames)?;
    let mut pcm = Feed::new(&engine, Encoding::Linear16Le, wide)?;
    let mut nothing = Feed::new(&engine, Encoding::MuLaw, nothing)?;
    for line in stdin().lock().lines() {
        let feed = match line?.as_str() {
            "mulaw" => &mut mulaw,
            "pcm" => &mut pcm,
            "nothing" => &mut nothing,
            other => return Err(format!("{other}: mulaw, pcm or nothing").into()),
        };
        println!("{:.1}", feed.batch()?);
    }
    Ok(())
}
