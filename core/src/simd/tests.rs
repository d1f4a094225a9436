use super::*;
use proptest::prelude::*;

/// The tables that this machine can run.
fn tables() -> impl Iterator<Item = &'static Kernels> {
    Level::ALL.into_iter().filter_map(Level::table)
}

/// Numbers that look random and are the same every time.
fn noise(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// A sum in double precision, and how far off a sum of `terms` rounded products of magnitude 1 may be.
fn close(found: f32, exact: f64, terms: usize) -> bool {
    (f64::from(found) - exact).abs() <= 1e-6 * (terms as f64).sqrt().max(1.0) * 4.0
}

proptest! {
    #[test]
    fn a_product_is_the_sum_of_its_products(
        depth in 1usize..70,
        columns in 1usize..150,
        rows in 0usize..10,
        relu: bool,
        accumulate: bool,
        seed: u32,
    ) {
        let weights = noise(depth * columns, seed);
        let bias = noise(columns, seed ^ 1);
        let packed = Packed::new(depth, &bias, |row, column| weights[row * columns + column]);
        let width = columns.next_multiple_of(PANEL);
        // Rows overlap, as those of a convolution do.
        let input = noise(rows * 3 + depth, seed ^ 2);
        let places: Vec<_> = (0..rows).map(|row| (row * 3, row * width)).collect();
        let before = noise(rows * width, seed ^ 3);
        for table in tables() {
            let mut output = before.clone();
            table.product(
                &Product { matrix: &packed, input: &input, rows: &places, relu, accumulate },
                &mut output,
            );
            for &(from, to) in &places {
                for column in 0..columns {
                    let start = if accumulate { before[to + column] } else { bias[column] };
                    let mut exact = f64::from(start);
                    for i in 0..depth {
                        exact += f64::from(input[from + i]) * f64::from(weights[i * columns + column]);
                    }
                    if relu {
                        exact = exact.max(0.0);
                    }
                    let found = output[to + column];
                    prop_assert!(close(found, exact, depth), "{table:?}: {found} instead of {exact}");
                }
            }
        }
    }

    #[test]
    fn a_filtered_signal_is_the_sum_of_its_taps(taps in 1usize..40, length in 0usize..200, seed: u32) {
        let (response, signal) = (noise(taps, seed), noise(length + taps, seed ^ 1));
        for table in tables() {
            let mut output = vec![0.0; length];
            table.convolve(&response, &signal, &mut output);
            for (n, &found) in output.iter().enumerate() {
                let exact = (0..taps).map(|k| f64::from(response[k]) * f64::from(signal[n + k])).sum();
                prop_assert!(close(found, exact, taps), "{table:?}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn functions_of_one_number_are_as_exact_as_they_say(
        values in proptest::collection::vec(-100f32..100.0, 0..50),
        positive in proptest::collection::vec(1e-30f32..1e30, 0..50),
        small in proptest::collection::vec(1e-12f32..4.0, 0..50),
    ) {
        for table in tables() {
            let applied = |apply: &dyn Fn(&mut [f32]), values: &[f32]| {
                let mut values = values.to_vec();
                apply(&mut values);
                values
            };
            for (x, y) in values.iter().zip(applied(&|v| table.sigmoid(v), &values)) {
                prop_assert!((f64::from(y) - 1.0 / (1.0 + (-f64::from(*x)).exp())).abs() < 2e-7, "{table:?} σ({x}) = {y}");
            }
            for (x, y) in values.iter().zip(applied(&|v| table.tanh(v), &values)) {
                prop_assert!((f64::from(y) - f64::from(*x).tanh()).abs() < 3e-7, "{table:?} tanh {x} = {y}");
            }
            for of in [&positive, &small] {
                for (x, y) in of.iter().zip(applied(&|v| table.ln(v), of)) {
                    let exact = f64::from(*x).ln();
                    prop_assert!((f64::from(y) - exact).abs() <= 3e-7 * exact.abs().max(1.0), "{table:?} ln {x} = {y}");
                }
            }
        }
    }
}

#[test]
fn every_machine_has_the_plainest_level_and_they_are_named() {
    assert!(Level::Portable.is_available());
    for level in Level::ALL {
        assert_eq!(level.name().parse(), Ok(level));
    }
    assert_eq!("AVX2".parse(), Ok(Level::Avx2));
    assert_eq!("mmx".parse::<Level>(), Err(LevelError::Unknown("mmx".into())));
}

#[test]
#[should_panic(expected = "behind the input")]
fn a_row_outside_the_input_is_refused() {
    let packed = Packed::new(4, &[0.0], |_, _| 1.0);
    let rows = [(1, 0)];
    let product = Product { matrix: &packed, input: &[0.0; 4], rows: &rows, relu: false, accumulate: false };
    kernels().product(&product, &mut [0.0; PANEL]);
}
