//! What stands beside a score: the course of a reconstruction against its cost, controls and ceilings, through the
//! command line.

use std::fs;

use v1reel::evaluate::course::read_course;

use super::whole_way::{Lab, SMALL};

#[test]
fn the_course_ends_at_the_score_and_counts_the_clip_gradients_of_all_members() {
    for combine in ["movies", "gradients"] {
        let lab = Lab::new("neurons = 5\n");
        let experiment = format!("{SMALL}combine = \"{combine}\"\nsnapshots = [1, 3]\n");
        lab.write("course.toml", &experiment);
        for stage in ["train", "mask", "reconstruct"] {
            lab.ok(&[stage, "course.toml"]);
        }
        let scores: serde_json::Value =
            serde_json::from_str(&lab.ok(&["evaluate", "course.toml", "--json"])).unwrap();
        let points = read_course(&lab.path("run/evaluation/course.csv")).unwrap();
        // Windows of 32 in 90 frames start at 0, 24, 48 and 58; each is two clips, for two members.
        let costs: Vec<(u64, u64)> = points.iter().map(|p| (p.iteration, p.clip_gradients)).collect();
        assert_eq!(costs, [(1, 16), (3, 48)]);
        let score = scores["mean"]["pixel_correlation"].as_f64().unwrap();
        assert_eq!(points[1].pixel_correlation, Some(score));
        // The first iteration only measures: the movie is still grey.
        assert_eq!(points[0].pixel_correlation, None);

        let none = experiment.replace("snapshots = [1, 3]", "");
        lab.write("course.toml", &none);
        assert!(lab.fails(1, &["reconstruct", "course.toml"]).contains("other settings"));
    }
}

#[test]
fn snapshots_that_never_come_are_refused() {
    let lab = Lab::new("neurons = 5\n");
    for snapshots in ["[0]", "[2, 1]", "[1, 1]", "[4]"] {
        lab.write("course.toml", &format!("{SMALL}snapshots = {snapshots}\n"));
        let said = lab.fails(2, &["reconstruct", "course.toml"]);
        assert!(said.contains("reconstruction.snapshots") && said.contains("1 to"), "{said}");
    }
    assert!(!fs::exists(lab.path("run")).unwrap());
}
