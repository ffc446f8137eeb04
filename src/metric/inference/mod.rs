//! How sure a difference is: paired t, one-way repeated-measures ANOVA, sign flips, the bootstrap over mice.
//!
//! Every result says how many it was computed from, its degrees of freedom and how large the effect is; whether that
//! is enough to call it anything is for the reader to say.

pub mod anova;
pub mod paired;
pub mod resample;

pub use anova::{RepeatedMeasures, repeated_measures_anova};
pub use paired::{PairedT, bonferroni, paired_t};
pub use resample::{ClusterMean, SignFlip, bootstrap, cluster_bootstrap, quantile, sign_flip};
