//! Predicts what was left out: images or trials, group by group, the penalty chosen without them.

use ndarray::{Array2, ArrayView2, Axis};

use super::cholesky::Cholesky;
use super::ridge::{Centred, Ridge, factor, penalty};
use crate::error::{Error, Result};

/// Predictions of samples that were not fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// `[sample, pixel]`, each predicted from the samples of other groups.
    pub predicted: Array2<f64>,
    /// The strength that was chosen for each sample.
    pub strengths: Vec<f64>,
}

/// Predicts every sample from those of other groups, at one penalty, without fitting again for each: what a fit to
/// all leaves over, divided by the share that a group has no part in (the block form of the leave-one-out formula).
///
/// # Shapes
/// - `x`: `[sample, feature]`, `y`: `[sample, pixel]`, `groups`: one a sample
///
/// # Errors
/// As [`Ridge::fit`], and when there are fewer than two groups.
pub fn leave_groups_out(
    x: ArrayView2<f32>,
    y: ArrayView2<f32>,
    groups: &[usize],
    lambda: f64,
) -> Result<Array2<f64>> {
    let members = members(x, groups)?;
    let centred = Centred::new(x, y)?;
    let samples = x.nrows();
    let kernel = centred.x.dot(&centred.x.t());
    // The kernel and its factor commute, so this is K (K + λ)⁻¹; the means add 1 / n.
    let mut hat = kernel.clone();
    factor(kernel, lambda)?.solve(&mut hat);
    let residual = &centred.y - &hat.dot(&centred.y);
    let mut predicted = y.mapv(f64::from);
    for rows in &members {
        let own = hat.select(Axis(0), rows).select(Axis(1), rows);
        let rest = Array2::<f64>::eye(rows.len()) - own - 1.0 / samples as f64;
        let mut off = residual.select(Axis(0), rows);
        let rest = Cholesky::new(rest).ok_or_else(|| {
            Error::Failed(
                "linear decoder: a group determines its own prediction; try stronger penalties".into(),
            )
        })?;
        rest.solve(&mut off);
        for (&row, off) in rows.iter().zip(off.rows()) {
            let mut predicted = predicted.row_mut(row);
            predicted -= &off;
        }
    }
    Ok(predicted)
}

/// Predicts every group from the others, with the strength that predicts these best from each other: nothing of a
/// group, not even the choice of the strength, helps to predict it.
///
/// # Shapes
/// - `x`: `[sample, feature]`, `y`: `[sample, pixel]`, `groups`: one a sample
///
/// # Errors
/// As [`leave_groups_out`]; there have to be at least three groups.
pub fn predict_left_out(
    x: ArrayView2<f32>,
    y: ArrayView2<f32>,
    groups: &[usize],
    strengths: &[f64],
) -> Result<LeftOut> {
    let members = members(x, groups)?;
    let mut found = LeftOut { predicted: Array2::zeros(y.raw_dim()), strengths: vec![f64::NAN; x.nrows()] };
    for rows in &members {
        let rest: Vec<usize> = (0..x.nrows()).filter(|row| !rows.contains(row)).collect();
        let [x_rest, y_rest] = [x, y].map(|values| values.select(Axis(0), &rest));
        let of_rest: Vec<usize> = rest.iter().map(|&row| groups[row]).collect();
        let strength = best_strength(x_rest.view(), y_rest.view(), &of_rest, strengths)?;
        let ridge = Ridge::fit(x_rest.view(), y_rest.view(), penalty(x_rest.view(), strength))?;
        let predicted = ridge.predict(x.select(Axis(0), rows).view());
        for (&row, predicted) in rows.iter().zip(predicted.rows()) {
            found.predicted.row_mut(row).assign(&predicted);
            found.strengths[row] = strength;
        }
    }
    Ok(found)
}

/// Finds the strength with the least squared error over groups that are left out in turn.
///
/// # Errors
/// As [`leave_groups_out`]; when there is no strength to try.
pub fn best_strength(
    x: ArrayView2<f32>,
    y: ArrayView2<f32>,
    groups: &[usize],
    strengths: &[f64],
) -> Result<f64> {
    let mut best: Option<(f64, f64)> = None;
    for &strength in strengths {
        let predicted = leave_groups_out(x, y, groups, penalty(x, strength))?;
        let error: f64 = predicted.iter().zip(y).map(|(p, &y)| (p - f64::from(y)).powi(2)).sum();
        if best.is_none_or(|(least, _)| error < least) {
            best = Some((error, strength));
        }
    }
    best.map(|(_, strength)| strength)
        .ok_or_else(|| Error::usage("linear decoder: no strength of the penalty to try"))
}

/// Lists the samples of each group.
fn members(x: ArrayView2<f32>, groups: &[usize]) -> Result<Vec<Vec<usize>>> {
    let mut members = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (sample, &group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(sample);
    }
    if groups.len() != x.nrows() || members.len() < 2 {
        return Err(Error::Failed(format!(
            "linear decoder: {} samples in {} groups, {} with a group; expected a group for each sample, and at least \
             two groups to predict one from the others",
            x.nrows(),
            members.len(),
            groups.len()
        )));
    }
    Ok(members.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::super::ridge::tests::{farthest, samples};
    use super::*;

    #[test]
    fn leaving_groups_out_equals_fitting_again_without_them() {
        for features in [8, 60] {
            let [x, y, _] = samples(30, features, 4, 0.5);
            let groups: Vec<usize> = (0..30).map(|k| k * 7 % 11).collect();
            let found = leave_groups_out(x.view(), y.view(), &groups, 0.9).unwrap();
            for group in 0..11 {
                let pick = |own: bool| (0..30).filter(|&k| (groups[k] == group) == own).collect::<Vec<_>>();
                let (own, rest) = (pick(true), pick(false));
                let ridge = Ridge::fit(x.select(Axis(0), &rest).view(), y.select(Axis(0), &rest).view(), 0.9)
                    .unwrap();
                let again = ridge.predict(x.select(Axis(0), &own).view());
                assert!(farthest(&again, &found.select(Axis(0), &own)) < 1e-9); // f64 roundings
            }
        }
    }

    #[test]
    fn a_group_never_helps_to_predict_itself() {
        let [x, y, _] = samples(24, 40, 3, 0.5);
        let groups: Vec<usize> = (0..24).map(|k| k / 3).collect();
        let strengths = [0.1, 1.0, 10.0];
        let found = predict_left_out(x.view(), y.view(), &groups, &strengths).unwrap();
        let mut altered = y.clone();
        altered.slice_mut(ndarray::s![6..9, ..]).fill(1000.0);
        let again = predict_left_out(x.view(), altered.view(), &groups, &strengths).unwrap();
        for row in 0..24 {
            let same = found.predicted.row(row) == again.predicted.row(row);
            assert_eq!(same, (6..9).contains(&row), "sample {row}");
        }
        assert_eq!(found.strengths[6..9], again.strengths[6..9]);
    }

    #[test]
    fn noise_calls_for_a_stronger_penalty() {
        let choose = |noise| {
            let [x, y, _] = samples(60, 30, 4, noise);
            best_strength(x.view(), y.view(), &(0..60).collect::<Vec<_>>(), &super::super::STRENGTHS).unwrap()
        };
        assert_eq!(choose(0.0), super::super::STRENGTHS[0]);
        assert!(choose(10.0) > 1.0, "{}", choose(10.0));
    }

    #[test]
    fn too_few_groups_are_refused() {
        let [x, y, _] = samples(6, 3, 2, 0.1);
        for groups in [vec![0; 6], vec![0, 1, 2]] {
            let said = leave_groups_out(x.view(), y.view(), &groups, 1.0).unwrap_err().to_string();
            assert!(said.contains("6 samples"), "{said}");
        }
    }
}
