//! All integration tests, one binary: linking burn once is enough.

mod integration {
    mod ablation;
    mod allocation;
    mod arrays;
    mod behavior_alterations;
    mod cli;
    mod cluster;
    mod controls;
    mod data_verify;
    mod devices;
    mod docs;
    mod encoder_parity;
    mod experiment_file;
    mod export;
    mod finetune;
    mod fold_hash;
    mod folds;
    mod frozen_encoder;
    mod gaussian_readout;
    mod hostile_files;
    mod kernels;
    mod layering;
    mod live;
    mod mask_parity;
    mod metrics_parity;
    mod nwb;
    mod probe;
    mod pytorch_checkpoint;
    mod reconstruction_parity;
    mod recordings;
    mod report;
    mod resume;
    mod shipped_ensemble;
    mod simulated_mouse;
    mod stem_statistics;
    mod storage;
    pub mod support;
    mod training_parity;
    mod validation;
    mod whole_way;
}
