//! What a probe found beside what is known of a simulated mouse.

use super::Probe;
use crate::cli::output;
use crate::cli::table::Table;
use crate::data::MouseId;
use crate::error::Result;
use crate::probe::agreement::{Agreement, DIRECTION, Measure, ORIENTATION, compare};
use crate::probe::{ReceptiveFields, Tuning};
use crate::simulate::Truth;

/// Least orientation selectivity of a neuron whose preferences are spoken of.
const LEAST_SELECTIVITY: f64 = 0.2;

/// Compares; nothing for a mouse that is not simulated.
///
/// # Errors
/// When the truth is damaged.
pub fn with_truth(
    probe: &Probe<'_>,
    fields: Option<&ReceptiveFields>,
    tunings: Option<&[Tuning]>,
) -> Result<Vec<Agreement>> {
    let Some(truth) = Truth::open(&probe.workspace.mice[probe.index].mouse.root)? else {
        return Ok(Vec::new());
    };
    let seed = &probe.workspace.experiment.seed;
    let first = |values: Vec<f32>| values.into_iter().map(|v| [f64::from(v), 0.0]).collect::<Vec<_>>();
    let mut found = Vec::new();
    if let Some(fields) = fields {
        let centers = truth.centers_px()?;
        let centers: Vec<[f64; 2]> =
            centers.outer_iter().map(|c| [f64::from(c[0]), f64::from(c[1])]).collect();
        let places: Vec<[f64; 2]> = fields.neurons.iter().map(|field| field.center_px).collect();
        let has_field = |n: usize| fields.neurons[n].is_found();
        let measure = Measure::MedianDistance;
        found.push(compare(measure, "all", &places, &centers, |_| true, seed));
        found.push(compare(measure, "with a field", &places, &centers, has_field, seed));
    }
    if let Some(tunings) = tunings {
        let angles = first(truth.neurons("orientation_rad")?);
        let frequencies = first(truth.neurons("spatial_frequency_cycles_per_px")?);
        let one_way = truth.neurons("direction_selectivity")?;
        let directions: Vec<[f64; 2]> = tunings.iter().map(|tuning| [tuning.direction_rad, 0.0]).collect();
        let cycles: Vec<[f64; 2]> = tunings.iter().map(|tuning| [tuning.cycles_per_px, 0.0]).collect();
        let selective = |n: usize| tunings[n].orientation_selectivity >= LEAST_SELECTIVITY;
        let direction_selective = |n: usize| one_way.get(n).is_some_and(|&s| s > 0.0);
        for measure in [Measure::MedianAngleDeg(ORIENTATION), Measure::MeanCosine(ORIENTATION)] {
            found.push(compare(measure, "all", &directions, &angles, |_| true, seed));
            found.push(compare(measure, "orientation-selective", &directions, &angles, selective, seed));
        }
        for measure in [Measure::MedianAngleDeg(DIRECTION), Measure::MeanCosine(DIRECTION)] {
            let group = "truly direction-selective";
            found.push(compare(measure, group, &directions, &angles, direction_selective, seed));
            let both = |n: usize| selective(n) && direction_selective(n);
            found.push(compare(measure, "and orientation-selective", &directions, &angles, both, seed));
        }
        found.push(compare(Measure::LogCorrelation, "all", &cycles, &frequencies, |_| true, seed));
        found.push(compare(
            Measure::LogCorrelation,
            "orientation-selective",
            &cycles,
            &frequencies,
            selective,
            seed,
        ));
    }
    Ok(found.into_iter().flatten().collect())
}

/// Prints the comparisons, if there are any.
///
/// # Errors
/// When standard output can't be written to.
pub fn print<'a>(mice: impl Iterator<Item = (&'a MouseId, &'a [Agreement])>) -> Result<()> {
    let mut table = Table::new(["mouse", "measure", "neurons", "n", "of", "value", "neurons shuffled", "p"]);
    let mut any = false;
    for (mouse, agreements) in mice {
        for a in agreements {
            any = true;
            table.row([
                mouse.to_string(),
                a.measure.to_string(),
                a.group.to_string(),
                a.neurons.to_string(),
                a.of.to_string(),
                format!("{:.3}", a.value),
                format!("{:.3}", a.shuffled),
                format!("{:.3}", a.p),
            ]);
        }
    }
    if any {
        output::line("\nAgainst the truth of the simulation:")?;
        output::line(table)?;
    }
    Ok(())
}
