//! Altered behavior: only the rows of the channel change, and they change as they should.

use ndarray::{Array2, ArrayView1, Axis, concatenate};
use v1reel::ablate::behavior::{Substitutes, available, draws};
use v1reel::ablate::{Alteration, Channel};
use v1reel::data::{Mouse, Trial, TrialId};
use v1reel::event::Silent;
use v1reel::simulate::{SimulationConfig, simulate};

/// Behavior, then pupil center: `[row, frame]`.
fn join(trial: &Trial) -> Array2<f32> {
    concatenate(Axis(0), &[trial.behavior.view(), trial.pupil_center.view()]).unwrap()
}

/// A small mouse, with behavior or without.
fn mouse(folder: &std::path::Path, running: bool, pupil: bool) -> Mouse {
    let config = SimulationConfig {
        neurons: 2,
        trials: 6,
        frames: 40,
        padded_frames: 44,
        height: 4,
        width: 4,
        running,
        pupil,
        ..SimulationConfig::default()
    };
    let path = folder.join(format!("mouse_{running}_{pupil}"));
    simulate(&config, &path, &Silent).unwrap();
    Mouse::open(&path).unwrap()
}

#[test]
fn only_the_rows_of_the_channel_change() {
    let folder = tempfile::tempdir().unwrap();
    let mouse = mouse(folder.path(), true, true);
    let training: Vec<TrialId> = (1..6).map(TrialId).collect();
    let substitutes = Substitutes::new(&mouse, &training, "run").unwrap();
    let trial = mouse.read_trial(TrialId(0)).unwrap();
    let recorded = join(&trial);
    for channel in [Channel::Running, Channel::PupilDilation, Channel::PupilCenter, Channel::All] {
        let rows = channel.rows(&mouse).unwrap();
        for alteration in [Alteration::Mean, Alteration::Zero, Alteration::Shuffle, Alteration::Swap] {
            let altered = substitutes.alter(&trial, channel, alteration, 0).unwrap();
            assert_eq!((&altered.movie, &altered.responses), (&trial.movie, &trial.responses));
            let altered = join(&altered);
            for row in 0..4 {
                assert_eq!(
                    altered.row(row) != recorded.row(row),
                    rows.contains(&row),
                    "{channel} {alteration}"
                );
            }
        }
    }
}

#[test]
fn the_four_alterations_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let mouse = mouse(folder.path(), true, true);
    let training: Vec<TrialId> = (1..6).map(TrialId).collect();
    let substitutes = Substitutes::new(&mouse, &training, "run").unwrap();
    let trial = mouse.read_trial(TrialId(0)).unwrap();
    let altered =
        |alteration, draw| join(&substitutes.alter(&trial, Channel::All, alteration, draw).unwrap());
    assert!(altered(Alteration::Zero, 0).iter().all(|&v| v == 0.0));
    let mean = altered(Alteration::Mean, 0);
    let others: Vec<Array2<f32>> = training.iter().map(|&id| join(&mouse.read_trial(id).unwrap())).collect();
    // The pupil is at some place all the time; the mean of some frames is near that of all.
    let whole = others.iter().map(|other| other.row(2).mean().unwrap()).sum::<f32>() / 5.0;
    assert!((mean[[2, 0]] - whole).abs() < 2.0 && mean.row(2).iter().all(|&v| v == mean[[2, 0]]));
    let sorted = |row: ArrayView1<f32>| {
        let mut values = row.to_vec();
        values.sort_by(f32::total_cmp);
        values
    };
    let shuffled = altered(Alteration::Shuffle, 0);
    for row in 0..4 {
        assert_eq!(sorted(shuffled.row(row)), sorted(join(&trial).row(row)));
    }
    let swapped = altered(Alteration::Swap, 0);
    assert!(others.contains(&swapped));
    assert_eq!(shuffled, altered(Alteration::Shuffle, 0));
    assert_ne!(shuffled, altered(Alteration::Shuffle, 1));
}

#[test]
fn what_was_not_recorded_is_named_and_not_altered() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = [Channel::Running, Channel::PupilDilation, Channel::PupilCenter, Channel::All];
    let blind = mouse(folder.path(), true, false);
    // One row of behavior, and nothing says which.
    let (has, lacks) = available(&wanted, &blind);
    assert_eq!((has, lacks.len()), (vec![Channel::All], 3));
    let none = mouse(folder.path(), false, false);
    assert!(available(&wanted, &none).0.is_empty());
    let substitutes = Substitutes::new(&blind, &[TrialId(1)], "run").unwrap();
    let trial = blind.read_trial(TrialId(0)).unwrap();
    let error = substitutes.alter(&trial, Channel::PupilCenter, Alteration::Zero, 0).unwrap_err();
    assert!(error.to_string().contains("pupil_center"), "{error}");
    let alone = Substitutes::new(&blind, &[TrialId(0)], "run").unwrap();
    let error = alone.alter(&trial, Channel::All, Alteration::Swap, 0).unwrap_err();
    assert!(error.to_string().contains("40 frames"), "{error}");
}

#[test]
fn only_random_alterations_are_drawn_several_times() {
    let all = draws(&[Alteration::Zero, Alteration::Swap], 3);
    let expected =
        [(Alteration::Zero, 0), (Alteration::Swap, 0), (Alteration::Swap, 1), (Alteration::Swap, 2)];
    assert_eq!(all, expected);
}
