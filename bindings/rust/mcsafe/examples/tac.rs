// SPDX-License-Identifier: BSD-3-Clause
//! Prints the lines of a mapped file, the last one first. With `--truncate` it cuts the file after
//! mapping it. Exits 1 with "lost from byte N on" where a plain map dies of SIGBUS.

use mcsafe::{Map, Reason};
use std::io::{self, Write};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(text) = run(&arguments) {
        eprintln!("tac: {text}");
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let path = arguments.first().ok_or("usage: tac FILE [--truncate]")?;
    let map = Map::open(path).map_err(|e| format!("{path}: {e}"))?;
    if arguments.get(1).map(String::as_str) == Some("--truncate") {
        let file = std::fs::OpenOptions::new().write(true).open(path);
        file.and_then(|f| f.set_len(4096))
            .map_err(|e| format!("{path}: {e}"))?;
    }
    let bytes = map
        .get(0..map.len())
        .map_err(|e| match (e.reason(), e.offset()) {
            (Reason::PastEnd, Some(at)) => format!("lost from byte {at} on"),
            _ => e.to_string(),
        })?;
    let mut out = io::stdout().lock();
    for line in bytes.split_inclusive(|&b| b == b'\n').rev() {
        out.write_all(line).map_err(|e| e.to_string())?;
    }
    Ok(())
}
