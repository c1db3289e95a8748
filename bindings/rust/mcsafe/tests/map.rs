// SPDX-License-Identifier: BSD-3-Clause
//! Maps of files that other hands truncate.

use mcsafe::{Error, Map, MapOptions, Reason, Shield};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Command;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, len: usize) -> Scratch {
        let name = format!("mcsafe-rust-{}-{}", name, std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        std::fs::write(&scratch.0, content(len)).unwrap();
        scratch
    }
    fn cut(&self, len: u64) {
        let file = OpenOptions::new().write(true).open(&self.0).unwrap();
        file.set_len(len).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

#[test]
fn truncated_file_gives_count_offset_path_and_reason() {
    let file = Scratch::new("cut", 16384);
    let map = Map::open(&file.0).unwrap();
    file.cut(8192);
    let mut bytes = vec![0xee; 10000];
    let error = map.read_at(&mut bytes, 100).unwrap_err();
    assert_eq!(error.copied(), 8092);
    assert_eq!(bytes[..8092], content(16384)[100..8192]);
    assert!(bytes[8092..].iter().all(|&b| b == 0xee));
    assert_eq!(error.reason(), Reason::PastEnd);
    assert_eq!(error.offset(), Some(8192));
    assert_eq!(error.path(), Some(file.0.as_path()));
    assert!(error.to_string().contains("past the end"), "{}", error);
    let outer = std::io::Error::from(error);
    assert_eq!(outer.kind(), ErrorKind::UnexpectedEof);
    assert!(outer.get_ref().unwrap().downcast_ref::<Error>().is_some());
}

#[test]
fn short_reads_agree_with_the_file_around_its_end() {
    let file = Scratch::new("sweep", 12288);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    let whole = content(4096);
    for start in 4096 - 70..4096 + 3 {
        for n in 1..140 {
            let mut bytes = vec![0xee; n];
            let good = n.min(4096usize.saturating_sub(start));
            match map.read_at(&mut bytes, start) {
                Ok(read) => assert_eq!((read, good), (n, n)),
                Err(error) => assert_eq!(error.copied(), good),
            }
            assert_eq!(
                bytes[..good],
                whole[start.min(4096)..start.min(4096) + good]
            );
            assert!(bytes[good..].iter().all(|&b| b == 0xee));
        }
    }
}

#[test]
fn offset_and_length_need_no_alignment() {
    let file = Scratch::new("offset", 10000);
    let map = MapOptions::new()
        .offset(4999)
        .len(5000)
        .open(&file.0)
        .unwrap();
    assert_eq!(map.get(0..9999).unwrap(), content(10000)[4999..9999]);
    assert_eq!(map.get(4999..5001).unwrap(), content(10000)[9998..9999]);
    assert_eq!(map.read_at(&mut [0; 4], 5000).unwrap(), 0);
    let error = MapOptions::new().offset(10001).open(&file.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn empty_file_is_an_empty_map() {
    let file = Scratch::new("empty", 0);
    let map = Map::open(&file.0).unwrap();
    assert!(map.is_empty());
    assert_eq!(map.read_at(&mut [0; 4], 0).unwrap(), 0);
    assert!(Shield::open(map).unwrap().finish().is_ok());
}

#[test]
fn writes_reach_the_file_and_a_read_only_map_refuses() {
    let file = Scratch::new("write", 8192);
    let map = MapOptions::new().write(true).open(&file.0).unwrap();
    assert_eq!(map.write_at(b"hello", 8190).unwrap(), 2);
    assert_eq!(std::fs::read(&file.0).unwrap()[8190..], b"he"[..]);
    let error = Map::open(&file.0).unwrap().write_at(b"x", 1).unwrap_err();
    assert_eq!((error.reason(), error.copied()), (Reason::Protected, 0));
    file.cut(4096);
    let error = map.write_at(&[1; 16], 4090).unwrap_err();
    assert_eq!((error.copied(), error.offset()), (6, Some(4096)));
}

#[test]
fn words_are_atomic_and_fail_with_an_error() {
    let file = Scratch::new("word", 8192);
    let map = MapOptions::new().write(true).open(&file.0).unwrap();
    map.store_u64(8, 5).unwrap();
    assert_eq!(map.compare_exchange_u64(8, 4, 9).unwrap(), 5);
    assert_eq!(map.compare_exchange_u64(8, 5, 9).unwrap(), 5);
    assert_eq!(map.load_u64(8).unwrap(), 9);
    assert_eq!(map.load_u32(8).unwrap(), 9);
    file.cut(4096);
    assert_eq!(map.load_u64(4096).unwrap_err().offset(), Some(4096));
    assert_eq!(
        map.store_u64(4096, 1).unwrap_err().reason(),
        Reason::PastEnd
    );
    assert!(std::panic::catch_unwind(|| map.load_u64(4)).is_err());
    assert!(std::panic::catch_unwind(|| map.load_u64(8192)).is_err());
}

#[test]
fn salvage_lists_the_holes() {
    let file = Scratch::new("salvage", 16384);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    let mut bytes = vec![0; 9000];
    let (n, holes) = map.salvage(&mut bytes, 96, 0x5a);
    assert_eq!(n, 9000);
    assert_eq!(holes.len(), 1);
    assert_eq!((holes[0].start, holes[0].len), (4000, 5000));
    assert_eq!(bytes[..4000], content(4096)[96..]);
    assert!(bytes[4000..].iter().all(|&b| b == 0x5a));
}

#[test]
fn reader_returns_the_good_bytes_and_then_the_error() {
    let file = Scratch::new("reader", 200_000);
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 199_997);
    let mut tail = Vec::new();
    reader.read_to_end(&mut tail).unwrap();
    assert_eq!(tail, content(200_000)[199_997..]);
    assert!(reader.seek(SeekFrom::Current(-200_001)).is_err());
    file.cut(69632);
    reader.seek(SeekFrom::Start(0)).unwrap();
    let mut bytes = Vec::new();
    let error = reader.read_to_end(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(bytes, content(69632));
}

#[test]
fn shield_counts_and_finish_tells() {
    let file = Scratch::new("shield", 16384);
    let shield = Shield::open(Map::open(&file.0).unwrap()).unwrap();
    assert_eq!(shield.get(1), Some(content(2)[1]));
    assert_eq!(shield.lost(), 0);
    file.cut(8192);
    assert_eq!(shield.get(9000), Some(0));
    assert_eq!(shield.get(16384), None);
    assert_eq!(shield.lost(), 8192);
    assert_eq!(shield.finish().unwrap_err().reason(), Reason::StandIns);
    let whole = Shield::open(Map::open(&file.0).unwrap()).unwrap();
    // SAFETY: nobody else has this file.
    assert_eq!(unsafe { whole.as_slice() }, &content(8192)[..]);
    assert!(whole.finish().is_ok());
}

#[test]
fn threads_share_a_map_that_fails() {
    let file = Scratch::new("threads", 16384);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let error = map.read_at(&mut [0; 8000], 0).unwrap_err();
                    assert_eq!(error.copied(), 4096);
                }
            });
        }
    });
}

#[test]
fn a_map_outlives_the_name_of_its_file() {
    let file = Scratch::new("name", 4096);
    let map = MapOptions::new().map(File::open(&file.0).unwrap()).unwrap();
    std::fs::remove_file(&file.0).unwrap();
    assert_eq!(map.get(0..4096).unwrap(), content(4096));
}

#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    let block = [n; 64];
    // SAFETY: the pointer is that of the array. Volatile keeps the array on the stack.
    let word = unsafe { std::ptr::read_volatile(&block[(n % 64) as usize]) };
    deep(word + 1) + unsafe { std::ptr::read_volatile(&block[0]) }
}

#[test]
fn stack_overflow_still_has_the_message_of_rust() {
    if std::env::var_os("MCSAFE_TEST_OVERFLOW").is_some() {
        mcsafe::install().unwrap();
        std::thread::spawn(|| deep(1)).join().unwrap();
        return;
    }
    let me = std::env::current_exe().unwrap();
    let output = Command::new(me)
        .args(["stack_overflow_still", "--nocapture"])
        .env("MCSAFE_TEST_OVERFLOW", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("has overflowed its stack"), "{}", said);
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(6));
}
