//! The neurons of a mouse as one filter bank: all receptive fields see a movie in one matrix product.

use ndarray::{Array2, Array3, ArrayView1, ArrayView3, Axis, s};

use super::calcium::Calcium;
use super::config::SimulationConfig;
use super::neuron::Neuron;

/// Mean and standard deviation of the dataset's movies, in grey levels: what the neurons are adapted to.
const MOVIE_MEAN: f32 = 80.0;
const MOVIE_SD: f32 = 58.0;
/// Local contrast at which the divisive normalisation halves the squared drive, in [`MOVIE_SD`].
const SEMI_SATURATION: f32 = 0.5;
/// Tiles down and across in which local contrast is measured.
const TILES: [usize; 2] = [4, 7];
/// Time constant of the contrast that normalises.
const CONTRAST_TAU_S: f32 = 0.1;

/// All neurons, ready to see movies.
#[derive(Debug, Clone)]
pub(super) struct Population {
    pub(super) neurons: Vec<Neuron>,
    pub(super) calcium: Vec<Calcium>,
    frame_rate_hz: f32,
    /// `[pixel, field]`: all even fields, then all odd ones.
    fields: Array2<f32>,
    /// `[pixel, tile]`, each column sums to 1.
    windows: Array2<f32>,
    /// The four tiles around each neuron's centre, with weights that sum to 1.
    surround: Vec<[(usize, f32); 4]>,
    /// One over the standard deviation of each neuron's normalised drive.
    drive_scale: Vec<f32>,
    /// Spikes a scan at rest for a unit of rectified drive.
    rate_scale: Vec<f32>,
    /// Response for one spike, in the recording's units.
    pub(super) response_scale: Vec<f32>,
}

impl Population {
    /// Draws the neurons and adapts them to `calibration`, movies that no trial shows, so that their
    /// rates and responses are as configured.
    pub(super) fn new(config: &SimulationConfig, calibration: &[Array3<f32>]) -> Self {
        let size = [config.height, config.width];
        let rates = [config.event_rate_hz, config.mean_response];
        let neurons: Vec<Neuron> =
            (0..config.neurons).map(|index| Neuron::draw(&config.seed, index, size, rates)).collect();
        let count = neurons.len();
        let mut population = Self {
            calcium: neurons.iter().map(|neuron| Calcium::new(config, neuron.calcium_tau_s)).collect(),
            frame_rate_hz: config.frame_rate_hz as f32,
            fields: fields(&neurons, size),
            windows: windows(size),
            surround: neurons.iter().map(|neuron| surround(neuron.center_px, size)).collect(),
            neurons,
            drive_scale: vec![1.0; count],
            rate_scale: vec![1.0; count],
            response_scale: vec![1.0; count],
        };
        population.calibrate(config, calibration);
        population
    }

    /// Scales drive to standard deviation 1, then rates to their mean, then responses to theirs.
    fn calibrate(&mut self, config: &SimulationConfig, movies: &[Array3<f32>]) {
        let seen: Vec<(Array2<f32>, Array2<f32>)> = movies.iter().map(|m| self.look(m.view())).collect();
        let scans_per_frame = 1.0 / config.frames_per_scan() as f32;
        let spikes_per_scan = config.frames_per_scan() as f32 / self.frame_rate_hz;
        for index in 0..self.neurons.len() {
            let drives =
                || seen.iter().flat_map(|(fields, contrast)| self.normalised_drive(index, fields, contrast));
            let frames = drives().count().max(1) as f32;
            let power = drives().map(|[a, b]| 0.5 * (a * a + b * b)).sum::<f32>() / frames;
            // A field that saw nothing at all (a black video) stays silent instead of dividing by zero.
            let scale = if power > 1e-12 { power.sqrt().recip() } else { 0.0 };
            let rectified: Vec<f32> =
                drives().map(|drive| self.neurons[index].rectify(drive.map(|v| v * scale))).collect();
            let mean = rectified.iter().sum::<f32>() / frames;
            let rate_scale =
                if mean > 1e-6 { self.neurons[index].rate_hz * spikes_per_scan / mean } else { 0.0 };
            let mean_response = rectified
                .chunks(config.frames_per_scan())
                .map(|scan| rate_scale * scan.iter().sum::<f32>() * scans_per_frame)
                .map(|spikes| self.calcium[index].expected(spikes))
                .sum::<f32>()
                / (frames * scans_per_frame);
            self.drive_scale[index] = scale;
            self.rate_scale[index] = rate_scale;
            self.response_scale[index] = self.neurons[index].mean_response / mean_response.max(1e-3);
        }
    }

    /// Returns the outputs of all fields, `[field, frame]`, and the contrast in the tiles, `[tile, frame]`.
    pub(super) fn look(&self, movie: ArrayView3<f32>) -> (Array2<f32>, Array2<f32>) {
        let (frames, height, width) = movie.dim();
        let mut light = Array2::zeros((frames, height * width));
        light.iter_mut().zip(movie.iter()).for_each(|(c, grey)| *c = (grey - MOVIE_MEAN) / MOVIE_SD);
        let fields = transposed(light.dot(&self.fields));
        let mean = light.dot(&self.windows);
        light.mapv_inplace(|c| c * c);
        let mut variance = transposed(light.dot(&self.windows) - &mean * &mean);
        let keep = (-1.0 / (CONTRAST_TAU_S * self.frame_rate_hz)).exp();
        for mut tile in variance.outer_iter_mut() {
            // A blank screen before the trial: no contrast.
            let mut state = 0.0;
            tile.mapv_inplace(|now| {
                state = keep * state + (1.0 - keep) * now.max(0.0);
                state
            });
        }
        (fields, variance)
    }

    /// Returns expected spikes a scan at each frame for neuron `index`, at rest.
    pub(super) fn rate(&self, index: usize, fields: &Array2<f32>, contrast: &Array2<f32>) -> Vec<f32> {
        let neuron = &self.neurons[index];
        let (drive, rate) = (self.drive_scale[index], self.rate_scale[index]);
        self.normalised_drive(index, fields, contrast)
            .map(|pair| rate * neuron.rectify(pair.map(|v| v * drive)))
            .collect()
    }

    /// Filters a neuron's pair of fields in time and divides by the contrast around it.
    fn normalised_drive(
        &self,
        index: usize,
        fields: &Array2<f32>,
        contrast: &Array2<f32>,
    ) -> impl Iterator<Item = [f32; 2]> + use<> {
        let neuron = &self.neurons[index];
        let [fast, slow] = neuron.temporal_kernels(self.frame_rate_hz);
        let even = fields.row(index);
        let odd = fields.row(self.neurons.len() + index);
        let selective = neuron.direction_selectivity;
        // A sum of two space-time separable fields a quarter cycle apart in both is tilted in space-time
        // and so prefers one direction; the second pair is its quadrature partner.
        let [even_fast, odd_fast] = [even, odd].map(|field| causal_filter(field, &fast));
        let [even_slow, odd_slow] = [even, odd].map(|field| causal_filter(field, &slow));
        let surround = self.surround[index];
        let divisor: Vec<f32> = (0..even.len())
            .map(|frame| {
                let local: f32 =
                    surround.iter().map(|&(tile, weight)| weight * contrast[[tile, frame]]).sum();
                (SEMI_SATURATION.powi(2) + local).sqrt()
            })
            .collect();
        divisor.into_iter().enumerate().map(move |(frame, divisor)| {
            let first = even_fast[frame] - selective * odd_slow[frame];
            let second = odd_fast[frame] + selective * even_slow[frame];
            [first / divisor, second / divisor]
        })
    }
}

impl Neuron {
    /// Turns the drive of a quadrature pair into a rate, from half-rectified to energy.
    fn rectify(&self, [first, second]: [f32; 2]) -> f32 {
        let simple = first.max(0.0);
        let complex = (0.5 * (first * first + second * second)).sqrt();
        let mixed = (1.0 - self.complexity) * simple + self.complexity * complex;
        // Energy is hardly ever near 0: a higher threshold makes complex cells as selective.
        (mixed - self.threshold - 0.5 * self.complexity).max(0.0).powf(self.exponent)
    }
}

/// Convolves with a kernel of the past; before the trial the screen was grey.
fn causal_filter(values: ArrayView1<f32>, kernel: &[f32]) -> Vec<f32> {
    (0..values.len())
        .map(|frame| {
            let taps = kernel.len().min(frame + 1);
            (0..taps).map(|lag| kernel[lag] * values[frame - lag]).sum()
        })
        .collect()
}

fn transposed(array: Array2<f32>) -> Array2<f32> {
    array.t().as_standard_layout().into_owned()
}

/// Draws all receptive fields, even ones first, each pair scaled to norm 1.
fn fields(neurons: &[Neuron], [height, width]: [usize; 2]) -> Array2<f32> {
    let mut fields = Array2::zeros((2 * neurons.len(), height * width));
    for (index, neuron) in neurons.iter().enumerate() {
        let mut power = 0.0;
        for pixel in 0..height * width {
            let pair = neuron.fields_at((pixel % width) as f32, (pixel / width) as f32);
            fields[[index, pixel]] = pair[0];
            fields[[neurons.len() + index, pixel]] = pair[1];
            power += pair[0] * pair[0] + pair[1] * pair[1];
        }
        let scale = power.sqrt().max(1e-20).recip();
        for row in [index, neurons.len() + index] {
            fields.slice_mut(s![row, ..]).mapv_inplace(|v| v * scale);
        }
    }
    transposed(fields)
}

/// Centre of a tile along an axis, in pixels.
fn tile_center(tile: usize, tiles: usize, length: usize) -> f32 {
    (tile as f32 + 0.5) / tiles as f32 * length as f32 - 0.5
}

/// Draws the Gaussian windows of local contrast; one is as wide as tiles are apart.
fn windows([height, width]: [usize; 2]) -> Array2<f32> {
    let [down, across] = TILES;
    let mut windows = Array2::from_shape_fn((height * width, down * across), |(pixel, tile)| {
        let dy =
            ((pixel / width) as f32 - tile_center(tile / across, down, height)) * down as f32 / height as f32;
        let dx = ((pixel % width) as f32 - tile_center(tile % across, across, width)) * across as f32
            / width as f32;
        (-0.5 * (dx * dx + dy * dy)).exp()
    });
    let sums = windows.sum_axis(Axis(0));
    windows /= &sums;
    windows
}

/// Finds the four tiles around a place and their bilinear weights.
fn surround([x, y]: [f32; 2], [height, width]: [usize; 2]) -> [(usize, f32); 4] {
    let [down, across] = TILES;
    let along = |place: f32, tiles: usize, length: usize| {
        let place = ((place + 0.5) / length as f32 * tiles as f32 - 0.5).clamp(0.0, (tiles - 1) as f32);
        let low = (place as usize).min(tiles - 2);
        (low, place - low as f32)
    };
    let (row, lower) = along(y, down, height);
    let (column, right) = along(x, across, width);
    let tile = |r: usize, c: usize| (row + r) * across + column + c;
    [
        (tile(0, 0), (1.0 - lower) * (1.0 - right)),
        (tile(0, 1), (1.0 - lower) * right),
        (tile(1, 0), lower * (1.0 - right)),
        (tile(1, 1), lower * right),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use crate::simulate::movie::MovieGenerator;

    fn population(neurons: usize) -> Population {
        let config = SimulationConfig { neurons, ..Default::default() };
        let generator = MovieGenerator::new([36, 64], 30.0, 1.0);
        let movies: Vec<_> = (0..2)
            .map(|k| generator.draw(&mut seed::stream("test", "calibration", &[&k.to_string()]), 100))
            .collect();
        Population::new(&config, &movies)
    }

    /// A grating that drifts along `orientation`, or against it, at 2 Hz.
    fn grating(neuron: &Neuron, sign: f32) -> Array3<f32> {
        let (sin, cos) = neuron.orientation_rad.sin_cos();
        Array3::from_shape_fn((90, 36, 64), |(frame, row, column)| {
            let along = cos * column as f32 + sin * row as f32;
            let turns = neuron.cycles_per_px * along - sign * frame as f32 / 30.0 * 2.0;
            MOVIE_MEAN + MOVIE_SD * (std::f32::consts::TAU * turns).cos()
        })
    }

    #[test]
    fn direction_selective_neurons_prefer_one_direction_and_it_is_the_stated_one() {
        let population = population(60);
        let mut tested = 0;
        for (index, neuron) in population.neurons.iter().enumerate() {
            // Slow carriers show hardly a cycle to a field; they are tested by nobody's gratings.
            if neuron.direction_selectivity < 0.6 || neuron.cycles_per_px * 64.0 < 3.0 {
                continue;
            }
            let drive = |sign: f32| {
                let (fields, contrast) = population.look(grating(neuron, sign).view());
                let pairs = population.normalised_drive(index, &fields, &contrast).skip(30);
                pairs.map(|[a, b]| a * a + b * b).sum::<f32>()
            };
            assert!(drive(1.0) > drive(-1.0), "neuron {index}");
            tested += 1;
        }
        assert!(tested >= 5, "{tested}");
    }

    #[test]
    fn earlier_neurons_do_not_depend_on_how_many_follow() {
        let (few, many) = (population(5), population(20));
        let movie = grating(&few.neurons[0], 1.0);
        let (fields_few, contrast_few) = few.look(movie.view());
        let (fields_many, contrast_many) = many.look(movie.view());
        for index in 0..5 {
            let a = few.rate(index, &fields_few, &contrast_few);
            let b = many.rate(index, &fields_many, &contrast_many);
            let largest = a.iter().copied().fold(1e-3, f32::max);
            // The matrix product may sum in another order.
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3 * largest), "neuron {index}");
        }
    }
}
