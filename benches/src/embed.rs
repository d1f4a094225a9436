//! A list of recordings enters, a file of embeddings leaves: each recording as a call streamed through the engine.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use peakstream::audio::encode;
use peakstream::{
    AudioFormat, CallSpec, ChannelType, Encoding, Engine, EngineOptions, Precision, SampleRate,
};
use peakstream_server::audio_file::{self, ReadOptions};
use peakstream_server::model_dir;

/// More net speech than any recording of a trial list holds, in seconds: everything is collected.
const ALL: f64 = 120.0;
const DIMENSIONS: usize = 192;

/// What to embed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text file with one recording (WAV or FLAC) a line.
    #[arg(long)]
    list: PathBuf,
    /// Output: 192 little-endian f32 a line of the list, of length 1; zeros where no speech was found.
    #[arg(long)]
    out: PathBuf,
    /// telephone-channel: 8 kHz mu-law; microphone-channel: 16 kHz linear.
    #[arg(long, default_value = "telephone-channel")]
    channel_type: ChannelType,
    /// What the speaker network is computed in: f32 or int8.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Folder of installed models.
    #[arg(long)]
    models: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let options = EngineOptions { precision: args.precision, ..EngineOptions::default() };
    let engine = model_dir::load_engine(args.models.as_deref(), options)?;
    let list = std::fs::read_to_string(&args.list)?;
    let paths: Vec<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&args.out)?);
    for (i, path) in paths.iter().enumerate() {
        let values = embed(&engine, Path::new(path), args.channel_type)?;
        for value in values {
            out.write_all(&value.to_le_bytes())?;
        }
        if (i + 1) % 100 == 0 || i + 1 == paths.len() {
            eprintln!("engine, {}: {} of {}", args.channel_type, i + 1, paths.len());
        }
    }
    Ok(out.flush()?)
}

fn embed(
    engine: &Engine,
    path: &Path,
    channel_type: ChannelType,
) -> Result<[f32; DIMENSIONS], Box<dyn Error>> {
    let (encoding, rate) = match channel_type {
        ChannelType::Telephone => (Encoding::MuLaw, SampleRate::Hz8000),
        ChannelType::Microphone => (Encoding::Linear16Le, SampleRate::Hz16000),
    };
    let format = AudioFormat::mono(encoding, rate);
    let recording = audio_file::read(path, &ReadOptions::default())?.at(rate)?;
    let mut bytes = Vec::new();
    encode(recording.samples(), encoding, &mut bytes);
    let mut stream = engine.open(CallSpec { format, channel_type, wanted: ALL })?;
    stream.push_all(&bytes);
    let template = engine.template(&stream.finish());
    Ok(template.map_or([0.0; DIMENSIONS], |template| *template.values()))
}
