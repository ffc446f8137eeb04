//! Natural-like movies: textured backgrounds under a moving camera, objects that occlude each other,
//! and cuts. Nothing of a movie is shared with another one.

use ndarray::{Array2, Array3, ArrayViewMut2, Axis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::drift::{Drift, normal, normal_cdf};
use super::shape::Shape;
use super::texture::Texture;

/// Side of the textures: four screens wide, so that a scene's mean luminance varies with its place.
const TEXTURE_SIDE: usize = 256;
/// Width in pixels that the constants of motion and size were chosen for.
const DESIGN_WIDTH: f32 = 64.0;

/// Makes movies of one size.
#[derive(Debug, Clone)]
pub(super) struct MovieGenerator {
    height: usize,
    width: usize,
    frame_rate_hz: f32,
    /// How many times faster all moves; cuts come as often.
    pace: f32,
    /// Pixels painted for one of the movie, each way.
    finer: usize,
    tone: ToneCurve,
}

impl MovieGenerator {
    pub(super) fn new([height, width]: [usize; 2], frame_rate_hz: f64, pace: f64) -> Self {
        // Averaged from the width that all was chosen for, a small movie is as smooth as a natural one of its
        // size: neighbouring pixels of real footage at 12 x 20 correlate by 0.75 to 0.83 within a frame, of
        // painted ones by 0.70, of averaged ones by 0.77.
        let finer = (DESIGN_WIDTH / width as f32).round().max(1.0) as usize;
        Self {
            height,
            width,
            frame_rate_hz: frame_rate_hz as f32,
            pace: pace as f32,
            finer,
            tone: ToneCurve::new(),
        }
    }

    /// Draws a movie, `[frame, height, width]`, whole grey levels 0 to 255.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng, frames: usize) -> Array3<f32> {
        let mut movie = Array3::zeros((frames, self.height, self.width));
        let mut start = 0;
        while start < frames {
            // A scene lasts 3 to 10 s; the first one began before the trial did.
            let seconds: f32 = rng.random_range(3.0..10.0);
            let shown = if start == 0 { seconds * rng.random_range(0.3..1.0) } else { seconds };
            let length = ((shown * self.frame_rate_hz) as usize).clamp(1, frames - start);
            let size = [self.height * self.finer, self.width * self.finer];
            let frames_a_second = self.frame_rate_hz / self.pace;
            let mut scene = Scene::draw(rng, [size[1] as f32, size[0] as f32], frames_a_second);
            let mut painted = Array2::zeros(size);
            for frame in start..start + length {
                scene.render(painted.view_mut(), &self.tone);
                let mut frame = movie.index_axis_mut(Axis(0), frame);
                for (pixel, block) in frame.iter_mut().zip(painted.exact_chunks([self.finer; 2])) {
                    *pixel = block.mean().unwrap_or_default().round();
                }
                scene.advance(rng);
            }
            start += length;
        }
        movie
    }
}

/// What is before the camera from one cut to the next.
struct Scene {
    size: [f32; 2],
    background: Texture,
    /// Smooth field whose sign parts the background into regions, such as ground and sky.
    regions: Texture,
    surface: Texture,
    objects: Vec<Shape>,
    luminance: f32,
    position: [f32; 2],
    pan: [f32; 2],
    shake: [Drift; 2],
    zoom: f32,
    zoom_rate: Drift,
}

impl Scene {
    fn draw(rng: &mut ChaCha8Rng, size: [f32; 2], frame_rate_hz: f32) -> Self {
        let roughness = rng.random_range(0.95..1.35);
        let [background, surface] = Texture::pair(rng, TEXTURE_SIDE, roughness);
        let [regions, _] = Texture::pair(rng, TEXTURE_SIDE, 2.0);
        let mut objects: Vec<Shape> =
            (0..rng.random_range(6..16)).map(|_| Shape::draw(rng, size, frame_rate_hz)).collect();
        // Near things cover far ones, and move more.
        objects.sort_by(|a, b| a.parallax.total_cmp(&b.parallax));
        let per_frame = size[0] / frame_rate_hz;
        // Half of the scenes pan steadily, at up to about 15 degrees a second; all drift.
        let pan = if rng.random_bool(0.5) { 0.07 * per_frame * normal(rng) } else { 0.0 };
        Self {
            size,
            background,
            regions,
            surface,
            objects,
            luminance: normal(rng),
            position: std::array::from_fn(|_| rng.random_range(0.0..TEXTURE_SIDE as f32)),
            pan: [pan, 0.3 * pan * normal(rng)],
            shake: std::array::from_fn(|_| Drift::start(rng, 0.025 * per_frame, 0.6 * frame_rate_hz)),
            zoom: DESIGN_WIDTH / size[0] * rng.random_range(0.8..1.3),
            zoom_rate: Drift::start(rng, 0.03 / frame_rate_hz, frame_rate_hz),
        }
    }

    fn advance(&mut self, rng: &mut ChaCha8Rng) {
        let camera: [f32; 2] = std::array::from_fn(|axis| self.pan[axis] + self.shake[axis].step(rng));
        for (position, moved) in self.position.iter_mut().zip(camera) {
            *position -= moved * self.zoom;
        }
        self.zoom *= 1.0 + self.zoom_rate.step(rng);
        for object in &mut self.objects {
            object.advance(rng, camera, self.size);
        }
    }

    /// Paints from back to front in units of the luminance's standard deviation, then develops.
    fn render(&self, mut frame: ArrayViewMut2<f32>, tone: &ToneCurve) {
        let [width, height] = self.size;
        for ((row, column), pixel) in frame.indexed_iter_mut() {
            let x = self.position[0] + self.zoom * (column as f32 - 0.5 * width);
            let y = self.position[1] + self.zoom * (row as f32 - 0.5 * height);
            let side = (4.0 * self.regions.sample(x, y)).clamp(-1.0, 1.0);
            *pixel = 0.45 * self.luminance + 0.55 * side + 0.7 * self.background.sample(x, y);
        }
        for object in &self.objects {
            self.paint(object, &mut frame);
        }
        frame.mapv_inplace(|z| tone.grey(z));
    }

    fn paint(&self, object: &Shape, frame: &mut ArrayViewMut2<f32>) {
        let (height, width) = frame.dim();
        let reach = object.reach();
        let [x0, y0] = object.position;
        let span = |middle: f32, length: usize| {
            let low = (middle - reach).ceil().max(0.0) as usize;
            let high = (middle + reach).floor().min(length as f32 - 1.0) + 1.0;
            low..(high.max(0.0) as usize).max(low)
        };
        let rotation = object.rotation();
        for row in span(y0, height) {
            for column in span(x0, width) {
                let (dx, dy) = (column as f32 - x0, row as f32 - y0);
                let (cover, [u, v]) = object.cover(dx, dy, rotation);
                if cover > 0.0 {
                    let [offset_x, offset_y] = object.texture_offset;
                    let texture = self.surface.sample(u * self.zoom + offset_x, v * self.zoom + offset_y);
                    let colour = 0.35 * self.luminance + 0.75 * object.luminance + 0.55 * texture
                        - object.shading * dy / object.radius;
                    let pixel = &mut frame[[row, column]];
                    *pixel += cover * (colour - *pixel);
                }
            }
        }
    }
}

/// Maps normally distributed luminance to grey levels with mean 80 and standard deviation 58, those
/// of the dataset's movies.
#[derive(Debug, Clone)]
struct ToneCurve(Vec<f32>);

impl ToneCurve {
    const LIMIT: f32 = 4.0;
    const STEPS_PER_SD: f32 = 128.0;

    /// Kumaraswamy's distribution with a = 1, b = 2.17 on 0..255 has mean 255/(b+1) = 80.4 and
    /// standard deviation 58.0, and is skewed towards dark as film is.
    fn new() -> Self {
        let steps = (2.0 * Self::LIMIT * Self::STEPS_PER_SD) as usize;
        Self(
            (0..=steps)
                .map(|step| {
                    let z = step as f32 / Self::STEPS_PER_SD - Self::LIMIT;
                    let dark_part = 1.0 - normal_cdf(f64::from(z));
                    (255.0 * (1.0 - dark_part.powf(1.0 / 2.17))).round() as f32
                })
                .collect(),
        )
    }

    #[inline]
    fn grey(&self, z: f32) -> f32 {
        let place = (z.clamp(-Self::LIMIT, Self::LIMIT) + Self::LIMIT) * Self::STEPS_PER_SD;
        self.0[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use ndarray::s;
    use rustfft::{FftPlanner, num_complex::Complex64};

    fn movies(count: usize) -> Vec<Array3<f32>> {
        let generator = MovieGenerator::new([36, 64], 30.0, 1.0);
        (0..count)
            .map(|k| generator.draw(&mut seed::stream("test", "movie", &[&k.to_string()]), 300))
            .collect()
    }

    /// Radial amplitude spectrum of the middle 32x32 pixels of every 20th frame, by whole cycles.
    fn radial_amplitude(movies: &[Array3<f32>]) -> Vec<f64> {
        const SIDE: usize = 32;
        let fft = FftPlanner::new().plan_fft_forward(SIDE);
        let window: Vec<f64> = (0..SIDE)
            .map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / SIDE as f64).cos())
            .collect();
        let mut sums = vec![(0.0, 0.0); SIDE / 2];
        for frame in movies.iter().flat_map(|movie| movie.outer_iter().step_by(20)) {
            let patch = frame.slice(s![2..34, 16..48]);
            let mean = f64::from(patch.mean().unwrap());
            let value = |r: usize, c: usize| (f64::from(patch[[r, c]]) - mean) * window[r] * window[c];
            let mut plane: Vec<Complex64> =
                (0..SIDE * SIDE).map(|at| Complex64::new(value(at / SIDE, at % SIDE), 0.0)).collect();
            fft.process(&mut plane);
            let mut turned: Vec<Complex64> =
                (0..SIDE * SIDE).map(|at| plane[at % SIDE * SIDE + at / SIDE]).collect();
            fft.process(&mut turned);
            for (at, value) in turned.iter().enumerate() {
                let fold = |k: usize| k.min(SIDE - k) as f64;
                let radius = fold(at / SIDE).hypot(fold(at % SIDE)).round() as usize;
                if let Some((sum, count)) = sums.get_mut(radius) {
                    *sum += value.norm();
                    *count += 1.0;
                }
            }
        }
        sums.iter().map(|(sum, count)| sum / count).collect()
    }

    #[test]
    fn amplitude_falls_as_one_over_frequency() {
        let amplitude = radial_amplitude(&movies(6));
        // From 2 cycles (the window mixes 0 and 1) to 12 (pixels blur the rest).
        let points: Vec<(f64, f64)> = (2..=12).map(|k| ((k as f64).ln(), amplitude[k].ln())).collect();
        let n = points.len() as f64;
        let (mx, my) =
            (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
        let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
            / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>();
        // The range natural images are found in (Torralba & Oliva 2003).
        assert!((-1.6..=-0.7).contains(&slope), "slope {slope}");
    }

    #[test]
    fn luminance_is_that_of_the_datasets_movies_and_time_is_slow() {
        let movies = movies(12);
        let pixels = || movies.iter().flat_map(|movie| movie.iter().map(|&v| f64::from(v)));
        let n = pixels().count() as f64;
        let mean = pixels().sum::<f64>() / n;
        let sd = (pixels().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        // 12 movies hold some 25 scenes, whose luminance alone leaves the mean uncertain by about 6.
        assert!((65.0..95.0).contains(&mean), "mean {mean}");
        assert!((48.0..66.0).contains(&sd), "sd {sd}");
        assert!(pixels().all(|v| (0.0..=255.0).contains(&v)));
        let (mut change, mut count) = (0.0, 0.0);
        for movie in &movies {
            let later = movie.slice(s![1.., .., ..]);
            let earlier = movie.slice(s![..-1, .., ..]);
            change += (&later - &earlier).mapv(|v| f64::from(v * v)).sum();
            count += later.len() as f64;
        }
        // Neighbouring frames of natural movies correlate by more than 0.9.
        assert!(change / count < 0.2 * sd * sd, "{}", change / count);
    }

    #[test]
    fn at_a_faster_pace_neighbouring_frames_differ_more() {
        let drawn = |pace: f64| {
            let generator = MovieGenerator::new([12, 20], 30.0, pace);
            let draw = |k: usize| generator.draw(&mut seed::stream("test", "movie", &[&k.to_string()]), 90);
            (0..4).map(draw).collect::<Vec<_>>()
        };
        // The median: cuts come as often at any pace.
        let change = |movies: &[Array3<f32>]| {
            let changes = |movie: &Array3<f32>| {
                let change = &movie.slice(s![1.., .., ..]) - &movie.slice(s![..-1, .., ..]);
                change.outer_iter().map(|frame| frame.mapv(f32::abs).mean().unwrap()).collect::<Vec<_>>()
            };
            let mut all: Vec<f32> = movies.iter().flat_map(changes).collect();
            all.sort_by(f32::total_cmp);
            all[all.len() / 2]
        };
        let (calm, fast) = (change(&drawn(1.0)), change(&drawn(3.0)));
        // Three times the way a frame, over edges of some pixels' width: less than three times the change.
        assert!((1.8..3.3).contains(&(fast / calm)), "{calm} {fast}");
    }

    #[test]
    fn small_movies_are_as_smooth_as_footage_of_their_size() {
        let generator = MovieGenerator::new([12, 20], 30.0, 1.0);
        let (mut products, mut squares) = (0.0, 0.0);
        for k in 0..12 {
            let movie = generator.draw(&mut seed::stream("test", "movie", &[&k.to_string()]), 300);
            for frame in movie.outer_iter() {
                let own = frame.mapv(|v| f64::from(v - frame.mean().unwrap()));
                products += (&own.slice(s![.., 1..]) * &own.slice(s![.., ..-1])).mean().unwrap();
                squares += own.mapv(|v| v * v).mean().unwrap();
            }
        }
        // Real footage: 0.75 to 0.83.
        let correlation = products / squares;
        assert!((0.7..0.87).contains(&correlation), "{correlation}");
    }

    #[test]
    fn movies_of_different_streams_share_nothing() {
        let two = movies(2);
        assert_eq!(two, movies(2));
        let same = two[0].iter().zip(&two[1]).filter(|(a, b)| a == b).count();
        // Grey levels coincide by chance in a percent or so of the pixels, dark ones more often.
        assert!(same < two[0].len() / 10, "{same}");
    }
}
