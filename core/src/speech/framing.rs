//! Cuts a stream of blocks into overlapping frames. Blocks of any fixed length enter, every complete frame leaves.

/// Overlapping frames of `size` samples, `hop` samples apart, counted from the first sample of the call.
///
/// # Realtime safety
/// Nothing is allocated after [`Framing::new`].
#[derive(Clone, Debug)]
pub(crate) struct Framing {
    size: usize,
    hop: usize,
    /// Samples that later frames still need, then the current block.
    line: Box<[f32]>,
    held: usize,
}

impl Framing {
    /// Frames for blocks of at most `block` samples.
    pub(crate) fn new(size: usize, hop: usize, block: usize) -> Self {
        Self { size, hop, line: vec![0.0; size + block].into(), held: 0 }
    }

    /// Hands every frame that the block completes to `each`.
    pub(crate) fn push(&mut self, block: &[f32], mut each: impl FnMut(&[f32])) {
        self.line[self.held..self.held + block.len()].copy_from_slice(block);
        self.held += block.len();
        let mut start = 0;
        while start + self.size <= self.held {
            each(&self.line[start..start + self.size]);
            start += self.hop;
        }
        self.line.copy_within(start..self.held, 0);
        self.held -= start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_do_not_depend_on_how_the_stream_is_cut() {
        let signal: Vec<f32> = (0..4_000).map(|i| i as f32).collect();
        let frames = |block: usize| {
            let mut framing = Framing::new(400, 160, block);
            let mut starts = Vec::new();
            for piece in signal.chunks(block) {
                framing.push(piece, |frame| {
                    assert_eq!(frame.len(), 400);
                    starts.push(frame[0] as usize);
                });
            }
            starts
        };
        let whole = frames(4_000);
        assert_eq!(whole.len(), 1 + (4_000 - 400) / 160);
        assert!(whole.iter().enumerate().all(|(k, &start)| start == 160 * k));
        assert_eq!(frames(512), whole);
        assert_eq!(frames(1), whole);
    }
}
