// SPDX-License-Identifier: BSD-3-Clause
//! A file system that is full: stores to holes of a file are errors, until there is room again.

mod common;

use common::{child, is_child, text};
use mcsafe::{Map, MapOptions, Reason};
use std::fs::File;
use std::io::Write;
use std::process::Command;

const PAGE: usize = 4096;
const ENOSPC: i32 = 28;
const SCRIPT: &str = r#"mount -t tmpfs -o nr_blocks=16,huge=never none "$0" || exit 99
cd "$0" && exec "$@""#;

#[test]
#[ignore = "needs root, or namespaces of users"]
fn a_store_to_a_hole_gives_the_count_and_enospc() {
    let name = "a_store_to_a_hole_gives_the_count_and_enospc";
    if is_child(name) {
        on_a_full_file_system();
        println!("all was seen");
        return;
    }
    let directory = std::env::temp_dir().join(format!("mcsafe-rust-full-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    // The mount lives in a namespace of its own, and ends with the child.
    let spaces: &[&str] = if is_root() {
        &["--mount"]
    } else {
        &["--mount", "--user", "--map-root-user"]
    };
    let again = child(name);
    let output = Command::new("unshare")
        .args(spaces)
        .args(["sh", "-c", SCRIPT])
        .arg(&directory)
        .arg(again.get_program())
        .args(again.get_args())
        .arg("--include-ignored")
        .env(common::CHILD, name)
        .output();
    std::fs::remove_dir(&directory).unwrap();
    let output = output.unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{:?}\n{err}\n{out}", output.status);
    assert!(out.contains("all was seen"), "{out}");
}

fn is_root() -> bool {
    extern "C" {
        fn geteuid() -> u32;
    }
    // SAFETY: the function has no preconditions.
    unsafe { geteuid() == 0 }
}

fn on_a_full_file_system() {
    let file = File::create("holes").unwrap();
    file.set_len(8 * PAGE as u64).unwrap();
    let map = MapOptions::new().write(true).open("holes").unwrap();
    map.write_at(&[1; PAGE], 0).unwrap();
    fill("filler");

    // The first page is there. The second one is a hole.
    let error = map.write_at(&[2; 3 * PAGE], 96).unwrap_err();
    assert_eq!((error.copied(), error.errno()), (PAGE - 96, ENOSPC));
    assert_eq!(error.reason(), Reason::NoSpace);
    assert_eq!(error.offset(), Some(PAGE as u64));
    assert_eq!(error.path().unwrap().file_name().unwrap(), "holes");
    assert!(error.to_string().contains("no space left"), "{error}");
    for error in [
        map.store_u64(2 * PAGE, 5).unwrap_err(),
        map.swap_u8(2 * PAGE, 5).unwrap_err(),
        map.compare_exchange_u16(2 * PAGE, 0, 5).unwrap_err(),
    ] {
        assert_eq!((error.errno(), error.offset()), (ENOSPC, Some(8192)));
    }
    let outer = std::io::Error::from(error);
    assert_eq!(outer.raw_os_error(), None);
    let inner = outer.get_ref().unwrap().downcast_ref::<mcsafe::Error>();
    assert_eq!(inner.unwrap().errno(), ENOSPC);
    // What was there can be changed.
    map.store_u64(8, 7).unwrap();

    // The error is not remembered.
    std::fs::remove_file("filler").unwrap();
    assert_eq!(map.write_at(&[2; 3 * PAGE], 96).unwrap(), 3 * PAGE);
    let mut expected = vec![1; 8 * PAGE];
    expected[96..96 + 3 * PAGE].fill(2);
    expected[96 + 3 * PAGE..].fill(0);
    expected[8..16].copy_from_slice(&7u64.to_le_bytes());
    assert_eq!(std::fs::read("holes").unwrap(), expected);
    assert_eq!(Map::open("holes").unwrap().load_u64(8).unwrap(), 7);
}

fn fill(path: &str) {
    let mut file = File::create(path).unwrap();
    let error = loop {
        match file.write(&[3; PAGE]) {
            Ok(n) => assert_ne!(n, 0),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(ENOSPC));
}
