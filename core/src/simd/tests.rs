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
        (stored, depth) in (0usize..30, 0usize..70, 0usize..30).prop_map(|(before, taken, behind)| {
            (before + taken + behind, before..before + taken)
        }),
        columns in 1usize..150,
        rows in 0usize..10,
        relu: bool,
        accumulate: bool,
        seed: u32,
    ) {
        // Numbers of half precision: eleven bits.
        let weights: Vec<f32> = noise(stored * columns, seed).iter().map(|w| (w * 1024.0).round() / 1024.0).collect();
        let bias = noise(columns, seed ^ 1);
        // Rows overlap, as those of a convolution do.
        let input = noise(rows * 3 + depth.len(), seed ^ 2);
        for table in tables() {
            let matrix = &Packed::new(table, stored, &bias, |row, column| weights[row * columns + column]);
            let places: Vec<_> = (0..rows).map(|row| (row * 3, row * matrix.columns())).collect();
            let before = noise(rows * matrix.columns(), seed ^ 3);
            let mut output = before.clone();
            let depth = depth.clone();
            let product = Product { matrix, depth, input: &input, rows: &places, relu, accumulate };
            table.product(&product, &mut output);
            let depth = product.depth;
            for &(from, to) in &places {
                for column in 0..columns {
                    let start = if accumulate { before[to + column] } else { bias[column] };
                    let mut exact = f64::from(start);
                    for (i, row) in depth.clone().enumerate() {
                        exact += f64::from(input[from + i]) * f64::from(weights[row * columns + column]);
                    }
                    if relu {
                        exact = exact.max(0.0);
                    }
                    let found = output[to + column];
                    prop_assert!(close(found, exact, depth.len()), "{table:?}: {found} instead of {exact}");
                }
            }
        }
    }

    #[test]
    fn a_weight_is_kept_to_eleven_bits(weight in prop_oneof![-4f32..4.0, -60_000f32..60_000.0, -1e-3f32..1e-3]) {
        for table in tables() {
            let packed = Packed::new(table, 1, &[0.0], |_, _| weight);
            let mut output = vec![0.0; packed.columns()];
            let product = Product { matrix: &packed, depth: 0..1, input: &[1.0], rows: &[(0, 0)], relu: false, accumulate: false };
            table.product(&product, &mut output);
            let tolerance = if weight.abs() < 6.11e-5 { weight.abs() } else { weight.abs() / 2048.0 };
            prop_assert!((output[0] - weight).abs() <= tolerance, "{table:?}: {} of {weight}", output[0]);
        }
    }

    #[test]
    fn a_layer_is_the_sum_of_its_runs(
        (runs, depth, panels, count) in (1usize..4, 1usize..40, 1usize..4, 0usize..30),
        step in 1usize..9,
        then in 0usize..3,
        seed: u32,
    ) {
        let columns = 2 * PANEL * panels;
        let (weights, bias) = (noise(runs * depth * columns, seed), noise(columns, seed ^ 1));
        // Runs overlap and are in no order, as those of bins that take turns.
        let begins: Vec<usize> = (0..runs).map(|run| (runs - run) * 7).collect();
        let input = noise(2 + count * step + runs * 7 + depth, seed ^ 2);
        let (from, to) = (Rows { first: 2, step }, Rows { first: 3, step: columns + 5 });
        let beside = noise(count * columns, seed ^ 3);
        let then = [Then::Keep, Then::Relu, Then::AddRelu(&beside, Rows::packed(columns))][then];
        for table in tables() {
            let mut output = vec![7.0; 3 + count * to.step];
            let matrix = Matrix::new(table, runs, depth, &bias, |row, column| weights[row * columns + column]);
            let layer = Layer {
                matrix: &matrix, input: &input, from, runs: &begins, count, then, to, ahead: Ahead::UNKNOWN,
            };
            table.layer(&layer, &mut output);
            prop_assert!(output[..3].iter().all(|value| *value == 7.0));
            for row in 0..count {
                for column in 0..columns {
                    let mut exact = f64::from(bias[column]);
                    for (run, begin) in begins.iter().enumerate() {
                        for i in 0..depth {
                            let weight = weights[(run * depth + i) * columns + column];
                            exact += f64::from(input[2 + row * step + begin + i]) * f64::from(weight);
                        }
                    }
                    exact = match then {
                        Then::Keep => exact,
                        Then::Relu => exact.max(0.0),
                        Then::AddRelu(..) => (exact + f64::from(beside[row * columns + column])).max(0.0),
                    };
                    let found = output[3 + row * to.step + column];
                    prop_assert!(close(found, exact, runs * depth), "{table:?}: {found} instead of {exact}");
                }
                let after = &output[3 + row * to.step + columns..3 + (row + 1) * to.step];
                prop_assert!(after.iter().all(|value| *value == 7.0), "{table:?} wrote behind a row");
            }
        }
    }

    #[test]
    fn a_layer_of_bytes_is_the_sum_of_its_rounded_runs(
        (runs, quads, panels, count) in (1usize..4, 1usize..10, 1usize..4, 0usize..30),
        step in 1usize..9,
        worth in 0usize..3,
        relu: bool,
        seed: u32,
    ) {
        let (depth, columns) = (4 * quads, 2 * PANEL * panels);
        let (weights, bias) = (noise(runs * depth * columns, seed), noise(columns, seed ^ 1));
        let matrix = ByteMatrix::new(runs, depth, &bias, |row, column| weights[row * columns + column], |_| 0.0);
        let steps: Vec<f32> = (0..columns)
            .map(|column| (0..runs * depth).map(|row| weights[row * columns + column].abs()).fold(0.0, f32::max) / 127.0)
            .collect();
        let begins: Vec<usize> = (0..runs).map(|run| (runs - run) * 7).collect();
        let input: Vec<u8> =
            noise(2 + count * step + runs * 7 + depth, seed ^ 2).iter().map(|x| (x * 127.0 + 128.0) as u8).collect();
        let worths: Vec<f32> = noise(count.max(runs), seed ^ 3).iter().map(|x| x / 255.0).collect();
        let (of, worth_of): (Worth<'_>, &dyn Fn(usize, usize) -> f32) = match worth {
            0 => (Worth::All(worths[0]), &|_, _| worths[0]),
            1 => (Worth::Rows(&worths), &|row, _| worths[row]),
            _ => (Worth::Runs(&worths), &|_, run| worths[run]),
        };
        let then = if relu { Then::Relu } else { Then::Keep };
        let (from, to) = (Rows { first: 2, step }, Rows { first: 3, step: columns + 5 });
        if let Some(table) = byte_kernels() {
            let mut output = vec![7.0; 3 + count * to.step];
            table.layer(
                &ByteLayer { matrix: &matrix, input: &input, worth: of, from, runs: &begins, count, then, to, ahead: Ahead::UNKNOWN },
                &mut output,
            );
            for row in 0..count {
                for column in 0..columns {
                    let mut exact = f64::from(bias[column]);
                    for (run, begin) in begins.iter().enumerate() {
                        for i in 0..depth {
                            let weight = weights[(run * depth + i) * columns + column] / steps[column];
                            exact += f64::from(input[2 + row * step + begin + i])
                                * f64::from(worth_of(row, run))
                                * f64::from(weight.round_ties_even() * steps[column]);
                        }
                    }
                    if relu {
                        exact = exact.max(0.0);
                    }
                    let found = output[3 + row * to.step + column];
                    prop_assert!(close(found, exact, runs * depth), "{found} instead of {exact}");
                }
                let after = &output[3 + row * to.step + columns..3 + (row + 1) * to.step];
                prop_assert!(after.iter().all(|value| *value == 7.0), "wrote behind a row");
            }
        }
    }

    #[test]
    fn of_what_usually_enters_rounding_the_weights_takes_nothing(quads in 1usize..40, seed: u32) {
        let (depth, columns) = (4 * quads, 2 * PANEL);
        let weights = noise(depth * columns, seed);
        let input: Vec<u8> = noise(depth, seed ^ 1).iter().map(|x| (x * 127.0 + 128.0) as u8).collect();
        let bias = [0.5; 2 * PANEL];
        let matrix = ByteMatrix::new(
            1,
            depth,
            &bias,
            |row, column| weights[row * columns + column],
            |row| f32::from(input[row]) / 255.0,
        );
        if let Some(table) = byte_kernels() {
            let (worth, rows) = (Worth::All(1.0 / 255.0), Rows::packed(0));
            let mut output = [0.0; 2 * PANEL];
            table.layer(
                &ByteLayer { matrix: &matrix, input: &input, worth, from: rows, runs: &[0], count: 1, then: Then::Keep, to: rows, ahead: Ahead::UNKNOWN },
                &mut output,
            );
            for (column, found) in output.into_iter().enumerate() {
                let terms = (0..depth).map(|row| f64::from(input[row]) / 255.0 * f64::from(weights[row * columns + column]));
                let exact = 0.5 + terms.sum::<f64>();
                prop_assert!(close(found, exact, depth), "{found} instead of {exact}");
            }
        }
    }

    #[test]
    fn a_number_is_rounded_to_half_a_step_of_255(panels in 0usize..20, seed: u32) {
        let values = noise(PANEL * panels, seed);
        if let Some(table) = byte_kernels() {
            let (mut bytes, mut back) = (vec![7; values.len()], vec![7.0; values.len()]);
            let worth = table.round(&values, &mut bytes);
            table.restore(&bytes, worth, &mut back);
            let most = values.iter().copied().fold(0.0, f32::max);
            prop_assert!((255.0 * worth - most).abs() <= 1e-6);
            for (value, back) in values.iter().zip(back) {
                prop_assert!((value.max(0.0) - back).abs() <= 0.5001 * worth, "{value} came back as {back}");
            }
        }
    }

    #[test]
    fn rows_are_normalised_and_rounded_each_to_its_largest(
        (panels, rows) in (1usize..6, 0usize..5),
        apart in 0usize..40,
        seed: u32,
    ) {
        let channels = 2 * PANEL * panels;
        let (scale, shift) = (noise(channels, seed), noise(channels, seed ^ 1));
        let affine = Affine { scale: scale.iter().copied().collect(), shift: shift.iter().copied().collect() };
        let (width, step) = (channels + apart, channels + 3);
        let input = noise(rows * width, seed ^ 2);
        if let Some(table) = byte_kernels() {
            let (mut row, mut to, mut worth) = (vec![0.0; channels], vec![9; rows * step], vec![0.0; rows]);
            let from = Rows::packed(width);
            table.round_rows(&RoundRows { affine: &affine, input: &input, from, step }, &mut row, &mut to, &mut worth);
            for (number, worth) in worth.iter().enumerate() {
                let exact = |i: usize| input[number * width + i].mul_add(scale[i], shift[i]).max(0.0);
                let most = (0..channels).map(exact).fold(0.0, f32::max);
                prop_assert!((255.0 * worth - most).abs() <= 1e-6);
                for i in 0..channels {
                    let found = f32::from(to[number * step + i]) * worth;
                    prop_assert!((found - exact(i)).abs() <= 0.5001 * worth, "{found} instead of {}", exact(i));
                }
                prop_assert_eq!(&to[number * step + channels..(number + 1) * step], &[9; 3]);
            }
        }
    }

    #[test]
    fn winograds_convolution_is_the_plain_one(count in 1usize..30, panels in 1usize..3, seed: u32) {
        let channels = 2 * PANEL * panels;
        let tiles = winograd::tiles(count);
        let input = noise((winograd::TILE * tiles + 2) * channels, seed);
        let (taps, bias) = (noise(winograd::TAPS, seed ^ 1), noise(channels, seed ^ 2));
        for table in tables() {
            let mut points = vec![0.0; winograd::POINTS * tiles * channels];
            table.spread(&input, channels, &mut points);
            // Channels by themselves: the product with a matrix is another loop's.
            for (point, values) in points.chunks_exact_mut(tiles * channels).enumerate() {
                let weight = winograd::weight(point, [taps[0], taps[1], taps[2]]);
                values.iter_mut().for_each(|value| *value *= weight);
            }
            let mut output = vec![7.0; count * channels];
            let to = Rows::packed(channels);
            let gather = Gather { products: &points, bias: &bias, count, then: Then::Keep, to };
            table.gather(&gather, &mut output);
            for (at, &found) in output.iter().enumerate() {
                let plain: f64 = (0..winograd::TAPS)
                    .map(|tap| f64::from(taps[tap]) * f64::from(input[at + tap * channels]))
                    .sum();
                let exact = plain + f64::from(bias[at % channels]);
                prop_assert!((f64::from(found) - exact).abs() < 2e-5, "{table:?}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn channels_are_scaled_shifted_and_cut_off_at_zero(panels in 1usize..4, seed: u32) {
        let channels = 2 * PANEL * panels;
        let (input, scale, shift) = (noise(channels, seed), noise(channels, seed ^ 1), noise(channels, seed ^ 2));
        let affine = Affine { scale: scale.iter().copied().collect(), shift: shift.iter().copied().collect() };
        for table in tables() {
            let mut output = vec![7.0; channels];
            table.scale_relu(&affine, &input, &mut output);
            for (i, &found) in output.iter().enumerate() {
                let exact = (f64::from(input[i]) * f64::from(scale[i]) + f64::from(shift[i])).max(0.0);
                prop_assert!(close(found, exact, 1), "{table:?}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn rows_are_summed_squared_and_scaled_channel_by_channel(
        (panels, count) in (1usize..4, 0usize..6),
        apart in 0usize..7,
        seed: u32,
    ) {
        let channels = 2 * PANEL * panels;
        let rows = Rows { first: 3, step: channels + apart };
        let (input, means) = (noise(3 + count * rows.step, seed), noise(channels, seed ^ 1));
        let at = |row: usize, channel: usize| 3 + row * rows.step + channel;
        for table in tables() {
            let (mut sums, mut squares, mut scaled) = (means.clone(), means.clone(), input.clone());
            table.add_rows(&input, rows, count, &mut sums);
            table.add_squares(&input, rows, count, &means, &mut squares);
            table.scale_rows(&means, rows, count, &mut scaled);
            for channel in 0..channels {
                let of = |term: &dyn Fn(f64) -> f64| {
                    let terms = (0..count).map(|row| term(f64::from(input[at(row, channel)])));
                    f64::from(means[channel]) + terms.sum::<f64>()
                };
                prop_assert!(close(sums[channel], of(&|x| x), count), "{table:?}");
                prop_assert!(close(squares[channel], of(&|x| (x - f64::from(means[channel])).powi(2)), 4 * count), "{table:?}");
                for row in 0..count {
                    prop_assert_eq!(scaled[at(row, channel)], input[at(row, channel)] * means[channel]);
                }
            }
            for (row, left) in scaled[3..].chunks(rows.step).enumerate() {
                prop_assert_eq!(&left[channels..], &input[at(row, channels)..][..apart]);
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
            for (x, y) in values.iter().zip(applied(&|v| table.exp(v), &values)) {
                let exact = f64::from(x.clamp(-87.0, 88.0)).exp();
                prop_assert!((f64::from(y) / exact - 1.0).abs() < 3e-7, "{table:?} exp {x} = {y}");
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

/// The n-th numbers of sixteen frames, for each n.
fn abreast(frames: &[Vec<f32>]) -> Vec<Abreast> {
    (0..frames[0].len()).map(|n| std::array::from_fn(|frame| frames[frame][n])).collect()
}

fn frames(length: usize, seed: u32) -> Vec<Vec<f32>> {
    (0..PANEL as u32).map(|frame| noise(length, seed ^ (frame << 8))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn power_is_that_of_the_fourier_transform(
        length in prop::sample::select(vec![8usize, 16, 32, 128, 256, 512]),
        heard in 0.3f64..=1.0,
        seed: u32,
    ) {
        let window = noise((length as f64 * heard) as usize, seed ^ 1);
        let plan = Fourier::new(length, &window);
        let mut frames = frames(length, seed);
        // A strong tone: its mirror must not drown what is weak there.
        for (n, sample) in frames[0].iter_mut().enumerate() {
            *sample = (1e-4 * f64::from(*sample) + (std::f64::consts::TAU * n as f64 / length as f64).cos()) as f32;
        }
        for table in tables() {
            let mut room = vec![MaybeUninit::uninit(); length / 2 + 1];
            let power = table.power(&plan, &mut abreast(&frames), &mut room);
            for (number, frame) in frames.iter().enumerate() {
                let exact: Vec<f64> = (0..=length / 2).map(|bin| {
                    let (mut re, mut im) = (0.0, 0.0);
                    for (n, (&sample, &w)) in frame.iter().zip(&window).enumerate() {
                        let angle = std::f64::consts::TAU * (bin * n % length) as f64 / length as f64;
                        let value = f64::from(sample) * f64::from(w);
                        re += value * angle.cos();
                        im -= value * angle.sin();
                    }
                    (re * re + im * im).sqrt()
                }).collect();
                let most = exact.iter().copied().fold(1e-3, f64::max);
                for (bin, exact) in exact.iter().enumerate() {
                    let found = f64::from(power[bin][number]).sqrt();
                    prop_assert!((found - exact).abs() < 1e-6 * most, "{table:?} {length} bin {bin}: {found} instead of {exact}");
                }
            }
        }
    }

    #[test]
    fn frames_come_back_from_lying_abreast(length in 1usize..100, apart in 1usize..120, seed: u32) {
        let signal = noise((PANEL - 1) * apart + length, seed);
        let begins = std::array::from_fn(|frame| frame * apart);
        for table in tables() {
            let mut room = vec![MaybeUninit::uninit(); length + 3];
            let side_by_side = table.lay_abreast(&signal, &begins, length, &mut room);
            for (n, row) in side_by_side[..length].iter().enumerate() {
                prop_assert!((0..PANEL).all(|frame| row[frame] == signal[frame * apart + n]));
            }
            prop_assert_eq!(&side_by_side[length..], &[[0.0; PANEL]; 3]);
            let side_by_side = &side_by_side[..length];
            let mut back = vec![0.0; signal.len().max(PANEL * length)];
            table.line_up(side_by_side, &std::array::from_fn(|frame| frame * length), &mut back);
            for frame in 0..PANEL {
                prop_assert_eq!(&back[frame * length..][..length], &signal[frame * apart..][..length]);
            }
        }
    }

    #[test]
    fn emphasis_removes_the_mean_and_a_part_of_the_sample_before(length in 1usize..50, seed: u32) {
        let frames = frames(length, seed);
        for table in tables() {
            let mut data = abreast(&frames);
            table.emphasise(0.9, &mut data);
            for (number, frame) in frames.iter().enumerate() {
                let mean = frame.iter().map(|&x| f64::from(x)).sum::<f64>() / length as f64;
                for n in 0..length {
                    let before = f64::from(frame[n.saturating_sub(1)]) - mean;
                    let exact = f64::from(frame[n]) - mean - 0.9 * before;
                    prop_assert!(close(data[n][number], exact, length), "{table:?}: {} instead of {exact}", data[n][number]);
                }
            }
        }
    }

    #[test]
    fn filters_sum_what_they_weigh(
        filters in prop::collection::vec((0usize..30, 0usize..20), 1..20),
        seed: u32,
    ) {
        let rows = abreast(&frames(50, seed));
        let weights: Vec<Box<[f32]>> = filters.iter().map(|&(_, length)| noise(length, seed ^ 1).into()).collect();
        let bank = Bank::new(filters.iter().map(|&(first, _)| first).zip(weights.clone()));
        for table in tables() {
            let mut sums = vec![[0.0; PANEL]; filters.len()];
            table.sum(&bank, &rows, &mut sums);
            for ((&(first, length), weights), sums) in filters.iter().zip(&weights).zip(&sums) {
                for frame in 0..PANEL {
                    let exact = (0..length).map(|k| f64::from(weights[k]) * f64::from(rows[first + k][frame])).sum();
                    prop_assert!(close(sums[frame], exact, length), "{table:?}: {} instead of {exact}", sums[frame]);
                }
            }
        }
    }
}

#[test]
fn room_for_numbers_begins_with_a_cache_line_however_it_grew() {
    let mut numbers: Aligned<f32> = [1.0, 2.0, 3.0].into_iter().collect();
    assert_eq!(*numbers, [1.0, 2.0, 3.0]);
    let mut bytes = Aligned::<u8>::default();
    assert!(bytes.is_empty());
    for length in [1, 63, 64, 65, 5_000, 100_000, 7] {
        numbers.hold(length);
        bytes.hold(length);
        assert!(numbers.len() >= length && bytes.len() >= length);
        assert!(numbers.as_ptr().addr().is_multiple_of(64) && bytes.as_ptr().addr().is_multiple_of(64));
    }
    assert_eq!((numbers.len(), bytes.len()), (100_000, 100_000));
}

#[test]
fn every_machine_has_the_plainest_level_and_they_are_named() {
    assert!(Level::Portable.is_available());
    assert_eq!(Level::Neon.is_available(), cfg!(target_arch = "aarch64"));
    assert!(Level::best() > Level::Portable || !Level::Neon.is_available());
    for level in Level::ALL {
        assert_eq!(level.name().parse(), Ok(level));
    }
    assert_eq!("AVX2".parse(), Ok(Level::Avx2));
    assert_eq!("mmx".parse::<Level>(), Err(LevelError::Unknown("mmx".into())));
}

#[test]
#[should_panic(expected = "no such rows")]
fn rows_that_a_matrix_lacks_are_refused() {
    let packed = Packed::new(kernels(), 4, &[0.0], |_, _| 1.0);
    let rows = [(0, 0)];
    let product = Product {
        matrix: &packed,
        depth: 1..5,
        input: &[0.0; 4],
        rows: &rows,
        relu: false,
        accumulate: false,
    };
    kernels().product(&product, &mut vec![0.0; packed.columns()]);
}

#[test]
#[should_panic(expected = "behind the input")]
fn a_row_outside_the_input_is_refused() {
    let packed = Packed::new(kernels(), 4, &[0.0], |_, _| 1.0);
    let rows = [(1, 0)];
    let product = Product {
        matrix: &packed,
        depth: 0..4,
        input: &[0.0; 4],
        rows: &rows,
        relu: false,
        accumulate: false,
    };
    kernels().product(&product, &mut vec![0.0; packed.columns()]);
}
