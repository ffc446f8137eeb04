//! From what a movie is reconstructed: the recorded responses, or a control or ceiling of them.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rand::Rng;
use rand::seq::SliceRandom;

use super::population::Population;
use crate::data::{MouseId, Trial, TrialId};
use crate::error::{Error, Result};
use crate::seed;

/// What the movie is reconstructed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The recorded responses.
    Recorded,
    /// Control: the recorded responses of each neuron given to another one, so that the encoder looks at
    /// the wrong places. What is left is chance and what any response tells.
    ShuffledNeurons,
    /// Control: the recorded responses rolled in time by at least a second, behavior as it was. What is left is
    /// what the responses tell of the movie as a whole.
    TimeShifted,
    /// Ceiling: what the ensemble predicts for the true movie, free of noise and of what the encoder can't explain.
    Predicted,
    /// Ceiling: the mean of the recorded responses over the showings of a movie that was shown more than once.
    Averaged,
    /// The recorded responses of a random half of the neurons; the other half tells how much was fitted to noise.
    HeldOutNeurons,
}

impl Condition {
    /// All but the recorded responses, in the order that they are made in.
    pub const CONTROLS: [Self; 5] =
        [Self::ShuffledNeurons, Self::TimeShifted, Self::Predicted, Self::Averaged, Self::HeldOutNeurons];

    /// Names its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => crate::run_folder::RECORDED,
            Self::ShuffledNeurons => "shuffled_neurons",
            Self::TimeShifted => "time_shifted",
            Self::Predicted => "predicted",
            Self::Averaged => "averaged",
            Self::HeldOutNeurons => "held_out_neurons",
        }
    }
}

impl fmt::Display for Condition {
    /// As it is given on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', "-"))
    }
}

impl FromStr for Condition {
    type Err = String;

    /// Reads the name of a control.
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::CONTROLS.into_iter().find(|condition| condition.to_string() == text);
        known.ok_or_else(|| {
            let names = Self::CONTROLS.map(|condition| condition.to_string()).join(", ");
            format!("\"{text}\" is no control; expected some of {names}, or all")
        })
    }
}

/// Gives the responses of each neuron to another one.
///
/// # Shapes
/// `[neuron, frame]`
pub fn shuffled_neurons(
    responses: ArrayView2<f32>,
    seed: &str,
    mouse: &MouseId,
    trial: TrialId,
) -> Array2<f32> {
    let mut order: Vec<usize> = (0..responses.nrows()).collect();
    order.shuffle(&mut seed::stream(seed, "shuffled neurons", &[&mouse.0, &trial.to_string()]));
    responses.select(Axis(0), &order)
}

/// Rolls responses in time, all alike, by at least a second either way.
///
/// # Shapes
/// `[neuron, frame]`
///
/// # Errors
/// [`Error::Usage`] when a trial is shorter than two seconds.
pub fn time_shifted(
    responses: ArrayView2<f32>,
    frame_rate_hz: f64,
    seed: &str,
    mouse: &MouseId,
    trial: TrialId,
) -> Result<Array2<f32>> {
    let frames = responses.ncols();
    let second = (frame_rate_hz.ceil() as usize).max(1);
    if frames < 2 * second {
        return Err(Error::usage(format!(
            "mouse {mouse}, trial {trial}: {frames} frames at {frame_rate_hz} Hz can't be shifted by a second either \
             way, that takes {}; leave out the control time-shifted",
            2 * second
        )));
    }
    let mut rng = seed::stream(seed, "time shift", &[&mouse.0, &trial.to_string()]);
    let shift = rng.random_range(second..=frames - second);
    let (early, late) = (responses.slice(s![.., ..shift]), responses.slice(s![.., shift..]));
    Ok(concatenate(Axis(1), &[late, early]).expect("equally many neurons"))
}

/// Draws the half of a mouse's neurons that is reconstructed from, the same in all trials.
pub fn half(seed: &str, mouse: &MouseId, neurons: usize) -> Population {
    let mut order: Vec<usize> = (0..neurons).collect();
    order.shuffle(&mut seed::stream(seed, "held-out neurons", &[&mouse.0]));
    let mut kept = vec![false; neurons];
    // At least one is used.
    order[..neurons.div_ceil(2)].iter().for_each(|&neuron| kept[neuron] = true);
    Population::only(kept)
}

/// Averages what was recorded over showings of one movie, as far as the shortest goes: the first one's number and
/// movie. `None` without showings.
pub fn averaged(showings: &[Trial]) -> Option<Trial> {
    let first = showings.first()?;
    let frames = showings.iter().map(Trial::frames).min()?;
    let mean = |rows: &dyn Fn(&Trial) -> ArrayView2<'_, f32>| {
        let mut sum = Array2::<f64>::zeros((rows(first).nrows(), frames));
        for showing in showings {
            sum += &rows(showing).slice(s![.., ..frames]).mapv(f64::from);
        }
        sum.mapv(|sum| (sum / showings.len() as f64) as f32)
    };
    Some(Trial {
        id: first.id,
        movie: first.movie.slice(s![..frames, .., ..]).to_owned(),
        responses: mean(&|trial| trial.responses.view()),
        behavior: mean(&|trial| trial.behavior.view()),
        pupil_center: mean(&|trial| trial.pupil_center.view()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn responses(frames: usize) -> Array2<f32> {
        Array2::from_shape_fn((7, frames), |(neuron, frame)| (100 * neuron + frame) as f32)
    }

    fn mouse() -> MouseId {
        MouseId("a".into())
    }

    #[test]
    fn every_control_has_a_name_that_reads_back_and_no_other_is_taken() {
        for condition in Condition::CONTROLS {
            assert_eq!(condition.to_string().parse(), Ok(condition));
        }
        for text in ["recorded", "", "shuffled_neurons", "Predicted"] {
            assert!(text.parse::<Condition>().unwrap_err().contains("held-out-neurons, or all"));
        }
    }

    #[test]
    fn responses_are_rolled_by_a_second_or_more_either_way() {
        let original = responses(70);
        for trial in 0..40 {
            let rolled = time_shifted(original.view(), 30.0, "seed", &mouse(), TrialId(trial)).unwrap();
            let shift = rolled[[0, 0]] as usize;
            assert!((30..=40).contains(&shift), "{shift}");
            let expected = Array2::from_shape_fn((7, 70), |(n, t)| original[[n, (t + shift) % 70]]);
            assert_eq!(rolled, expected);
        }
        let said = time_shifted(responses(59).view(), 30.0, "seed", &mouse(), TrialId(3)).unwrap_err();
        assert!(said.to_string().contains("trial 3: 59 frames at 30 Hz"), "{said}");
    }

    #[test]
    fn half_of_the_neurons_is_drawn_by_the_name_of_the_mouse() {
        for (neurons, used) in [(1, 1), (2, 1), (7, 4), (100, 50)] {
            assert_eq!(half("seed", &mouse(), neurons).count(neurons), used);
        }
        let one = half("seed", &mouse(), 100);
        assert_eq!(one, half("seed", &mouse(), 100));
        assert_ne!(one, half("seed", &MouseId("b".into()), 100));
        assert_ne!(one, half("other", &mouse(), 100));
    }

    #[test]
    fn showings_are_averaged_as_far_as_the_shortest_goes() {
        let showing = |id: u32, frames: usize, level: f32| Trial {
            id: TrialId(id),
            movie: Array3::from_shape_fn((frames, 2, 2), |(t, _, _)| t as f32),
            responses: Array2::from_elem((3, frames), level),
            behavior: Array2::from_elem((2, frames), 2.0 * level),
            pupil_center: Array2::zeros((0, frames)),
        };
        let mean = averaged(&[showing(5, 9, 1.0), showing(8, 7, 4.0)]).unwrap();
        assert_eq!((mean.id, mean.frames(), mean.movie.dim().0), (TrialId(5), 7, 7));
        assert!(mean.responses.iter().all(|&r| r == 2.5) && mean.behavior.iter().all(|&b| b == 5.0));
        assert_eq!(mean.pupil_center.dim(), (0, 7));
        assert!(averaged(&[]).is_none());
    }
}
