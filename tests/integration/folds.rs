//! Folds that don't leak: movies that are equal, nearly equal or share a stretch are found and kept together, over
//! all mice, and no others are.

mod command;
mod recall;

use std::path::Path;

use ndarray::{Array2, Array3, s};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;
use v1reel::data::format::npy_tree::{Meta, Writer};
use v1reel::data::movies::{Likeness, MovieGroups, Place, leaks};
use v1reel::data::{Folds, Mouse, Tier, Trial, TrialId};
use v1reel::event::Silent;
use v1reel::simulate::{SimulationConfig, simulate};

type Movie = Array3<f32>;

/// Simulates movies that share nothing.
fn unrelated(folder: &Path, name: &str, count: usize, frames: usize, [height, width]: [usize; 2]) -> Mouse {
    let config = SimulationConfig {
        seed: name.into(),
        neurons: 1,
        trials: count,
        frames,
        padded_frames: frames,
        height,
        width,
        oracle_fraction: 0.0,
        ..SimulationConfig::default()
    };
    simulate(&config, &folder.join(name), &Silent).unwrap();
    Mouse::open(folder.join(name)).unwrap()
}

fn movies_of(mouse: &Mouse) -> Vec<Movie> {
    mouse.trials.iter().map(|trial| mouse.read_movie(trial.id).unwrap()).collect()
}

/// Writes a mouse that was shown these movies; trials in `left_out` are of tier none.
fn shown(folder: &Path, movies: &[Movie], left_out: &[u32]) -> Mouse {
    let mut writer = Writer::create(folder).unwrap();
    for (id, movie) in movies.iter().enumerate() {
        let frames = movie.shape()[0];
        let rows = || Array2::zeros((0, frames));
        let (id, responses) = (TrialId(id as u32), Array2::ones((1, frames)));
        let trial = Trial { id, movie: movie.clone(), responses, behavior: rows(), pupil_center: rows() };
        writer.write_trial(&trial, 0).unwrap();
    }
    let tier = |id: usize| if left_out.contains(&(id as u32)) { "none" } else { "train" };
    let tiers = (0..movies.len()).map(|id| Tier(tier(id).into())).collect();
    writer.finish(&Meta { tiers, unit_ids: vec![1], cell_motor_coordinates: Array2::zeros((1, 3)) }).unwrap();
    Mouse::open(folder).unwrap()
}

/// Moves the picture; what was at the border stays there too.
fn shifted(movie: &Movie, dy: isize, dx: isize) -> Movie {
    let (_, height, width) = movie.dim();
    let from = |at: usize, by: isize, size: usize| (at as isize - by).clamp(0, size as isize - 1) as usize;
    Array3::from_shape_fn(movie.dim(), |(t, y, x)| movie[[t, from(y, dy, height), from(x, dx, width)]])
}

fn graded(movie: &Movie, gain: f32, offset: f32) -> Movie {
    movie.mapv(|grey| (gain * grey + offset).round().clamp(0.0, 255.0))
}

/// Shows frames of `movie` from `start` in the middle of `host`.
fn with_segment(host: &Movie, movie: &Movie, start: usize, frames: usize, at: usize) -> Movie {
    let mut host = host.clone();
    host.slice_mut(s![at..at + frames, .., ..]).assign(&movie.slice(s![start..start + frames, .., ..]));
    host
}

fn place(mouse: usize, trial: u32) -> Place {
    Place { mouse, trial: TrialId(trial) }
}

/// Groups of more than one.
fn shared(groups: &MovieGroups) -> Vec<Vec<Place>> {
    groups.groups().iter().filter(|group| group.len() > 1).cloned().collect()
}

#[test]
fn planted_copies_are_grouped_over_mice_and_unrelated_movies_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mouse = unrelated(folder.path(), "first", 14, 100, [36, 64]);
    let movies = movies_of(&mouse);
    let planted = [
        movies[0].clone(),
        shifted(&movies[1], 1, 0),
        graded(&movies[2], 1.0, 3.0),
        movies[3].slice(s![20..70, .., ..]).to_owned(),
        with_segment(&movies[13], &movies[4], 10, 32, 60),
        graded(&shifted(&movies[5], -1, 1), 0.97, -2.0),
        movies[6].slice(s![..80, .., ..]).to_owned(),
    ];
    let other = shown(&folder.path().join("second"), &planted, &[]);
    let groups = MovieGroups::find(&[&mouse, &other], &Silent).unwrap();
    let mut expected: Vec<Vec<Place>> = (0..7).map(|k| vec![place(0, k), place(1, k)]).collect();
    // What stands for another movie around the planted segment is that movie's.
    expected[4].push(place(0, 13));
    expected[4].sort();
    assert_eq!(shared(&groups), expected);
    let likeness = |k| {
        let of = |link: &&v1reel::data::movies::Link| link.places == [place(0, k), place(1, k)];
        groups.links().iter().find(of).map(|link| link.likeness)
    };
    use Likeness::{Exact, NearDuplicate, SharedSegment};
    let kinds = [Exact, NearDuplicate, NearDuplicate, SharedSegment, SharedSegment, NearDuplicate, Exact];
    assert_eq!((0..7).map(likeness).collect::<Vec<_>>(), kinds.map(Some));
}

#[test]
fn uniform_movies_are_alike_only_when_they_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let uniform = [100.0, 103.0, 100.0].map(|grey| Array3::from_elem((60, 12, 20), grey));
    let groups = MovieGroups::find(&[&shown(folder.path(), &uniform, &[])], &Silent).unwrap();
    assert_eq!(shared(&groups), [[place(0, 0), place(0, 2)]]);
}

#[test]
fn where_nothing_is_alike_the_folds_are_the_published_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mouse = unrelated(folder.path(), "mouse", 30, 60, [12, 20]);
    let groups = MovieGroups::find(&[&mouse], &Silent).unwrap();
    assert_eq!(shared(&groups), Vec::<Vec<Place>>::new());
    let published = vec![Folds::assign(&mouse, 7).unwrap()];
    assert_eq!(Folds::of_groups(&[&mouse], &groups, 7).unwrap(), published);
    assert_eq!(Folds::published(&[&mouse], &groups, 7).unwrap(), published);
}

#[test]
fn a_group_is_in_the_published_fold_of_its_first_trial_that_is_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let movies = movies_of(&unrelated(folder.path(), "mouse", 6, 60, [12, 20]));
    // Parts of other lengths have other hashes.
    let part = |k: usize, frames: usize| movies[k].slice(s![..frames, .., ..]).to_owned();
    let all: Vec<Movie> = (0..6).flat_map(|k| [part(k, 60), part(k, 50), part(k, 40)]).collect();
    let mouse = shown(&folder.path().join("parts"), &all, &[0, 3, 6]);
    let groups = MovieGroups::find(&[&mouse], &Silent).unwrap();
    let (folds, published) =
        (&Folds::of_groups(&[&mouse], &groups, 7).unwrap()[0], Folds::assign(&mouse, 7).unwrap());
    let fold = |folds: &Folds, id: u32| folds.get(TrialId(id)).map(|assigned| assigned.fold);
    for first in (0..18).step_by(3) {
        let deciding = if first < 9 { first + 1 } else { first };
        let expected = fold(&published, deciding);
        assert_eq!([fold(folds, first + 1), fold(folds, first + 2)], [expected; 2], "{first}");
        assert_eq!(fold(folds, first), if first < 9 { None } else { expected });
    }
    assert!((0..18).any(|id| fold(folds, id) != fold(&published, id)), "the published folds don't leak here");
}

/// Long waves that drift, a movie for each seed.
fn waves(seed: u64, frames: usize) -> Movie {
    let number =
        |k: u64| (blake3::hash(&[seed.to_le_bytes(), k.to_le_bytes()].concat()).as_bytes()[0] as f32) / 255.0;
    let wave = |k: u64| {
        [number(4 * k) - 0.5, number(4 * k + 1) - 0.5, number(4 * k + 2) - 0.5, 6.3 * number(4 * k + 3)]
    };
    let waves: Vec<[f32; 4]> = (0..9).map(wave).collect();
    Array3::from_shape_fn((frames, 16, 24), |(t, y, x)| {
        let light = |w: &[f32; 4]| (w[0] * y as f32 + w[1] * x as f32 + 0.3 * w[2] * t as f32 + w[3]).sin();
        (120.0 + 20.0 * waves.iter().map(light).sum::<f32>()).clamp(0.0, 255.0).round()
    })
}

#[test]
fn groups_never_cross_folds_and_leaks_are_the_groups_that_do() {
    let case =
        (prop::collection::vec((0u64..5, 0u8..4), 4..9), prop::collection::vec(any::<bool>(), 9), 2usize..6);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) });
    let outcome = runner.run(&case, |(shows, of_second, count)| {
        let folder = tempfile::tempdir().unwrap();
        let movie = |&(seed, change): &(u64, u8)| match change {
            0 => waves(seed, 60),
            1 => graded(&waves(seed, 60), 1.0, 3.0),
            2 => shifted(&waves(seed, 60), 0, 1),
            _ => waves(seed, 60).slice(s![17..57, .., ..]).to_owned(),
        };
        let of = |second: bool| -> Vec<(u64, u8)> {
            let own =
                shows.iter().enumerate().filter(|(k, _)| (*k > 0 && (*k == 1 || of_second[*k])) == second);
            own.map(|(_, show)| *show).collect()
        };
        let seeds = [of(false), of(true)];
        let mice: Vec<Mouse> = seeds
            .iter()
            .enumerate()
            .map(|(k, own)| {
                shown(&folder.path().join(k.to_string()), &own.iter().map(movie).collect::<Vec<_>>(), &[])
            })
            .collect();
        let mice: Vec<&Mouse> = mice.iter().collect();
        let groups = MovieGroups::find(&mice, &Silent).unwrap();
        let fold_in = |folds: &[Folds], p: Place| folds[p.mouse].get(p.trial).map(|assigned| assigned.fold);
        let folds = Folds::of_groups(&mice, &groups, count).unwrap();
        prop_assert_eq!(groups.leaks(|place| fold_in(&folds, place)).len(), 0);
        for group in groups.groups() {
            let seed = |p: &Place| seeds[p.mouse][p.trial.0 as usize].0;
            prop_assert!(group.iter().all(|place| seed(place) == seed(&group[0])));
            prop_assert!(group.iter().all(|&place| fold_in(&folds, place) == fold_in(&folds, group[0])));
        }
        let distinct: std::collections::BTreeSet<u64> = shows.iter().map(|show| show.0).collect();
        prop_assert_eq!(groups.groups().len(), distinct.len());
        let published = Folds::published(&mice, &groups, count).unwrap();
        let found = leaks(&mice, |place| fold_in(&published, place), &Silent).unwrap();
        for (index, group) in groups.groups().iter().enumerate() {
            let crosses = group.iter().any(|&p| fold_in(&published, p) != fold_in(&published, group[0]));
            let listed = found.iter().any(|leak| groups.group_of(leak.places[0]) == Some(index));
            prop_assert_eq!(crosses, listed);
        }
        let cross = |leak: &&v1reel::data::movies::Leak| {
            let [one, other] = leak.places;
            fold_in(&published, one) != fold_in(&published, other)
                && groups.group_of(one) == groups.group_of(other)
        };
        prop_assert!(found.iter().all(|leak| cross(&leak)));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn kept_groups_are_those_that_were_found_until_a_recording_changes() {
    let folder = tempfile::tempdir().unwrap();
    let movies = [waves(1, 60), waves(2, 60), shifted(&waves(1, 60), 0, 1)];
    let mouse = shown(&folder.path().join("mouse"), &movies, &[]);
    let (mice, kept) = ([&mouse], folder.path().join("groups.json"));
    let fingerprints = ["first".to_string()];
    let stored = |fingerprint: &str| MovieGroups::stored(&kept, &mice, &[fingerprint.to_string()]);
    assert_eq!(stored("first"), None);
    let found = MovieGroups::find(&mice, &Silent).unwrap();
    assert_eq!(shared(&found), [[place(0, 0), place(0, 2)]]);
    found.store(&kept, &mice, &fingerprints).unwrap();
    assert_eq!(stored("first").as_ref(), Some(&found));
    assert_eq!(stored("second"), None);
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, &text[..text.len() / 2]).unwrap();
    assert_eq!(stored("first"), None);
    std::fs::write(&kept, text.replace("[0,1,", "[0,7,")).unwrap();
    assert_eq!(stored("first"), None, "a trial that is not there");
    std::fs::write(&kept, &text).unwrap();
    // A movie of the same size written a moment later.
    let path = mouse.root.join("data/videos/1.npy");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    assert_eq!(stored("first"), None);
}

#[test]
fn a_broken_movie_of_tier_none_is_like_no_other_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut movies = [waves(1, 60), waves(2, 60), waves(1, 60)];
    movies[1][[7, 3, 3]] = f32::NAN;
    let mouse = shown(&folder.path().join("left_out"), &movies, &[1]);
    let groups = MovieGroups::find(&[&mouse], &Silent).unwrap();
    assert_eq!(groups.groups(), [vec![place(0, 0), place(0, 2)], vec![place(0, 1)]]);
    assert_eq!(Folds::of_groups(&[&mouse], &groups, 3).unwrap()[0].get(TrialId(1)), None);
    let mouse = shown(&folder.path().join("used"), &movies, &[]);
    assert!(MovieGroups::find(&[&mouse], &Silent).is_err());
}

#[test]
fn a_shift_of_some_pixels_of_a_large_frame_is_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let mouse = unrelated(folder.path(), "large", 3, 60, [72, 128]);
    let other = shown(&folder.path().join("other"), &[shifted(&movies_of(&mouse)[1], 3, -5)], &[]);
    let groups = MovieGroups::find(&[&mouse, &other], &Silent).unwrap();
    assert_eq!(shared(&groups), [[place(0, 1), place(1, 0)]]);
    assert_eq!(groups.links()[0].likeness, Likeness::NearDuplicate);
}
