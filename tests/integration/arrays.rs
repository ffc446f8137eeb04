//! Mice made of plain arrays, as labs keep them, and still images decoded from responses to them.

mod decoded;
mod made;

use v1reel::data::format::arrays::{ArrayFiles, Stimulus, import_arrays};
use v1reel::data::format::npy_array::write_texts;
use v1reel::data::movies::{MovieGroups, Place};
use v1reel::data::{Folds, Mouse, TrialId};
use v1reel::event::Silent;

use made::*;

#[test]
fn movies_in_one_file_and_in_a_folder_make_the_same_mouse_whatever_their_order_and_type() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (movie, response) = (|i: &[usize]| value(i), |i: &[usize]| value(&[i[0], i[1], i[2], 5]) / 8.0);
    // The second trial is two frames shorter than the others.
    let ends = |i: &[usize], value: f32, frame: usize| if i[0] == 1 && frame > 5 { f32::NAN } else { value };
    write(&at("movies.npy"), &[3, 8, 4, 5], |i| ends(i, movie(i), i[1]));
    write_fortran(&at("responses.npy"), &[3, 6, 8], |i| ends(i, response(i), i[2]));
    write(&at("behavior.npy"), &[3, 2, 8], |i| ends(i, value(i), i[2]));
    write(&at("positions.npy"), &[6, 2], value);
    write_texts(&at("tiers.npy"), &["train", "oracle", "train"]).unwrap();
    for (trial, name) in ["2", "9", "10"].into_iter().enumerate() {
        let frames = if trial == 1 { 6 } else { 8 };
        for (array, shape) in [("movies", vec![frames, 4, 5]), ("responses", vec![6, frames])] {
            std::fs::create_dir_all(at(array)).unwrap();
            let file = at(array).join(format!("{name}.npy"));
            let value = |i: &[usize]| [&[trial], i].concat();
            if array == "movies" {
                write_fortran(&file, &shape, |i| movie(&value(i)));
            } else {
                write(&file, &shape, |i| response(&value(i)));
            }
        }
    }
    let one = ArrayFiles {
        behavior: Some(at("behavior.npy")),
        positions: Some(at("positions.npy")),
        tiers: Some(at("tiers.npy")),
        ..files(Stimulus::Movies(at("movies.npy")), &[&at("responses.npy")])
    };
    let several = files(Stimulus::Movies(at("movies")), &[&at("responses")]);
    let (first, second) = (at("first"), at("second"));
    let made = import_arrays(&one, &first, &Silent).unwrap();
    assert_eq!((made.neurons, made.frame_size, made.trials, made.showings), (6, [4, 5], 3, None));
    import_arrays(&several, &second, &Silent).unwrap();
    let [first, second] = [first, second].map(|path| Mouse::open(path).unwrap());
    assert_eq!(first.trials.iter().map(|trial| trial.frames).collect::<Vec<_>>(), [8, 6, 8]);
    assert_eq!(first.trials[1].tier.0, "oracle");
    assert_eq!((first.behavior_rows, second.behavior_rows), (2, 0));
    let places = first.cell_motor_coordinates.clone().unwrap();
    assert_eq!((places[[4, 1]], places[[4, 2]]), (value(&[4, 1]), 0.0));
    for id in (0..3).map(TrialId) {
        let [a, b] = [&first, &second].map(|mouse| mouse.read_trial(id).unwrap());
        assert_eq!((&a.movie, &a.responses), (&b.movie, &b.responses));
        assert_eq!(a.movie[[5, 3, 1]], value(&[id.0 as usize, 5, 3, 1]));
        assert_eq!(a.responses[[4, 2]], value(&[id.0 as usize, 4, 2, 5]) / 8.0);
    }
}

#[test]
fn every_repeat_of_an_image_is_a_trial_and_populations_share_as_many_as_all_have() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Grey levels in millionths, pixels in a row.
    write(&at("images.npy"), &[4, 12], |i| value(i) * 1e-6);
    write(&at("a.npy"), &[3, 4, 5], value);
    write(&at("b.npy"), &[2, 4, 6], |i| 0.5 * value(i));
    let stimulus = Stimulus::Images { path: at("images.npy"), frame_size: Some([3, 4]), frames_each: 2 };
    let each = ArrayFiles { scale: 1e6, ..files(stimulus, &[&at("a.npy"), &at("b.npy")]) };
    let made = import_arrays(&each, &at("each"), &Silent).unwrap();
    assert_eq!((made.neurons, made.frame_size, made.trials, made.showings), (11, [3, 4], 8, Some(2)));
    let mouse = Mouse::open(at("each")).unwrap();
    let trial = mouse.read_trial(TrialId(4 + 3)).unwrap();
    assert_eq!(trial.movie.dim(), (2, 3, 4));
    // Rounding of f32 millionths.
    assert!((trial.movie[[1, 2, 1]] - value(&[3, 9])).abs() < 1e-3);
    assert_eq!(
        (trial.responses[[2, 1]], trial.responses[[5 + 1, 0]]),
        (value(&[1, 3, 2]), 0.5 * value(&[1, 3, 1]))
    );
    import_arrays(&ArrayFiles { average_repeats: true, ..each }, &at("mean"), &Silent).unwrap();
    let mouse = Mouse::open(at("mean")).unwrap();
    assert_eq!(mouse.trials.len(), 4);
    let mean = (0..3).map(|repeat| value(&[repeat, 3, 2])).sum::<f32>() / 3.0;
    assert!((mouse.read_trial(TrialId(3)).unwrap().responses[[2, 0]] - mean).abs() < 1e-4);
}

#[test]
fn repeats_of_an_image_share_a_fold_and_unrelated_images_are_not_joined() {
    for frames_each in [1, 2, 4, 32] {
        let (folder, stimuli, responses) = shown_pictures(30, 3, 2);
        let path = folder.path().join("mouse");
        import_arrays(&files(images(&stimuli, frames_each), &[&responses]), &path, &Silent).unwrap();
        let mouse = Mouse::open(&path).unwrap();
        let groups = MovieGroups::find(&[&mouse], &Silent).unwrap();
        let place = |trial| Place { mouse: 0, trial: TrialId(trial) };
        assert_eq!(groups.groups().len(), 30, "{frames_each} frames");
        assert!((0..30).all(|image| groups.group_of(place(image)) == groups.group_of(place(image + 30))));
        let folds = &Folds::of_groups(&[&mouse], &groups, 5).unwrap()[0];
        // An even number of equal frames must not cancel: 30 images leave none of 5 folds empty.
        let sizes = [0, 1, 2, 3, 4].map(|fold| folds.trials_in(fold).unwrap().len());
        assert!(sizes.iter().all(|&size| size > 0), "{frames_each} frames: {sizes:?}");
    }
}

#[test]
fn what_does_not_fit_is_named_with_what_was_expected_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("movies.npy"), &[2, 8, 4, 5], value);
    write(&at("flat.npy"), &[4, 12], value);
    write(&at("good.npy"), &[2, 6, 8], value);
    write(&at("transposed.npy"), &[2, 8, 6], value);
    write(&at("fewer.npy"), &[1, 6, 8], value);
    write(&at("hole.npy"), &[2, 6, 8], |i| if *i == [1, 3, 2] { f32::NAN } else { 1.0 });
    write(&at("short.npy"), &[2, 6, 8], |i| if i[2] > 6 { f32::NAN } else { 1.0 });
    write(&at("dark.npy"), &[2, 8, 4, 5], |i| value(i) - 100.0);
    write(&at("empty.npy"), &[0, 6, 8], value);
    write(&at("cells.npy"), &[3, 5], value);
    std::fs::create_dir(at("nothing")).unwrap();
    let movies = |movies: &str, responses: &str| files(Stimulus::Movies(at(movies)), &[&at(responses)]);
    let stills = files(images(&at("flat.npy"), 1), &[&at("cells.npy")]);
    let sized = Stimulus::Images { path: at("flat.npy"), frame_size: Some([3, 4]), frames_each: 1 };
    let cases = [
        (movies("movies.npy", "transposed.npy"), "transposed.npy", "its movie has 8"),
        (movies("movies.npy", "fewer.npy"), "fewer.npy", "1 trials"),
        (movies("movies.npy", "hole.npy"), "hole.npy", "row 3, frame 2"),
        (movies("movies.npy", "short.npy"), "movies.npy", "7 response frames, 8 frames"),
        (movies("dark.npy", "good.npy"), "dark.npy", "--scale"),
        (movies("flat.npy", "good.npy"), "flat.npy", "trial, frame, height, width"),
        (movies("movies.npy", "empty.npy"), "empty.npy", "holds nothing"),
        (movies("nothing", "good.npy"), "nothing", "no .npy file"),
        (movies("movies.npy", "missing.npy"), "missing.npy", "No such file"),
        (stills.clone(), "flat.npy", "--frame-size HxW"),
        (ArrayFiles { stimulus: sized.clone(), ..stills }, "cells.npy", "there are 4 images"),
        (files(sized, &[&at("good.npy")]), "good.npy", "(repeat, image, cell)"),
    ];
    for (files, file, words) in cases {
        let error = import_arrays(&files, &at("mouse"), &Silent).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(words), "{file}, {words}: {error}");
        assert!(!at("mouse").exists(), "{error}");
    }
}

#[test]
fn folders_whose_files_have_other_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, shape, files) in [("movies", vec![3, 4, 5], ["0", "1"]), ("responses", vec![2, 3], ["0", "2"])]
    {
        std::fs::create_dir(at(name)).unwrap();
        files.iter().for_each(|file| write(&at(name).join(file).with_extension("npy"), &shape, value));
    }
    let error =
        import_arrays(&files(Stimulus::Movies(at("movies")), &[&at("responses")]), &at("mouse"), &Silent);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("2.npy") && error.contains("1.npy"), "{error}");
}
