//! Plans and the job arrays that they are cut into.

use std::collections::BTreeSet;

use super::*;
use crate::cluster::recording::Assumption;
use crate::cluster::slurm::array::{Waits, arrays};
use crate::cluster::slurm::submission::{Job, Jobs, dependency};
use crate::experiment::Layer;

const MICE: &str = "[data]\nmice = [\"/m/one\", \"/m/two\"]\ntrial_count = 2\n";

fn plan(text: &str, assumed: &str) -> (Experiment, Plan) {
    let layer = Layer::text("test", text, std::path::Path::new("/")).unwrap();
    let experiment = Experiment::resolve(vec![layer], "test").unwrap();
    let recordings = assumed.parse::<Assumption>().unwrap().recordings(&experiment).unwrap();
    let plan = Plan::new(&experiment, recordings).unwrap();
    (experiment, plan)
}

fn counts(plan: &Plan) -> Vec<(Stage, usize)> {
    let count = |stage| plan.tasks.iter().filter(|task| task.stage() == stage).count();
    plan.stages().into_iter().map(|stage| (stage, count(stage))).collect()
}

#[test]
fn a_plan_is_the_same_again_names_each_task_once_and_puts_none_before_what_it_needs() {
    let text = format!(
        "preset = \"paper\"\n{MICE}[cluster]\ncontrols = [\"predicted\", \"averaged\"]\nablate = [\"neurons\", \"behavior\"]\n"
    );
    let (_, first) = plan(&text, "neurons=100");
    assert_eq!(first, plan(&text, "neurons=100").1);
    let names: BTreeSet<&str> = first.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names.len(), first.tasks.len());
    for (at, task) in first.tasks.iter().enumerate() {
        assert!(task.after.iter().chain(&task.after_any).all(|&part| part < at), "{}", task.name);
        assert_eq!(first.find(&task.name).map(|found| &found.work), Some(&task.work));
    }
    // Movies are shown once: no average. Of four sizes the whole is none; two methods, one draw.
    let trials = 2 * 2;
    let pieces = trials * (1 + 1 + 2 * 3);
    let expected = [
        (Stage::Train, 7),
        (Stage::Mask, 2),
        (Stage::Decode, 2),
        (Stage::Movies, 7 * pieces),
        (Stage::Reconstruct, trials),
        (Stage::Controls, trials),
        (Stage::Neurons, trials * 6),
        (Stage::Ablate, 2),
        (Stage::Evaluate, 1),
        (Stage::Report, 1),
    ];
    assert_eq!(counts(&first), expected);
    let movie = first.find("movies/neurons/random/exclude/50_neurons/draw_0/one/0/3");
    assert!(movie.is_none(), "names have no kind twice");
    assert!(first.find("movies/random/exclude/50_neurons/draw_0/one/0/3").is_some());
}

#[test]
fn members_that_share_a_movie_are_one_task_and_start_where_the_decoder_ended() {
    let (_, plan) = plan(MICE, "");
    assert!(plan.stages().iter().all(|stage| *stage != Stage::Movies));
    let one = plan.find("reconstruct/recorded/two/1").unwrap();
    let after: Vec<&str> = one.after.iter().map(|&part| plan.tasks[part].name.as_str()).collect();
    assert!(after.contains(&"mask/two") && after.contains(&"decode/two") && after.contains(&"train/6"));
    assert!(!after.contains(&"mask/one"));
}

#[test]
fn stages_wait_for_success_where_all_need_all_and_for_the_end_where_some_need_some() {
    let (experiment, mut plan) = plan(&format!("preset = \"paper\"\n{MICE}"), "neurons=100");
    let waits = |plan: &Plan, stage: Stage| {
        let arrays = arrays(plan, &experiment.cluster);
        arrays.into_iter().find(|array| array.stage == stage).unwrap().waits
    };
    assert_eq!(waits(&plan, Stage::Mask), [Waits::ForSuccess(Stage::Train)]);
    let movies = [Waits::ForSuccess(Stage::Train), Waits::ForEnd(Stage::Mask)];
    assert_eq!(waits(&plan, Stage::Movies), movies);
    assert_eq!(waits(&plan, Stage::Reconstruct), [Waits::ForEnd(Stage::Movies)]);
    let evaluate = [Waits::ForEnd(Stage::Decode), Waits::ForSuccess(Stage::Reconstruct)];
    assert_eq!(waits(&plan, Stage::Evaluate), evaluate);
    plan.mark(|task| Ok(task.stage() == Stage::Train)).unwrap();
    assert_eq!(waits(&plan, Stage::Mask), []);
    let arrays = arrays(&plan, &experiment.cluster);
    assert!(arrays.iter().all(|array| array.stage != Stage::Train));
    let job = |stage, id: &str| Job { stage, id: id.into(), elements: 1 };
    let jobs = Jobs { jobs: vec![job(Stage::Decode, "4"), job(Stage::Reconstruct, "5")] };
    let evaluate = arrays.iter().find(|array| array.stage == Stage::Evaluate).unwrap();
    assert_eq!(dependency(evaluate, &jobs).unwrap(), "afterany:4,afterok:5");
}

#[test]
fn short_tasks_share_jobs_and_no_array_is_longer_than_allowed() {
    let demo = "preset = \"demo\"\n[data]\nmice = [\"/m/one\"]\ntrial_count = 40\n";
    let elements = |more: &str| {
        let (experiment, plan) = plan(&format!("{demo}[cluster]\n{more}"), "neurons=1000,size=12x20");
        let array = arrays(&plan, &experiment.cluster);
        array.into_iter().find(|array| array.stage == Stage::Reconstruct).unwrap().elements
    };
    let apart = elements("job_minutes = 0\n");
    assert_eq!(apart.len(), 40);
    let together = elements("job_minutes = 2\n");
    assert!(together.len() > 1 && together.len() < 40, "{}", together.len());
    assert_eq!(together.concat(), apart.concat());
    let few = elements("job_minutes = 0\narray_size = 7\n");
    assert_eq!((few.len(), few.iter().map(Vec::len).max()), (7, Some(6)));
    assert_eq!(few.concat(), apart.concat());
}

#[test]
fn a_time_limit_is_never_longer_than_allowed() {
    let text = format!("preset = \"paper\"\n{MICE}[cluster]\nmax_hours = 8.0\nmemory_gb = 10.0\n");
    let (experiment, plan) = plan(&text, "");
    for array in arrays(&plan, &experiment.cluster) {
        assert!(array.minutes <= 480, "{:?}", array.stage);
        // 1e10 bytes.
        assert_eq!(array.memory_mib, 9537);
    }
}
