//! Power spectra of frames that lie abreast: the n-th numbers of sixteen frames are one [`Abreast`].
//!
//! A vector holds the same number of several frames, so that a transform needs no shuffles and no instruction set needs a
//! transform of its own. A real frame of N samples is a complex one of N/2 (even samples real, odd ones imaginary), transformed
//! in place by decimation in frequency, four parts at a time, and taken apart at the end (Sorensen et al., 1987, "Real-valued
//! fast Fourier transform algorithms").

use std::f64::consts::TAU;
use std::mem::MaybeUninit;

use super::lanes::Lanes;
use super::{Abreast, PANEL};

/// Window, twiddle factors and order of a transform.
#[derive(Debug)]
pub(crate) struct Fourier {
    /// Halved: a half is what taking apart would have to multiply by.
    window: Box<[f32]>,
    stages: Box<[Stage]>,
    /// Where the half-length transform leaves each of its numbers.
    places: Box<[usize]>,
    /// e^(−2πik/N), from k = 0 to N/4.
    turns: Box<[(f32, f32)]>,
}

/// Splits blocks of four quarters, or, with no twiddle factors, of two numbers.
#[derive(Debug)]
struct Stage {
    /// Cosine and sine of the second, third and fourth quarter's factor, for each number of a quarter.
    twiddles: Box<[[f32; 6]]>,
}

impl Fourier {
    /// A transform of `length` numbers, of which the window's are heard and the others are zeros.
    ///
    /// # Panics
    /// If the length is no power of two from 8 on, or the window is longer.
    pub(crate) fn new(length: usize, window: &[f32]) -> Self {
        assert!(length.is_power_of_two() && length >= 8 && window.len() <= length);
        let half = length / 2;
        let turn = |part: usize, of: usize| {
            let angle = -TAU * part as f64 / of as f64;
            (angle.cos() as f32, angle.sin() as f32)
        };
        let mut stages = Vec::new();
        let mut block = half;
        while block >= 4 {
            let factors = |n: usize| {
                let [(a, b), (c, d), (e, f)] = [1, 2, 3].map(|quarter| turn(quarter * n, block));
                [a, b, c, d, e, f]
            };
            stages.push(Stage { twiddles: (0..block / 4).map(factors).collect() });
            block /= 4;
        }
        if block == 2 {
            stages.push(Stage { twiddles: Box::default() });
        }
        Self {
            window: window.iter().map(|w| 0.5 * w).collect(),
            stages: stages.into(),
            places: (0..half).map(|k| place(k, half)).collect(),
            turns: (0..=length / 4).map(|k| turn(k, length)).collect(),
        }
    }

    /// Numbers of a frame.
    fn length(&self) -> usize {
        2 * self.places.len()
    }

    /// What the loops rely on.
    pub(super) fn check(&self, frames: &[Abreast], power: &[MaybeUninit<Abreast>]) {
        assert_eq!(frames.len(), self.length(), "frames of another length");
        assert_eq!(power.len(), self.length() / 2 + 1, "room for another number of bins");
    }
}

/// Where decimation by four, and by two at the end, leaves the k-th number of a block.
fn place(k: usize, block: usize) -> usize {
    match block {
        1 => 0,
        2 => k,
        _ => k % 4 * (block / 4) + place(k / 4, block / 4),
    }
}

/// A complex number of each frame.
#[derive(Clone, Copy)]
struct Complex<V> {
    re: V,
    im: V,
}

// SAFETY of all methods: as of `Lanes`, whose methods they are made of.
impl<V: Lanes> Complex<V> {
    /// The n-th complex number: its parts are neighbours.
    #[inline(always)]
    unsafe fn load(from: *const f32, n: usize) -> Self {
        // SAFETY: see above.
        unsafe { Self { re: V::load(from.add(2 * n * PANEL)), im: V::load(from.add((2 * n + 1) * PANEL)) } }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, n: usize) {
        // SAFETY: see above.
        unsafe {
            self.re.store(to.add(2 * n * PANEL));
            self.im.store(to.add((2 * n + 1) * PANEL));
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self { re: self.re.add(other.re), im: self.im.add(other.im) } }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self { re: self.re.sub(other.re), im: self.im.sub(other.im) } }
    }
    /// self − i · other.
    #[inline(always)]
    unsafe fn sub_turned(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self { re: self.re.add(other.im), im: self.im.sub(other.re) } }
    }
    /// self + i · other.
    #[inline(always)]
    unsafe fn add_turned(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self { re: self.re.sub(other.im), im: self.im.add(other.re) } }
    }
    #[inline(always)]
    unsafe fn times(self, cosine: f32, sine: f32) -> Self {
        // SAFETY: see above.
        unsafe {
            let (cosine, sine) = (V::splat(cosine), V::splat(sine));
            let minus = V::splat(0.0).sub(sine);
            Self {
                re: self.im.mul_add(minus, self.re.mul(cosine)),
                im: self.re.mul_add(sine, self.im.mul(cosine)),
            }
        }
    }
    #[inline(always)]
    unsafe fn power(self) -> V {
        // SAFETY: see above.
        unsafe { self.re.mul_add(self.re, self.im.mul(self.im)) }
    }
}

/// Fills all of `power`.
///
/// # Safety
/// The machine has the vectors' instruction set, and [`Fourier::check`] has passed.
#[inline(always)]
pub(super) unsafe fn power<V: Lanes>(
    plan: &Fourier,
    frames: &mut [Abreast],
    power: &mut [MaybeUninit<Abreast>],
) {
    for column in (0..PANEL).step_by(V::COUNT) {
        // SAFETY: as this function's; a vector's columns lie inside an `Abreast`, because their number divides its length.
        unsafe {
            let data = frames.as_mut_ptr().cast::<f32>().add(column);
            apply_window::<V>(plan, data);
            for stage in &plan.stages {
                match stage.twiddles.len() {
                    0 => halves::<V>(plan.places.len(), data),
                    _ => quarters::<V>(stage, plan.places.len(), data),
                }
            }
            take_apart::<V>(plan, data, power.as_mut_ptr().cast::<f32>().add(column));
        }
    }
}

#[inline(always)]
unsafe fn apply_window<V: Lanes>(plan: &Fourier, data: *mut f32) {
    // SAFETY: as the caller's.
    unsafe {
        for (n, &w) in plan.window.iter().enumerate() {
            let at = data.add(n * PANEL);
            V::load(at).mul(V::splat(w)).store(at);
        }
        for n in plan.window.len()..plan.length() {
            V::splat(0.0).store(data.add(n * PANEL));
        }
    }
}

#[inline(always)]
unsafe fn quarters<V: Lanes>(stage: &Stage, half: usize, data: *mut f32) {
    let quarter = stage.twiddles.len();
    for (n, &[c1, s1, c2, s2, c3, s3]) in stage.twiddles.iter().enumerate() {
        for first in (n..half).step_by(4 * quarter) {
            // SAFETY: as the caller's: the last number of the last block is the transform's last.
            unsafe {
                let (a, b) = (Complex::<V>::load(data, first), Complex::load(data, first + quarter));
                let c = Complex::load(data, first + 2 * quarter);
                let d = Complex::load(data, first + 3 * quarter);
                let (even, difference) = (a.add(c), a.sub(c));
                let (odd, turned) = (b.add(d), b.sub(d));
                even.add(odd).store(data, first);
                difference.sub_turned(turned).times(c1, s1).store(data, first + quarter);
                even.sub(odd).times(c2, s2).store(data, first + 2 * quarter);
                difference.add_turned(turned).times(c3, s3).store(data, first + 3 * quarter);
            }
        }
    }
}

#[inline(always)]
unsafe fn halves<V: Lanes>(half: usize, data: *mut f32) {
    for first in (0..half).step_by(2) {
        // SAFETY: as the caller's.
        unsafe {
            let (a, b) = (Complex::<V>::load(data, first), Complex::load(data, first + 1));
            a.add(b).store(data, first);
            a.sub(b).store(data, first + 1);
        }
    }
}

/// From the transform of even + i · odd samples to the powers of the frame's own. Summed as complex numbers: of sums of squares,
/// a weak bin would be lost beside a strong one in its mirror.
#[inline(always)]
unsafe fn take_apart<V: Lanes>(plan: &Fourier, data: *const f32, power: *mut f32) {
    let half = plan.places.len();
    for (k, &(cosine, sine)) in plan.turns.iter().enumerate() {
        // SAFETY: as the caller's: k ≤ N/4, so that k and its mirror are bins, and places are below N/2.
        unsafe {
            let near = Complex::<V>::load(data, plan.places[k % half]);
            let far = Complex::<V>::load(data, plan.places[(half - k) % half]);
            let far = Complex { re: far.re, im: V::splat(0.0).sub(far.im) };
            let even = near.add(far);
            let odd = near.sub(far).times(cosine, sine);
            // The odd part still has to be divided by i.
            even.sub_turned(odd).power().store(power.add(k * PANEL));
            even.add_turned(odd).power().store(power.add((half - k) * PANEL));
        }
    }
}
