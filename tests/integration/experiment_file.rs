//! The experiment file as a user meets it: what it may say, what lies over what, and what is answered to
//! a slip.

use std::path::Path;

use v1reel::device::DeviceChoice;
use v1reel::error::{Error, Result};
use v1reel::experiment::{Experiment, Layer, PRESETS, RawExperiment, TrialChoice};
use v1reel::reconstruct::Combine;

const MICE: &str = "[data]\nmice = [\"mice/sim\"]\n";

/// Writes `text` as `slip.toml` and loads it with these `--set`s.
fn load(text: &str, overrides: &[&str]) -> Result<Experiment> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slip.toml");
    std::fs::write(&path, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Experiment::load(&path, &overrides)
}

/// Loads what must be refused as misuse, and returns the one line of complaint without the folder.
fn refusal(text: &str, overrides: &[&str]) -> String {
    let error = load(text, overrides).unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line.find("slip.toml").map_or(line.clone(), |at| line[at..].to_string())
}

#[test]
fn an_unknown_key_is_answered_with_file_line_and_nearest_key() {
    let ask = |text: &str| refusal(text, &[]);
    assert_eq!(
        ask("[data]\nmice = []\nheld_out_flod = 1\n"),
        "slip.toml: line 3: unknown key data.held_out_flod; did you mean data.held_out_fold?"
    );
    assert_eq!(
        ask("\n[reconstuction]\nstride = 4\n"),
        "slip.toml: line 2: unknown key reconstuction; did you mean reconstruction?"
    );
    // At home in another section.
    assert_eq!(
        ask("batch_size = 4\n"),
        "slip.toml: line 1: unknown key batch_size; did you mean train.batch_size?"
    );
    // The same name in two sections: the one that was written in comes first.
    assert_eq!(
        ask("[mask]\niteration = 4\n"),
        "slip.toml: line 2: unknown key mask.iteration; did you mean mask.iterations?"
    );
}

#[test]
fn a_value_of_the_wrong_type_is_answered_with_found_and_expected() {
    let ask = |text: &str| refusal(text, &[]);
    assert_eq!(
        ask("[data]\nfolds = \"seven\""),
        "slip.toml: line 2: data.folds is text (\"seven\"), expected a whole number"
    );
    assert_eq!(
        ask("[data]\nfolds = 7.5"),
        "slip.toml: line 2: data.folds is a number (7.5), expected a whole number"
    );
    assert_eq!(ask("seed = 3"), "slip.toml: line 1: seed is a whole number (3), expected text in quotes");
    assert_eq!(ask("data = 3"), "slip.toml: line 1: data is a whole number (3), expected a section");
    assert_eq!(
        ask("[model]\ncore_features = [8, \"8\"]"),
        "slip.toml: line 2: model.core_features has text (\"8\") in it, expected a list of whole numbers"
    );
    let negative = ask("[train]\nbatch_size = -1");
    assert!(
        negative.starts_with("slip.toml: line 2: ") && negative.contains("batch_size = -1"),
        "{negative}"
    );
    let variant = ask("[reconstruction]\ncombine = \"movie\"");
    assert!(variant.starts_with("slip.toml: line 2: ") && variant.contains("`gradients`"), "{variant}");
    let short = ask("[reconstruction]\nfilter_sigma = [0.5, 0.5]");
    assert!(short.starts_with("slip.toml: line 2: ") && short.contains("filter_sigma"), "{short}");
    let syntax = ask("[data]\nfolds = ");
    assert!(syntax.starts_with("slip.toml: line 2: "), "{syntax}");
    assert_eq!(
        ask("[reconstruction]\nfilter_sigma = [1, 1, 1, 1]\n"),
        "slip.toml: line 2: reconstruction.filter_sigma has 4 numbers, expected 3"
    );
    let quoted = ask("[ensemble]\nfolds = \"p\\tper\"\n") + &ask("device = \"\"\"\na\nb\"\"\"\n");
    assert!(!quoted.chars().any(char::is_control), "{quoted:?}");
}

#[test]
fn a_whole_number_will_do_where_a_number_is_expected() {
    assert_eq!(load(&format!("{MICE}frame_rate_hz = 15\n"), &[]).unwrap().data.frame_rate_hz, 15.0);
}

#[test]
fn sizes_that_follow_from_the_recordings_are_refused() {
    assert_eq!(
        refusal("[model]\nin_channels = 5\n", &[]),
        "slip.toml: line 2: model.in_channels follows from the recordings; leave it out"
    );
}

#[test]
fn a_fold_out_of_range_is_refused_and_says_the_range() {
    assert_eq!(
        refusal(&format!("{MICE}held_out_fold = 7\n"), &[]),
        "slip.toml: data.held_out_fold is 7, expected 0 to 6 as data.folds is 7"
    );
    // Each is fine by itself; the flag made the sum wrong, and the key at fault was set in the file.
    assert_eq!(
        refusal(&format!("{MICE}held_out_fold = 4\n"), &["data.folds=3"]),
        "slip.toml: data.held_out_fold is 4, expected 0 to 2 as data.folds is 3"
    );
}

#[test]
fn values_that_make_no_sense_are_refused_by_key() {
    for (assignment, key) in [
        ("ensemble.members=0", "ensemble.members"),
        ("train.batch_size=0", "train.batch_size"),
        ("train.learning_rate_per_4=nan", "train.learning_rate_per_4"),
        ("train.epoch_samples=3", "train.epoch_samples"),
        ("clip.size=0", "clip.size"),
        ("input.width=0", "input.width"),
        ("model.spatial_kernel=4", "model.spatial_kernel"),
        ("model.spatial_strides=[1, 2]", "model.spatial_strides"),
        ("model.spatial_strides=[2, 1, 1, 1, 2, 1, 1, 2, 0]", "model.spatial_strides"),
        ("model.cortex_features=[1023]", "model.cortex_features"),
        ("model.cortex_features=[]", "model.cortex_features"),
        ("model.drop_rate=1", "model.drop_rate"),
        ("mask.members=8", "mask.members"),
        ("mask.blur_size=14", "mask.blur_size"),
        ("reconstruction.stride=0", "reconstruction.stride"),
        ("reconstruction.stride=33", "reconstruction.stride"),
        ("reconstruction.initial_grey=300", "reconstruction.initial_grey"),
        ("data.folds=1", "data.folds"),
        ("data.frame_rate_hz=0", "data.frame_rate_hz"),
        ("data.mice=[]", "data.mice"),
        ("data.mice=[\"a/m\", \"b/m\"]", "data.mice"),
        ("data.trial_count=0", "data.trial_count"),
        ("data.trials=[3, 3]", "data.trials"),
        ("data.train_tiers=[]", "data.train_tiers"),
        ("name=a/b", "name"),
        ("device=gpu", "device"),
    ] {
        let line = refusal(MICE, &[assignment]);
        assert!(line.starts_with(&format!("--set {assignment}: {key} ")), "{line}");
    }
}

#[test]
fn numbers_that_no_machine_can_serve_are_refused_by_key() {
    let absurd = 1_000_000_000_000_000_000_u64;
    for key in [
        "clip.size",
        "clip.step",
        "input.height",
        "input.width",
        "ensemble.members",
        "train.batch_size",
        "train.epoch_samples",
        "train.warmup_epochs",
        "mask.iterations",
        "mask.first_frame",
        "model.expansion_ratio",
        "reconstruction.iterations",
        "reconstruction.skip_frames",
        "data.folds",
    ] {
        let line = refusal(MICE, &[&format!("{key}={absurd}")]);
        assert!(line.contains(&format!(": {key} is {absurd}, expected at most ")), "{line}");
    }
    let wide = refusal(MICE, &["reconstruction.filter_sigma=[1e300, 0, 0]"]);
    assert!(wide.contains("expected 0 to 1000 on every axis"), "{wide}");
}

#[test]
fn a_key_that_is_missing_is_missed_in_the_file() {
    assert_eq!(
        refusal("[ensemble]\nmembers = 2\n", &["train.batch_size=3"]),
        "slip.toml: data.mice is empty, expected the folder of at least one mouse"
    );
}

#[test]
fn a_flag_is_answered_like_a_file_but_by_its_own_name() {
    assert_eq!(
        refusal(MICE, &["data.flods=3"]),
        "--set data.flods=3: unknown key data.flods; did you mean data.folds?"
    );
    assert_eq!(
        refusal(MICE, &["data.folds=seven"]),
        "--set data.folds=seven: data.folds is text (\"seven\"), expected a whole number"
    );
    assert_eq!(refusal(MICE, &["data.folds"]), "--set data.folds: expected section.key=value");
}

#[test]
fn text_on_the_command_line_needs_no_quotes() {
    let experiment =
        load(MICE, &["device=tch:0", "seed=7", "name=\"quoted\"", "reconstruction.combine=gradients"]);
    let experiment = experiment.unwrap();
    assert_eq!(experiment.device, DeviceChoice::Tch(Some(0)));
    assert_eq!((experiment.seed.as_str(), experiment.name.as_str()), ("7", "quoted"));
    assert_eq!(experiment.reconstruction.combine, Combine::Gradients);
}

#[test]
fn preset_file_and_flags_lie_over_each_other_in_this_order() {
    let text = format!("preset = \"demo\"\n{MICE}[train]\nbatch_size = 5\nwarmup_epochs = 2\n");
    let demo = load(&format!("preset = \"demo\"\n{MICE}"), &[]).unwrap();
    let experiment = load(&text, &["train.warmup_epochs=9"]).unwrap();
    assert_eq!(experiment.train.warmup_epochs, 9);
    assert_eq!(experiment.train.batch_size, 5);
    // Keys of a section that the file also has are kept from the preset.
    assert_eq!(experiment.train.epoch_samples, demo.train.epoch_samples);
    assert_ne!(demo.train.epoch_samples, load(MICE, &[]).unwrap().train.epoch_samples);
    assert_eq!(experiment.reconstruction, demo.reconstruction);
    // A preset named on the command line still lies under the file.
    let paper = load(&text, &["preset=paper"]).unwrap();
    assert_eq!((paper.train.batch_size, paper.train.epoch_samples), (5, 72_000));
}

#[test]
fn the_reconstruction_alone_can_be_the_papers() {
    let text = format!("preset = \"demo\"\n{MICE}[reconstruction]\npreset = \"paper\"\nstride = 4\n");
    let (experiment, paper) =
        (load(&text, &[]).unwrap(), load(&format!("preset = \"paper\"\n{MICE}"), &[]).unwrap());
    assert_eq!(experiment.reconstruction.iterations, paper.reconstruction.iterations);
    assert_eq!(experiment.reconstruction.stride, 4);
    assert_ne!(experiment.train, paper.train);
    let unknown = refusal("[reconstruction]\npreset = \"papr\"\n", &[]);
    assert_eq!(
        unknown,
        "slip.toml: unknown preset \"papr\"; there are \"v1reel\", \"paper\", \"small\", \"demo\""
    );
}

#[test]
fn every_key_of_the_paper_is_given_so_that_no_default_decides() {
    let given: toml::Table =
        toml::from_str(PRESETS.iter().find(|(name, _)| *name == "paper").unwrap().1).unwrap();
    let experiment = load(&format!("preset = \"paper\"\n{MICE}"), &[]).unwrap();
    let all = toml::Table::try_from(RawExperiment::from(&experiment)).unwrap();
    for (section, keys) in
        all.iter().filter_map(|(section, keys)| keys.as_table().map(|keys| (section, keys)))
    {
        for key in keys.keys().filter(|key| key.as_str() != "mice") {
            assert!(given[section].get(key).is_some(), "paper.toml leaves {section}.{key} to a default");
        }
    }
    assert_eq!(experiment.model_for(5, &[37]).cortex_features, [1024, 2048, 4096]);
    assert_eq!((experiment.train.batch_size, experiment.members), (24, 7));
    assert_eq!(experiment.reconstruction.learning_rate, 1000.0);
    assert_eq!(experiment.data.trials, TrialChoice::FirstHeldOut(10));
}

#[test]
fn an_experiment_that_names_no_preset_gets_v1reels() {
    let named = load(&format!("preset = \"v1reel\"\n{MICE}"), &[]).unwrap();
    let unnamed = load(MICE, &[]).unwrap();
    assert_eq!(unnamed.reconstruction, named.reconstruction);
    assert_eq!(unnamed.model_for(5, &[37]), named.model_for(5, &[37]));
    assert_eq!(unnamed.reconstruction.combine, Combine::Turns);
}

#[test]
fn trials_are_chosen_one_way_and_the_later_layer_decides_which() {
    let both = format!("{MICE}trials = [3]\ntrial_count = 2\n");
    assert!(refusal(&both, &[]).contains("two ways to say the same"));
    assert!(refusal(MICE, &["data.trials=[3]", "data.trial_count=2"]).contains("two ways to say the same"));
    let preset_counts = format!("preset = \"paper\"\n{MICE}trials = [8, 3]\n");
    let ids = load(&preset_counts, &[]).unwrap().data.trials;
    assert!(matches!(&ids, TrialChoice::Ids(ids) if ids.len() == 2), "{ids:?}");
    assert_eq!(
        load(&preset_counts, &["data.trial_count=1"]).unwrap().data.trials,
        TrialChoice::FirstHeldOut(1)
    );
    assert_eq!(load(MICE, &[]).unwrap().data.trials, TrialChoice::HeldOut);
}

#[test]
fn paths_in_a_file_are_relative_to_it_and_flags_to_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, format!("run = \"out\"\n{MICE}")).unwrap();
    let experiment = Experiment::load(&path, &[]).unwrap();
    assert_eq!(experiment.data.mice, [folder.path().join("mice/sim")]);
    assert_eq!(experiment.run, folder.path().join("out"));
    assert_eq!((experiment.name.as_str(), experiment.seed.as_str()), ("a", "a"));
    let here = std::env::current_dir().unwrap();
    let flagged = Experiment::load(&path, &["run=elsewhere".into()]).unwrap();
    assert_eq!(flagged.run, here.join("elsewhere"));
    std::fs::write(&path, format!("{MICE}[train]\nstart_from = \"../core\"\n")).unwrap();
    let trained = Experiment::load(&path, &["train.distill_from=first".into()]).unwrap().train;
    assert_eq!(trained.start_from, Some(folder.path().join("../core")));
    assert_eq!(trained.distill_from, Some(here.join("first")));
    std::fs::write(&path, MICE).unwrap();
    assert_eq!(Experiment::load(&path, &[]).unwrap().run, here.join("runs/a"));
    assert!(refusal("run = \"\"\n", &[]).contains("path of a folder is empty"));
}

#[test]
fn resolved_settings_read_back_as_the_same_experiment() {
    for text in [
        MICE.to_string(),
        format!(
            "preset = \"demo\"\n{MICE}train_tiers = [\"train\"]\ntrials = [4, 2]\n[mask]\ninitial_max = 0.1\n"
        ),
        format!("{MICE}[train]\nstart_from = \"/core\"\nfreeze_core = true\ndistill_from = \"/first\"\n"),
        format!(
            "name = \"a \\\"b\\\"\"\ndevice = \"cuda:1\"\npreset = \"paper\"\n{MICE}frame_rate_hz = 29.97\n"
        ),
    ] {
        let experiment = load(&text, &[]).unwrap();
        let written = experiment.to_toml();
        let layer = Layer::text("experiment.toml", &written, Path::new("/elsewhere")).unwrap();
        assert_eq!(Experiment::resolve(vec![layer], "unnamed").unwrap(), experiment, "{written}");
        // f32 settings are written as they were typed.
        assert!(!written.contains("0000000"), "{written}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Experiment::load(Path::new("/nowhere/a.toml"), &[]).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/a.toml: "), "{error}");
}
