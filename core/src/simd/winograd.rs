//! Convolutions of three numbers by fewer multiplications: F(4, 3) of Winograd, after Lavin and Gray, "Fast algorithms for convolutional
//! neural networks" (arXiv 1509.09308).
//!
//! Four neighbouring outputs depend on six inputs. Inputs and weights are each turned into six numbers that are multiplied one by
//! one, and the six products into the four outputs: six multiplications in place of twelve. Here a number is a vector of
//! channels, and the product one with a matrix ([`super::Layer`]). The error is about ten times that of a plain sum.

use super::dense::{GRANULE, Rows, Then};
use super::lanes::Lanes;

/// Outputs that are made together.
pub(crate) const TILE: usize = 4;
/// Products that they are made of.
pub(crate) const POINTS: usize = 6;
/// Numbers that an output depends on.
pub(crate) const TAPS: usize = 3;

/// How weights are turned, for the points 0, 1, −1, 2, −2 and infinity.
const WEIGHTS: [[f64; TAPS]; POINTS] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// The weight of a point.
pub(crate) fn weight(point: usize, taps: [f32; TAPS]) -> f32 {
    WEIGHTS[point].iter().zip(taps).map(|(factor, tap)| factor * f64::from(tap)).sum::<f64>() as f32
}

/// Tiles that make so many outputs.
pub(crate) const fn tiles(outputs: usize) -> usize {
    outputs.div_ceil(TILE)
}

/// What is to be gathered: for each point, tiles of channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gather<'a> {
    /// The products.
    pub(crate) products: &'a [f32],
    /// Added to every output: as many as there are channels, a multiple of 32.
    pub(crate) bias: &'a [f32],
    /// How many outputs.
    pub(crate) count: usize,
    /// What becomes of them.
    pub(crate) then: Then<'a>,
    /// Where they go.
    pub(crate) to: Rows,
}

impl Gather<'_> {
    /// What the loop relies on.
    pub(super) fn check(&self, output: &[f32]) {
        let channels = self.bias.len();
        assert!(channels.is_multiple_of(GRANULE), "no number of channels for the loop");
        let needed = tiles(self.count).checked_mul(POINTS * channels);
        assert!(needed.is_some_and(|needed| needed <= self.products.len()), "products are missing");
        assert!(self.to.lie_in(self.count, channels, output), "an output ends behind its slice");
        self.then.check(self.count, channels);
    }
}

/// Turns the inputs of each tile into its points. `input`: for each of the tiles' outputs the channels of an input, and two
/// more. `output`: for each point, tiles of channels.
///
/// # Safety
/// The machine has the vectors' instruction set; the input holds 4 · tiles + 2 times the channels, the output 6 · tiles times, and
/// channels are a multiple of [`GRANULE`].
#[inline(always)]
pub(super) unsafe fn spread<V: Lanes>(input: &[f32], channels: usize, output: &mut [f32]) {
    let tiles = output.len() / (POINTS * channels);
    // SAFETY: as this function's.
    unsafe {
        let (two, four, five) = (V::splat(2.0), V::splat(4.0), V::splat(-5.0));
        for tile in 0..tiles {
            let mut at = 0;
            while at < channels {
                let from = input.as_ptr().add(TILE * tile * channels + at);
                let [a, b, c] = [V::load(from), V::load(from.add(channels)), V::load(from.add(2 * channels))];
                let from = from.add(3 * channels);
                let [d, e, f] = [V::load(from), V::load(from.add(channels)), V::load(from.add(2 * channels))];
                let (ec4, db4) = (e.sub(c.mul(four)), d.sub(b.mul(four)));
                let (ec, db2) = (e.sub(c), d.sub(b).mul(two));
                let points = [
                    c.mul_add(five, a.mul_add(four, e)),
                    ec4.add(db4),
                    ec4.sub(db4),
                    ec.add(db2),
                    ec.sub(db2),
                    d.mul_add(five, b.mul_add(four, f)),
                ];
                for (point, value) in points.into_iter().enumerate() {
                    value.store(output.as_mut_ptr().add((point * tiles + tile) * channels + at));
                }
                at += V::COUNT;
            }
        }
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Gather::check`] has passed.
#[inline(always)]
pub(super) unsafe fn gather<V: Lanes>(gather: &Gather<'_>, output: &mut [f32]) {
    let (channels, tiles) = (gather.bias.len(), tiles(gather.count));
    // SAFETY: as this function's.
    unsafe {
        let (two, four, eight) = (V::splat(2.0), V::splat(4.0), V::splat(8.0));
        for tile in 0..tiles {
            let mut at = 0;
            while at < channels {
                let mut points = [V::splat(0.0); POINTS];
                for (point, value) in points.iter_mut().enumerate() {
                    *value = V::load(gather.products.as_ptr().add((point * tiles + tile) * channels + at));
                }
                let [a, b, c, d, e, f] = points;
                let bias = V::load(gather.bias.as_ptr().add(at));
                let (bc, bc_less, de, de_less) = (b.add(c), b.sub(c), d.add(e), d.sub(e));
                let outputs = [
                    a.add(bias).add(bc).add(de),
                    de_less.mul_add(two, bc_less.add(bias)),
                    de.mul_add(four, bc.add(bias)),
                    de_less.mul_add(eight, bc_less.add(bias)).add(f),
                ];
                let first = TILE * tile;
                let last = if gather.count - first < TILE { gather.count - first } else { TILE };
                for (row, value) in outputs.into_iter().enumerate() {
                    if row < last {
                        let to = gather.to.first + (first + row) * gather.to.step + at;
                        gather.then.of(value, first + row, at).store(output.as_mut_ptr().add(to));
                    }
                }
                at += V::COUNT;
            }
        }
    }
}
