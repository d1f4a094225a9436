//! How the images that convolutions work on lie in their buffers: bins of frames of channels, in a border of zeros.

use crate::simd::winograd::{TILE, tiles};
use crate::simd::{Aligned, Number, Rows};

/// An image's size.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) bins: usize,
    pub(super) frames: usize,
    pub(super) channels: usize,
}

impl Shape {
    /// Frames with a border, in whole tiles.
    const fn width(self) -> usize {
        tiles(self.frames) * TILE + 2
    }

    /// From a bin to the next.
    pub(super) const fn bin(self) -> usize {
        self.width() * self.channels
    }

    /// Where a bin's first frame lies.
    pub(super) const fn at(self, bin: usize) -> usize {
        (bin + 1) * self.bin() + self.channels
    }

    /// Where the frames of a bin lie.
    pub(super) const fn rows(self, bin: usize) -> Rows {
        Rows { first: self.at(bin), step: self.channels }
    }

    /// What a convolution of three bins by three frames looks at for each frame of a bin; [`Shape::around`] has the bins.
    pub(super) const fn before(self, bin: usize) -> Rows {
        Rows { first: self.at(bin) - self.bin() - self.channels, step: self.channels }
    }

    /// The bin before, the bin, the bin after.
    pub(super) const fn around(self) -> [usize; 3] {
        [0, self.bin(), 2 * self.bin()]
    }

    /// The image with its border; another number of frames has it elsewhere.
    pub(super) fn room<T: Number + Default>(self, buffer: &mut Aligned<T>) {
        let size = self.bin();
        buffer.hold((self.bins + 2) * size);
        for (number, bin) in buffer.chunks_exact_mut(size).take(self.bins + 2).enumerate() {
            if number == 0 || number > self.bins {
                bin.fill(T::default());
            } else {
                bin[..self.channels].fill(T::default());
                bin[(self.frames + 1) * self.channels..].fill(T::default());
            }
        }
    }
}
