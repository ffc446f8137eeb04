//! Traps in the values of a trial.

use super::*;

#[test]
fn nan_inside_the_valid_part_is_found_in_every_array() {
    for (array, row) in [("videos", "pixel (0, 5)"), ("responses", "neuron 5"), ("behavior", "row 1")] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 1);
        let wanted = if array == "behavior" { 1 } else { 5 };
        change(&path, |row, frame, v| if row == wanted && [7, 9].contains(&frame) { f32::NAN } else { v });
        let problem = assert_only(&root, Kind::NanInside, Some(1), &path);
        for words in ["frame 7", row, "1 more", "tier 'none'"] {
            assert!(problem.message.contains(words), "{words}: {}", problem.message);
        }
        assert!(!readers_accept(&root));
    }
}

#[test]
fn nan_at_index_0_is_told_from_nan_inside() {
    let (_folder, root) = mouse();
    let path = file(&root, "pupil_center", 2);
    change(&path, |row, frame, value| if row == 0 && frame == 0 { f32::NAN } else { value });
    assert_only(&root, Kind::NanAtStart, Some(2), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn arrays_of_one_trial_that_differ_in_length_are_found() {
    for array in ["videos", "responses", "behavior", "pupil_center"] {
        let (_folder, root) = mouse();
        let path = file(&root, array, 0);
        change(&path, |_, frame, value| if frame >= FRAMES - 3 { f32::NAN } else { value });
        let problem = assert_only(&root, Kind::LengthsDiffer, Some(0), &path);
        assert!(problem.message.contains("21 ") && problem.message.contains("24 "), "{}", problem.message);
        assert!(!readers_accept(&root));
    }
}

#[test]
fn a_row_that_goes_on_after_the_end_is_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 0);
    change(&path, |row, frame, value| if row == 3 && frame == FRAMES + 1 { 1.0 } else { value });
    assert_only(&root, Kind::ValueAfterEnd, Some(0), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn withheld_responses_stored_as_zeros_are_found_with_and_without_a_tail() {
    for keep_tail in [true, false] {
        let (_folder, root) = mouse();
        let path = file(&root, "responses", 3);
        change(&path, |_, _, value| if keep_tail && value.is_nan() { value } else { 0.0 });
        let problem = assert_only(&root, Kind::ZeroResponses, Some(3), &path);
        assert!(problem.message.contains("withheld") && problem.message.contains("live_test_main"));
    }
}

#[test]
fn withheld_responses_stored_as_nan_or_not_at_all_are_no_problem() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 3);
    change(&path, |_, _, _| f32::NAN);
    assert_eq!(report(&root).problems, []);
    fs::remove_file(&path).unwrap();
    assert_eq!(report(&root).problems, []);
}

#[test]
fn an_array_of_nothing_but_nan_is_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    change(&path, |_, _, _| f32::NAN);
    assert_only(&root, Kind::NoValidFrames, Some(1), &path);
    assert!(!readers_accept(&root));
}

#[test]
fn values_out_of_range_are_found() {
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 2);
    change(&path, |row, frame, value| if (row, frame) == (1, 3) { f32::INFINITY } else { value });
    assert_only(&root, Kind::NotFinite, Some(2), &path);
    assert!(!readers_accept(&root));
    for beyond in [-3.0, 300.0] {
        let (_folder, root) = mouse();
        let path = file(&root, "videos", 1);
        change(&path, |row, frame, value| if (row, frame) == (9, 3) { beyond } else { value });
        let problem = assert_only(&root, Kind::MovieOutOfRange, Some(1), &path);
        assert!(problem.message.contains("pixel (1, 1)"), "{}", problem.message);
    }
}

#[test]
fn what_can_be_used_is_only_remarked_on() {
    let remark = |root: &Path, kind, trial, path: &Path| {
        assert_eq!(assert_only(root, kind, trial, path).severity, Severity::Remark);
        assert!(readers_accept(root));
    };
    let (_folder, root) = mouse();
    let path = file(&root, "behavior", 1);
    change(&path, |row, _, value| if row == 1 && !value.is_nan() { 0.0 } else { value });
    remark(&root, Kind::ConstantBehavior, Some(1), &path);
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 1);
    change(&path, |row, frame, value| if (row, frame) == (2, 2) { -1.0 } else { value });
    remark(&root, Kind::NegativeResponses, Some(1), &path);
    let (_folder, root) = mouse();
    let folder = root.join("meta/statistics/responses/all");
    fs::write(folder.join("mean.npy"), "x").unwrap();
    remark(&root, Kind::UnreadableStatistics, None, &folder.join("mean.npy"));
    fs::remove_file(folder.join("mean.npy")).unwrap();
    remark(&root, Kind::NoStatistics, None, &folder);
    // Trial 4 is of tier 'none', which is the advice for a trial that can't be mended.
    let (_folder, root) = mouse();
    let path = file(&root, "responses", 4);
    change(&path, |row, frame, value| if (row, frame) == (2, 2) { f32::NAN } else { value });
    remark(&root, Kind::NanInside, Some(4), &path);
}
