// SPDX-License-Identifier: BSD-3-Clause
//! The examples with a whole file, and with one that is cut after it was mapped.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Cargo builds the examples next to the directory of the tests.
fn run(name: &str, arguments: &[&str]) -> Output {
    let mut at: PathBuf = std::env::current_exe().unwrap();
    at.pop();
    at.pop();
    let program = at.join("examples").join(name);
    let made = Command::new(program).args(arguments).output();
    made.expect("`cargo test` without options builds the examples too")
}

fn scratch(name: &str) -> String {
    let at = std::env::temp_dir().join(format!("mcsafe-rust-{}-{}", name, std::process::id()));
    std::fs::write(&at, "first\nsecond\n".repeat(2000)).unwrap();
    at.to_str().unwrap().to_string()
}

#[test]
fn sum_and_tac_tell_where_the_file_was_cut() {
    for name in ["sum", "tac"] {
        let file = scratch(name);
        let whole = run(name, &[&file]);
        let cut = run(name, &[&file, "--truncate"]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(whole.status.code(), Some(0));
        assert_eq!(cut.status.code(), Some(1));
        let said = String::from_utf8(cut.stderr).unwrap();
        assert_eq!(said, format!("{name}: lost from byte 4096 on\n"));
        assert!(cut.stdout.is_empty());
        if name == "tac" {
            assert!(whole.stdout.starts_with(b"second\nfirst\n"));
        } else {
            let bytes = "first\nsecond\n".repeat(2000);
            let sum: u64 = bytes.bytes().map(u64::from).sum();
            assert_eq!(whole.stdout, format!("{sum}\n").into_bytes());
        }
    }
}

#[test]
fn plain_map_dies_of_sigbus() {
    let file = scratch("plain");
    let whole = run("plain_sum", &[&file]);
    let cut = run("plain_sum", &[&file, "--truncate"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(whole.status.code(), Some(0));
    assert_eq!(cut.status.signal(), Some(7));
}
