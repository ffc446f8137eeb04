//! The cost model against the measurements that its constants were fitted to.

use super::*;
use crate::cluster::plan::Plan;
use crate::cluster::recording::Assumption;
use crate::experiment::Layer;

fn needs(text: &str, assumed: &str, task: &str) -> Needs {
    let layer = Layer::text("test", text, std::path::Path::new("/")).unwrap();
    let experiment = Experiment::resolve(vec![layer], "test").unwrap();
    let recordings = assumed.parse::<Assumption>().unwrap().recordings(&experiment).unwrap();
    Plan::new(&experiment, recordings).unwrap().find(task).unwrap().needs
}

const PAPER: &str = "preset = \"paper\"\n[data]\nmice = [\"/m/one\"]\n[cluster]\ncores = 2\n";
const DEMO: &str = "preset = \"demo\"\n[data]\nmice = [\"/m/one\"]\n[cluster]\ncores = 2\n";
const DEMO_MOUSE: &str = "neurons=1000,size=12x20,trials=140";

/// The constants are fits of two numbers to two measurements, rounded to three digits.
const ROUNDING: f64 = 0.02;

#[test]
fn an_iteration_of_the_paper_takes_what_was_measured() {
    // 70 clips, 32.1 seconds, a thousand times.
    let movie = needs(PAPER, "", "movies/recorded/one/0/0");
    let measured = 1000.0 * 32.1 / 3600.0;
    assert!((movie.hours / measured - 1.0).abs() < ROUNDING, "{movie:?}, measured {measured}");
    // Encoders of seven members, and what is kept for the backward pass.
    assert!(movie.memory_gb > 2.5 && movie.memory_gb < 6.0, "{movie:?}");
}

#[test]
fn a_training_takes_what_its_steps_were_measured_to_take() {
    let train = needs(PAPER, "trials=7", "train/0");
    // 21 epochs of 72,000 clips, 0.95 seconds each; one validated trial is nothing beside them.
    let measured = 21.0 * 72_000.0 * 0.95 / 3600.0;
    assert!((train.hours / measured - 1.0).abs() < ROUNDING, "{train:?}, measured {measured}");
    let demo = needs(DEMO, DEMO_MOUSE, "train/0");
    // 4 epochs of 300 steps of 0.11 seconds, and validations: 20 trials of 9 spans, four times.
    let measured = 4.0 * 300.0 * 0.11 / 3600.0;
    assert!((measured..1.1 * measured).contains(&demo.hours), "{demo:?}, measured {measured}");
}

#[test]
fn twice_the_cores_or_speed_take_half_the_time() {
    let hours = |more: &str| needs(&PAPER.replace("cores = 2", more), "", "train/0").hours;
    let start = START_S / 3600.0;
    let base = hours("cores = 2") - start;
    for more in ["cores = 4", "cores = 2\nspeed = 2.0"] {
        // Exact but for rounding in the last digits.
        assert!((2.0 * (hours(more) - start) / base - 1.0).abs() < 1e-9, "{more}");
    }
}
