//! Brings samples taken at one rate to the frames of another.
//!
//! A sample at a frame's time is taken as it is. Otherwise a slower series is interpolated linearly, and of a
//! faster one the mean over the frame's duration is taken, of the line through its samples, so that nothing
//! faster than the frames folds back into them.

use ndarray::{Array2, ArrayView2};

use super::time::TimeAxis;

/// A sample so close to a frame, in its own periods, is at it: clocks and roundings are not finer.
const SNAP: f64 = 1e-3;

/// A series with so many samples to a frame is averaged.
const FASTER: f64 = 1.5;

/// How the values at some times follow from samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The first sample that is needed.
    pub(super) first: usize,
    /// One more than the last.
    pub(super) end: usize,
    /// For each time, the samples and their weights, which sum to 1.
    weights: Vec<Vec<(usize, f64)>>,
}

/// What a plan needs to know beside the samples' times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Frames a second.
    pub(super) rate_hz: f64,
    /// Seconds without a sample that are bridged by a line.
    pub(super) bridge_s: f64,
}

impl Plan {
    /// Plans the values at `times`, ascending; `Err` says why there are none.
    pub(super) fn new(samples: &TimeAxis, times: &[f64], grid: Grid) -> Result<Self, String> {
        let period = samples.period();
        let bridge_s = grid.bridge_s.max(3.0 * period);
        let averaged = is_averaged(samples, grid.rate_hz);
        let weigh = |&time: &f64| {
            if averaged {
                let half = 0.5 / grid.rate_hz;
                if let Some(weights) = mean(samples, time - half, time + half, bridge_s)? {
                    return Ok(weights);
                }
            }
            at(samples, time, period, bridge_s)
        };
        let weights: Vec<Vec<(usize, f64)>> = times.iter().map(weigh).collect::<Result<_, String>>()?;
        let used = || weights.iter().flatten().map(|&(sample, _)| sample);
        let (first, end) = (used().min().unwrap_or(0), used().max().map_or(0, |last| last + 1));
        Ok(Self { first, end, weights })
    }

    /// Applies it to the samples from `first` to before `end`.
    ///
    /// # Shapes
    /// `[sample, channel]` -> `[channel, time]`
    pub(super) fn apply(&self, values: ArrayView2<'_, f64>) -> Array2<f32> {
        let mut out = Array2::zeros((values.ncols(), self.weights.len()));
        let mut sum = vec![0f64; values.ncols()];
        for (weights, mut frame) in self.weights.iter().zip(out.columns_mut()) {
            sum.fill(0.0);
            for &(sample, weight) in weights {
                let values = values.row(sample - self.first);
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
            frame.iter_mut().zip(&sum).for_each(|(value, &sum)| *value = sum as f32);
        }
        out
    }
}

/// Says in words how a series comes to the frames.
pub(super) fn describe(samples: &TimeAxis, rate_hz: f64) -> String {
    let own_hz = 1.0 / samples.period();
    if is_averaged(samples, rate_hz) {
        format!("{own_hz:.4} Hz, averaged over frames of 1/{rate_hz} s")
    } else if (own_hz / rate_hz - 1.0).abs() < 1e-6 {
        format!("{own_hz:.4} Hz")
    } else {
        format!("{own_hz:.4} Hz, interpolated linearly to {rate_hz} Hz")
    }
}

fn is_averaged(samples: &TimeAxis, rate_hz: f64) -> bool {
    samples.period() * rate_hz * FASTER < 1.0
}

/// Weighs the samples on both sides of a time.
fn at(samples: &TimeAxis, time: f64, period: f64, bridge_s: f64) -> Result<Vec<(usize, f64)>, String> {
    let count = samples.count_until(time + SNAP * period);
    let (before, near) = (count.checked_sub(1), |sample: usize| (time - samples.at(sample)).abs());
    match before {
        // One period before the first sample and after the last, the value is held.
        None if samples.len() > 0 && near(0) <= period => Ok(vec![(0, 1.0)]),
        None => Err(match samples.len() {
            0 => "has no samples".to_string(),
            _ => format!("begins at {:.3} s, after {time:.3} s", samples.at(0)),
        }),
        Some(last) if count == samples.len() => match near(last) <= period {
            true => Ok(vec![(last, 1.0)]),
            false => Err(format!("ends at {:.3} s, before {time:.3} s", samples.at(last))),
        },
        Some(before) => {
            let (from, to) = (samples.at(before), samples.at(before + 1));
            if near(before) <= SNAP * period {
                Ok(vec![(before, 1.0)])
            } else if to - from > bridge_s {
                Err(gap(from, to))
            } else {
                let fraction = (time - from) / (to - from);
                Ok(vec![(before, 1.0 - fraction), (before + 1, fraction)])
            }
        }
    }
}

/// Weighs the samples for the mean over `from..to` of the line through them; `None` when it does not reach
/// there.
fn mean(samples: &TimeAxis, from: f64, to: f64, bridge_s: f64) -> Result<Option<Vec<(usize, f64)>>, String> {
    let Some(last) = samples.len().checked_sub(1) else { return Ok(None) };
    let (from, to) = (from.max(samples.at(0)), to.min(samples.at(last)));
    if from >= to {
        return Ok(None);
    }
    let first = samples.count_until(from) - 1;
    let mut weights = vec![(first, 0.0)];
    for left in first..last {
        let (start, end) = (samples.at(left), samples.at(left + 1));
        if start >= to {
            break;
        }
        if end - start > bridge_s {
            return Err(gap(start, end));
        }
        let (u, v) = (start.max(from), end.min(to));
        // The line's mean over u..v is its value in the middle.
        let fraction = (0.5 * (u + v) - start) / (end - start);
        let share = (v - u) / (to - from);
        if let Some(weight) = weights.last_mut() {
            weight.1 += share * (1.0 - fraction);
        }
        weights.push((left + 1, share * fraction));
    }
    Ok(Some(weights))
}

fn gap(from: f64, to: f64) -> String {
    format!("has no samples between {from:.3} s and {to:.3} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    const GRID: Grid = Grid { rate_hz: 30.0, bridge_s: 1.0 };

    fn resampled(samples: &TimeAxis, signal: impl Fn(f64) -> f64, times: &[f64]) -> Result<Vec<f32>, String> {
        let plan = Plan::new(samples, times, GRID)?;
        let values =
            Array2::from_shape_fn((plan.end - plan.first, 1), |(at, _)| signal(samples.at(plan.first + at)));
        Ok(plan.apply(values.view()).row(0).to_vec())
    }

    fn frames(start: f64, count: u32) -> Vec<f64> {
        (0..count).map(|frame| start + f64::from(frame) / 30.0).collect()
    }

    proptest! {
        #[test]
        fn a_line_stays_itself_at_every_rate(
            rate_hz in 2.0f64..2000.0, start in -1.0f64..0.5, slope in -9.0f64..9.0, jitter in 0.0f64..0.4,
        ) {
            let count = (8.0 * rate_hz) as usize;
            let stamp = |n: usize| start + (n as f64 + jitter * ((n * 7919) % 13) as f64 / 13.0) / rate_hz;
            let axes = [
                TimeAxis::Regular { start, rate_hz, samples: count },
                TimeAxis::stamps((0..count).map(stamp).collect()),
            ];
            for samples in axes {
                let times = frames(2.0, 90);
                let found = resampled(&samples, |t| 3.0 + slope * t, &times).unwrap();
                for (found, time) in found.iter().zip(&times) {
                    // A thousandth of a period may be snapped over; values below 50 in f32.
                    let tolerance = 1e-5 + (slope / rate_hz).abs() * SNAP;
                    prop_assert!((f64::from(*found) - 3.0 - slope * time).abs() < tolerance, "{found} at {time}");
                }
            }
        }
    }

    #[test]
    fn samples_at_the_frames_are_taken_bit_by_bit() {
        let samples = TimeAxis::Regular { start: 0.0, rate_hz: 30.0, samples: 100_000 };
        let noise = |t: f64| f64::from(((t * 30.0).round() as u32).wrapping_mul(2_654_435_761) as f32 * 1e-7);
        // Frame 90,000 is an hour in, where 1/30 is rounded 90,000 times over.
        let times = frames(90_000.0 / 30.0, 300);
        let found = resampled(&samples, noise, &times).unwrap();
        assert!(found.iter().enumerate().all(|(n, v)| *v == noise((90_000 + n) as f64 / 30.0) as f32));
    }

    #[test]
    fn what_is_faster_than_the_frames_is_averaged_away() {
        let samples = TimeAxis::Regular { start: -1.0, rate_hz: 1000.0, samples: 9000 };
        let wave = |hz: f64| move |t: f64| (std::f64::consts::TAU * hz * t).sin();
        let times = frames(1.0, 60);
        // A wave of one frame's period has the mean 0 over each; the line through 1000 samples a second is off
        // by (pi f / 1000)^2 / 3 at most.
        for found in resampled(&samples, wave(30.0), &times).unwrap() {
            assert!(found.abs() < 4e-3, "{found}");
        }
        // A slow one is kept but for sinc(f / 30): 1 Hz, 0.2 %.
        for (found, time) in resampled(&samples, wave(1.0), &times).unwrap().iter().zip(&times) {
            assert!((f64::from(*found) - wave(1.0)(*time)).abs() < 3e-3);
        }
    }

    #[test]
    fn where_nothing_was_recorded_nothing_is_made_up() {
        let stamps = |times: &[f64]| TimeAxis::stamps(times.to_vec());
        let fine: Vec<f64> = (0..300).map(|n| f64::from(n) / 10.0).collect();
        let refused =
            |samples: &TimeAxis, start: f64| resampled(samples, |t| t, &frames(start, 30)).unwrap_err();
        assert!(refused(&stamps(&fine), -0.2).contains("begins at 0.000 s"));
        assert!(refused(&stamps(&fine), 29.5).contains("ends at 29.900 s"));
        assert!(refused(&stamps(&[]), 0.0).contains("no samples"));
        let with_gap: Vec<f64> = fine.iter().copied().filter(|t| !(5.0..7.0).contains(t)).collect();
        assert!(refused(&stamps(&with_gap), 4.5).contains("between 4.900 s and 7.000 s"));
        let blink: Vec<f64> = fine.iter().copied().filter(|t| !(5.0..5.7).contains(t)).collect();
        assert!(resampled(&stamps(&blink), |t| t, &frames(4.5, 60)).is_ok());
        let fast: Vec<f64> =
            (0..3000).map(|n| f64::from(n) / 100.0).filter(|t| !(5.0..7.0).contains(t)).collect();
        assert!(refused(&stamps(&fast), 4.5).contains("no samples between"));
    }
}
