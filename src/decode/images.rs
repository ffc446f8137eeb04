//! Decodes still images from responses to them: each image from a linear map that was fitted without it, beside the
//! same with responses given to the wrong images.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::cross_validation::{leave_groups_out, predict_left_out};
use super::ridge::{Centred, factor};
use crate::data::Mouse;
use crate::data::movies::{MovieGroups, Place, group_by_movie, movie_prints};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::metric::correlation::correlation;
use crate::metric::inference::quantile;
use crate::seed;

/// Still images and the responses to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// `[image, cell]`: the mean over an image's showings and their frames, each cell at unit variance over images,
    /// which says nothing of any image's pixels.
    pub responses: Array2<f32>,
    /// `[image, pixel]`, row after row.
    pub pixels: Array2<f32>,
    /// Images that are alike have one number: none of them helps to decode another.
    pub groups: Vec<usize>,
    /// Trials that show each.
    pub showings: Vec<usize>,
}

/// How a map is fitted without the image that it decodes.
#[derive(Debug, Clone, PartialEq)]
pub enum Fit {
    /// To the other images, with the one of these strengths that decodes them best from each other.
    Best(Vec<f64>),
    /// To the other images, at this penalty.
    Fixed(f64),
    /// To the other images at this penalty, but after the mean over all images, the left-out one's share included, was
    /// taken from images and responses. That mean tells of the left-out image: since all deviations sum to nothing, the
    /// others sum to its negative, in pixels as in responses, whatever the responses are. The shuffled control shows by
    /// how much; here to compare with figures that were made so.
    CentredOnAll(f64),
}

/// How alike decoded and true images are: means over images of Pearson's r over pixels.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct DecodingScore {
    /// Of the images as they are.
    pub pixel_correlation: f64,
    /// Of what is left when the mean image that the decoder knew is taken from both.
    pub less_mean_image: f64,
}

/// What was decoded, beside shuffled responses.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedImages {
    /// `[image, pixel]`
    pub images: Array2<f64>,
    /// Their score.
    pub score: DecodingScore,
    /// The scores from responses given to the wrong images, one for each shuffle.
    pub shuffled: Vec<DecodingScore>,
}

impl Images {
    /// Reads the still images of a mouse; trials of tier `none` and those without responses are left out.
    ///
    /// # Errors
    /// When a trial can't be read; [`Error::Invalid`] when its movie moves, or there are fewer than three images.
    pub fn read(mouse: &Mouse, observer: &dyn Observer) -> Result<Self> {
        let usable = mouse.trials.iter().filter(|trial| trial.tier.0 != "none" && !trial.withheld);
        let trials: Vec<_> = usable.map(|trial| (mouse, trial.id)).collect();
        let shown = group_by_movie(&movie_prints(&trials)?);
        let alike = MovieGroups::find(&[mouse], observer)?;
        let pixel_count = mouse.frame_size.iter().product();
        let mut images = Self {
            responses: Array2::zeros((shown.len(), mouse.neurons)),
            pixels: Array2::zeros((shown.len(), pixel_count)),
            groups: Vec::new(),
            showings: shown.iter().map(Vec::len).collect(),
        };
        for (image, showings) in shown.iter().enumerate() {
            for &place in showings {
                let trial = mouse.read_trial(trials[place].1)?;
                let first = trial.movie.index_axis(Axis(0), 0);
                if trial.movie.outer_iter().any(|frame| frame != first) {
                    let problem = format!(
                        "trial {} is a movie that moves; expected still images. The linear decoder of movies is a \
                         control of v1reel evaluate",
                        trial.id
                    );
                    return Err(Error::invalid(&mouse.root, problem));
                }
                images.pixels.row_mut(image).iter_mut().zip(first).for_each(|(pixel, &shown)| *pixel = shown);
                let share = 1.0 / (trial.frames() * showings.len()) as f32;
                images.responses.row_mut(image).scaled_add(share, &trial.responses.sum_axis(Axis(1)));
            }
            let place = Place { mouse: 0, trial: trials[showings[0]].1 };
            images.groups.push(alike.group_of(place).expect("all trials of the mouse were compared"));
        }
        if images.groups.iter().collect::<std::collections::BTreeSet<_>>().len() < 3 {
            let problem = format!(
                "{} different images; expected at least 3: one to decode and two to choose the penalty by",
                shown.len()
            );
            return Err(Error::invalid(&mouse.root, problem));
        }
        images.standardise();
        Ok(images)
    }

    fn standardise(&mut self) {
        for mut cell in self.responses.axis_iter_mut(Axis(1)) {
            let sd = cell.mapv(f64::from).std(0.0);
            // One that never changes says nothing.
            let scale = if sd > 1e-12 { 1.0 / sd } else { 0.0 };
            cell.mapv_inplace(|response| (f64::from(response) * scale) as f32);
        }
    }

    /// Decodes every image, then again `shuffles` times with the responses given to images at random.
    ///
    /// # Errors
    /// As [`predict_left_out`].
    pub fn decode(
        &self,
        fit: &Fit,
        shuffles: usize,
        seed: &str,
        observer: &dyn Observer,
    ) -> Result<DecodedImages> {
        let plan = Plan { fit, groups: &self.groups, pixels: Compact::new(&self.pixels) };
        let cells = Compact::new(&self.responses).coordinates;
        let images = plan.left_out(cells.view())?;
        let score = self.score(fit, images.view());
        let task = || "shuffled images".to_string();
        observer.emit(Event::Started { task: task(), steps: shuffles as u64, unit: "shuffles" });
        let mut shuffled = Vec::with_capacity(shuffles);
        let numbers: Vec<usize> = (0..shuffles).collect();
        for some in numbers.chunks(2 * rayon::current_num_threads()) {
            let one = |&number: &usize| {
                let mut order: Vec<usize> = (0..self.responses.nrows()).collect();
                order.shuffle(&mut seed::stream(seed, "shuffled images", &[&number.to_string()]));
                let decoded = plan.left_out(cells.select(Axis(0), &order).view())?;
                Ok(self.score(fit, decoded.view()))
            };
            shuffled.extend(some.par_iter().map(one).collect::<Result<Vec<_>>>()?);
            observer.emit(Event::Progress { task: task(), step: shuffled.len() as u64, loss: None });
        }
        observer.emit(Event::Finished { task: task() });
        Ok(DecodedImages { images, score, shuffled })
    }

    /// Scores decoded images.
    ///
    /// # Shapes
    /// - `decoded`: `[image, pixel]`
    pub fn score(&self, fit: &Fit, decoded: ArrayView2<f64>) -> DecodingScore {
        let truth = self.pixels.mapv(f64::from);
        let (mut plain, mut less_mean) = (Vec::new(), Vec::new());
        for (image, (found, truth)) in decoded.outer_iter().zip(truth.outer_iter()).enumerate() {
            let known = |&other: &usize| match fit {
                Fit::Best(_) | Fit::Fixed(_) => self.groups[other] != self.groups[image],
                Fit::CentredOnAll(_) => true,
            };
            let known: Vec<usize> = (0..self.groups.len()).filter(known).collect();
            let mean = self.pixels.select(Axis(0), &known).mapv(f64::from).mean_axis(Axis(0));
            let mean = mean.expect("there are other images");
            plain.push(alike(found, truth));
            less_mean.push(alike((&found - &mean).view(), (&truth - &mean).view()));
        }
        DecodingScore { pixel_correlation: mean_defined(&plain), less_mean_image: mean_defined(&less_mean) }
    }
}

/// Images and responses by as few numbers as there are images: a ridge regression is the same under rotations of
/// either, and a thousand of them take seconds.
struct Plan<'a> {
    fit: &'a Fit,
    groups: &'a [usize],
    pixels: Compact,
}

/// Rows by their coordinates in the space that they span.
struct Compact {
    /// `[row, coordinate]`
    coordinates: Array2<f32>,
    /// Orthonormal, `[coordinate, column]`; `None` when the coordinates are the columns themselves.
    basis: Option<Array2<f64>>,
}

impl Plan<'_> {
    /// Decodes every image without it: `[image, pixel]`.
    fn left_out(&self, responses: ArrayView2<f32>) -> Result<Array2<f64>> {
        let pixels = self.pixels.coordinates.view();
        let decoded = match self.fit {
            Fit::Best(strengths) => predict_left_out(responses, pixels, self.groups, strengths)?.predicted,
            Fit::Fixed(penalty) => leave_groups_out(responses, pixels, self.groups, *penalty)?,
            Fit::CentredOnAll(penalty) => centred_on_all(responses, pixels, *penalty)?,
        };
        Ok(match &self.pixels.basis {
            Some(basis) => decoded.dot(basis),
            None => decoded,
        })
    }
}

impl Compact {
    /// Finds the coordinates by Gram and Schmidt's way, done twice for its rounding.
    fn new(rows: &Array2<f32>) -> Self {
        let (count, columns) = rows.dim();
        if columns <= count {
            return Self { coordinates: rows.clone(), basis: None };
        }
        let rows = rows.mapv(f64::from);
        let mut basis = Array2::<f64>::zeros((count, columns));
        for (index, row) in rows.outer_iter().enumerate() {
            let mut rest = row.to_owned();
            for _ in 0..2 {
                let known = basis.slice(s![..index, ..]);
                rest -= &known.dot(&rest).dot(&known);
            }
            // What the rows before span gets no coordinate of its own.
            let [norm, whole] = [rest.dot(&rest), row.dot(&row)].map(f64::sqrt);
            if norm > 1e-9 * whole {
                basis.row_mut(index).assign(&(rest / norm));
            }
        }
        Self { coordinates: rows.dot(&basis.t()).mapv(|value| value as f32), basis: Some(basis) }
    }
}

/// Leaves each image out of a fit without an intercept, to deviations from the mean over all images, by what the fit
/// to all leaves over: see [`Fit::CentredOnAll`].
fn centred_on_all(responses: ArrayView2<f32>, pixels: ArrayView2<f32>, penalty: f64) -> Result<Array2<f64>> {
    let Centred { x, y, y_mean, .. } = Centred::new(responses, pixels)?;
    let kernel = x.dot(&x.t());
    let mut hat = kernel.clone();
    factor(kernel, penalty)?.solve(&mut hat);
    let mut decoded = hat.dot(&y);
    for (image, mut decoded) in decoded.outer_iter_mut().enumerate() {
        let own = hat[[image, image]];
        decoded.scaled_add(-own, &y.row(image));
        decoded /= 1.0 - own;
    }
    Ok(decoded + &y_mean)
}

fn alike(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    correlation(&a.to_vec(), &b.to_vec())
}

/// Averages what is defined: a uniform image correlates with nothing.
fn mean_defined(values: &[f64]) -> f64 {
    let defined: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    defined.iter().sum::<f64>() / defined.len() as f64
}

impl DecodedImages {
    /// Averages the shuffled scores, and finds the one that 97.5 % of them are below.
    pub fn chance(&self, value: fn(&DecodingScore) -> f64) -> Option<[f64; 2]> {
        let mut values: Vec<f64> = self.shuffled.iter().map(value).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then(|| [mean, quantile(&mut values, 0.975)])
    }

    /// The share of shuffles that score at least as high, the true order counted among them: a one-sided permutation
    /// test that what is decoded has to do with the images.
    pub fn p_value(&self, value: fn(&DecodingScore) -> f64) -> f64 {
        let found = value(&self.score);
        let as_high = self.shuffled.iter().filter(|shuffled| value(shuffled) >= found).count();
        (1 + as_high) as f64 / (1 + self.shuffled.len()) as f64
    }
}
