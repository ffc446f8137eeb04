//! A folder in which examples run: tiny recordings by the names that pages use, and a `v1reel` that is the program with
//! every experiment made so small that it takes no time. The commands themselves run as they are written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::Rng;
use tempfile::TempDir;
use v1reel::data::format::npy_array::write_numbers;
use v1reel::seed;

use super::page::{Block, Page};
use super::root;

/// Frames of 12 x 16 pixels, as of the arrays that docs/your_own_mouse.md makes. Of its trials, 4 is reconstructed.
const RECIPE: &str =
    "seed = \"tiny\"\nneurons = 8\ntrials = 15\nframes = 64\npadded_frames = 70\nheight = 12\nwidth = 16\n";

const EXPERIMENT: &str = "name = \"first\"\n\n[data]\nmice = [\"mice/first\"]\ntrial_count = 1\n";

/// What makes any experiment small; the mice's sizes are asked for once, by the recipe above.
const SMALL: [&str; 29] = [
    "data.folds=3",
    "data.trial_count=1",
    "input.height=12",
    "input.width=16",
    "model.core_features=[4, 6]",
    "model.spatial_strides=[2, 2]",
    "model.expansion_ratio=2",
    "model.se_reduce_ratio=4",
    "model.cortex_features=[8]",
    "train.batch_size=4",
    "train.warmup_epochs=1",
    "train.cosine_epochs=1",
    "train.epoch_samples=8",
    "ensemble.members=2",
    "mask.iterations=2",
    "mask.first_frame=10",
    "mask.members=1",
    "mask.blur_size=5",
    "reconstruction.iterations=3",
    "reconstruction.stride=24",
    "reconstruction.update_threshold=0",
    "reconstruction.evaluation_threshold=0",
    "ablation.resamples=200",
    "ablation.prediction_trials=2",
    "probe.sparse_movies=2",
    "probe.sparse_frames=60",
    "probe.directions=4",
    "probe.cycles_per_width=[1.0]",
    "probe.cycles_per_second=[2.0]",
];

/// Commands that take an experiment, and so take the settings above.
const OF_EXPERIMENTS: &str = "train|validate|mask|predict|reconstruct|evaluate|ablate|probe|plan|run|submit";

pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// A folder with the program alone.
    pub fn empty() -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        let program = env!("CARGO_BIN_EXE_v1reel");
        let small: String = SMALL.iter().map(|setting| format!(" --set '{setting}'")).collect();
        let shim = format!(
            "#!/bin/sh\ncase \"$1\" in\n{OF_EXPERIMENTS}) exec '{program}' \"$@\" --quiet{small} ;;\n\
             *) exec '{program}' \"$@\" ;;\nesac\n"
        );
        // The program is built: a page that builds it first is right.
        let make =
            "#!/bin/sh\n[ \"$*\" = build ] || { echo \"make $*: say why it is not run\" >&2; exit 1; }\n";
        for (name, text) in [("bin/v1reel", &*shim), ("target/release/v1reel", &*shim), ("bin/make", make)] {
            let path = workspace.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        workspace
    }

    /// A folder with a mouse, an experiment on it, and all that it gave.
    pub fn with_a_finished_run() -> Self {
        let workspace = Self::empty();
        fs::write(workspace.path("mouse.toml"), RECIPE).unwrap();
        fs::write(workspace.path("experiment.toml"), EXPERIMENT).unwrap();
        let way = "v1reel simulate mice/first --config mouse.toml --quiet\nv1reel train experiment.toml\n\
                   v1reel mask experiment.toml\nv1reel reconstruct experiment.toml\nv1reel validate experiment.toml\n\
                   v1reel evaluate experiment.toml\n";
        workspace.shell(way).unwrap();
        workspace
    }

    /// The same again, for a page that changes it.
    pub fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap() };
        copy_folder(self.folder.path(), copy.folder.path());
        // Resolved settings have absolute paths in them: those of the run are now of the copy.
        let (from, to) = (self.folder.path().to_str().unwrap(), copy.folder.path().to_str().unwrap());
        let settings = copy.path("runs/first/experiment.toml");
        let text = fs::read_to_string(&settings).unwrap().replace(from, to);
        fs::write(settings, text).unwrap();
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a page's examples, one after the other, up to the first that fails.
    pub fn run(&self, page: &Page) -> Vec<String> {
        for block in &page.blocks {
            if let Some(name) = &block.file {
                fs::write(self.path(name), &block.text).unwrap();
            }
            let failure = match block.language.as_str() {
                _ if block.not_run.is_some() => None,
                "sh" => self.shell(&block.text).err(),
                "python" => self.python(page, block).err(),
                _ => None,
            };
            if let Some(failure) = failure {
                return vec![format!("{}: {failure}", page.place(block))];
            }
        }
        Vec::new()
    }

    fn shell(&self, script: &str) -> Result<(), String> {
        // Traced: the last line of the trace is the command that failed.
        self.finish(Command::new("sh").args(["-eux", "-c", script]))
    }

    /// Runs an example in Python, unless there is none, or none with what it imports.
    fn python(&self, page: &Page, block: &Block) -> Result<(), String> {
        let python = std::env::var_os("V1REEL_PYTHON").unwrap_or_else(|| "python3".into());
        let imports: Vec<&str> = block
            .text
            .lines()
            .filter(|line| line.starts_with("import ") || line.starts_with("from "))
            .collect();
        let found = Command::new(&python).args(["-c", &imports.join("\n")]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            println!(
                "skipped {}: no Python with {}; name one with V1REEL_PYTHON",
                page.place(block),
                imports.join(", ")
            );
            return self.arrays_in_place_of(block);
        }
        self.finish(Command::new(&python).args(["-c", &block.text]))
    }

    /// Makes the arrays that an example in Python would have saved, of its shapes, for the examples that follow.
    fn arrays_in_place_of(&self, block: &Block) -> Result<(), String> {
        for (name, shape) in [
            ("movies.npy", &[20, 90, 12, 16][..]),
            ("responses.npy", &[20, 20, 90]),
            ("behavior.npy", &[20, 2, 90]),
        ] {
            if block.text.contains(&format!("np.save(\"{name}\"")) {
                let mut rng = seed::stream("docs", name, &[]);
                let values = (0..shape.iter().product()).map(|_| f32::from(rng.random::<u8>()));
                write_numbers(&self.path(name), shape, values).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    fn finish(&self, command: &mut Command) -> Result<(), String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let command = command.current_dir(self.folder.path()).env("MPLBACKEND", "Agg");
        let output = command.env("PATH", format!("{}:{path}", self.path("bin").display())).output();
        let output = output.map_err(|e| e.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(6).collect();
        Err(format!("{}: {}", output.status, last.into_iter().rev().collect::<Vec<_>>().join(" / ")))
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_page_whose_example_fails_is_named_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    fs::write(&path, "text\n\n```sh\nv1reel --version\nv1reel inspect nowhere\n```\n").unwrap();
    let found = Workspace::empty().run(&Page::read(&path, folder.path()));
    assert!(
        found.len() == 1 && found[0].starts_with("page.md:4: ") && found[0].contains("nowhere"),
        "{found:?}"
    );
    fs::write(&path, "```sh\nmake test\n```\n").unwrap();
    let found = Workspace::empty().run(&Page::read(&path, folder.path()));
    assert!(found[0].contains("say why it is not run"), "{found:?} in {}", root().display());
}
