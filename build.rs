//! Tells the crate which git commit it is built from, when it is built in a git checkout. Reads git's own
//! files, so that neither git nor a checkout is needed to build.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(commit) = commit(Path::new(".git")) {
        println!("cargo:rustc-env=V1REEL_COMMIT={commit}");
    }
}

/// Reads the commit that is checked out, and has cargo build again when another one is.
fn commit(dot_git: &Path) -> Option<String> {
    let folder = git_folder(dot_git)?;
    let head_file = folder.join("HEAD");
    println!("cargo:rerun-if-changed={}", head_file.display());
    let head = fs::read_to_string(&head_file).ok()?;
    let Some(branch) = head.trim().strip_prefix("ref: ") else { return hash(&head) };
    // Branches of a worktree are kept in the main checkout.
    let common = fs::read_to_string(folder.join("commondir"))
        .map_or_else(|_| folder.clone(), |common| folder.join(common.trim()));
    let loose = common.join(branch);
    if let Ok(line) = fs::read_to_string(&loose) {
        println!("cargo:rerun-if-changed={}", loose.display());
        return hash(&line);
    }
    let packed = common.join("packed-refs");
    println!("cargo:rerun-if-changed={}", packed.display());
    let text = fs::read_to_string(&packed).ok()?;
    text.lines().find(|line| line.ends_with(&format!(" {branch}"))).and_then(hash)
}

/// Follows the file that stands for `.git` in a worktree.
fn git_folder(dot_git: &Path) -> Option<PathBuf> {
    if dot_git.is_dir() {
        return Some(dot_git.to_path_buf());
    }
    let text = fs::read_to_string(dot_git).ok()?;
    Some(PathBuf::from(text.trim().strip_prefix("gitdir: ")?))
}

fn hash(line: &str) -> Option<String> {
    let hash = line.split_whitespace().next()?;
    (hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_string())
}
