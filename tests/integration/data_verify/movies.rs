//! Movies that are shown again, by trials of one mouse and of several.

use super::*;

#[test]
fn a_trial_that_repeats_a_movie_is_a_remark() {
    let (_folder, root) = mouse();
    fs::copy(file(&root, "videos", 0), file(&root, "videos", 1)).unwrap();
    let problem = assert_only(&root, Kind::RepeatedMovie, Some(1), &file(&root, "videos", 1));
    assert_eq!(problem.severity, Severity::Remark);
    assert!(problem.message.contains("trial 0 (\"train\")"), "{}", problem.message);
    assert!(readers_accept(&root));
}

#[test]
fn a_held_out_movie_that_is_trained_on_is_an_error_unless_its_tier_is_none() {
    let (_folder, root) = mouse();
    for held_out in [2, 3, 4] {
        fs::copy(file(&root, "videos", 1), file(&root, "videos", held_out)).unwrap();
    }
    let of_kind = |report: &Report, kind| -> Vec<Problem> {
        report.problems.iter().filter(|problem| problem.kind == kind).cloned().collect()
    };
    let found = report(&root);
    assert_eq!(of_kind(&found, Kind::RepeatedMovie).len(), 3);
    let leaks = of_kind(&found, Kind::HeldOutMovieInTraining);
    let trials: Vec<_> = leaks.iter().map(|leak| leak.trial.unwrap().0).collect();
    assert_eq!((trials, found.problems.len()), (vec![2, 3], 5));
    assert!(leaks.iter().all(|leak| leak.severity == Severity::Error));
    for words in ["trial 2 (\"oracle\") is held out", "trial 1 (\"train\") is trained on: the same movie"] {
        assert!(leaks[0].message.contains(words), "{}", leaks[0].message);
    }
    v1reel(&["data", "verify"], &root)
        .assert()
        .code(1)
        .stdout(contains("error held_out_movie_in_training (2)"));
}

#[test]
fn movies_nearly_like_a_trained_one_are_found_in_another_mouse_too() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = |seed: &str| SimulationConfig {
        seed: seed.into(),
        neurons: 2,
        trials: 4,
        frames: 60,
        padded_frames: 60,
        height: 12,
        width: 20,
        oracle_fraction: 0.0,
        event_rate_hz: 4.0,
        ..SimulationConfig::default()
    };
    let roots = [folder.path().join("mouse_a"), other.path().join("mouse_b")];
    for (root, seed) in roots.iter().zip(["a", "b"]) {
        simulate(&config(seed), root, &Silent).unwrap();
        write_texts(&root.join("meta/trials/tiers.npy"), &["train", "train", "oracle", "validation"])
            .unwrap();
    }
    let all = || verify(&roots, Split::Tiers, &Silent).unwrap();
    assert_eq!(all().problems, []);
    // The other mouse's validation movie is the second training movie, a column to the left and brighter; its
    // second training movie the first one of the first mouse.
    let map = NpyArray::open(&file(&roots[0], "videos", 1)).unwrap();
    let value =
        |row: usize, frame: usize| (map.at(row - row % 20 + (row % 20 + 1).min(19), frame) + 3.0).min(255.0);
    change(&file(&roots[1], "videos", 3), |row, frame, _| value(row, frame));
    fs::copy(file(&roots[0], "videos", 0), file(&roots[1], "videos", 1)).unwrap();
    let report = all();
    let [leak, alike] = &report.problems[..] else { panic!("{:#?}", report.problems) };
    assert_eq!((leak.kind, leak.trial), (Kind::HeldOutMovieInTraining, Some(TrialId(3))));
    assert_eq!(leak.mouse.as_ref().unwrap().0, "mouse_b");
    let words = "trial 1 of mouse mouse_a (\"train\") is trained on: nearly the same movie";
    assert!(leak.message.contains(words), "{}", leak.message);
    assert_eq!((alike.kind, alike.trial), (Kind::AlikeMovies, Some(TrialId(1))));
    assert_eq!((report.mice[1].errors, report.mice[1].remarks, report.mice[0].errors), (1, 1, 0));
}
