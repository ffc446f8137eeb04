//! The movie as it stands on the way, and what it took to get there, so that quality can be held against compute.

use ndarray::{Array3, Array4, Axis, stack};

use super::optimizer::StepStats;

/// Movies after some iterations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshots {
    /// Iterations done, ascending.
    pub iterations: Vec<u64>,
    /// Clip gradients that these took, over all members that the movie is made through.
    pub clip_gradients: Vec<u64>,
    /// Each `[frame, height, width]` of the encoder's input.
    pub movies: Vec<Array3<f32>>,
}

impl Snapshots {
    /// Says whether none was kept.
    pub fn is_empty(&self) -> bool {
        self.movies.is_empty()
    }

    /// Says whether these are movies of one shape after exactly these iterations.
    pub fn are_of(&self, iterations: &[usize], shape: (usize, usize, usize)) -> bool {
        let same = self.iterations.iter().copied().eq(iterations.iter().map(|&iteration| iteration as u64));
        same && self.movies.iter().all(|movie| movie.dim() == shape)
    }

    /// Puts the movies into one array, `[snapshot, frame, height, width]`; empty when there are none.
    pub fn stacked(&self) -> Array4<f32> {
        let movies: Vec<_> = self.movies.iter().map(|movie| movie.view()).collect();
        stack(Axis(0), &movies).unwrap_or_default()
    }

    /// Takes apart what was read.
    ///
    /// # Errors
    /// Says so when the lists are not of one length.
    pub(super) fn unstacked(
        movies: Array4<f32>,
        iterations: Vec<u64>,
        clip_gradients: Vec<u64>,
    ) -> Result<Self, String> {
        let movies: Vec<_> = movies.outer_iter().map(|movie| movie.to_owned()).collect();
        if iterations.len() != movies.len() || clip_gradients.len() != movies.len() {
            return Err(format!(
                "{} snapshots of {} iterations and {} counts of clip gradients",
                movies.len(),
                iterations.len(),
                clip_gradients.len()
            ));
        }
        Ok(Self { iterations, clip_gradients, movies })
    }
}

/// Takes snapshots of a movie in work.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    wanted: &'a [usize],
    spent: u64,
    pub snapshots: Snapshots,
}

impl<'a> Recorder<'a> {
    /// Waits for these iterations.
    pub fn new(wanted: &'a [usize]) -> Self {
        Self { wanted, spent: 0, snapshots: Snapshots::default() }
    }

    /// Counts a step, and keeps the movie that it left when that was asked for.
    pub fn note(&mut self, stats: &StepStats, movie: &Array3<f32>) {
        self.spent += stats.clip_gradients as u64;
        let done = stats.iteration + 1;
        if self.wanted.contains(&done) {
            self.snapshots.iterations.push(done as u64);
            self.snapshots.clip_gradients.push(self.spent);
            self.snapshots.movies.push(movie.clone());
        }
    }
}
