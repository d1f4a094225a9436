//! In: names of recordings, and the folder they are in. Out: their audio, for evaluation and calibration.

use std::path::{Path, PathBuf};

use peakstream::SampleRate;
use peakstream_evaluation::embedding::{Library, Recording};

use crate::audio_file::{self, AudioFileError, ReadOptions};

/// Endings that a list may leave out.
const ENDINGS: [&str; 5] = ["wav", "flac", "mp3", "opus", "ogg"];

/// A folder of recordings.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    reading: ReadOptions,
}

impl Folder {
    pub(super) fn new(root: &Path, reading: ReadOptions) -> Self {
        Self { root: root.to_owned(), reading }
    }

    /// The file of a recording: as the list names it, or with an ending.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.root.join(name);
        let with = |ending: &&str| PathBuf::from(format!("{}.{ending}", path.display()));
        std::iter::once(path.clone()).chain(ENDINGS.iter().map(with)).find(|path| path.is_file())
    }
}

impl Library for Folder {
    fn read(
        &self,
        name: &str,
        rate: Option<SampleRate>,
    ) -> Result<Recording, Box<dyn std::error::Error + Send + Sync>> {
        let path = self.path(name).ok_or_else(|| AudioFileError::Io {
            path: self.root.join(name),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let recording = audio_file::read(&path, &self.reading)?;
        let as_recorded = SampleRate::from_hz(recording.rate()).unwrap_or(SampleRate::Hz16000);
        let rate = rate.unwrap_or(as_recorded);
        Ok(Recording { samples: recording.at(rate)?.samples().to_vec(), rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_found_with_and_without_its_ending_and_read_at_its_own_rate() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("anna")).expect("a folder");
        let wav = peakstream::audio::wav::write(&[100; 800], 8_000);
        std::fs::write(dir.path().join("anna/1.wav"), wav).expect("written");
        let folder = Folder::new(dir.path(), ReadOptions::default());
        for name in ["anna/1.wav", "anna/1"] {
            let recording = folder.read(name, None).expect("a recording");
            assert_eq!((recording.samples.len(), recording.rate), (800, SampleRate::Hz8000), "{name}");
        }
        let wide = folder.read("anna/1", Some(SampleRate::Hz16000)).expect("a recording");
        assert_eq!((wide.samples.len(), wide.rate), (1_600, SampleRate::Hz16000));
        let missing = folder.read("anna/2", None).expect_err("not there").to_string();
        assert!(missing.contains("anna/2"), "{missing}");
    }
}
