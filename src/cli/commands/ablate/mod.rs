//! `v1reel ablate`: what neurons and behavior contribute.

mod behavior;
mod neurons;
mod tables;

use std::fs;
use std::path::Path;

use crate::cli::ablate_args::{AblateArgs, AblateWhat};
use crate::cli::chosen::Chosen;
use crate::cli::session::{Run, Session};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::reconstruct::{Condition, Reconstruction, TrialPlan};

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

/// Reconstructs into a folder of its own, where the members' movies are not kept once they are one: there may be
/// thousands of such folders.
fn ablated(plan: &TrialPlan<'_>, folder: &Path, ensemble: &Ensemble, run: &Run) -> Result<Reconstruction> {
    let result = plan.reconstruct(ensemble, folder, &run.observer)?;
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("member") && name.ends_with(".h5") {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(result)
}
