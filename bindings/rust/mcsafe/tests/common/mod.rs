// SPDX-License-Identifier: BSD-3-Clause
//! What the tests have in common.
#![allow(dead_code)]

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A file of a test, which is removed at the end. It begins with the bytes of content().
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str, len: usize) -> Scratch {
        let name = format!("mcsafe-rust-{}-{}", name, std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        std::fs::write(&scratch.0, content(len)).unwrap();
        scratch
    }
    /// What another process does to the file.
    pub fn cut(&self, len: u64) {
        let file = OpenOptions::new().write(true).open(&self.0).unwrap();
        file.set_len(len).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Neighbouring pages differ.
pub fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

/// What a child of a test does is set in this variable.
pub const CHILD: &str = "MCSAFE_TEST_CHILD";

pub fn is_child(name: &str) -> bool {
    std::env::var_os(CHILD).map_or(false, |value| value == name)
}

/// Runs one test of this program again, in a child.
pub fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, name);
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The signal that ended a child.
pub fn signal(output: &Output) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    output.status.signal()
}
