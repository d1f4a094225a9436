//! The stored inputs of a fuzz target enter the target again, as they are and with bytes changed.
//!
//! Runs without a fuzzer, in `cargo test`: an input that once broke something stays a test, and the changed ones are a
//! small fuzz run on every machine. The changes follow from the input, so a failure repeats.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Changed versions of each input. The whole replay stays within seconds.
const CHANGED: u64 = 1_000;

/// Gives every file of the corpus `name` to `target`, then versions of it with bytes changed, cut out, or copied. `package`: the
/// folder of the caller's `Cargo.toml`.
///
/// # Panics
/// If the corpus has no files, or if the target panics: then with the file and the bytes that did it.
pub fn replay(package: &str, name: &str, target: fn(&[u8])) {
    let folder = Path::new(package).join("corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("a readable folder").path()).collect();
    assert!(!paths.is_empty(), "{} has no inputs to replay", folder.display());
    paths.sort();
    for path in paths {
        let stored = std::fs::read(&path).expect("a readable file");
        for seed in 0..=CHANGED {
            let input = if seed == 0 { stored.clone() } else { changed(&stored, seed) };
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                panic!(
                    "{}, change {seed}: the target failed on {:?}",
                    path.display(),
                    input.escape_ascii().to_string()
                );
            }
        }
    }
}

/// One to four edits.
fn changed(stored: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = stored.to_vec();
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ stored.len() as u64);
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.insert(at, random.below(256) as u8),
            1 => bytes.truncate(at),
            2 => {
                let end = at + random.below(bytes.len() - at + 1);
                bytes.extend_from_within(at..end);
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => bytes[at] = [0, 1, b'0', b'"', 0x7F, 0x80, 0xFF][random.below(7)],
            _ => {}
        }
    }
    bytes
}

/// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
