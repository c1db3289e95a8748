// SPDX-License-Identifier: BSD-3-Clause
//! Copies between slices and between raw pointers, with exact counts.

mod common;

use common::{content, Scratch};
use mcsafe::{copy_slice, Map, MapOptions, Reason};

/// The map as another crate would give it.
fn slice(map: &Map) -> &[u8] {
    // SAFETY: the mapping has so many bytes. Nothing but copy_slice() reads them.
    unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }
}

fn slice_mut(map: &mut Map) -> &mut [u8] {
    // SAFETY: as above; the map is borrowed mutably.
    unsafe { std::slice::from_raw_parts_mut(map.as_ptr(), map.len()) }
}

#[test]
fn the_shorter_slice_counts() {
    let mut bytes = [9; 4];
    assert_eq!(copy_slice(&mut bytes, b"longer").unwrap(), 4);
    assert_eq!(&bytes, b"long");
    assert_eq!(copy_slice(&mut bytes, b"to").unwrap(), 2);
    assert_eq!(&bytes, b"tong");
    assert_eq!(copy_slice(&mut bytes, b"").unwrap(), 0);
    assert_eq!(copy_slice(&mut [], b"x").unwrap(), 0);
}

#[test]
fn a_source_that_fails_gives_the_exact_count() {
    let file = Scratch::new("source", 8192);
    let map = Map::open(&file.0).unwrap();
    file.cut(4096);
    for start in 4096 - 70..4096 + 3 {
        for n in (1..140).step_by(3) {
            let good = n.min(4096usize.saturating_sub(start));
            let mut bytes = vec![0xee; n];
            match copy_slice(&mut bytes, &slice(&map)[start..start + n]) {
                Ok(copied) => assert_eq!((copied, good), (n, n)),
                Err(error) => {
                    assert_eq!(error.copied(), good);
                    assert_eq!(error.reason(), Reason::PastEnd);
                    assert_eq!(error.offset(), Some(4096.max(start as u64)));
                }
            }
            let from = start.min(4096);
            assert_eq!(bytes[..good], content(4096)[from..from + good]);
            assert!(bytes[good..].iter().all(|&b| b == 0xee));
        }
    }
}

#[test]
fn a_destination_that_fails_gives_the_exact_count() {
    let file = Scratch::new("destination", 8192);
    let mut map = MapOptions::new().write(true).open(&file.0).unwrap();
    file.cut(4096);
    for start in 4096 - 70..4096 {
        let n = 100;
        let good = 4096 - start;
        std::fs::write(&file.0, vec![0xee; 4096]).unwrap();
        let error =
            copy_slice(&mut slice_mut(&mut map)[start..start + n], &content(n)).unwrap_err();
        assert_eq!((error.copied(), error.reason()), (good, Reason::PastEnd));
        let now = std::fs::read(&file.0).unwrap();
        assert!(now[..start].iter().all(|&b| b == 0xee));
        assert_eq!(now[start..], content(good));
    }
}

#[test]
fn raw_pointers_that_lead_nowhere_are_errors() {
    mcsafe::install().unwrap();
    let mut bytes = [0xee; 8];
    // SAFETY: bytes has 8 bytes, and the copy does not mind the other side.
    let error = unsafe { mcsafe::copy(bytes.as_mut_ptr(), std::ptr::null(), 8) }.unwrap_err();
    assert_eq!((error.reason(), error.errno()), (Reason::NotMapped, 14));
    assert_eq!(
        (error.copied(), error.offset(), error.path()),
        (0, None, None)
    );
    let end = usize::MAX as *const u8;
    // SAFETY: as above.
    let error = unsafe { mcsafe::copy(bytes.as_mut_ptr(), end, 8) }.unwrap_err();
    assert_eq!((error.reason(), error.copied()), (Reason::Address, 0));
    assert_eq!(bytes, [0xee; 8]);
}
