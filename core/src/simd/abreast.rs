//! What is done to frames that lie abreast ([`Abreast`]) before and after their transform.

use std::mem::MaybeUninit;

use super::lanes::Lanes;
use super::{Abreast, Begins, PANEL};

/// Weighted sums of neighbouring rows.
#[derive(Debug)]
pub(crate) struct Bank {
    /// Where the rows of each sum begin, and where its weights end in `weights`.
    filters: Box<[(usize, usize)]>,
    weights: Box<[f32]>,
    /// Rows that are needed.
    rows: usize,
}

impl Bank {
    /// Sums of the rows from `first` on, weighted, for each filter `(first, weights)`.
    pub(crate) fn new(filters: impl IntoIterator<Item = (usize, Box<[f32]>)>) -> Self {
        let mut all = Vec::new();
        let mut rows = 0;
        let filters = filters
            .into_iter()
            .map(|(first, weights)| {
                rows = rows.max(first + weights.len());
                all.extend_from_slice(&weights);
                (first, all.len())
            })
            .collect();
        Self { filters, weights: all.into(), rows }
    }

    /// What the loops rely on.
    pub(super) fn check(&self, rows: &[Abreast], sums: &[Abreast]) {
        assert!(rows.len() >= self.rows, "rows that the filters need are missing");
        assert_eq!(sums.len(), self.filters.len(), "room for another number of sums");
    }
}

/// Fills all of `to`: what is behind the frames' `size` numbers becomes zeros.
///
/// # Safety
/// The machine has the vectors' instruction set; `size` numbers lie in `from` behind each begin and are no more than `to` has.
#[inline(always)]
pub(super) unsafe fn lay_abreast<V: Lanes>(
    from: &[f32],
    begins: &Begins,
    size: usize,
    to: &mut [MaybeUninit<Abreast>],
) {
    let whole = size / V::COUNT * V::COUNT;
    for group in (0..PANEL).step_by(V::COUNT) {
        for first in (0..whole).step_by(V::COUNT) {
            // SAFETY: as this function's.
            unsafe {
                let target = to.as_mut_ptr().cast::<f32>();
                V::transpose(
                    |i| from.as_ptr().add(begins[group + i] + first),
                    |j| target.add((first + j) * PANEL + group),
                );
            }
        }
    }
    for (n, row) in to.iter_mut().enumerate().skip(whole) {
        row.write(if n < size { std::array::from_fn(|frame| from[begins[frame] + n]) } else { [0.0; PANEL] });
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and `from.len()` numbers lie in `to` behind each begin.
#[inline(always)]
pub(super) unsafe fn line_up<V: Lanes>(from: &[Abreast], begins: &Begins, to: &mut [f32]) {
    let whole = from.len() / V::COUNT * V::COUNT;
    for group in (0..PANEL).step_by(V::COUNT) {
        for first in (0..whole).step_by(V::COUNT) {
            // SAFETY: as this function's.
            unsafe {
                let source = from.as_ptr().cast::<f32>();
                let target = to.as_mut_ptr();
                V::transpose(
                    |i| source.add((first + i) * PANEL + group),
                    |j| target.add(begins[group + j] + first),
                );
            }
        }
    }
    for (n, row) in from.iter().enumerate().skip(whole) {
        begins.iter().zip(row).for_each(|(begin, &number)| to[begin + n] = number);
    }
}

/// # Safety
/// The machine has the vectors' instruction set, and [`Bank::check`] has passed.
#[inline(always)]
pub(super) unsafe fn sum<V: Lanes>(bank: &Bank, rows: &[Abreast], sums: &mut [Abreast]) {
    let mut begin = 0;
    for (&(first, end), sum) in bank.filters.iter().zip(sums) {
        let weights = &bank.weights[begin..end];
        begin = end;
        for column in (0..PANEL).step_by(V::COUNT) {
            // SAFETY: as this function's; a vector's columns lie inside an `Abreast`.
            unsafe {
                let row = rows.as_ptr().cast::<f32>().add(first * PANEL + column);
                let mut total = V::splat(0.0);
                for (k, &weight) in weights.iter().enumerate() {
                    total = V::load(row.add(k * PANEL)).mul_add(V::splat(weight), total);
                }
                total.store(sum.as_mut_ptr().add(column));
            }
        }
    }
}

/// Removes the mean of each frame and then, from each of its samples, a part of the one before; before the first lies itself.
///
/// # Safety
/// The machine has the vectors' instruction set.
#[inline(always)]
pub(super) unsafe fn emphasise<V: Lanes>(part: f32, frames: &mut [Abreast]) {
    let length = frames.len();
    for column in (0..PANEL).step_by(V::COUNT) {
        // SAFETY: as this function's; a vector's columns lie inside an `Abreast`.
        unsafe {
            let data = frames.as_mut_ptr().cast::<f32>().add(column);
            let mut mean = V::splat(0.0);
            for n in 0..length {
                mean = mean.add(V::load(data.add(n * PANEL)));
            }
            let mean = mean.mul(V::splat(1.0 / length as f32));
            let mut before = V::load(data).sub(mean);
            for n in 0..length {
                let sample = V::load(data.add(n * PANEL)).sub(mean);
                before.mul_add(V::splat(-part), sample).store(data.add(n * PANEL));
                before = sample;
            }
        }
    }
}
