//! `v1reel run` makes what the commands make one by one.

use std::fs;

use super::super::whole_way::SMALL;
use super::{ONE_BY_ONE, assert_same, lab, made, plain, standings, turns};

#[test]
fn workers_make_the_bytes_that_the_commands_make_and_nothing_twice() {
    let lab = lab(SMALL);
    let ablation = "ablation.keep=[\"100%\", \"50%\"]";
    let set = ["--set", ablation, "--set", "ablation.draws=1", "--set", "ablation.resamples=200"];
    let set = [
        &set[..],
        &["--set", "cluster.controls=[\"shuffled-neurons\"]", "--set", "cluster.ablate=[\"neurons\"]"],
    ]
    .concat();
    // Named in full, as a run names itself: the page says what it was asked for.
    let run = lab.path("run");
    let with = |command: &[&'static str]| [command, &set[..]].concat();
    let expected = plain(
        &lab,
        &[
            &with(&["train", "small.toml"]),
            &with(&["mask", "small.toml"]),
            &with(&["reconstruct", "small.toml", "--controls", "shuffled-neurons"]),
            &with(&["ablate", "neurons", "small.toml"]),
            &with(&["evaluate", "small.toml"]),
            &["report", run.to_str().unwrap()],
        ],
    );
    let said = lab.ok(&with(&["run", "small.toml", "--jobs", "2"]));
    // 2 members, masks and decoders of 2 mice, a trial of each: 2 movies and a reconstruction, of four kinds (recorded,
    // shuffled, two methods of half the neurons); ablation, scores, page.
    let tasks = 2 + 2 + 2 + 2 * 4 * 3 + 3;
    assert!(said.contains(&format!("{tasks} tasks: {tasks} done")), "{said}");
    assert_same(&expected, &made(&lab.path("run")));
    let standings = standings(&lab);
    assert!(standings.values().all(|standing| standing == "done"), "{standings:?}");
    assert_eq!(fs::read_dir(lab.path("run/cluster/claims")).unwrap().count(), 0);

    let said = lab.ok(&with(&["run", "small.toml"]));
    assert!(said.contains(&format!("{tasks} tasks: {tasks} done before")), "{said}");
    // What is gone is made again, and what was made from it.
    fs::remove_file(lab.path("run/reconstructions/other/0/ensemble.h5"))
        .or_else(|_| fs::remove_dir_all(first_folder(&lab.path("run/reconstructions/other"))))
        .unwrap();
    let said = lab.ok(&with(&["run", "small.toml", "--jobs", "2"]));
    assert!(said.contains("done before") && said.contains("tasks: "), "{said}");
    assert_same(&expected, &made(&lab.path("run")));
}

fn first_folder(folder: &std::path::Path) -> std::path::PathBuf {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.swap_remove(0)
}

#[test]
fn where_members_take_turns_from_the_decoders_movie_the_bytes_are_the_same_too() {
    let lab = lab(&turns());
    let expected = plain(&lab, &ONE_BY_ONE);
    lab.ok(&["run", "small.toml", "--jobs", "3", "--threads", "3"]);
    let mut found = made(&lab.path("run"));
    let page = std::path::Path::new("report/index.html");
    // It quotes the number of threads.
    found.remove(page).unwrap();
    let mut expected = expected;
    expected.remove(page).unwrap();
    assert_same(&expected, &found);
}
