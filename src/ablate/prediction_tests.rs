//! Every neuron's predictions are paired with themselves.

use ndarray::Array2;

use super::*;
use crate::ablate::effect::{effects, effects_over_mice};
use crate::data::TrialId;
use crate::metric::inference::bonferroni;

const CHANGES: [Change; 2] = [(Channel::Running, Alteration::Zero), (Channel::Running, Alteration::Shuffle)];

fn trial(id: u32) -> Trial {
    let wave = |n: usize, t: usize| ((t * (n + 2) + id as usize * 5) % 7) as f32;
    Trial {
        id: TrialId(id),
        movie: ndarray::Array3::zeros((20, 1, 1)),
        responses: Array2::from_shape_fn((3, 20), |(n, t)| wave(n, t)),
        behavior: Array2::zeros((2, 20)),
        pupil_center: Array2::zeros((0, 20)),
    }
}

#[test]
fn a_neuron_that_needs_the_behavior_loses_and_the_others_stay() {
    let config =
        AblationConfig { alterations: vec![Alteration::Zero, Alteration::Shuffle], ..Default::default() };
    let mut tally = PredictionTally::new(&[Channel::Running], &config, 3);
    let alter = |trial: &Trial, _: Channel, alteration: Alteration, draw: usize| {
        let mark = if alteration == Alteration::Zero { 1.0 } else { 2.0 + draw as f32 };
        Ok(Trial { behavior: Array2::from_elem((2, 20), mark), ..trial.clone() })
    };
    // Neuron 0 is predicted well as long as the behavior is as it was.
    let predict = |trial: &Trial| {
        let mark = trial.behavior[[0, 0]];
        let noise = |t: usize| mark * ((t * t + mark as usize) % 5) as f32;
        Ok(Array2::from_shape_fn((3, 20), |(n, t)| {
            trial.responses[[n, t]] + if n == 0 { noise(t) } else { 0.0 }
        }))
    };
    for id in 0..3 {
        tally.add(&trial(id), alter, predict).unwrap();
    }
    let scores = tally.scores(&MouseId("a".into()));
    assert_eq!((scores.trials, scores.changes.as_slice()), (3, &CHANGES[..]));
    for altered in &scores.altered {
        assert!(altered[0] < 0.95, "{altered:?}");
        assert!(altered[1] > 0.999 && altered[2] > 0.999, "{altered:?}");
    }
    assert!(scores.recorded.iter().all(|&r| r > 0.999));

    let found = effects(&scores.pairs(), 99, "run");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].t_test.n, found[0].t_test.degrees_of_freedom, found[0].unit), (3, 2, "neurons"));
    assert_eq!(found[0].p_bonferroni, bonferroni(found[0].t_test.p, 2));
    assert!(found[0].t_test.mean_difference < 0.0);
    let group = scores.pairs_of("needs it", |_, neuron| neuron == 0);
    assert_eq!((group[0].recorded.len(), group[0].group.as_str()), (1, "needs it"));
    assert!(effects_over_mice(&scores.pairs(), 99, "run").is_empty());
}
