//! `v1reel ablate`: what neurons and behavior contribute.

pub mod behavior;
pub mod neurons;
mod tables;

use crate::cli::args::ablate::{AblateArgs, AblateWhat};
use crate::cli::chosen::Chosen;
use crate::cli::commands::reconstruct::reconstruct_keeping_one as ablated;
use crate::cli::session::{Run, Session};
use crate::ensemble::Ensemble;
use crate::error::Result;
use crate::reconstruct::{Condition, Reconstruction};

/// Ablates.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &AblateArgs, session: &Session) -> Result<()> {
    match &args.what {
        AblateWhat::Neurons(args) => neurons::run(args, session),
        AblateWhat::Behavior(args) => behavior::run(args, session),
    }
}

/// Reconstructs a trial as it was recorded, where `v1reel reconstruct` does, or takes what is there.
fn recorded(chosen: &Chosen<'_>, ensemble: &Ensemble, run: &Run) -> Result<Reconstruction> {
    let condition = Condition::Recorded;
    let folder =
        chosen.workspace.folder.reconstruction(condition.name(), &chosen.mouse().id, chosen.trial.id);
    let settings = chosen.settings(condition, None);
    chosen.plan(condition, &settings)?.reconstruct(ensemble, &folder, &run.observer)
}
