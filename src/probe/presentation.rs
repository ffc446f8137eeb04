//! Shows movies to the ensemble in place of the mouse: behavior at its mean, every member asked, their answers averaged.

use ndarray::{Array2, Array3};

use crate::data::{ClipConfig, Geometry, MouseId, Trial, TrialId, Typical};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::stop::Stop;

/// One mouse's readout of an ensemble, ready to be shown movies.
pub struct Presentation<'a> {
    /// The ensemble.
    pub ensemble: &'a Ensemble,
    /// Members that are asked, by number.
    pub members: &'a [usize],
    /// Whose neurons answer.
    pub mouse: &'a MouseId,
    /// Which readout is that mouse's.
    pub readout: usize,
    /// Its behavior while it watches.
    pub typical: &'a Typical,
    /// Where movies lie in the encoder's input.
    pub geometry: Geometry,
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// Who is told how far it is.
    pub observer: &'a dyn Observer,
    /// Ends the work between two movies; what was done is lost.
    pub stop: &'a Stop,
}

impl Presentation<'_> {
    /// Height and width of the movies.
    pub fn frame_size(&self) -> [usize; 2] {
        self.geometry.content()
    }

    /// Checks that movies are long enough to be answered to; `key` names the setting that says how long they are.
    ///
    /// # Errors
    /// [`Error::Usage`] when a movie is shorter than a clip and `margin` frames.
    pub fn require_frames(&self, key: &str, frames: usize, margin: usize) -> Result<()> {
        let least = self.clip.span().max(margin + 1);
        if frames >= least {
            return Ok(());
        }
        Err(Error::usage(format!("{key} is {frames}, expected at least {least}, so that a clip fits in")))
    }

    /// Makes a trial of a movie: what the mouse did meanwhile, and responses to be filled in.
    ///
    /// # Shapes
    /// - `movie`: `[frame, height, width]`
    pub fn trial(&self, id: TrialId, movie: Array3<f32>) -> Trial {
        let frames = movie.dim().0;
        let constant = |rows: &[f32]| Array2::from_shape_fn((rows.len(), frames), |(row, _)| rows[row]);
        let neurons = self.ensemble.config.readout_outputs[self.readout];
        Trial {
            id,
            movie,
            responses: Array2::zeros((neurons, frames)),
            behavior: constant(&self.typical.behavior),
            pupil_center: constant(&self.typical.pupil_center),
        }
    }

    /// Predicts the responses to a movie: `[neuron, frame]`.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop; when the movie is shorter than a clip.
    pub fn respond(&self, trial: &Trial) -> Result<Array2<f32>> {
        self.stop.check()?;
        let input = self.geometry.encoder_input(trial);
        self.ensemble.predict(self.members, self.readout, input.view(), self.clip)
    }

    /// Shows `count` movies one after another and hands the responses to each to `take`.
    ///
    /// # Errors
    /// See [`Presentation::respond`].
    pub fn show(
        &self,
        what: &str,
        count: usize,
        movie: impl Fn(usize) -> Array3<f32>,
        mut take: impl FnMut(usize, Array2<f32>),
    ) -> Result<()> {
        let task = || format!("{what} {}", self.mouse);
        self.observer.emit(Event::Started { task: task(), steps: count as u64, unit: "movies" });
        for index in 0..count {
            take(index, self.respond(&self.trial(TrialId(0), movie(index)))?);
            self.observer.emit(Event::Progress { task: task(), step: index as u64 + 1, loss: None });
        }
        self.observer.emit(Event::Finished { task: task() });
        Ok(())
    }

    /// Counts the clips that `movies` movies of `frames` frames take, over all members: what a probe costs.
    pub fn clips(&self, movies: usize, frames: usize) -> usize {
        movies * self.members.len() * (frames + 1).saturating_sub(self.clip.span())
    }
}
