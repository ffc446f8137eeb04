//! Pictures of the neuron ablation: pixel correlation against the number of neurons.

use std::path::Path;

use super::plot::{Line, Panel, write_plot_with_spreads};
use super::spread::{Mark, Spread};
use crate::ablate::summary::{NamedCurve, NeuronSummary};
use crate::error::Result;

/// How far apart marks of one number of neurons are drawn, as a share of the axis.
const BESIDE: f64 = 0.01;

/// Writes a PNG with one panel for each mouse, and one over mice when there are several: points are means with their
/// 95 % bootstrap intervals, lines the logarithmic fits with theirs.
///
/// # Errors
/// When there is nothing to draw or the file can't be written.
pub fn write_neuron_plot(path: &Path, summary: &NeuronSummary) -> Result<()> {
    let mut groups: Vec<Vec<&NamedCurve>> = Vec::new();
    for curve in &summary.curves {
        match groups.iter_mut().find(|group| group[0].mouse == curve.mouse) {
            Some(group) => group.push(curve),
            None => groups.push(vec![curve]),
        }
    }
    let panels: Vec<(Panel, Vec<Spread>)> = groups.iter().map(|group| panel(group)).collect();
    let title = "Fewer neurons: means, fits a + b ln n, 95 % intervals";
    write_plot_with_spreads(path, title, &panels)
}

fn panel(curves: &[&NamedCurve]) -> (Panel, Vec<Spread>) {
    let first = curves[0];
    let whose =
        first.mouse.as_ref().map_or_else(|| "mean over mice".into(), |mouse| format!("mouse {mouse}"));
    let lines = curves.iter().map(|named| Line {
        label: format!("{}, {}", named.by, named.method),
        points: named.curve.band.iter().map(|drawn| (drawn.neurons, drawn.fit)).collect(),
    });
    let numbers = curves.iter().flat_map(|named| named.curve.points.iter().map(|point| point.neurons));
    let (least, most) = numbers.fold((f64::INFINITY, 0.0f64), |(a, b), n| (a.min(n), b.max(n)));
    let spreads = curves.iter().enumerate().map(|(line, named)| {
        // Marks of one number of neurons stand beside each other.
        let aside = (line as f64 - 0.5 * (curves.len() - 1) as f64) * BESIDE * (most - least);
        let band = named.curve.band.iter();
        let marks = named.curve.points.iter();
        Spread {
            line,
            band: band.filter_map(|d| d.confidence_95.map(|[low, high]| (d.neurons, low, high))).collect(),
            marks: marks
                .map(|point| Mark { at: (point.neurons + aside, point.mean), interval: point.confidence_95 })
                .collect(),
        }
    });
    let panel = Panel {
        x_label: format!("neurons ({whose}, n = {} {})", first.curve.units, first.curve.unit),
        y_label: "pixel correlation".into(),
        lines: lines.collect(),
    };
    (panel, spreads.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ablate::curve::Measurements;
    use crate::ablate::{Method, Order};
    use crate::data::MouseId;
    use crate::seed;
    use ndarray::Array2;

    #[test]
    fn each_mouse_and_their_mean_have_a_panel_of_their_own() {
        let counts = [800.0, 400.0, 200.0, 100.0];
        let curve = |unit, slope: f64| {
            let measured = Measurements {
                unit,
                keeps: counts.map(|count| count.to_string()).to_vec(),
                neurons: Array2::from_shape_fn((5, 4), |(_, k)| counts[k]),
                values: Array2::from_shape_fn((5, 4), |(t, k)| slope * counts[k].ln() + 0.03 * t as f64),
            };
            measured.curve(100, &mut seed::stream("test", "plot", &[]))
        };
        let mut curves = Vec::new();
        for mouse in [Some("a"), Some("b"), None] {
            for (method, slope) in [(Method::Exclude, 0.1), (Method::Silence, 0.08)] {
                let mouse = mouse.map(|mouse| MouseId(mouse.into()));
                let unit = if mouse.is_some() { "trials" } else { "mice" };
                curves.push(NamedCurve { mouse, by: Order::Random, method, curve: curve(unit, slope) });
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.png");
        write_neuron_plot(&path, &NeuronSummary { curves, exclude_against_silence: Vec::new() }).unwrap();
        let picture = image::open(&path).unwrap().into_rgb8();
        // The title and three panels.
        assert_eq!(picture.height(), 44 + 3 * 360);
        let inked = |rows: std::ops::Range<u32>, color: [u8; 3]| {
            rows.flat_map(|y| (0..picture.width()).map(move |x| (x, y)))
                .filter(|&(x, y)| picture.get_pixel(x, y).0 == color)
                .count()
        };
        for panel in 0..3 {
            for color in [[0, 114, 178], [213, 94, 0]] {
                assert!(inked(44 + panel * 360..44 + (panel + 1) * 360, color) > 500, "{panel} {color:?}");
            }
        }
    }
}
