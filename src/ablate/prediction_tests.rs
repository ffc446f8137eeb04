//! Predictions and reconstructions are paired with themselves, and counted as what they are.

use ndarray::Array2;

use super::*;

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

#[test]
fn over_mice_the_mice_are_counted() {
    let pairs = |mouse: &str, loss: f64| Pairs {
        mouse: MouseId(mouse.into()),
        change: CHANGES[0],
        group: "all".into(),
        unit: "neurons",
        recorded: vec![0.5; 10],
        altered: (0..10).map(|k| 0.5 - loss - 0.001 * f64::from(k)).collect(),
    };
    let found = effects_over_mice(&[pairs("a", 0.1), pairs("b", 0.2), pairs("c", 0.15)], 500, "run");
    let [effect] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((effect.difference.clusters, effect.difference.values), (3, 30));
    assert_eq!((effect.t_test.n, effect.t_test.degrees_of_freedom), (3, 2));
    assert!((effect.difference.mean + 0.1545).abs() < 1e-12);
}

#[test]
fn reconstructions_are_paired_trial_by_trial_with_draws_averaged() {
    let row = |trial, (channel, alteration): Change, draw, r| BehaviorScore {
        mouse: MouseId("a".into()),
        trial: TrialId(trial),
        channel,
        alteration,
        draw,
        pixel_correlation: r,
        recorded_pixel_correlation: 0.5 + 0.1 * f64::from(trial),
        response_correlation: 0.0,
    };
    let rows = [
        row(1, CHANGES[0], 0, 0.4),
        row(1, CHANGES[1], 0, 0.2),
        row(1, CHANGES[1], 1, 0.4),
        row(2, CHANGES[0], 0, 0.6),
        row(2, CHANGES[1], 0, 0.5),
        row(2, CHANGES[1], 1, 0.5),
    ];
    let pairs = reconstruction_pairs(&rows);
    assert_eq!(pairs.len(), 2);
    assert_eq!(
        (pairs[0].altered.as_slice(), pairs[0].recorded.as_slice()),
        (&[0.4, 0.6][..], &[0.6, 0.7][..])
    );
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
    close(pairs[1].altered[0], 0.3);
    close(pairs[1].altered[1], 0.5);
}
