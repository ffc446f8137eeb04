//! Leaks of an experiment's folds, as the commands tell of them.

use super::*;
use crate::integration::whole_way::{Lab, SMALL};

/// A lab whose mouse sees a movie twice, the second time cut so that the published folds of the two differ; and a
/// line of the experiment that holds the first one out.
fn leaky_lab() -> (Lab, TempDir, String) {
    let lab = Lab::new("neurons = 1\noracle_fraction = 0.0\n");
    let mut movies = movies_of(&Mouse::open(lab.path("mouse")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let whole = movies[0].clone();
    for cut in 5..40 {
        movies.push(graded(&whole, 1.0, 3.0).slice(s![..90 - cut, .., ..]).to_owned());
        let root = folder.path().join(format!("cut_{cut}"));
        let folds = Folds::assign(&shown(&root, &movies, &[]), 3).unwrap();
        let [one, other] = [0, 14].map(|id| folds.get(TrialId(id)).unwrap().fold);
        if one != other {
            let mice = format!("mice = [{root:?}]\nheld_out_fold = {one}");
            return (lab, folder, SMALL.replace("mice = [\"mouse\"]", &mice));
        }
        movies.pop();
    }
    panic!("no cut changes the fold");
}

#[test]
fn the_published_folds_leak_with_a_warning_and_the_groups_don_t() {
    let (lab, _folder, text) = leaky_lab();
    lab.write("small.toml", &text);
    let warned = |arguments: &[&str]| {
        let output = lab.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        stderr
    };
    let stderr =
        warned(&["train", "small.toml", "--set", "data.fold_by=published", "--set", "run=published"]);
    for expected in
        ["warning: 1 group(s) of movies", "trial 0 (fold", "trial 14 (fold", "data.fold_by = \"groups\""]
    {
        assert!(stderr.contains(expected), "{stderr}");
    }
    let stderr = warned(&["train", "small.toml"]);
    assert!(!stderr.contains("alike"), "{stderr}");
}

#[test]
fn an_experiment_is_verified_with_its_folds() {
    let (lab, _folder, text) = leaky_lab();
    lab.write("small.toml", &text);
    lab.ok(&["data", "verify", "small.toml"]);
    lab.write("published.toml", &text.replace("[data]", "[data]\nfold_by = \"published\""));
    let output = lab.run(&["data", "verify", "published.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let leaks: Vec<_> =
        json["problems"].as_array().unwrap().iter().filter(|p| p["severity"] == "error").collect();
    let [leak] = leaks[..] else { panic!("{json}") };
    assert_eq!((&leak["kind"], &leak["trial"]), (&"held_out_movie_in_training".into(), &0.into()));
    for words in ["trial 14", "is trained on: ", "data.fold_by = \"groups\""] {
        assert!(leak["message"].as_str().unwrap().contains(words), "{leak}");
    }
    assert_eq!(json["mice"][0]["errors"], 1);
}
