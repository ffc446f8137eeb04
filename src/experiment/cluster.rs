//! The section `[cluster]`: what a run on many machines makes, and what it asks of a batch system. Changes no result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ablation that is made as part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AblationPart {
    /// `v1reel ablate neurons`.
    Neurons,
    /// `v1reel ablate behavior`.
    Behavior,
}

/// What `v1reel plan`, `run` and `submit` make, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Controls to make beside the reconstructions, as `v1reel reconstruct --controls` names them.
    pub controls: Vec<String>,
    /// Ablations to make.
    pub ablate: Vec<AblationPart>,
    /// Train members. When false, those that are there are taken as they are, whatever they were trained with, and only
    /// missing ones are trained: for members that were imported or came with v1reel.
    pub train: bool,
    /// CPU cores of a job; it starts as many threads.
    #[schemars(extend("unit" = "cores"))]
    pub cores: usize,
    /// Memory of a job in GB; 0 takes what the cost model counts.
    #[schemars(extend("unit" = "GB"))]
    pub memory_gb: f64,
    /// GPUs of a job; more than 0 asks for `--gres=gpu:N`.
    #[schemars(extend("unit" = "GPUs"))]
    pub gpus: usize,
    /// How many times as fast as the machine of the cost model this one is, core by core.
    #[schemars(extend("unit" = "factor"))]
    pub speed: f64,
    /// Reserved time over predicted time.
    #[schemars(extend("unit" = "factor"))]
    pub time_factor: f64,
    /// No job reserves more hours; a training that needs more is requeued and goes on.
    #[schemars(extend("unit" = "hours"))]
    pub max_hours: f64,
    /// Short tasks share a job of about so many predicted minutes; 0 gives every task its own.
    #[schemars(extend("unit" = "minutes"))]
    pub job_minutes: f64,
    /// Jobs of one stage that run at once; 0 leaves it to Slurm.
    #[schemars(extend("unit" = "jobs"))]
    pub at_once: usize,
    /// Most elements of a job array; Slurm's `MaxArraySize` less one.
    #[schemars(extend("unit" = "elements"))]
    pub array_size: usize,
    /// How often a job may be put back into the queue because its time was over.
    #[schemars(extend("unit" = "times"))]
    pub requeues: usize,
    /// How often the work of a process that died, of too little memory or by a signal, is tried again.
    #[schemars(extend("unit" = "times"))]
    pub retries: usize,
    /// Slurm's `--partition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Slurm's `--account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Slurm's `--qos`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// What the program is started through, as in `apptainer exec --bind /data v1reel.sif`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The program's path on the nodes; this program's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Lines of shell that come first in every job, as in `module load hdf5`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
    /// More options of sbatch, as in `--constraint=avx512`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            controls: Vec::new(),
            ablate: Vec::new(),
            train: true,
            cores: 4,
            memory_gb: 0.0,
            gpus: 0,
            speed: 1.0,
            time_factor: 2.0,
            max_hours: 24.0,
            job_minutes: 10.0,
            at_once: 0,
            array_size: 1000,
            requeues: 20,
            retries: 2,
            partition: None,
            account: None,
            qos: None,
            container: None,
            program: None,
            setup: Vec::new(),
            options: Vec::new(),
        }
    }
}

impl ClusterConfig {
    /// With every key given, so that the file's schema can be read off it.
    pub(super) fn example() -> Self {
        let text = || "text".to_string();
        Self {
            controls: vec![text()],
            ablate: vec![AblationPart::Neurons],
            partition: Some(text()),
            account: Some(text()),
            qos: Some(text()),
            container: Some(text()),
            program: Some(text()),
            setup: vec![text()],
            options: vec![text()],
            ..Self::default()
        }
    }
}
