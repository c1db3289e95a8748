// SPDX-License-Identifier: BSD-3-Clause
//! What may be sent to other threads, and what they may share.

mod common;

use common::{content, Scratch};
use mcsafe::{Error, Hole, Map, MapOptions, Reader, Reason, Shield, ShieldOptions};
use std::io::Read;

fn send_and_sync<T: Send + Sync>() {}

#[test]
fn all_types_are_send_and_sync() {
    send_and_sync::<Map>();
    send_and_sync::<MapOptions>();
    send_and_sync::<Reader<'_>>();
    send_and_sync::<Shield>();
    send_and_sync::<ShieldOptions>();
    send_and_sync::<Error>();
    send_and_sync::<Hole>();
    send_and_sync::<Reason>();
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
fn threads_have_readers_of_their_own() {
    let file = Scratch::new("readers", 16384);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut reader = map.reader();
            scope.spawn(move || {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).unwrap_err();
                assert_eq!(bytes, content(4096));
            });
        }
    });
}

#[test]
fn threads_share_a_shield_and_the_last_one_ends_it() {
    let file = Scratch::new("shared", 16384);
    let shield = Shield::open(Map::open(&file.0).unwrap()).unwrap();
    file.cut(4096);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut expected = content(4096);
                expected.resize(16384, 0);
                for (at, &byte) in expected.iter().enumerate() {
                    assert_eq!(shield.get(at), Some(byte));
                }
                assert_eq!(shield.lost(), 12288);
            });
        }
    });
    let result = std::thread::spawn(move || shield.finish()).join().unwrap();
    assert_eq!(result.unwrap_err().reason(), Reason::StandIns);
}
