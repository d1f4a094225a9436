//! The inner loops, once for every instruction set: slices of numbers enter, the same slices or sums leave.
//!
//! All `unsafe` of the engine is in this folder. A loop is written once, over [`lanes::Lanes`] (`gemm.rs`, `dense.rs`, `winograd.rs`,
//! `fir.rs`, `fourier.rs`, `abreast.rs`, `elementwise.rs`); an instruction set is a file that says what a vector of numbers is there (`avx512.rs`, `avx2.rs`,
//! `neon.rs`, `portable.rs`) and compiles the loops for it into one table, [`Kernels`]. `tests.rs` runs every table that this machine
//! has against plain sums in double precision.
//!
//! The best table is chosen once for a process. `PEAKSTREAM_CPU` names a lower one ([`Level`]), for comparison and for
//! machines whose wide vectors slow down everything else. Levels differ in rounding only (fused multiplication, order of
//! sums); one level gives the same bits for the same audio, always.
#![allow(unsafe_code, reason = "the only place of the engine that may; every block says why it is sound")]

/// Compiles every loop for one kind of vector, with the features that it needs, into a table. A tile of a product is so many vectors
/// wide; one of a layer has so many rows of so many vectors, and others where the columns are a multiple of the wide one's.
macro_rules! table {
    ($level:expr, $vector:ty, $vectors:literal, [$rows:literal, $columns:literal], [$wide_rows:literal, $wide_columns:literal] $(, $features:literal)?) => {
        /// The loops for these machines.
        pub(super) static KERNELS: Kernels = Kernels {
            level: $level,
            product_tile: $vectors * <$vector as Lanes>::COUNT,
            tile: $columns * <$vector as Lanes>::COUNT,
            wide_tile: $wide_columns * <$vector as Lanes>::COUNT,
            product,
            layer,
            scale_relu,
            add_rows,
            add_squares,
            scale_rows,
            spread,
            gather,
            convolve,
            lay_abreast,
            line_up,
            emphasise,
            power,
            sum,
            sigmoid,
            tanh,
            exp,
            ln,
        };

        $(#[target_feature(enable = $features)])?
        unsafe fn product(p: &Product<'_>, output: &mut [f32]) {
            // SAFETY: the caller's promise.
            unsafe { gemm::product::<$vector, $vectors>(p, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn layer(layer: &Layer<'_>, output: &mut [f32]) {
            // SAFETY: as above.
            unsafe { dense::layer::<$vector, $rows, $columns, $wide_rows, $wide_columns>(layer, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn scale_relu(affine: &Affine, input: &[f32], output: &mut [f32]) {
            // SAFETY: as above.
            unsafe { dense::scale_relu::<$vector>(affine, input, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn add_rows(input: &[f32], rows: Rows, count: usize, sums: &mut [f32]) {
            // SAFETY: as above.
            unsafe { dense::add_rows::<$vector>(input, rows, count, sums) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn add_squares(input: &[f32], rows: Rows, count: usize, means: &[f32], sums: &mut [f32]) {
            // SAFETY: as above.
            unsafe { dense::add_squares::<$vector>(input, rows, count, means, sums) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn scale_rows(factors: &[f32], rows: Rows, count: usize, values: &mut [f32]) {
            // SAFETY: as above.
            unsafe { dense::scale_rows::<$vector>(factors, rows, count, values) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn spread(input: &[f32], channels: usize, output: &mut [f32]) {
            // SAFETY: as above.
            unsafe { winograd::spread::<$vector>(input, channels, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn gather(gather: &Gather<'_>, output: &mut [f32]) {
            // SAFETY: as above.
            unsafe { winograd::gather::<$vector>(gather, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn convolve(taps: &[f32], signal: &[f32], output: &mut [f32]) {
            // SAFETY: as above.
            unsafe { fir::convolve::<$vector>(taps, signal, output) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn lay_abreast(from: &[f32], begins: &Begins, size: usize, to: &mut [MaybeUninit<Abreast>]) {
            // SAFETY: as above.
            unsafe { abreast::lay_abreast::<$vector>(from, begins, size, to) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn line_up(from: &[Abreast], begins: &Begins, to: &mut [f32]) {
            // SAFETY: as above.
            unsafe { abreast::line_up::<$vector>(from, begins, to) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn emphasise(part: f32, frames: &mut [Abreast]) {
            // SAFETY: as above.
            unsafe { abreast::emphasise::<$vector>(part, frames) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn power(plan: &Fourier, frames: &mut [Abreast], power: &mut [MaybeUninit<Abreast>]) {
            // SAFETY: as above.
            unsafe { fourier::power::<$vector>(plan, frames, power) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn sum(bank: &Bank, rows: &[Abreast], sums: &mut [Abreast]) {
            // SAFETY: as above.
            unsafe { abreast::sum::<$vector>(bank, rows, sums) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn sigmoid(values: &mut [f32]) {
            // SAFETY: as above.
            unsafe { elementwise::sigmoid::<$vector>(values) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn tanh(values: &mut [f32]) {
            // SAFETY: as above.
            unsafe { elementwise::tanh::<$vector>(values) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn exp(values: &mut [f32]) {
            // SAFETY: as above.
            unsafe { elementwise::exp::<$vector>(values) }
        }
        $(#[target_feature(enable = $features)])?
        unsafe fn ln(values: &mut [f32]) {
            // SAFETY: as above.
            unsafe { elementwise::ln::<$vector>(values) }
        }
    };
}

mod abreast;
mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "no other architecture has loops for them yet")
)]
mod bytes;
mod dense;
mod elementwise;
mod fir;
mod fourier;
mod gemm;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod reading;
#[cfg(target_arch = "x86_64")]
mod vnni;
pub(crate) mod winograd;

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem::MaybeUninit;
use std::str::FromStr;
use std::sync::OnceLock;

use winograd::Gather;

pub(crate) use abreast::Bank;
pub(crate) use aligned::{Aligned, Number, OnLine};
pub(crate) use bytes::{ByteLayer, ByteMatrix, RoundRows, Worth};
pub(crate) use dense::{Affine, Layer, Matrix, Rows, Then};
pub(crate) use fourier::Fourier;
pub(crate) use gemm::{Packed, Product};
pub(crate) use lanes::PANEL;
pub(crate) use reading::Ahead;

/// One number of each of sixteen frames that are worked on together.
pub(crate) type Abreast = [f32; PANEL];

/// Where each of sixteen frames begins.
type Begins = [usize; PANEL];

/// Room for `N` numbers of each frame, for a loop to fill: zeroing it first would cost as much as the loop.
pub(crate) const fn room<const N: usize>() -> OnLine<[MaybeUninit<Abreast>; N]> {
    OnLine([const { MaybeUninit::uninit() }; N])
}

/// Environment variable that names the highest level to use.
pub const CPU_VARIABLE: &str = "PEAKSTREAM_CPU";

/// What the inner loops are compiled for, from the plainest to the widest of each architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every machine of the architecture has, without fused multiplication: SSE2 on x86-64, NEON on aarch64.
    Portable,
    /// NEON, with fused multiplication: four numbers at once.
    Neon,
    /// AVX2, FMA and F16C: eight numbers at once.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: sixteen numbers at once.
    Avx512,
}

impl Level {
    /// All levels, the plainest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// The name that `PEAKSTREAM_CPU` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The level in use, for reports; the best one if [`Level::chosen`] fails.
    pub fn in_use() -> Self {
        kernels().level
    }

    /// The level that the environment asks for, or else the best of this machine.
    ///
    /// # Errors
    /// A name that is no level, or a level that this machine does not have.
    pub fn chosen() -> Result<Self, LevelError> {
        match std::env::var_os(CPU_VARIABLE) {
            None => Ok(Self::best()),
            Some(name) => {
                let level: Self = name.to_str().unwrap_or_default().parse()?;
                if level.is_available() { Ok(level) } else { Err(LevelError::Unavailable(level)) }
            }
        }
    }

    fn best() -> Self {
        Self::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Self::Portable)
    }

    fn is_available(self) -> bool {
        self.table().is_some()
    }

    /// The loops compiled for this level, if this machine can run them.
    fn table(self) -> Option<&'static Kernels> {
        match self {
            Self::Portable => Some(&portable::KERNELS),
            #[cfg(target_arch = "aarch64")]
            Self::Neon if std::arch::is_aarch64_feature_detected!("neon") => Some(&neon::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2
                if std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
                    && std::arch::is_x86_feature_detected!("f16c") =>
            {
                Some(&avx2::KERNELS)
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512
                if std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl") =>
            {
                Some(&avx512::KERNELS)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(name: &str) -> Result<Self, LevelError> {
        let level = Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name));
        level.ok_or_else(|| LevelError::Unknown(name.to_owned()))
    }
}

/// Why the level that the environment asks for cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelError {
    /// No such name.
    #[error(
        "PEAKSTREAM_CPU={0:?} is no level; use \"portable\", \"neon\", \"avx2\" or \"avx512\", or leave it out"
    )]
    Unknown(String),
    /// This machine lacks the instructions.
    #[error("PEAKSTREAM_CPU={0} asks for instructions that this machine does not have; leave it out")]
    Unavailable(Level),
}

/// The inner loops of one instruction set. Calling one is safe: its table is only handed out on a machine that has it.
pub(crate) struct Kernels {
    level: Level,
    /// Columns of a product's tile.
    product_tile: usize,
    /// Columns of a layer's tile, and of those of matrices whose columns are a multiple of more.
    tile: usize,
    wide_tile: usize,
    product: unsafe fn(&Product<'_>, &mut [f32]),
    layer: unsafe fn(&Layer<'_>, &mut [f32]),
    scale_relu: unsafe fn(&Affine, &[f32], &mut [f32]),
    add_rows: unsafe fn(&[f32], Rows, usize, &mut [f32]),
    add_squares: unsafe fn(&[f32], Rows, usize, &[f32], &mut [f32]),
    scale_rows: unsafe fn(&[f32], Rows, usize, &mut [f32]),
    spread: unsafe fn(&[f32], usize, &mut [f32]),
    gather: unsafe fn(&Gather<'_>, &mut [f32]),
    convolve: unsafe fn(&[f32], &[f32], &mut [f32]),
    lay_abreast: unsafe fn(&[f32], &Begins, usize, &mut [MaybeUninit<Abreast>]),
    line_up: unsafe fn(&[Abreast], &Begins, &mut [f32]),
    emphasise: unsafe fn(f32, &mut [Abreast]),
    power: unsafe fn(&Fourier, &mut [Abreast], &mut [MaybeUninit<Abreast>]),
    sum: unsafe fn(&Bank, &[Abreast], &mut [Abreast]),
    sigmoid: unsafe fn(&mut [f32]),
    tanh: unsafe fn(&mut [f32]),
    exp: unsafe fn(&mut [f32]),
    ln: unsafe fn(&mut [f32]),
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({})", self.level)
    }
}

/// The loops to use.
pub(crate) fn kernels() -> &'static Kernels {
    static CHOSEN: OnceLock<&'static Kernels> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let level = Level::chosen().unwrap_or_else(|_| Level::best());
        level.table().unwrap_or(&portable::KERNELS)
    })
}

impl Kernels {
    /// Columns of a layer's tile, of a matrix of some columns.
    fn tile(&self, columns: usize) -> usize {
        if columns.is_multiple_of(self.wide_tile) { self.wide_tile } else { self.tile }
    }

    /// Rows times a packed matrix: see [`Product`].
    pub(crate) fn product(&self, product: &Product<'_>, output: &mut [f32]) {
        product.check(self, output);
        // SAFETY: this machine has the table's instructions, and all rows lie inside their slices: just checked.
        unsafe { (self.product)(product, output) }
    }

    /// Many rows times a matrix: see [`Layer`].
    pub(crate) fn layer(&self, layer: &Layer<'_>, output: &mut [f32]) {
        layer.check(self, output);
        // SAFETY: this machine has the table's instructions, and all rows lie inside their slices: just checked.
        unsafe { (self.layer)(layer, output) }
    }

    /// Each channel's number becomes max(number · scale + shift, 0).
    pub(crate) fn scale_relu(&self, affine: &Affine, input: &[f32], output: &mut [f32]) {
        affine.check(input, output);
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.scale_relu)(affine, input, output) }
    }

    /// Adds so many rows to as many sums, a multiple of 32, as are taken of each.
    pub(crate) fn add_rows(&self, input: &[f32], rows: Rows, count: usize, sums: &mut [f32]) {
        assert!(rows.lie_in(count, sums.len(), input), "a row ends behind the input");
        assert!(sums.len().is_multiple_of(dense::GRANULE), "no number of channels for the loop");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.add_rows)(input, rows, count, sums) }
    }

    /// The same of the squares of what is left when the means are taken from a row.
    pub(crate) fn add_squares(
        &self,
        input: &[f32],
        rows: Rows,
        count: usize,
        means: &[f32],
        sums: &mut [f32],
    ) {
        assert!(rows.lie_in(count, sums.len(), input), "a row ends behind the input");
        assert!(means.len() == sums.len(), "another number of means");
        assert!(sums.len().is_multiple_of(dense::GRANULE), "no number of channels for the loop");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.add_squares)(input, rows, count, means, sums) }
    }

    /// Multiplies the beginnings of so many rows by as many factors, a multiple of 32.
    pub(crate) fn scale_rows(&self, factors: &[f32], rows: Rows, count: usize, values: &mut [f32]) {
        assert!(rows.lie_in(count, factors.len(), values), "a row ends behind the values");
        assert!(factors.len().is_multiple_of(dense::GRANULE), "no number of channels for the loop");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.scale_rows)(factors, rows, count, values) }
    }

    /// Turns inputs into the points of as many tiles as the output has room for: see [`winograd`].
    pub(crate) fn spread(&self, input: &[f32], channels: usize, output: &mut [f32]) {
        assert!(
            channels > 0 && channels.is_multiple_of(dense::GRANULE),
            "no number of channels for the loop"
        );
        let tiles = output.len() / (winograd::POINTS * channels);
        assert!((winograd::TILE * tiles + 2) * channels <= input.len(), "inputs are missing");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.spread)(input, channels, output) }
    }

    /// Turns products of points into outputs: see [`winograd`].
    pub(crate) fn gather(&self, gather: &Gather<'_>, output: &mut [f32]) {
        gather.check(output);
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.gather)(gather, output) }
    }

    /// output[n] = Σ taps[k] · signal[n + k]: a filter whose taps are written backwards.
    pub(crate) fn convolve(&self, taps: &[f32], signal: &[f32], output: &mut [f32]) {
        assert!(
            signal.len() + 1 >= output.len() + taps.len(),
            "the signal is shorter than what is read of it"
        );
        // SAFETY: this machine has the table's instructions; reads end at output.len() + taps.len() − 1: just checked.
        unsafe { (self.convolve)(taps, signal, output) }
    }

    /// Lays sixteen frames abreast, whose `size` numbers begin there in `from`; zeros follow to the end of `room`.
    pub(crate) fn lay_abreast<'a>(
        &self,
        from: &[f32],
        begins: &Begins,
        size: usize,
        room: &'a mut [MaybeUninit<Abreast>],
    ) -> &'a mut [Abreast] {
        assert!(size <= room.len(), "a frame is longer than its room");
        assert!(begins.iter().all(|begin| begin + size <= from.len()), "a frame ends behind the input");
        // SAFETY: this machine has the table's instructions; every frame lies inside the slice: just checked. The loop has
        // filled all of the room.
        unsafe {
            (self.lay_abreast)(from, begins, size, room);
            room.assume_init_mut()
        }
    }

    /// Lines sixteen frames up that lie abreast: each goes to where it is to begin in `to`.
    pub(crate) fn line_up(&self, from: &[Abreast], begins: &Begins, to: &mut [f32]) {
        assert!(begins.iter().all(|begin| begin + from.len() <= to.len()), "a frame ends behind the output");
        // SAFETY: this machine has the table's instructions; every frame lies inside the slice: just checked.
        unsafe { (self.line_up)(from, begins, to) }
    }

    /// Removes the mean of each frame, then from each of its samples that part of the one before it.
    pub(crate) fn emphasise(&self, part: f32, frames: &mut [Abreast]) {
        // SAFETY: this machine has the table's instructions; the loop stays inside the slice.
        unsafe { (self.emphasise)(part, frames) }
    }

    /// The power in every bin, from 0 Hz to half of the rate, of frames that are overwritten; the error of an amplitude is
    /// below 1e-6 of the strongest one.
    pub(crate) fn power<'a>(
        &self,
        plan: &Fourier,
        frames: &mut [Abreast],
        room: &'a mut [MaybeUninit<Abreast>],
    ) -> &'a mut [Abreast] {
        plan.check(frames, room);
        // SAFETY: this machine has the table's instructions; the lengths were just checked. The loop has filled all of the
        // room.
        unsafe {
            (self.power)(plan, frames, room);
            room.assume_init_mut()
        }
    }

    /// The weighted sums of the frames' rows.
    pub(crate) fn sum(&self, bank: &Bank, rows: &[Abreast], sums: &mut [Abreast]) {
        bank.check(rows, sums);
        // SAFETY: this machine has the table's instructions; rows and sums were just checked.
        unsafe { (self.sum)(bank, rows, sums) }
    }

    /// Each value becomes 1 / (1 + e^−x); the error is below 2e-7.
    pub(crate) fn sigmoid(&self, values: &mut [f32]) {
        // SAFETY: this machine has the table's instructions; the loop stays inside the slice.
        unsafe { (self.sigmoid)(values) }
    }

    /// Each value becomes its hyperbolic tangent; the error is below 3e-7.
    pub(crate) fn tanh(&self, values: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.tanh)(values) }
    }

    /// Each value x from −87 to 88 becomes e^x; what lies beyond counts as there. The relative error is below 3e-7.
    pub(crate) fn exp(&self, values: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.exp)(values) }
    }

    /// Each value, positive and normal, becomes its natural logarithm; the relative error is below 3e-7.
    pub(crate) fn ln(&self, values: &mut [f32]) {
        // SAFETY: as above.
        unsafe { (self.ln)(values) }
    }
}

/// The inner loops of bytes: they are not faster than those of [`Kernels`] but on machines with instructions for them.
pub(crate) struct ByteKernels {
    layer: unsafe fn(&ByteLayer<'_>, &mut [f32]),
    round: unsafe fn(&[f32], &mut [u8]) -> f32,
    round_rows: unsafe fn(&RoundRows<'_>, &mut [f32], &mut [u8], &mut [f32]),
    restore: unsafe fn(&[u8], f32, &mut [f32]),
}

impl fmt::Debug for ByteKernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteKernels")
    }
}

/// The loops of bytes, if this machine has the instructions and the level in use is not below them.
pub(crate) fn byte_kernels() -> Option<&'static ByteKernels> {
    #[cfg(target_arch = "x86_64")]
    if Level::in_use() == Level::Avx512 && std::arch::is_x86_feature_detected!("avx512vnni") {
        return Some(&vnni::KERNELS);
    }
    None
}

impl ByteKernels {
    /// Many rows of bytes times a matrix: see [`ByteLayer`].
    pub(crate) fn layer(&self, layer: &ByteLayer<'_>, output: &mut [f32]) {
        layer.check(output);
        // SAFETY: this machine has the table's instructions, and all rows lie inside their slices: just checked.
        unsafe { (self.layer)(layer, output) }
    }

    /// Rounds numbers, a multiple of 16, to steps between zero and the largest of them, and returns what a step is worth. What is
    /// below zero becomes zero.
    pub(crate) fn round(&self, from: &[f32], to: &mut [u8]) -> f32 {
        assert!(from.len() == to.len() && from.len().is_multiple_of(PANEL), "no length for the loop");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.round)(from, to) }
    }

    /// Normalises and rounds as many rows as there is `worth` for, which says what a step is worth in each: see [`RoundRows`].
    /// `row`: room for one.
    pub(crate) fn round_rows(&self, rows: &RoundRows<'_>, row: &mut [f32], to: &mut [u8], worth: &mut [f32]) {
        rows.check(row, to, worth);
        // SAFETY: this machine has the table's instructions, and all rows lie inside their slices: just checked.
        unsafe { (self.round_rows)(rows, row, to, worth) }
    }

    /// The numbers that steps stand for, a multiple of 16 of them.
    pub(crate) fn restore(&self, from: &[u8], worth: f32, to: &mut [f32]) {
        assert!(from.len() == to.len() && from.len().is_multiple_of(PANEL), "no length for the loop");
        // SAFETY: this machine has the table's instructions; the lengths were just checked.
        unsafe { (self.restore)(from, worth, to) }
    }
}
