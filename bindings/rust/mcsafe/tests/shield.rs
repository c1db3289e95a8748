// SPDX-License-Identifier: BSD-3-Clause
//! Shields: what stand-ins hold, what is told of them, and how they go away.

mod common;

use common::{child, content, is_child, signal, text, Scratch};
use mcsafe::{Hole, Map, MapOptions, Reason, Shield, ShieldOptions};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const PAGE: usize = 4096;

fn open(file: &Scratch, options: &ShieldOptions) -> Shield {
    options.open(Map::open(&file.0).unwrap()).unwrap()
}

fn ranges(shield: &Shield) -> Vec<(usize, usize)> {
    let list = shield.lost_ranges().map(|hole| (hole.start, hole.len));
    list.collect()
}

/// What ordinary code reads.
fn read(shield: &Shield, start: usize, n: usize) -> Vec<u8> {
    (start..start + n)
        .map(|at| shield.get(at).unwrap())
        .collect()
}

#[test]
fn stand_ins_are_counted_and_finish_tells() {
    let file = Scratch::new("shield", 4 * PAGE);
    let shield = Shield::open(Map::open(&file.0).unwrap()).unwrap();
    assert_eq!(shield.get(1), Some(content(2)[1]));
    assert_eq!((shield.lost(), ranges(&shield)), (0, vec![]));
    file.cut(8192);
    assert_eq!(shield.get(9000), Some(0));
    assert_eq!(shield.get(16384), None);
    assert_eq!(shield.lost(), 8192);
    assert_eq!(ranges(&shield), [(8192, 8192)]);
    let error = shield.finish().unwrap_err();
    assert_eq!(error.reason(), Reason::StandIns);
    assert_eq!((error.errno(), error.offset()), (5, Some(8192)));
    assert!(error.to_string().contains("8192 bytes"), "{error}");
}

#[test]
fn a_whole_file_is_a_slice_and_no_error() {
    let file = Scratch::new("whole", 3 * PAGE + 5);
    let shield = open(&file, &ShieldOptions::new());
    assert_eq!(shield.len(), 3 * PAGE + 5);
    // SAFETY: nobody else has this file.
    assert_eq!(unsafe { shield.as_slice() }, content(3 * PAGE + 5));
    assert!(shield.finish().is_ok());
}

#[test]
fn an_empty_map_has_an_empty_shield() {
    let file = Scratch::new("none", 0);
    let mut shield = open(&file, &ShieldOptions::new());
    assert!(shield.is_empty());
    assert_eq!((shield.get(0), shield.lost()), (None, 0));
    assert_eq!(ranges(&shield), []);
    shield.touch(0..10).unwrap();
    shield.restore(0..10).unwrap();
    // SAFETY: it is empty.
    assert!(unsafe { shield.as_slice() }.is_empty());
    shield.finish().unwrap();
}

#[test]
fn each_lost_range_is_listed_and_the_file_tells_the_size() {
    // The size of a file without a name is known only of the descriptor.
    for (known, expected) in [
        (false, vec![(2 * PAGE, PAGE), (5 * PAGE, PAGE)]),
        (true, vec![(PAGE, 7 * PAGE)]),
    ] {
        let file = Scratch::new("scattered", 8 * PAGE);
        let map = Map::open(&file.0).unwrap();
        let writer = OpenOptions::new().write(true).open(&file.0).unwrap();
        std::fs::remove_file(&file.0).unwrap();
        let shield = ShieldOptions::new().file(known).open(map).unwrap();
        writer.set_len(PAGE as u64).unwrap();
        assert_eq!(shield.get(2 * PAGE + 1), Some(0));
        assert_eq!(shield.get(5 * PAGE + 1), Some(0));
        assert_eq!(ranges(&shield), expected);
        let total: usize = expected.iter().map(|range| range.1).sum();
        assert_eq!(shield.lost(), total);
        let mut list = shield.lost_ranges();
        assert_eq!(list.by_ref().count(), expected.len());
        assert_eq!(list.next(), None);
    }
}

#[test]
fn offsets_count_from_the_first_byte_of_the_map() {
    let file = Scratch::new("slack", 5 * PAGE);
    let mut options = MapOptions::new();
    options.offset(4999).len(15000);
    let shield = Shield::open(options.open(&file.0).unwrap()).unwrap();
    file.cut(8192);
    assert_eq!(shield.get(8191 - 4999), Some(content(8192)[8191]));
    assert_eq!(shield.get(8192 - 4999), Some(0));
    assert_eq!(ranges(&shield), [(8192 - 4999, 15000 - (8192 - 4999))]);
    assert_eq!(shield.finish().unwrap_err().offset(), Some(8192));

    // The page in which the map begins is lost too: the bytes before the map are not listed.
    let file = Scratch::new("slack-all", 5 * PAGE);
    let shield = Shield::open(options.open(&file.0).unwrap()).unwrap();
    file.cut(0);
    assert_eq!(shield.get(0), Some(0));
    assert_eq!(ranges(&shield), [(0, 15000)]);
    assert_eq!(shield.finish().unwrap_err().offset(), Some(4999));
}

#[test]
fn stand_ins_hold_a_byte() {
    let file = Scratch::new("byte", 4 * PAGE);
    let shield = open(&file, ShieldOptions::new().byte(0xa5));
    file.cut(8192);
    assert_eq!(read(&shield, 8190, 2), content(8192)[8190..]);
    assert_eq!(read(&shield, 8192, 8192), [0xa5; 8192]);
    assert_eq!(ranges(&shield), [(8192, 8192)]);
}

#[test]
fn stand_ins_hold_what_the_mirror_has() {
    let file = Scratch::new("mirrored", 4 * PAGE);
    let other = Scratch::new("mirror", 0);
    // The map begins at 4999 of the file, and at 5100 of the mirror, which ends early.
    let there: Vec<u8> = (0..13000).map(|i| (i / 3) as u8 ^ 0x55).collect();
    std::fs::write(&other.0, &there).unwrap();
    let map = MapOptions::new().offset(4999).open(&file.0).unwrap();
    let mut options = ShieldOptions::new();
    options.mirror(File::open(&other.0).unwrap(), 5100);
    let shield = options.open(map).unwrap();
    drop(options);
    file.cut(8192);
    let from = 8192 - 4999;
    assert_eq!(read(&shield, 0, from), content(8192)[4999..]);
    let rest = 13000 - 5100 - from;
    assert_eq!(read(&shield, from, rest), there[5100 + from..]);
    assert_eq!(read(&shield, from + rest, 100), [0; 100]);
    assert!(shield.lost() >= 8192);
}

#[test]
fn wrong_mirrors_are_errors() {
    let file = Scratch::new("wrong", 2 * PAGE);
    let map = || MapOptions::new().offset(4999).open(&file.0).unwrap();
    for offset in [902, u64::MAX] {
        let mut options = ShieldOptions::new();
        options.mirror(File::open(&file.0).unwrap(), offset);
        let error = options.open(map()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let mut options = ShieldOptions::new();
    options.mirror(File::open(&file.0).unwrap(), 903);
    options.open(map()).unwrap().finish().unwrap();
    options.mirror(OpenOptions::new().append(true).open(&file.0).unwrap(), 4999);
    let error = options.open(map()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(9)); // EBADF: it cannot be read
}

#[test]
fn a_mirror_that_is_too_short_does_not_help() {
    let name = "a_mirror_that_is_too_short_does_not_help";
    if is_child(name) {
        let file = Scratch::new("too-short", 4 * PAGE);
        let other = Scratch::new("too-short-mirror", PAGE);
        let mut options = ShieldOptions::new();
        options.mirror(File::open(&other.0).unwrap(), 0);
        let shield = open(&file, &options);
        file.cut(0);
        assert_eq!(read(&shield, 0, PAGE), content(PAGE));
        for scratch in [&file, &other] {
            std::fs::remove_file(&scratch.0).unwrap();
        }
        println!("so far");
        let _ = shield.get(PAGE);
        println!("too far");
        return;
    }
    let output = child(name).output().unwrap();
    assert_eq!(signal(&output), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("so far\n"));
}

#[test]
fn shields_share_a_counter() {
    static LOST: AtomicUsize = AtomicUsize::new(0);
    let files = [
        Scratch::new("count-1", 4 * PAGE),
        Scratch::new("count-2", 4 * PAGE),
    ];
    let shields = [0, 1].map(|i| open(&files[i], ShieldOptions::new().counter(&LOST)));
    files[0].cut(PAGE as u64);
    files[1].cut(2 * PAGE as u64);
    assert_eq!(LOST.load(SeqCst), 0);
    shields[0].get(PAGE);
    assert_eq!(LOST.load(SeqCst), 3 * PAGE);
    shields[1].get(2 * PAGE);
    assert_eq!(LOST.load(SeqCst), 5 * PAGE);
    assert_eq!(shields[0].lost() + shields[1].lost(), 5 * PAGE);
}

#[test]
fn a_function_is_called_for_each_loss() {
    static SEEN: [AtomicUsize; 3] = [
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    ];
    let note = |hole: Hole| {
        SEEN[0].fetch_add(1, SeqCst);
        SEEN[1].store(hole.start, SeqCst);
        SEEN[2].store(hole.len, SeqCst);
    };
    let seen = || [0, 1, 2].map(|i| SEEN[i].load(SeqCst));
    let file = Scratch::new("called", 4 * PAGE);
    let mut options = ShieldOptions::new();
    // SAFETY: the function only stores to atomics.
    unsafe { options.on_loss(Box::leak(Box::new(note))) };
    let map = MapOptions::new().offset(5000).open(&file.0).unwrap();
    let shield = options.open(map).unwrap();
    file.cut(2 * PAGE as u64);
    shield.get(0);
    assert_eq!(seen(), [0, 0, 0]);
    shield.get(3 * PAGE - 5000);
    assert_eq!(seen(), [1, PAGE, 2 * PAGE]);
    shield.get(2 * PAGE - 5000);
    assert_eq!(seen()[0], 1);
}

#[test]
fn restore_gives_back_what_is_whole_again() {
    let file = Scratch::new("restore", 4 * PAGE);
    let map = MapOptions::new().offset(100).open(&file.0).unwrap();
    let mut shield = Shield::open(map).unwrap();
    file.cut(PAGE as u64);
    assert_eq!(shield.get(3 * PAGE), Some(0));
    assert_eq!(ranges(&shield), [(PAGE - 100, 3 * PAGE)]);
    let all = shield.len();
    let error = shield.restore(0..all).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5)); // EIO: the file is still short
    assert_eq!(ranges(&shield), [(PAGE - 100, 3 * PAGE)]);
    std::fs::write(&file.0, content(4 * PAGE)).unwrap();
    // One page that has a byte in the range, and no other.
    shield.restore(2 * PAGE - 100..2 * PAGE - 99).unwrap();
    assert_eq!(
        ranges(&shield),
        [(PAGE - 100, PAGE), (3 * PAGE - 100, PAGE)]
    );
    assert_eq!(
        shield.get(3 * PAGE - 101),
        Some(content(4 * PAGE)[3 * PAGE - 1])
    );
    assert_eq!(shield.get(3 * PAGE - 100), Some(0));
    shield.restore(0..usize::MAX).unwrap();
    assert_eq!(ranges(&shield), []);
    assert_eq!(read(&shield, 0, all), content(4 * PAGE)[100..]);
    // What was read before was wrong all the same.
    assert_eq!(shield.lost(), 3 * PAGE);
    let error = shield.finish().unwrap_err();
    assert_eq!((error.reason(), error.offset()), (Reason::StandIns, None));
}

#[test]
fn touch_makes_a_range_readable_by_system_calls() {
    let file = Scratch::new("touch", 4 * PAGE);
    let map = MapOptions::new().offset(100).open(&file.0).unwrap();
    let shield = Shield::open(map).unwrap();
    let copy = Scratch::new("touched", 0);
    let mut out = File::create(&copy.0).unwrap();
    file.cut(PAGE as u64);
    // SAFETY: from now on nobody changes the file. Only write(2) reads the bytes.
    let bytes = unsafe { shield.as_slice() };
    let from = PAGE - 100;
    let error = out.write_all(&bytes[from..]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(14)); // EFAULT
    shield.touch(from..from).unwrap();
    shield.touch(shield.len()..usize::MAX).unwrap();
    shield.touch(0..from).unwrap();
    assert_eq!(shield.lost(), 0);
    shield.touch(0..from + 1).unwrap();
    assert_eq!(ranges(&shield), [(from, 3 * PAGE)]);
    out.write_all(bytes).unwrap();
    let mut expected = content(PAGE)[100..].to_vec();
    expected.resize(4 * PAGE - 100, 0);
    assert_eq!(std::fs::read(&copy.0).unwrap(), expected);
}
