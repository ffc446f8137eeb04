//! Recordings that are not as they should be: what is refused, and how.

use std::fs;

use npyz::WriterBuilder;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use v1reel::data::{Mouse, TrialId};

use super::{FRAMES, NEURONS, PADDED, assert_refused, file, padded, trial, write_mouse, write_npy};

#[test]
fn a_folder_that_is_no_mouse_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(Mouse::open(folder.path()), &["not a mouse folder", "data/videos", "expected"]);
    assert_refused(Mouse::open(folder.path().join("nothing")), &["not a mouse folder"]);
    let (_folder, root, _) = write_mouse(2, 2);
    fs::remove_file(root.join("meta/trials/tiers.npy")).unwrap();
    assert_refused(Mouse::open(&root), &["tiers.npy", "missing"]);
}

#[test]
fn a_missing_trial_file_is_named() {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let (_folder, root, _) = write_mouse(2, 2);
        fs::remove_file(file(&root, array, 1)).unwrap();
        assert_refused(Mouse::open(&root), &[&format!("{array}/1.npy"), "missing", "restore"]);
    }
}

#[test]
fn tiers_that_do_not_match_the_trials_are_refused() {
    for count in [2, 4] {
        let (_folder, root, _) = write_mouse(2, 2);
        let tiers = vec!["train".to_string(); count];
        let text = npyz::DType::new_scalar("<U5".parse().unwrap());
        let out = fs::File::create(root.join("meta/trials/tiers.npy")).unwrap();
        let options = npyz::WriteOptions::<str>::new().dtype(text).shape(&[count as u64]).writer(out);
        let mut writer = options.begin_nd().unwrap();
        tiers.iter().for_each(|tier| writer.push(tier.as_str()).unwrap());
        writer.finish().unwrap();
        assert_refused(Mouse::open(&root), &["tiers.npy", &format!("{count} tiers"), "2.npy"]);
    }
}

#[test]
fn lengths_that_differ_within_a_trial_are_named() {
    let (_folder, root, trials) = write_mouse(2, 2);
    let shorter = trials[2].responses.slice(ndarray::s![.., ..FRAMES - 2]).to_owned();
    for frames in [FRAMES - 2, PADDED] {
        let path = file(&root, "responses", 2);
        write_npy(&path, &[NEURONS, frames], npyz::Order::C, padded(&shorter, frames));
        assert_refused(Mouse::open(&root), &["trial 2: 38 response frames, 40 movie frames"]);
    }
    let (_folder, root, _) = write_mouse(2, 2);
    let longer = padded(&trial(1, FRAMES, 2, 2).pupil_center, FRAMES);
    write_npy(&file(&root, "pupil_center", 1), &[2, FRAMES], npyz::Order::C, longer);
    let words = ["pupil_center/1.npy", "trial 1: 37 response frames, 40 pupil center frames"];
    assert_refused(Mouse::open(&root), &words);
    // A movie in bytes has no tail that could tell; only one as long as the trial or its padding will do.
    let (_folder, root, _) = write_mouse(2, 2);
    let bytes = vec![7u8; 6 * 8 * (FRAMES + 1)];
    write_npy(&file(&root, "videos", 0), &[6, 8, FRAMES + 1], npyz::Order::C, bytes);
    assert_refused(Mouse::open(&root), &["trial 0: 40 response frames, 41 movie frames"]);
}

#[test]
fn nan_in_the_valid_part_is_named_by_file_trial_and_frame() {
    for (frame, neuron) in [(0, 0), (17, 3), (0, NEURONS - 1)] {
        let (_folder, root, mut trials) = write_mouse(2, 2);
        trials[0].responses[[neuron, frame]] = f32::NAN;
        let path = file(&root, "responses", 0);
        write_npy(&path, &[NEURONS, PADDED], npyz::Order::C, padded(&trials[0].responses, PADDED));
        let mouse = Mouse::open(&root).unwrap();
        let words = [
            "responses/0.npy".to_string(),
            format!("trial 0: NaN at frame {frame}"),
            format!("neuron {neuron}"),
            "mend".to_string(),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_refused(mouse.read_trial(TrialId(0)), &words);
        assert_refused(mouse.read_frames(TrialId(0), [5, frame].into_iter()), &words);
        // What is not read is not complained about: a clip costs no pass over the trial.
        assert!(mouse.read_frames(TrialId(0), [frame + 1].into_iter()).is_ok());
    }
}

#[test]
fn a_neuron_that_goes_on_after_the_end_is_named() {
    let (_folder, root, trials) = write_mouse(2, 2);
    let mut values = padded(&trials[0].responses, PADDED);
    values[2 * PADDED + FRAMES + 1] = 1.0;
    write_npy(&file(&root, "responses", 0), &[NEURONS, PADDED], npyz::Order::C, values);
    let mouse = Mouse::open(&root).unwrap();
    assert_refused(mouse.read_trial(TrialId(0)), &["responses/0.npy", "frame 41", "neuron 2"]);
}

#[test]
fn zero_neurons_are_refused() {
    let (_folder, root, _) = write_mouse(2, 2);
    for id in 0..3 {
        write_npy(&file(&root, "responses", id), &[0, PADDED], npyz::Order::C, Vec::<f32>::new());
    }
    assert_refused(Mouse::open(&root), &["responses/0.npy", "no neurons"]);
}

#[test]
fn neuron_counts_that_differ_are_refused() {
    let (_folder, root, _) = write_mouse(2, 2);
    write_npy(&file(&root, "responses", 1), &[4, 37], npyz::Order::C, vec![1.0f32; 4 * 37]);
    assert_refused(Mouse::open(&root), &["responses/1.npy", "trial 1: 4 neurons, but trial 0 has 5"]);
}

#[test]
fn wrong_types_and_truncated_files_are_refused() {
    let (_folder, root, _) = write_mouse(2, 2);
    let path = file(&root, "behavior", 1);
    let whole = fs::read(&path).unwrap();
    write_npy(&path, &[2, PADDED], npyz::Order::C, vec![1i32; 2 * PADDED]);
    assert_refused(Mouse::open(&root), &["behavior/1.npy", "'<i4'", "'<f4'"]);
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_refused(Mouse::open(&root), &["behavior/1.npy", "truncated: 351 bytes of data, 352 expected"]);
    fs::write(&path, &whole[..40]).unwrap();
    assert_refused(Mouse::open(&root), &["behavior/1.npy", "truncated inside its header"]);
    fs::write(&path, b"").unwrap();
    assert_refused(Mouse::open(&root), &["behavior/1.npy", "not a .npy file"]);
}

#[test]
fn a_damaged_file_never_panics() {
    let (_folder, root, _) = write_mouse(2, 2);
    let files = [
        file(&root, "videos", 0),
        file(&root, "responses", 1),
        file(&root, "behavior", 2),
        file(&root, "pupil_center", 0),
        root.join("meta/trials/tiers.npy"),
        root.join("meta/neurons/unit_ids.npy"),
    ];
    let damage = prop::collection::vec((0usize..200, any::<u8>()), 1..6);
    let cut = prop::option::of(0usize..400);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) });
    let damaged = (damage, cut, 0..files.len());
    let outcome = runner.run(&damaged, |(damage, cut, which)| {
        let whole = fs::read(&files[which]).unwrap();
        let mut bytes = whole.clone();
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        fs::write(&files[which], bytes).unwrap();
        let opened = Mouse::open(&root);
        let read = opened.and_then(|mouse| {
            mouse
                .trials
                .iter()
                .filter(|trial| !trial.withheld)
                .try_for_each(|trial| mouse.read_trial(trial.id).map(drop))
        });
        fs::write(&files[which], whole).unwrap();
        prop_assert!(read.err().is_none_or(|error| !error.to_string().contains('\n')));
        Ok(())
    });
    outcome.unwrap();
}
