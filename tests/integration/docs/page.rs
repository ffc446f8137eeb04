//! Reads the examples out of a page of Markdown.

use std::path::{Path, PathBuf};

/// A fenced example.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the opening fence.
    pub language: String,
    /// Number of the line after the opening fence, from 1.
    pub line: usize,
    pub text: String,
    /// Why it is not run, when it is not.
    pub not_run: Option<String>,
    /// The name that later examples know it by.
    pub file: Option<String>,
    /// Whether it is the recipe of a simulated mouse.
    pub simulation: bool,
}

/// A page and its examples.
#[derive(Debug)]
pub struct Page {
    pub path: PathBuf,
    /// As it is called in a message.
    pub name: String,
    /// The text outside of examples, line by line, with line numbers.
    pub prose: Vec<(usize, String)>,
    pub blocks: Vec<Block>,
    pub starts_empty: bool,
}

impl Page {
    pub fn read(path: &Path, root: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        Self::parse(path, name, &text)
    }

    fn parse(path: &Path, name: String, text: &str) -> Self {
        let (mut prose, mut blocks): (Vec<(usize, String)>, Vec<Block>) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text += &format!("{line}\n"),
                (None, Some(language)) => {
                    let above = prose.iter().rev().map(|(_, line)| line.trim()).find(|line| !line.is_empty());
                    let said = |what: &str| {
                        let comment = above?.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
                        Some(comment.strip_prefix(what)?.trim().to_string())
                    };
                    open = Some(Block {
                        language: language.trim().to_string(),
                        line: index + 2,
                        text: String::new(),
                        not_run: said("not run:").filter(|why| !why.is_empty()),
                        file: said("file:"),
                        simulation: said("simulation").is_some(),
                    });
                }
                (None, None) => prose.push((index + 1, line.to_string())),
            }
        }
        assert!(open.is_none(), "{name}: the last example has no end");
        let starts_empty = prose.iter().any(|(_, line)| line.trim() == "<!-- starts: empty -->");
        Self { path: path.to_path_buf(), name, prose, blocks, starts_empty }
    }

    pub fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.name, block.line)
    }

    /// Whether there is anything to run.
    pub fn runs(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| ["sh", "python"].contains(&block.language.as_str()) && block.not_run.is_none())
    }
}

#[test]
fn examples_are_read_with_what_is_said_of_them() {
    let text = "a `b`\n\n```sh\nx\ny\n```\n<!-- not run: hours -->\n\n```toml\nz = 1\n```\n<!-- file: a.toml -->\n```toml\n```\nend\n";
    let page = Page::parse(Path::new("p.md"), "p.md".into(), text);
    let [sh, hours, file] = &page.blocks[..] else { panic!("{page:?}") };
    assert_eq!((sh.language.as_str(), sh.line, sh.text.as_str()), ("sh", 4, "x\ny\n"));
    assert_eq!((&sh.not_run, &hours.not_run), (&None, &Some("hours".into())));
    assert_eq!((&hours.file, &file.file), (&None, &Some("a.toml".into())));
    assert!(page.runs() && !page.starts_empty);
    assert!(page.prose.iter().any(|(line, text)| (*line, text.as_str()) == (15, "end")), "{page:?}");
}
