//! All integration tests, one binary: linking burn once is enough.

mod integration {
    mod cli;
    mod experiment_file;
    mod fold_hash;
    mod layering;
    mod metrics_parity;
    mod pytorch_checkpoint;
    mod recordings;
    mod simulated_mouse;
    pub mod support;
}
