//! Certainty without a law of errors: signs flipped, units drawn again.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Up to so many differences all their signs are tried: 65,536 ways.
const EXACT: usize = 16;

/// What is left of a mean difference when signs mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignFlip {
    /// Differences that are defined.
    pub n: usize,
    /// Their mean.
    pub mean_difference: f64,
    /// Share of the ways to sign them whose mean is at least as far from 0; of random ways, counting the true one.
    pub p: f64,
    /// Ways that were tried.
    pub permutations: usize,
    /// Whether these were all there are.
    pub exact: bool,
}

/// Tests whether differences of paired measurements are centred on 0, by flipping their signs: all ways when there are
/// up to 16 differences, else `permutations` random ones. Differences that are not finite are left out.
///
/// p is NaN without differences; it can't be less than `2 / 2^n`.
pub fn sign_flip(differences: &[f64], permutations: usize, rng: &mut ChaCha8Rng) -> SignFlip {
    let values: Vec<f64> = differences.iter().copied().filter(|d| d.is_finite()).collect();
    let n = values.len();
    let sum: f64 = values.iter().sum();
    // Equal sums may differ by the order of their additions.
    let least = sum.abs() - 1e-12 * values.iter().map(|d| d.abs()).sum::<f64>();
    let signed = |words: &mut dyn FnMut() -> u64| {
        let chunk = |chunk: &[f64]| {
            let word = words();
            let sign = |k: usize| if word >> k & 1 == 1 { -1.0 } else { 1.0 };
            chunk.iter().enumerate().map(|(k, d)| d * sign(k)).sum::<f64>()
        };
        values.chunks(64).map(chunk).sum::<f64>().abs()
    };
    let exact = n <= EXACT;
    let ways = if exact { 1usize << n } else { permutations };
    let mut reached = 0;
    for way in 0..ways {
        let far = if exact { signed(&mut || way as u64) } else { signed(&mut || rng.random()) };
        reached += usize::from(far >= least);
    }
    let p = match (n, exact) {
        (0, _) => f64::NAN,
        (_, true) => reached as f64 / ways as f64,
        // The recorded signs are one way too: p is never 0 (Phipson & Smyth 2010).
        (_, false) => (reached + 1) as f64 / (ways + 1) as f64,
    };
    SignFlip { n, mean_difference: sum / n as f64, p, permutations: ways, exact }
}

/// A mean over clusters, such as mice, with how far it would move among other such clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClusterMean {
    /// Clusters that have a value: the n that counts.
    pub clusters: usize,
    /// Values in them.
    pub values: usize,
    /// Mean over clusters of the mean of each.
    pub mean: f64,
    /// Limits of its 95 % percentile interval; NaN with a single cluster. With fewer than some ten clusters it is too
    /// narrow.
    pub confidence_95: [f64; 2],
}

/// Averages each cluster and then over clusters, and draws whole clusters again, with replacement: values of one mouse
/// are no more independent for being many. Values that are not finite are left out.
pub fn cluster_bootstrap(clusters: &[Vec<f64>], resamples: usize, rng: &mut ChaCha8Rng) -> ClusterMean {
    let (mut means, mut values) = (Vec::new(), 0);
    for cluster in clusters {
        let defined: Vec<f64> = cluster.iter().copied().filter(|v| v.is_finite()).collect();
        values += defined.len();
        if !defined.is_empty() {
            means.push(defined.iter().sum::<f64>() / defined.len() as f64);
        }
    }
    let mean = |chosen: &[usize]| vec![chosen.iter().map(|&k| means[k]).sum::<f64>() / chosen.len() as f64];
    let all: Vec<usize> = (0..means.len()).collect();
    let confidence_95 =
        bootstrap(means.len(), resamples, rng, mean).first().copied().unwrap_or([f64::NAN; 2]);
    ClusterMean { clusters: means.len(), values, mean: mean(&all)[0], confidence_95 }
}

/// Draws `units` again and again, with replacement, and returns the limits of the 95 % percentile interval of each
/// number that `statistic` computes from the units drawn. No intervals with fewer than two units.
pub fn bootstrap(
    units: usize,
    resamples: usize,
    rng: &mut ChaCha8Rng,
    statistic: impl Fn(&[usize]) -> Vec<f64>,
) -> Vec<[f64; 2]> {
    if units < 2 || resamples == 0 {
        return Vec::new();
    }
    let mut drawn: Vec<Vec<f64>> = Vec::new();
    for _ in 0..resamples {
        let chosen: Vec<usize> = (0..units).map(|_| rng.random_range(0..units)).collect();
        let found = statistic(&chosen);
        drawn.resize_with(found.len(), Vec::new);
        for (values, value) in drawn.iter_mut().zip(found) {
            values.push(value);
        }
    }
    let interval = |values: &mut Vec<f64>| {
        // A draw of one unit alone may leave a slope undefined.
        values.retain(|value| value.is_finite());
        [quantile(values, 0.025), quantile(values, 0.975)]
    };
    drawn.iter_mut().map(interval).collect()
}

/// Returns a quantile, interpolated between neighbours as numpy does; NaN without values. Sorts them.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place as usize;
    let above = (below + 1).min(last);
    values[below] + (place - below as f64) * (values[above] - values[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    fn rng() -> ChaCha8Rng {
        seed::stream("test", "resample", &[])
    }

    // import numpy as np; from scipy import stats                                        (scipy 1.17.1)
    // d = np.array([0.04, 0.06, -0.01, 0.08, 0.09, 0.05, 0.07, 0.03])
    // print(stats.permutation_test((d,), np.mean, permutation_type='samples', n_resamples=np.inf).pvalue)
    #[test]
    fn all_ways_to_sign_few_differences_agree_with_scipy() {
        let d = [0.04, 0.06, -0.01, 0.08, 0.09, 0.05, 0.07, 0.03];
        let found = sign_flip(&d, 10, &mut rng());
        assert_eq!((found.n, found.permutations, found.exact), (8, 256, true));
        assert_eq!(found.p, 0.015625);
        let with_gap = sign_flip(&[&d[..], &[f64::NAN]].concat(), 10, &mut rng());
        assert_eq!(with_gap, found);
        assert!(sign_flip(&[], 10, &mut rng()).p.is_nan());
    }

    // d = (np.arange(40) * 7 % 23 - 9) / 10; scipy as above with n_resamples=10**6: 0.057
    #[test]
    fn random_ways_to_sign_many_differences_come_near_scipy() {
        let d: Vec<f64> = (0..40).map(|k| f64::from(k * 7 % 23 - 9) / 10.0).collect();
        let found = sign_flip(&d, 20_000, &mut rng());
        assert!(!found.exact && found.permutations == 20_000);
        // Four standard deviations of a share near 0.1 among 20,000.
        assert!((found.p - 0.057).abs() < 4.0 * (0.1f64 * 0.9 / 20_000.0).sqrt(), "{}", found.p);
        // Nothing is surer than one in all that were tried.
        assert_eq!(sign_flip(&[1.0; 100], 99, &mut rng()).p, 0.01);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let mut values = vec![3.0, 1.0, 2.0, 10.0];
        assert_eq!(quantile(&mut values, 0.5), 2.5); // np.quantile([3, 1, 2, 10], 0.5)
        assert!((quantile(&mut values, 0.975) - 9.475).abs() < 1e-12); // np.quantile([3, 1, 2, 10], 0.975)
        assert!(quantile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn the_interval_over_mice_has_the_width_of_the_spread_of_mice_not_of_their_values() {
        let mice: Vec<Vec<f64>> =
            (0..12).map(|m| vec![f64::from(m % 4), f64::NAN, f64::from(m % 4)]).collect();
        let found = cluster_bootstrap(&mice, 4000, &mut rng());
        assert_eq!((found.clusters, found.values, found.mean), (12, 24, 1.5));
        // The mean of 12 draws from {0, 1, 2, 3}: sd sqrt(1.25 / 12) = 0.3227, about normal; its quantiles lie on a
        // grid of 1 / 12.
        for (limit, expected) in found.confidence_95.iter().zip([1.5 - 1.96 * 0.3227, 1.5 + 1.96 * 0.3227]) {
            assert!((limit - expected).abs() < 0.06, "{limit} {expected}");
        }
        let alone = cluster_bootstrap(&mice[3..4], 100, &mut rng());
        assert!(alone.mean == 3.0 && alone.confidence_95[0].is_nan());
    }
}
