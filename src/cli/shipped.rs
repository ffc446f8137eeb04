//! The demo's ensemble, trained ahead: it comes with the program, for training takes far longer than all the rest.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::atomic;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::run_folder::RunFolder;

/// The recipe of the demo's mouse.
pub const MOUSE: &str = include_str!("../../data/demo_mouse.toml");
/// The settings of everything else.
const SETTINGS: &str = include_str!("../../models/demo.toml");
/// Sections of the settings that decide what a trained member is.
const TRAINED_BY: [&str; 4] = ["data", "input", "model", "train"];
/// The members, in their order.
const MEMBERS: [&[u8]; 7] = [
    include_bytes!("../../models/demo/member_0.safetensors"),
    include_bytes!("../../models/demo/member_1.safetensors"),
    include_bytes!("../../models/demo/member_2.safetensors"),
    include_bytes!("../../models/demo/member_3.safetensors"),
    include_bytes!("../../models/demo/member_4.safetensors"),
    include_bytes!("../../models/demo/member_5.safetensors"),
    include_bytes!("../../models/demo/member_6.safetensors"),
];
const PROVENANCE: &str = include_str!("../../models/demo/manifest.json");

/// Where the shipped members come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Provenance {
    /// [`recipe_hash`] of the mouse and the settings that they were trained with.
    pub recipe: String,
    /// blake3 of each member's file.
    pub members: Vec<String>,
    /// The run that trained them.
    pub run: Manifest,
}

/// Reads where the shipped members come from.
///
/// # Errors
/// [`Error::Failed`] when what was built in is damaged.
pub fn provenance() -> Result<Provenance> {
    serde_json::from_str(PROVENANCE).map_err(|e| Error::Failed(format!("models/demo/manifest.json: {e}")))
}

/// Hashes the keys and values that decide what a trained member of the demo is; comments don't count.
///
/// # Errors
/// [`Error::Failed`] when what was built in is no TOML.
pub fn recipe_hash() -> Result<String> {
    let parse =
        |text: &str| text.parse::<Table>().map_err(|e| Error::Failed(format!("the demo's recipe: {e}")));
    let (mouse, mut settings) = (parse(MOUSE)?, parse(SETTINGS)?);
    settings.retain(|section, _| TRAINED_BY.contains(&section));
    // How many trials are reconstructed does not matter.
    if let Some(data) = settings.get_mut("data").and_then(toml::Value::as_table_mut) {
        data.remove("trial_count");
    }
    // Tables are sorted by key.
    Ok(blake3::hash(format!("{mouse}{settings}").as_bytes()).to_hex().to_string())
}

/// The shipped members' files, in their order.
pub fn members() -> &'static [&'static [u8]] {
    &MEMBERS
}

/// Writes the shipped members to where a run keeps its own; those that are there already stay.
///
/// # Errors
/// When they are of another recipe than this program's, or can't be written.
pub fn install(folder: &RunFolder) -> Result<()> {
    if provenance()?.recipe != recipe_hash()? {
        let problem = "the ensemble that was built in is not one of the demo's recipe; `v1reel demo --train` trains \
                       one";
        return Err(Error::Failed(problem.into()));
    }
    for (index, bytes) in MEMBERS.iter().enumerate() {
        let path = folder.model(index);
        if !path.exists() {
            atomic::write_bytes(&path, bytes)?;
        }
    }
    Ok(())
}

/// Copies the members of a run to `to`, with where they come from, in the form that ships.
///
/// # Errors
/// When they can't be read or written.
pub fn ship(folder: &RunFolder, to: &Path) -> Result<()> {
    let mut hashes = Vec::new();
    for index in 0..MEMBERS.len() {
        let path = folder.model(index);
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        hashes.push(blake3::hash(&bytes).to_hex().to_string());
        atomic::write_bytes(&to.join(format!("member_{index}.safetensors")), &bytes)?;
    }
    let run = Manifest::read(&folder.path().join("manifest.json"))?;
    let run = Manifest { started_by: vec!["v1reel".into(), "demo".into(), "--train".into()], ..run };
    let provenance = Provenance { recipe: recipe_hash()?, members: hashes, run };
    let text = serde_json::to_string_pretty(&provenance).map_err(|e| Error::Failed(e.to_string()))?;
    atomic::write_bytes(&to.join("manifest.json"), format!("{text}\n").as_bytes())
}
