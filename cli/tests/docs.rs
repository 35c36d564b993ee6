//! Runs the examples of the documents, and looks for what they name.
//!
//! A fence ` ```json NAME ` is a file of that name; in a fence ` ```console ` the lines after `$ ` are
//! commands, and the others what they print, stdout and stderr together. `…` stands for any text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Folder, PEERGATE, finish};

/// A fenced block: what follows the fence, and the lines.
struct Fence {
    info: String,
    lines: Vec<String>,
}

#[test]
fn every_example_does_what_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let page = std::fs::read_to_string(page).unwrap();
    let folder = Folder::new();
    let mut commands = 0;
    for fence in fences(&page) {
        if let Some(name) = fence.info.strip_prefix("json ") {
            folder.file(name, &(fence.lines.join("\n") + "\n"));
        } else if fence.info == "console" {
            for (command, expected) in examples(&fence.lines) {
                check(folder.path(), command, &expected);
                commands += 1;
            }
        } else {
            panic!("a fence that this test does not know: {}", fence.info);
        }
    }
    assert!(commands >= 15, "only {commands} examples were found");
    for command in ["check", "eval", "test", "parse xfcc", "parse spiffe", "parse cert", "dev-ca"] {
        assert!(page.contains(&format!("peergate {command} ")), "{command} has no example");
    }
}

/// The pages that speak of files of this repository: their commands run at its root.
const PAGES: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/design.md",
    "docs/envoy.md",
    "docs/fixtures.md",
    "docs/node-tls.md",
    "docs/operations.md",
    "docs/policy.md",
    "docs/sources.md",
    "docs/codes.md",
    "examples/proxies/README.md",
    "node-binding/README.md",
];

#[test]
fn the_other_pages_do_what_they_say_and_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    let mut commands = 0;
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for fence in fences(&text).iter().filter(|fence| fence.info == "console") {
            for (command, expected) in examples(&fence.lines) {
                check(&root, command, &expected);
                commands += 1;
            }
        }
        let folder = root.join(page).parent().unwrap().to_path_buf();
        for target in
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
        {
            let file = target.split('#').next().unwrap_or_default();
            let is_file = !file.is_empty() && !file.contains("://");
            assert!(!is_file || folder.join(file).exists(), "{page} links to {file}, which is not there");
        }
        for named in text.split("make ").skip(1) {
            let before = text.split(named).next().unwrap_or_default();
            let is_command = before.ends_with("`make ") || before.ends_with("\nmake ");
            let target: String = named.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(
                !is_command || makefile.contains(&format!("\n{target}:")),
                "{page} names `make {target}`, which the Makefile has not"
            );
        }
    }
    assert!(commands >= 6, "only {commands} examples were found");
}

fn fences(page: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some(Fence { info: info.to_owned(), lines: Vec::new() }),
            (Some(_), Some(fence)) => fences.push(fence),
            (None, Some(mut fence)) => {
                fence.lines.push(line.to_owned());
                open = Some(fence);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    fences
}

/// Commands, each with the lines that it prints.
fn examples(lines: &[String]) -> Vec<(&str, Vec<&str>)> {
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => examples.push((command, Vec::new())),
            (None, Some((_, expected))) => expected.push(line),
            (None, None) => panic!("output before the first command: {line}"),
        }
    }
    examples
}

fn check(folder: &Path, line: &str, expected: &[&str]) {
    let bin = Path::new(PEERGATE).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{{ {line}\n}} 2>&1")]).current_dir(folder).env("PATH", path.unwrap());
    let printed = finish(command, b"").stdout;
    let printed: Vec<_> = printed.lines().collect();
    let same = printed.len() == expected.len()
        && printed.iter().zip(expected).all(|(printed, expected)| matches(printed, expected));
    assert!(same, "$ {line}\nshould print\n{}\nbut prints\n{}", expected.join("\n"), printed.join("\n"));
}

/// Whether a line is as expected, `…` being any text.
fn matches(printed: &str, expected: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else { return printed == expected };
    let Some(mut left) = printed.strip_prefix(start) else { return false };
    let mut parts: Vec<_> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}
