//! Checks the section `[cluster]`.

use super::{Checked, at_least, at_most, check, positive, within};
use crate::experiment::ClusterConfig;
use crate::reconstruct::Condition;

/// Most cores, GPUs, jobs and tries: more is a slip.
const MOST: usize = 1_000_000;

pub(super) fn check_cluster(cluster: &ClusterConfig) -> Checked {
    for control in &cluster.controls {
        let known = control.parse::<Condition>();
        check(known.is_ok(), "cluster.controls", || {
            format!("has an unknown name: {}", known.err().unwrap_or_default())
        })?;
    }
    for (at, control) in cluster.controls.iter().enumerate() {
        let twice = cluster.controls[..at].contains(control);
        check(!twice, "cluster.controls", || format!("names {control} twice"))?;
    }
    for (at, part) in cluster.ablate.iter().enumerate() {
        check(!cluster.ablate[..at].contains(part), "cluster.ablate", || "names one twice".into())?;
    }
    at_least("cluster.cores", cluster.cores, 1)?;
    at_least("cluster.array_size", cluster.array_size, 1)?;
    for (key, count) in [
        ("cluster.cores", cluster.cores),
        ("cluster.gpus", cluster.gpus),
        ("cluster.at_once", cluster.at_once),
        ("cluster.array_size", cluster.array_size),
        ("cluster.requeues", cluster.requeues),
        ("cluster.retries", cluster.retries),
    ] {
        at_most(key, count, MOST)?;
    }
    within("cluster.memory_gb", cluster.memory_gb, 0.0..=1e6, "0 to 1000000")?;
    within("cluster.speed", cluster.speed, 1e-6..=1e6, "0.000001 to 1000000")?;
    within("cluster.time_factor", cluster.time_factor, 1.0..=1000.0, "1 to 1000")?;
    positive("cluster.max_hours", cluster.max_hours)?;
    within("cluster.max_hours", cluster.max_hours, ..=100_000.0, "at most 100000")?;
    within("cluster.job_minutes", cluster.job_minutes, 0.0..=1e6, "0 to 1000000")?;
    check_lines(cluster)
}

/// They become lines of a script, or parts of one.
fn check_lines(cluster: &ClusterConfig) -> Checked {
    let one = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let words = [
        ("cluster.partition", one(&cluster.partition)),
        ("cluster.account", one(&cluster.account)),
        ("cluster.qos", one(&cluster.qos)),
    ];
    for (key, word) in words {
        let plain = !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !c.is_control());
        check(plain, key, || format!("is {word:?}, expected one word"))?;
    }
    let lines = [("cluster.container", one(&cluster.container)), ("cluster.program", one(&cluster.program))];
    let setup = cluster.setup.iter().map(|line| ("cluster.setup", line.clone()));
    for (key, line) in lines.into_iter().chain(setup) {
        check(!line.contains(['\n', '\r', '\0']), key, || format!("is {line:?}, expected one line"))?;
    }
    for option in &cluster.options {
        let is_option = option.starts_with('-') && !option.contains(['\n', '\r', '\0']);
        check(is_option, "cluster.options", || {
            format!("has {option:?}, expected options of sbatch as in \"--constraint=avx512\"")
        })?;
    }
    Ok(())
}
