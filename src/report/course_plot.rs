//! Quality against compute: pixel correlation of the movie on its way, over the clip gradients spent until then.

use std::collections::BTreeSet;
use std::path::Path;

use super::axis::XScale;
use super::plot::{Line, Panel, write_plot_scaled};
use super::spread::{Mark, Spread};
use crate::error::Result;
use crate::evaluate::course::{CoursePoint, mean_course};

/// The course of one run, under its name.
pub type NamedCourse = (String, Vec<CoursePoint>);

/// Writes a PNG with a curve for each run: the mean over the trials of each mouse, then over mice, after each
/// iteration that was kept; x is logarithmic.
///
/// # Errors
/// [`crate::error::Error::Usage`] when no movie has a score, [`crate::error::Error::Io`] when the file can't be
/// written.
pub fn write_course_plot(path: &Path, runs: &[NamedCourse]) -> Result<()> {
    let mut panel = Panel {
        x_label: "clip gradients spent, mean over trials (a clip through a member: one)".into(),
        y_label: "pixel correlation".into(),
        lines: Vec::new(),
    };
    let mut spreads = Vec::new();
    for (line, (name, points)) in runs.iter().enumerate() {
        let course: Vec<(f64, f64)> =
            mean_course(points).into_iter().filter(|(cost, _)| *cost > 0.0).collect();
        let marks = course.iter().filter(|(_, r)| r.is_finite());
        spreads.push(Spread {
            line,
            band: Vec::new(),
            marks: marks.map(|&at| Mark { at, interval: None }).collect(),
        });
        panel.lines.push(Line { label: format!("{name} ({})", counted(points)), points: course });
    }
    let title = "The movie on its way: quality against compute";
    write_plot_scaled(path, title, &[(panel, spreads)], XScale::Log)
}

/// Counts what a mean is over.
fn counted(points: &[CoursePoint]) -> String {
    let trials: BTreeSet<(&str, u32)> = points.iter().map(|p| (p.mouse.as_str(), p.trial)).collect();
    let mice: BTreeSet<&str> = trials.iter().map(|(mouse, _)| *mouse).collect();
    let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    format!("n = {}, {}", count(trials.len(), "trial", "trials"), count(mice.len(), "mouse", "mice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_a_curve_across_the_panel_and_none_is_refused() {
        let course = |scale: f64| -> Vec<CoursePoint> {
            let cost = |k: u32| 10u64.pow(k + 1);
            let point = |k: u32| CoursePoint {
                mouse: "a".into(),
                trial: 1,
                iteration: u64::from(k) + 1,
                clip_gradients: cost(k),
                pixel_correlation: (k > 0).then_some(scale * f64::from(k)),
            };
            (0..4).map(point).collect()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("course.png");
        write_course_plot(&path, &[("paper".into(), course(0.1)), ("quick".into(), course(0.2))]).unwrap();
        let picture = image::open(&path).unwrap().into_rgb8();
        let columns = |color: [u8; 3]| -> BTreeSet<u32> {
            let inked = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == color);
            inked.map(|(x, _, _)| x).collect()
        };
        for color in [[0, 114, 178], [213, 94, 0]] {
            assert!(columns(color).len() > 300, "{color:?}");
        }
        assert!(write_course_plot(&path, &[("none".into(), Vec::new())]).is_err());
    }
}
