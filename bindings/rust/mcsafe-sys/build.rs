// SPDX-License-Identifier: BSD-3-Clause
//! Finds libmcsafe: in MCSAFE_LIB_DIR, or with the command pkg-config.
//! With MCSAFE_STATIC=1 the static library is linked.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=MCSAFE_LIB_DIR");
    println!("cargo:rerun-if-env-changed=MCSAFE_STATIC");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
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
        .args(["--variable=libdir", "mcsafe"])
        .output();
    match answer {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_string()
        }
        _ => {
            eprintln!(
                "libmcsafe was not found: set MCSAFE_LIB_DIR, or PKG_CONFIG_PATH for mcsafe.pc"
            );
            std::process::exit(1);
        }
    }
}
