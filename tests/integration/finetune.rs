//! Training that builds on trained models, through the command line: new readouts on a core, distillation.

use std::collections::BTreeMap;
use std::fs;

use v1reel::model::checkpoint::{Checkpoint, NamedTensor};

use super::whole_way::Lab;

fn lab() -> Lab {
    let lab = Lab::new("neurons = 12\noracle_fraction = 0.0\n");
    lab.ok(&["simulate", "other", "--config", "mouse.toml", "--neurons", "7", "--seed", "second"]);
    lab.ok(&["train", "small.toml"]);
    lab
}

fn set<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "small.toml"];
    for &setting in settings {
        arguments.extend(["--set", setting]);
    }
    arguments
}

fn tensors(lab: &Lab, run: &str, member: usize) -> BTreeMap<String, NamedTensor> {
    Checkpoint::read(&lab.path(&format!("{run}/members/{member}/model.safetensors"))).unwrap().tensors
}

fn is_readout(name: &str) -> bool {
    name.starts_with("readouts.")
}

#[test]
fn a_frozen_core_keeps_every_bit_while_the_new_readout_learns() {
    let lab = lab();
    let tune = set(&["data.mice=[\"other\"]", "run=tuned", "train.start_from=run", "train.freeze_core=true"]);
    lab.ok(&tune);
    for member in [0, 1] {
        let (source, tuned) = (tensors(&lab, "run", member), tensors(&lab, "tuned", member));
        for (name, tensor) in tuned.iter().filter(|(name, _)| !is_readout(name)) {
            assert!(tensor == &source[name], "member {member}: {name} moved");
        }
        let bias = &tuned["readouts.0.conv.bias"];
        // Two groups: 7 neurons and one that is cut off, which nothing teaches.
        assert!(bias.values.iter().filter(|&&bias| bias != 0.0).count() == 7, "{bias:?}");
    }
    let members = [0, 1].map(|member| tensors(&lab, "tuned", member));
    assert_ne!(members[0]["core.stem.conv.weight"], members[1]["core.stem.conv.weight"]);

    // Where the core lies does not matter; what it holds does.
    fs::rename(lab.path("run"), lab.path("moved")).unwrap();
    let moved: Vec<String> = tune.iter().map(|a| a.replace("start_from=run", "start_from=moved")).collect();
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    lab.ok(&moved);
    fs::copy(lab.path("moved/members/0/model.safetensors"), lab.path("moved/members/1/model.safetensors"))
        .unwrap();
    assert!(lab.fails(1, &moved).contains("trained with other settings"));
}

#[test]
fn a_core_that_may_learn_starts_from_the_model_and_moves_with_its_running_statistics() {
    let lab = lab();
    // So small a rate that AdamW's steps stay below it: the start shows.
    lab.ok(&set(&[
        "data.mice=[\"other\"]",
        "run=tuned",
        "train.start_from=run/members/1/model.safetensors",
        "train.learning_rate_per_4=1e-6",
        "train.weight_decay=0.0",
    ]));
    let source = tensors(&lab, "run", 1);
    for member in [0, 1] {
        let tuned = tensors(&lab, "tuned", member);
        let (weight, start) = (&tuned["core.stem.conv.weight"], &source["core.stem.conv.weight"]);
        assert_ne!(weight, start);
        // Four steps of at most a few times the rate.
        let far = weight.values.iter().zip(&start.values).any(|(a, b)| (a - b).abs() > 1e-4);
        assert!(!far, "member {member} did not start from the model");
        assert_ne!(tuned["core.stem.norm.running_mean"], source["core.stem.norm.running_mean"]);
    }
}

#[test]
fn a_second_stage_distils_a_model_of_the_same_mice_and_of_no_others() {
    let lab = lab();
    let both = "data.mice=[\"mouse\",\"other\"]";
    lab.ok(&set(&[both, "run=first"]));
    lab.ok(&set(&[both, "run=second", "train.distill_from=first"]));
    let plain = tensors(&lab, "first", 0);
    assert_ne!(plain["readouts.1.conv.bias"], tensors(&lab, "second", 0)["readouts.1.conv.bias"]);
    // One mouse: nothing to fill in, and the same weights as without.
    lab.ok(&set(&["run=alone", "train.distill_from=run"]));
    assert!(tensors(&lab, "alone", 1) == tensors(&lab, "run", 1));
    let said = lab.fails(1, &set(&[both, "run=wrong", "train.distill_from=run"]));
    assert!(said.contains("[12]") && said.contains("[12, 7]"), "{said}");
}

#[test]
fn a_core_is_frozen_only_when_there_is_one() {
    let lab = Lab::new("neurons = 5\n");
    let said = lab.fails(2, &set(&["train.freeze_core=true"]));
    assert!(said.contains("train.freeze_core") && said.contains("train.start_from"), "{said}");
    assert!(lab.fails(1, &set(&["train.start_from=nowhere"])).contains("nowhere"));
}
