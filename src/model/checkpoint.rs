//! Encoder weights in safetensors, with the configuration inside.
