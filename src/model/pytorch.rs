//! Reads the tensors of a published PyTorch checkpoint (`.pth`) and runs nothing of it.
