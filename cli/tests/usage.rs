//! What every command has in common: help, exit statuses, and readers that go away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use common::{PEERGATE, peergate};

#[test]
fn help_and_version_are_good() {
    let help = peergate(&["--help"], b"").ended(0);
    for part in ["check", "parse", "eval", "test", "dev-ca", "Exit status"] {
        assert!(help.stdout.contains(part), "{part} is not in {help:?}");
    }
    let version = peergate(&["--version"], b"").ended(0);
    assert_eq!(version.stdout, format!("peergate {}\n", env!("CARGO_PKG_VERSION")));
    let parse = peergate(&["parse", "--help"], b"").ended(0);
    assert!(parse.stdout.contains("xfcc") && parse.stdout.contains("spiffe"), "{parse:?}");
}

#[test]
fn wrong_usage_is_two_and_on_stderr() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["chekc"],
        &["check"],
        &["parse"],
        &["parse", "xfcc", "--format", "yaml"],
        &["test"],
        &["dev-ca"],
        &["dev-ca", "d", "--days", "0"],
    ];
    for arguments in wrong {
        let run = peergate(arguments, b"").ended(2);
        assert_eq!(run.stdout, "");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    for arguments in
        [&["parse", "xfcc", "--value", "Hash=a"][..], &["--help"], &["parse", "spiffe", "--value", ""]]
    {
        let mut child = Command::new(PEERGATE)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_full_disk_is_said() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("not tested: this system has no /dev/full");
        return;
    };
    let mut command = Command::new(PEERGATE);
    command.args(["parse", "xfcc", "--value", "Hash=a"]).stdin(Stdio::null()).stdout(full);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
}
