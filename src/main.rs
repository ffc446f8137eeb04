//! The `v1reel` command; everything is in the library.

use std::process::ExitCode;

/// The encoder allocates and frees large tensors all the time; the system's allocator gives their pages
/// back each time, which cost a third of a training step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    v1reel::cli::main()
}
