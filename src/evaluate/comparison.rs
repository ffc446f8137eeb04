//! Two runs held against each other: the trials that both reconstructed and the neurons that both predicted, paired.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::table;
use crate::data::MouseId;
use crate::error::{Error, Result};
use crate::metric::inference::{
    ClusterMean, PairedT, SignFlip, bonferroni, cluster_bootstrap, paired_t, sign_flip,
};
use crate::run_folder::RunFolder;
use crate::seed;

/// Resamples behind an interval, and random sign flips behind a p.
const RESAMPLES: usize = 10_000;

/// Scores of trials that are compared.
const TRIAL_SCORES: [&str; 4] = ["pixel_correlation", "frame_correlation", "ssim", "response_correlation"];
/// The score of neurons that is compared, and of which predictor.
const NEURON_SCORE: &str = "single_trial_correlation";
const PREDICTOR: &str = "ensemble";

/// One score of the pairs of each mouse, in two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// Which score.
    pub score: &'static str,
    /// What the pairs are: "trials" or "neurons".
    pub unit: &'static str,
    /// First and second run, one a trial or neuron that both have.
    pub mice: BTreeMap<MouseId, (Vec<f64>, Vec<f64>)>,
}

/// How a score differs within one mouse: second run minus first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithinMouse {
    /// The mouse.
    pub mouse: MouseId,
    /// Which score.
    pub score: &'static str,
    /// What the pairs are.
    pub unit: &'static str,
    /// Means over the pairs.
    pub first: f64,
    /// Means over the pairs.
    pub second: f64,
    /// Paired t test over them.
    pub t_test: PairedT,
    /// Its p times the number of mice and scores compared, at most 1.
    pub p_bonferroni: f64,
    /// The same without a law of errors.
    pub sign_flip: SignFlip,
}

/// How a score differs over mice: second run minus first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverMice {
    /// Which score.
    pub score: &'static str,
    /// Of what in each mouse.
    pub unit: &'static str,
    /// Mean of the mice's means.
    pub first: f64,
    /// Mean of the mice's means.
    pub second: f64,
    /// The difference, mice drawn again.
    pub difference: ClusterMean,
    /// Over the mice's means: its n is that of mice.
    pub t_test: PairedT,
}

/// Pairs what two runs scored: `evaluation/trials.csv` and, where both have it, `evaluation/responses.csv`.
///
/// # Errors
/// [`Error::Invalid`] when a table is missing or damaged; [`Error::Usage`] when the runs share no trial.
pub fn pair(first: &Path, second: &Path) -> Result<Vec<Pairs>> {
    let tables = |name: &str| [first, second].map(|run| RunFolder::new(run).evaluation().join(name));
    let [one, two] = tables("trials.csv").map(|path| {
        if path.exists() {
            return table::read_csv(&path);
        }
        Err(Error::invalid(&path, "this run has no scores yet; make them first (v1reel evaluate)"))
    });
    let (one, two) = (one?, two?);
    let mut all = Vec::new();
    for score in TRIAL_SCORES {
        let keys = one.keys().filter(|key| two.contains_key(key));
        let values = keys.filter_map(|key| Some((&key.0, *one[key].get(score)?, *two[key].get(score)?)));
        all.push(Pairs { score, unit: "trials", mice: by_mouse(values) });
    }
    if all.iter().all(|pairs| pairs.mice.is_empty()) {
        return Err(Error::usage(format!(
            "{} and {} have no trial in common; compare runs of the same mice and trials",
            first.display(),
            second.display()
        )));
    }
    let responses = tables("responses.csv");
    if responses.iter().all(|path| path.exists()) {
        let [one, two] = responses.map(|path| read_neurons(&path));
        let (one, two) = (one?, two?);
        let both = one.iter().filter_map(|(key, value)| Some((&key.0, *value, *two.get(key)?)));
        all.push(Pairs { score: NEURON_SCORE, unit: "neurons", mice: by_mouse(both) });
    }
    all.retain(|pairs| !pairs.mice.is_empty());
    Ok(all)
}

fn by_mouse<'a>(
    values: impl Iterator<Item = (&'a MouseId, f64, f64)>,
) -> BTreeMap<MouseId, (Vec<f64>, Vec<f64>)> {
    let mut mice: BTreeMap<MouseId, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (mouse, first, second) in values {
        let pairs = mice.entry(mouse.clone()).or_default();
        pairs.0.push(first);
        pairs.1.push(second);
    }
    mice
}

/// Reads how well the ensemble predicts each neuron.
fn read_neurons(path: &Path) -> Result<BTreeMap<(MouseId, usize), f64>> {
    let failed = |e: String| Error::invalid(path, format!("{e}; validate again (v1reel validate)"));
    let mut reader = csv::Reader::from_path(path).map_err(|e| failed(e.to_string()))?;
    let heading = reader.headers().map_err(|e| failed(e.to_string()))?.clone();
    let place = |name: &str| {
        heading
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| failed(format!("is no table of neurons: it has no column {name}")))
    };
    let (mouse, neuron, predictor, score) =
        (place("mouse")?, place("neuron")?, place("predictor")?, place(NEURON_SCORE)?);
    let mut found = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        if &record[predictor] != PREDICTOR {
            continue;
        }
        let number = record[neuron].parse();
        let number = number.map_err(|_| failed(format!("neuron {:?} is no number", &record[neuron])))?;
        if let Ok(value) = record[score].parse::<f64>() {
            found.insert((MouseId(record[mouse].to_string()), number), value);
        }
    }
    Ok(found)
}

/// Tests every score within every mouse.
pub fn within_mice(all: &[Pairs]) -> Vec<WithinMouse> {
    let comparisons = all.iter().map(|pairs| pairs.mice.len()).sum();
    let of = |pairs: &Pairs, mouse: &MouseId, (first, second): &(Vec<f64>, Vec<f64>)| {
        let t_test = paired_t(second, first);
        let differences: Vec<f64> = second.iter().zip(first).map(|(second, first)| second - first).collect();
        let mut rng = seed::stream("compare", "sign flip", &[&mouse.0, pairs.score, pairs.unit]);
        WithinMouse {
            mouse: mouse.clone(),
            score: pairs.score,
            unit: pairs.unit,
            first: mean(first),
            second: mean(second),
            p_bonferroni: bonferroni(t_test.p, comparisons),
            t_test,
            sign_flip: sign_flip(&differences, RESAMPLES, &mut rng),
        }
    };
    all.iter().flat_map(|pairs| pairs.mice.iter().map(|(mouse, values)| of(pairs, mouse, values))).collect()
}

/// Tests every score over mice; nothing for a score that only one mouse has.
pub fn over_mice(all: &[Pairs]) -> Vec<OverMice> {
    let of = |pairs: &Pairs| {
        let differences: Vec<Vec<f64>> = pairs
            .mice
            .values()
            .map(|(first, second)| second.iter().zip(first).map(|(second, first)| second - first).collect())
            .collect();
        let firsts: Vec<f64> = pairs.mice.values().map(|(first, _)| mean(first)).collect();
        let seconds: Vec<f64> = pairs.mice.values().map(|(_, second)| mean(second)).collect();
        let mut rng = seed::stream("compare", "mice", &[pairs.score, pairs.unit]);
        OverMice {
            score: pairs.score,
            unit: pairs.unit,
            first: mean(&firsts),
            second: mean(&seconds),
            difference: cluster_bootstrap(&differences, RESAMPLES, &mut rng),
            t_test: paired_t(&seconds, &firsts),
        }
    };
    all.iter().filter(|pairs| pairs.mice.len() > 1).map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(run: &Path, name: &str, text: &str) {
        let folder = RunFolder::new(run).evaluation();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn trials_and_neurons_of_both_runs_are_paired_and_others_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        write(&one, "trials.csv", "mouse,trial,pixel_correlation\na,1,0.5\na,2,0.25\nb,1,0.125\n");
        write(&two, "trials.csv", "mouse,trial,pixel_correlation\nb,1,0.25\na,2,0.5\na,1,0.75\nb,9,1\n");
        let heading = "mouse,neuron,unit_id,predictor,single_trial_correlation\n";
        write(
            &one,
            "responses.csv",
            &format!("{heading}a,0,,member 0,0.9\na,0,,ensemble,0.5\na,1,,ensemble,\n"),
        );
        write(&two, "responses.csv", &format!("{heading}a,0,,ensemble,0.25\na,1,,ensemble,0.5\n"));
        let pairs = pair(&one, &two).unwrap();
        let scores: Vec<_> = pairs.iter().map(|pairs| (pairs.score, pairs.unit)).collect();
        assert_eq!(scores, [("pixel_correlation", "trials"), (NEURON_SCORE, "neurons")]);
        let within = within_mice(&pairs);
        assert_eq!(within.len(), 3);
        assert_eq!((within[0].first, within[0].second, within[0].t_test.n), (0.375, 0.625, 2));
        assert_eq!((within[2].first, within[2].second, within[2].t_test.n), (0.5, 0.25, 1));
        let over = over_mice(&pairs);
        assert_eq!(over.len(), 1); // only one mouse has neurons in both
        assert_eq!((over[0].first, over[0].second, over[0].difference.mean), (0.25, 0.4375, 0.1875));
    }

    #[test]
    fn runs_without_scores_or_without_a_common_trial_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        write(&one, "trials.csv", "mouse,trial,pixel_correlation\na,1,0.5\n");
        let said = pair(&one, &two).unwrap_err().to_string();
        assert!(said.contains("trials.csv") && said.contains("v1reel evaluate"), "{said}");
        write(&two, "trials.csv", "mouse,trial,pixel_correlation\nb,1,0.5\n");
        let said = pair(&one, &two).unwrap_err().to_string();
        assert!(said.contains("no trial in common"), "{said}");
    }
}
