//! Predictions and reconstructions are counted as what they are.

use super::*;

const CHANGES: [Change; 2] = [(Channel::Running, Alteration::Zero), (Channel::Running, Alteration::Shuffle)];

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
