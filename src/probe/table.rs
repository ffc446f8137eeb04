//! Tables of the probes as CSV; what is not known is an empty cell.

use std::path::Path;

use super::receptive_field::ReceptiveFields;
use super::resolution::TargetScore;
use super::tuning::Tuning;
use crate::csv_file::write_rows;
use crate::error::Result;

/// Writes one row for every neuron: where it looks and what it prefers.
///
/// Frequencies are also given in cycles a degree when the screen spans `screen_width_deg` over `width` pixels.
///
/// # Errors
/// When it can't be written.
pub fn write_neurons(
    path: &Path,
    fields: Option<&ReceptiveFields>,
    tunings: Option<&[Tuning]>,
    px_per_deg: Option<f64>,
) -> Result<()> {
    let heading = "neuron,x_px,y_px,sigma_x_px,sigma_y_px,signal_to_noise,field_found,reliability,lag_frames,\
                   direction_deg,orientation_deg,direction_selectivity,orientation_selectivity,cycles_per_px,\
                   cycles_per_deg,cycles_per_second,best_response";
    let neurons = fields.map(|f| f.neurons.len()).or(tunings.map(<[_]>::len)).unwrap_or(0);
    let rows = (0..neurons).map(|neuron| {
        let mut row = vec![neuron.to_string()];
        match fields.and_then(|fields| fields.neurons.get(neuron)) {
            Some(field) => {
                let [x, y] = field.center_px;
                let [sx, sy] = field.sigma_px;
                row.extend([x, y, sx, sy, field.signal_to_noise].map(cell));
                row.extend([u8::from(field.is_found()).to_string(), cell(field.reliability)]);
                row.push(field.lag_frames.to_string());
            }
            None => row.extend(vec![String::new(); 8]),
        }
        match tunings.and_then(|tunings| tunings.get(neuron)) {
            Some(tuning) => row.extend(
                [
                    tuning.direction_rad.to_degrees(),
                    tuning.orientation_rad().to_degrees(),
                    tuning.direction_selectivity,
                    tuning.orientation_selectivity,
                    tuning.cycles_per_px,
                    px_per_deg.map_or(f64::NAN, |px| tuning.cycles_per_px * px),
                    tuning.cycles_per_second,
                    tuning.best_response,
                ]
                .map(cell),
            ),
            None => row.extend(vec![String::new(); 8]),
        }
        row
    });
    write_rows(path, heading.split(','), rows)
}

/// Writes one row for every movie that was reconstructed; `axes` names the places of its grid in space and in time.
///
/// # Errors
/// When it can't be written.
pub fn write_scores(path: &Path, axes: [&str; 2], scores: &[TargetScore]) -> Result<()> {
    let heading = format!(
        "movie,{},{},pixel_correlation,another_movie,response_correlation,response_sd",
        axes[0], axes[1]
    );
    let rows = scores.iter().map(|score| {
        let numbers =
            [score.pixel_correlation, score.another_movie, score.response_correlation, score.response_sd];
        let numbers = score.place.into_iter().chain(numbers).map(cell);
        std::iter::once(score.name.clone()).chain(numbers).collect::<Vec<_>>()
    });
    write_rows(path, heading.split(','), rows)
}

fn cell(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { String::new() }
}
