// SPDX-License-Identifier: BSD-3-Clause
//! Panics in the middle of reading leave nothing behind: no bytes are skipped or read twice, no
//! mapping, shield or descriptor stays, and faults after them are errors as before.

mod common;

use common::{content, Scratch};
use mcsafe::{Map, MapOptions, Reader, Shield};
use std::io::{self, BufRead, Read, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;

/// Takes some bytes, then panics.
struct Panics(usize);

impl Write for Panics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.0);
        assert!(n != 0, "enough");
        self.0 -= n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn panics<F: FnOnce()>(action: F) {
    assert!(catch_unwind(AssertUnwindSafe(action)).is_err());
}

fn rest(reader: &mut Reader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_panic_between_fill_buf_and_consume_consumes_nothing() {
    let file = Scratch::new("fill", 200_000);
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    reader.read_exact(&mut [0; 1000]).unwrap();
    panics(|| {
        let first = reader.fill_buf().unwrap()[0];
        assert_ne!(first, content(1001)[1000]);
    });
    assert_eq!(rest(&mut reader), content(200_000)[1000..]);
}

#[test]
fn consuming_more_than_was_read_panics_and_changes_nothing() {
    let file = Scratch::new("consume", 200_000);
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    panics(|| reader.consume(1));
    let have = reader.fill_buf().unwrap().len();
    panics(|| reader.consume(have + 1));
    panics(|| reader.consume(usize::MAX));
    reader.consume(have);
    assert_eq!(rest(&mut reader), content(200_000)[have..]);
}

#[test]
fn a_panic_in_a_loop_over_lines_stops_after_that_line() {
    let file = Scratch::new("lines", 0);
    let lines: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
    std::fs::write(&file.0, &lines).unwrap();
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    panics(|| {
        for line in reader.by_ref().lines() {
            assert_ne!(line.unwrap(), "line 12345");
        }
    });
    let at = lines.find("line 12346").unwrap();
    assert_eq!(rest(&mut reader), lines.as_bytes()[at..]);
}

#[test]
fn a_panic_of_the_writer_leaves_the_reader_in_order() {
    let file = Scratch::new("writer", 200_000);
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    panics(|| {
        io::copy(&mut reader, &mut Panics(100_000)).unwrap();
    });
    // io::copy() had read some bytes ahead. What comes next is the end of the file all the same.
    let last = rest(&mut reader);
    assert!(!last.is_empty() && last.len() <= 100_000, "{}", last.len());
    assert_eq!(last, content(200_000)[200_000 - last.len()..]);
}

#[test]
fn faults_are_errors_while_a_panic_unwinds_and_after_it() {
    struct ReadsInDrop<'a>(&'a Map, &'a mut Option<usize>);
    impl Drop for ReadsInDrop<'_> {
        fn drop(&mut self) {
            let error = self.0.read_at(&mut [0; 8192], 0).unwrap_err();
            *self.1 = Some(error.copied());
        }
    }
    let file = Scratch::new("unwinds", 8192);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    let mut copied = None;
    panics(|| {
        let _reads = ReadsInDrop(&map, &mut copied);
        let mut bytes = Vec::new();
        map.reader().read_to_end(&mut bytes).unwrap();
    });
    assert_eq!(copied, Some(4096));
    let mut reader = map.reader();
    let mut bytes = Vec::new();
    for _ in 0..2 {
        let error = reader.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(bytes, content(4096));
    }
}

/// The mappings and the descriptors of a file in this process.
fn uses(path: &Path) -> (usize, usize) {
    let name = path.to_str().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = descriptors.filter(|entry| {
        let link = std::fs::read_link(entry.as_ref().unwrap().path());
        link.map_or(false, |link| link == path)
    });
    (
        maps.lines().filter(|line| line.contains(name)).count(),
        open.count(),
    )
}

#[test]
fn a_panic_ends_maps_and_shields() {
    let file = Scratch::new("ends", 16384);
    for round in 0..3 {
        panics(|| {
            // It begins and ends within pages, and has two.
            let mut options = MapOptions::new();
            let map = options.offset(4999).len(3500).open(&file.0).unwrap();
            assert_eq!(uses(&file.0), (1, 1));
            map.load_u64(3500).unwrap();
        });
        assert_eq!(uses(&file.0), (0, 0), "round {round}");
        std::fs::write(&file.0, content(16384)).unwrap();
        panics(|| {
            let shield = Shield::open(Map::open(&file.0).unwrap()).unwrap();
            file.cut(4096);
            assert_eq!(shield.get(8192), Some(0));
            assert!(uses(&file.0).0 > 0);
            shield.finish().unwrap();
        });
        assert_eq!(uses(&file.0), (0, 0), "round {round}");
    }
}
