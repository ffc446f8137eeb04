//! The page that a run ends with: pictures and scores, opened from disk.

use std::fmt::Write as _;
use std::path::Path;

use crate::atomic;
use crate::error::Result;
use crate::evaluate::TrialScore;
use crate::evaluate::table::COLUMNS;
use crate::run_folder::{RECORDED, RunFolder};

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n<title>v1reel</title>\n<style>\n\
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }\n\
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }\n\
img, video { max-width: 100%; image-rendering: pixelated; }\n\
table { border-collapse: collapse; }\ntd, th { padding: .2rem .8rem; text-align: right; }\n\
td:first-child, th:first-child { text-align: left; }\n</style>\n";

/// Writes `index.html`, which shows the movies beside it by relative paths.
///
/// # Errors
/// When it can't be written.
pub fn write_page(path: &Path, run: &RunFolder, rows: &[TrialScore]) -> Result<()> {
    let mut html = String::from(HEAD);
    html.push_str(
        "<h1>Reconstructed movies</h1>\n<p>Pixel correlation within the mask, beside what chance gives: ",
    );
    html.push_str("the mean movie as the guess, the reconstruction against other trials' movies, and a ");
    html.push_str("reconstruction from responses shuffled between neurons.</p>\n");
    for row in rows {
        section(&mut html, path, run, row);
    }
    atomic::write_bytes(path, html.as_bytes())
}

fn section(html: &mut String, page: &Path, run: &RunFolder, row: &TrialScore) {
    let folder = run.reconstruction(RECORDED, &row.mouse, row.trial);
    let base = page.parent().and_then(Path::parent).unwrap_or(run.path());
    let inside = folder.strip_prefix(base).unwrap_or(&folder);
    let link = |name: &str| format!("../{}", escape(&inside.join(name).to_string_lossy()));
    let title = escape(&format!("{}, trial {}", row.mouse, row.trial));
    // Writing to a String can't fail.
    let _ = write!(
        html,
        "<h2>{title}</h2>\n<video controls loop autoplay muted src=\"{}\"><img src=\"{}\" alt=\"ground truth \
         beside reconstruction, {title}\"></video>\n<p><img src=\"{}\" alt=\"frames of the ground truth above those \
         of the reconstruction\"></p>\n<table><tr><th>score<th>value</tr>\n",
        link("reconstruction.mp4"),
        link("reconstruction.gif"),
        link("strip.png")
    );
    for (name, value) in COLUMNS {
        let value = value(row);
        let value = if value.is_finite() { format!("{value:.3}") } else { "not made".into() };
        let _ = writeln!(html, "<tr><td>{}<td>{value}</tr>", name.replace('_', " "));
    }
    html.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
