//! A list of calls enters; how each of them sounds at each further second of its speech leaves, heard in several manners.
//! `models/study/repeated.py` makes the list and reads the outcome.

use std::error::Error;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use peakstream::audio::encode;
use peakstream::{
    Analysis, AnalysisSpec, AudioFormat, CallSpec, CallStream, ChannelType, Encoding, Engine, EngineOptions,
    Precision, SampleRate, SlidingAnalysis,
};
use peakstream_server::audio_file::{self, ReadOptions};
use peakstream_server::model_dir;

const RATE: SampleRate = SampleRate::Hz8000;
/// Net speech of a registration, in seconds.
const REGISTERED: f64 = 5.0;
/// Seconds of net speech after which a call is listened to no more.
const LONGEST: u64 = 8;
/// Seconds of a window, analysed at each further second of net speech, and how many of the newest decide.
const MANNERS: [(u32, usize); 8] = [(1, 1), (1, 3), (1, 4), (1, 5), (1, 6), (2, 3), (3, 1), (5, 1)];

/// What to hear.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text file with one call a line: its recordings, one after the other, with | between them.
    #[arg(long)]
    list: PathBuf,
    /// Folder that the recordings' names are relative to.
    #[arg(long)]
    data: PathBuf,
    /// Output: 192 little-endian f32 for each line that is printed, of length 1.
    #[arg(long)]
    out: PathBuf,
    /// What the speaker network is computed in: f32 or int8.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

/// Prints, for each embedding that is written: which call, the second, seconds of a window, windows, frames of the newest, and the evidence
/// that the voice is genuine. The second is 0 for the beginning of the call, as a registration hears it.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let options = EngineOptions { precision: args.precision, ..EngineOptions::default() };
    let engine = model_dir::load_engine(args.models.as_deref(), options)?;
    let list = std::fs::read_to_string(&args.list)?;
    let calls: Vec<&str> = list.lines().collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&args.out)?);
    for (number, call) in calls.iter().enumerate() {
        let audio = audio(&args.data, call)?;
        hear(&engine, &audio, |(second, window, windows), frames, analysis| {
            let Analysis { template, judgement } = analysis;
            let evidence = judgement.llr().map_or(f64::NAN, |llr| llr.0);
            println!("{number} {second} {window} {windows} {frames} {evidence}");
            template.values().iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
        })?;
        if (number + 1) % 100 == 0 || number + 1 == calls.len() {
            eprintln!("{} of {} calls", number + 1, calls.len());
        }
    }
    Ok(out.flush()?)
}

/// G.711 µ-law of a call's recordings.
fn audio(data: &Path, call: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    for path in call.split('|') {
        let recording = audio_file::read(&data.join(path), &ReadOptions::default())?.at(RATE)?;
        encode(recording.samples(), Encoding::MuLaw, &mut bytes);
    }
    Ok(bytes)
}

fn open(engine: &Engine, wanted: f64) -> Result<CallStream, Box<dyn Error>> {
    let format = AudioFormat::mono(Encoding::MuLaw, RATE);
    Ok(engine.open(CallSpec { format, channel_type: ChannelType::Telephone, wanted })?)
}

/// Tells each analysis of a call: at which second and in which manner, and of how many frames its newest window was.
fn hear(
    engine: &Engine,
    audio: &[u8],
    mut tell: impl FnMut((u64, u32, usize), usize, &Analysis) -> std::io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let spec = AnalysisSpec { model: engine.newest_model() };
    let mut registered = open(engine, REGISTERED)?;
    registered.push_all(audio);
    if let Some(speech) = registered.take_speech() {
        tell((0, REGISTERED as u32, 1), speech.frames(), &engine.analyse(&speech, spec)?)?;
    }
    let mut manners = MANNERS.map(|(window, windows)| {
        let windows = NonZeroUsize::new(windows).unwrap_or(NonZeroUsize::MIN);
        (window, windows, SlidingAnalysis::new(spec, windows))
    });
    let mut stream = open(engine, LONGEST as f64 + 1.0)?;
    let mut second = 0;
    for packet in audio.chunks(160) {
        stream.push_all(packet);
        if stream.status().net_speech.seconds() as u64 <= second || second == LONGEST {
            continue;
        }
        second += 1;
        for (window, windows, sliding) in &mut manners {
            if u64::from(*window) <= second {
                let speech = stream.newest(f64::from(*window));
                let analysis = engine.analyse_window(&speech, sliding)?;
                if sliding.windows() == windows.get() {
                    tell((second, *window, windows.get()), speech.frames(), &analysis)?;
                }
            }
        }
    }
    Ok(())
}
