// SPDX-License-Identifier: BSD-3-Clause
//! Finds libmcsafe: in MCSAFE_LIB_DIR, or with the command pkg-config.
//! With MCSAFE_STATIC=1 the static library is linked.

use std::env;
use std::process::Command;

const WANTED: &str = "mcsafe >= 0.1";

fn main() {
    println!("cargo:rerun-if-env-changed=MCSAFE_LIB_DIR");
    println!("cargo:rerun-if-env-changed=MCSAFE_STATIC");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_LIBDIR");
    let kind = match env::var("MCSAFE_STATIC") {
        Ok(value) if value == "1" => "static",
        _ => "dylib",
    };
    let directory = match env::var("MCSAFE_LIB_DIR") {
        Ok(directory) => directory,
        Err(_) => from_pkg_config(),
    };
    println!("cargo:rustc-link-search=native={}", directory);
    println!("cargo:rustc-link-lib={}=mcsafe", kind);
}

fn from_pkg_config() -> String {
    let answer = Command::new("pkg-config")
        .args(["--print-errors", "--variable=libdir", WANTED])
        .output();
    let why = match answer {
        Ok(output) if output.status.success() => {
            let line = String::from_utf8_lossy(&output.stdout).into_owned();
            return without_backslashes(line.trim());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("pkg-config: {}\n", error),
    };
    eprint!("{}", why);
    eprintln!("libmcsafe was not found: set MCSAFE_LIB_DIR, or PKG_CONFIG_PATH for mcsafe.pc");
    std::process::exit(1);
}

/// The output of pkg-config is written for a shell: a blank follows a backslash.
fn without_backslashes(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => letters.next().unwrap_or('\\'),
            _ => letter,
        });
    }
    plain
}
