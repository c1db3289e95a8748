// SPDX-License-Identifier: BSD-3-Clause
//! Maps of files that other hands truncate.

mod common;

use common::{child, content, is_child, signal, text, Scratch};
use mcsafe::{Error, Map, MapOptions, Reason, Shield};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

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
    let line = format!(
        "{}, offset 8192: past the end of the file, which has 8192 bytes",
        file.0.display()
    );
    assert_eq!(error.to_string(), line);
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
fn truncation_inside_a_page_reads_as_zeros() {
    let file = Scratch::new("inside", 8192);
    let map = Map::open(&file.0).unwrap();
    file.cut(100);
    let mut expected = content(100);
    expected.resize(4096, 0);
    let mut bytes = vec![0xee; 8192];
    assert_eq!(map.read_at(&mut bytes, 0).unwrap_err().copied(), 4096);
    assert_eq!(bytes[..4096], expected);
    assert_eq!(map.file().metadata().unwrap().len(), 100);
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
    let outer = std::io::Error::from(error);
    assert_eq!(outer.kind(), ErrorKind::PermissionDenied);
    file.cut(4096);
    let error = map.write_at(&[1; 16], 4090).unwrap_err();
    assert_eq!((error.copied(), error.offset()), (6, Some(4096)));
}

#[test]
fn private_writes_stay_in_the_process_and_need_no_writable_file() {
    let file = Scratch::new("private", 4096);
    let mut options = MapOptions::new();
    options.write(true).private(true);
    let map = options.open(&file.0).unwrap();
    map.write_at(b"mine", 10).unwrap();
    assert_eq!(map.get(10..14).unwrap(), b"mine");
    assert_eq!(std::fs::read(&file.0).unwrap(), content(4096));
    // Nobody may write to a program that runs.
    let me = std::env::current_exe().unwrap();
    assert_eq!(options.open(&me).unwrap().get(1..4).unwrap(), b"ELF");
    let error = options.private(false).open(&me).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(26)); // ETXTBSY
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
fn salvage_lists_each_hole_of_many() {
    let file = Scratch::new("holes", 0);
    let pages = 300;
    let mut bytes = vec![1u8; pages * 4096];
    // Poison cannot be had here. A map of which every other page may not be read is as bad.
    file.cut((pages * 4096) as u64);
    let map = Map::open(&file.0).unwrap();
    for page in (1..pages).step_by(2) {
        forbid(&map, page);
    }
    let (n, holes) = map.salvage(&mut bytes, 0, 7);
    assert_eq!(n, pages * 4096);
    let starts: Vec<usize> = holes.iter().map(|hole| hole.start).collect();
    let odd: Vec<usize> = (1..pages).step_by(2).map(|page| page * 4096).collect();
    assert_eq!(starts, odd);
    assert!(holes.iter().all(|hole| hole.len == 4096));
    for (page, bytes) in bytes.chunks(4096).enumerate() {
        let value = if page % 2 == 1 { 7 } else { 0 };
        assert!(bytes.iter().all(|&b| b == value), "page {page}");
    }
}

fn forbid(map: &Map, page: usize) {
    extern "C" {
        fn mprotect(at: *mut std::ffi::c_void, len: usize, prot: i32) -> i32;
    }
    let at = map.as_ptr().wrapping_add(page * 4096).cast();
    // SAFETY: the page belongs to the map, which has no references to it. PROT_NONE is 0.
    assert_eq!(unsafe { mprotect(at, 4096, 0) }, 0);
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
fn seek_leaves_what_was_read_ahead() {
    let file = Scratch::new("seek", 200_000);
    let map = Map::open(&file.0).unwrap();
    let mut reader = map.reader();
    let mut bytes = [0; 7];
    for (to, at) in [
        (SeekFrom::Current(5), 5),
        (SeekFrom::Start(100), 100),
        (SeekFrom::Current(-50), 57),
        (SeekFrom::End(-7), 199_993),
        (SeekFrom::Current(-100_000), 100_000),
    ] {
        assert_eq!(reader.seek(to).unwrap(), at);
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, content(200_000)[at as usize..][..7]);
        assert_eq!(reader.stream_position().unwrap(), at + 7);
    }
    // As for a file, a position past the end is no error.
    assert_eq!(reader.seek(SeekFrom::End(9)).unwrap(), 200_009);
    assert_eq!(reader.read(&mut bytes).unwrap(), 0);
    assert_eq!(reader.seek(SeekFrom::Current(-10)).unwrap(), 199_999);
    assert_eq!(reader.read(&mut bytes).unwrap(), 1);
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
    let name = "stack_overflow_still_has_the_message_of_rust";
    if is_child(name) {
        mcsafe::install().unwrap();
        std::thread::spawn(|| deep(1)).join().unwrap();
        return;
    }
    let output = child(name).output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("has overflowed its stack"), "{said}");
    assert_eq!(signal(&output), Some(6));
}

#[test]
fn a_wrong_engine_is_an_error_of_each_first_call() {
    let name = "a_wrong_engine_is_an_error_of_each_first_call";
    if is_child(name) {
        let error = mcsafe::copy_slice(&mut [0; 4], b"four").unwrap_err();
        assert_eq!((error.errno(), error.copied()), (22, 0));
        assert!(error.to_string().contains("cannot be installed"), "{error}");
        let file = Scratch::new("engine", 10);
        let error = Map::open(&file.0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(22));
        return;
    }
    let output = child(name).env("MCSAFE_ENGINE", "steam").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}
