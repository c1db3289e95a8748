// SPDX-License-Identifier: BSD-3-Clause
//! Adds the bytes of a mapped file. With `--truncate` it cuts the file after mapping it, to show
//! what happens. Exits 1 with "lost from byte N on" where a plain map dies of SIGBUS.

use mcsafe::{Error, Map, Reason};
use std::io::Read;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&arguments) {
        let fault = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
        match fault.map(|e| (e.reason(), e.offset())) {
            Some((Reason::PastEnd, Some(at))) => eprintln!("sum: lost from byte {at} on"),
            _ => eprintln!("sum: {error}"),
        }
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> std::io::Result<()> {
    let wrong = || {
        std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "usage: sum FILE [--truncate]",
        )
    };
    let path = arguments.first().ok_or_else(wrong)?;
    let map = Map::open(path)?;
    if arguments.get(1).map(String::as_str) == Some("--truncate") {
        std::fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(4096)?;
    }
    let mut bytes = Vec::new();
    map.reader().read_to_end(&mut bytes)?;
    println!("{}", bytes.iter().map(|&b| u64::from(b)).sum::<u64>());
    Ok(())
}
