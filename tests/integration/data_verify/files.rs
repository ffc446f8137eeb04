//! Traps in files: missing, damaged, of other types and sizes.

use super::*;

#[test]
fn missing_files_are_found_in_every_folder_and_between_trials() {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 1);
        fs::remove_file(&path).unwrap();
        assert_only(&root, Kind::MissingFile, Some(1), &path);
    }
    let (_folder, root) = mouse();
    let arrays = ["videos", "responses", "behavior", "pupil_center"];
    arrays.iter().for_each(|array| fs::remove_file(file(&root, array, 2)).unwrap());
    let found = report(&root).problems;
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found.iter().all(|problem| (problem.kind, problem.trial) == (Kind::MissingFile, Some(TrialId(2))))
    );
}

#[test]
fn tiers_that_do_not_match_the_files_are_found() {
    let tiers = |root: &Path| root.join("meta/trials/tiers.npy");
    for count in [4, 6] {
        let (_folder, root) = mouse();
        write_texts(&tiers(&root), &["train", "train", "oracle", "train", "train", "train"][..count])
            .unwrap();
        assert_only(&root, Kind::TiersMismatch, None, &tiers(&root));
        assert!(!readers_accept(&root));
    }
    let (_folder, root) = mouse();
    fs::remove_file(tiers(&root)).unwrap();
    assert_only(&root, Kind::MissingTiers, None, &tiers(&root));
    write_integers(&tiers(&root), &[0, 1, 2, 3, 4]).unwrap();
    assert_only(&root, Kind::WrongType, None, &tiers(&root));
}

#[test]
fn a_stray_number_far_beyond_the_tiers_is_one_mismatch() {
    let (_folder, root) = mouse();
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        fs::copy(file(&root, array, 4), file(&root, array, 4_000_000_000)).unwrap();
    }
    let kinds: BTreeSet<Kind> = report(&root).problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::TiersMismatch, Kind::RepeatedMovie]));
}

#[test]
fn neuron_counts_that_differ_are_found_in_trials_and_lists() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 0);
    reshape(&path, [NEURONS + 1, FRAMES]);
    let problem = assert_only(&root, Kind::NeuronCountDiffers, Some(0), &path);
    assert!(problem.message.contains("neurons: 7, but 6 in 4 of 5"), "{}", problem.message);
    let (_folder, root) = mouse();
    let path = root.join("meta/neurons/unit_ids.npy");
    write_integers(&path, &[1, 2, 3]).unwrap();
    assert_only(&root, Kind::NeuronCountDiffers, None, &path);
    let (_folder, root) = mouse();
    let path = root.join("meta/neurons/cell_motor_coordinates.npy");
    reshape(&path, [NEURONS - 1, 3]);
    assert_only(&root, Kind::NeuronCountDiffers, None, &path);
    assert!(!readers_accept(&root));
}

#[test]
fn sizes_that_differ_between_trials_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 2);
    reshape(&path, [3, FRAMES]);
    assert_only(&root, Kind::RowCountDiffers, Some(2), &path);
    let (_folder, root) = mouse();
    let path = file(&root, "videos", 2);
    write_numbers(&path, &[5, 8, FRAMES], (0..40 * FRAMES).map(|at| (at % 251) as f32)).unwrap();
    let problem = assert_only(&root, Kind::FrameSizeDiffers, Some(2), &path);
    assert!(problem.message.contains("5 x 8, but 6 x 8"), "{}", problem.message);
}

#[test]
fn damaged_files_are_found_and_not_stumbled_over() {
    let cut = |bytes: &[u8], to: usize| bytes[..to].to_vec();
    let whole = |root: &Path| fs::read(file(root, "responses", 1)).unwrap();
    for damage in 0..5 {
        let (_folder, root) = mouse();
        let (path, bytes) = (file(&root, "responses", 1), whole(&root));
        let damaged = match damage {
            0 => Vec::new(),
            1 => cut(&bytes, 40),
            2 => cut(&bytes, bytes.len() - 4),
            3 => b"no array".to_vec(),
            _ => [&bytes[..], b"more"].concat(),
        };
        fs::write(&path, damaged).unwrap();
        let problem = assert_only(&root, Kind::UnreadableFile, Some(1), &path);
        assert!(problem.message.contains("again") || problem.message.contains("restore"), "{problem:?}");
    }
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_only(&root, Kind::UnreadableFile, Some(1), &path);
}

#[test]
fn other_types_and_shapes_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 1);
    write_texts(&path, &["3.5", "4.5"]).unwrap();
    assert_only(&root, Kind::WrongType, Some(1), &path);
    write_numbers(&path, &[2 * FRAMES], (0..2 * FRAMES).map(|at| at as f32)).unwrap();
    assert_only(&root, Kind::WrongShape, Some(1), &path);
    // No byte of data backs the claim: walking along it would take years.
    for shape in [[1_000_000_000_000_000_000, 0], [0, 1_000_000_000_000_000_000]] {
        write_numbers(&path, &shape, []).unwrap();
        assert_only(&root, Kind::WrongShape, Some(1), &path);
        assert!(!readers_accept(&root));
    }
}
