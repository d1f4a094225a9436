//! How often a stream of the wrong name is noticed, and one of the right name is not let through: every recording below a
//! folder, at 8 and 16 kHz, in every encoding, declared as every encoding.

use std::error::Error;
use std::path::{Path, PathBuf};

use peakstream::audio::encode;
use peakstream::audio::mismatch::{Look, Mismatch, Watch};
use peakstream::{AudioFormat, Encoding, SampleRate};
use peakstream_server::audio_file::{self, ReadOptions};

const ENCODINGS: [(&str, Encoding); 5] = [
    ("mu-law", Encoding::MuLaw),
    ("A-law", Encoding::ALaw),
    ("s16le", Encoding::Linear16Le),
    ("s16be", Encoding::Linear16Be),
    ("f32le", Encoding::Float32Le),
];

#[derive(Clone, Copy, Default)]
struct Count {
    right: u32,
    wrong_name: u32,
    seconds: f64,
}

/// Where the recordings are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with WAV and FLAC files, at any depth.
    folder: PathBuf,
}

/// Prints a table for each rate.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(&args.folder, &mut files)?;
    files.sort();
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
        let mut counts = [[Count::default(); ENCODINGS.len()]; ENCODINGS.len()];
        for file in &files {
            let recording = audio_file::read(file, &ReadOptions::default())?.at(rate)?;
            for (actual, (_, encoding)) in ENCODINGS.iter().enumerate() {
                let mut bytes = Vec::new();
                encode(recording.samples(), *encoding, &mut bytes);
                for (declared, (_, name)) in ENCODINGS.iter().enumerate() {
                    let count = &mut counts[actual][declared];
                    let found = watch(*name, rate, &bytes);
                    match found {
                        Some((at, Mismatch { found: Look::Samples(found), .. })) if found == *encoding => {
                            count.right += 1;
                            let samples = at as f64 / encoding.bytes() as f64;
                            count.seconds += samples / f64::from(rate.hz());
                        }
                        Some(_) => count.wrong_name += 1,
                        None => {}
                    }
                }
            }
        }
        print(rate, files.len(), &counts);
    }
    Ok(())
}

/// The mismatch, and after how many bytes.
fn watch(declared: Encoding, rate: SampleRate, bytes: &[u8]) -> Option<(usize, Mismatch)> {
    let mut watch = Watch::new(&AudioFormat::mono(declared, rate))?;
    bytes.chunks(160).enumerate().find_map(|(n, piece)| watch.look(piece).err().map(|found| (n * 160, found)))
}

fn print(rate: SampleRate, files: usize, counts: &[[Count; ENCODINGS.len()]; ENCODINGS.len()]) {
    println!("{} Hz, {files} recordings", rate.hz());
    for (actual, (actual_name, _)) in ENCODINGS.iter().enumerate() {
        for (declared, (declared_name, _)) in ENCODINGS.iter().enumerate() {
            let Count { right, wrong_name, seconds } = counts[actual][declared];
            if actual == declared {
                println!("  {actual_name} as itself: {wrong_name} false alarms");
                continue;
            }
            let share = 100.0 * f64::from(right) / files as f64;
            let mean = seconds / f64::from(right.max(1));
            println!(
                "  {actual_name} declared as {declared_name}: {share:.1} % noticed after {mean:.1} s, {wrong_name} under a wrong name"
            );
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "flac" || extension == "wav") {
            files.push(path);
        }
    }
    Ok(())
}
