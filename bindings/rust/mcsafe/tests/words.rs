// SPDX-License-Identifier: BSD-3-Clause
//! Words of maps: each size, and each way to fail.

mod common;

use common::{content, Scratch};
use mcsafe::{Map, MapOptions, Reason};
use std::panic::catch_unwind;

fn writable(file: &Scratch) -> Map {
    MapOptions::new().write(true).open(&file.0).unwrap()
}

/// The tests of one size.
macro_rules! size {
    ($name:ident $word:ident $load:ident $store:ident $swap:ident $compare_exchange:ident) => {
        mod $name {
            use super::*;

            const SIZE: usize = std::mem::size_of::<$word>();
            const AT: usize = 24;

            /// The word at AT, and the bytes around it, which must stay.
            fn word(map: &Map) -> $word {
                let all = map.get(0..8192).unwrap();
                let mut was = content(8192);
                was[AT..AT + SIZE].copy_from_slice(&all[AT..AT + SIZE]);
                assert_eq!(all, was);
                $word::from_le_bytes(all[AT..AT + SIZE].try_into().unwrap())
            }

            #[test]
            fn operations_change_this_word_only() {
                let file = Scratch::new(concat!("one-", stringify!($word)), 8192);
                let map = writable(&file);
                let first = word(&map);
                let (a, b) = ($word::MAX - 1, $word::MAX / 3);
                assert_eq!(map.$load(AT).unwrap(), first);
                map.$store(AT, a).unwrap();
                assert_eq!(word(&map), a);
                assert_eq!(map.$swap(AT, b).unwrap(), a);
                assert_eq!(word(&map), b);
                assert_eq!(map.$compare_exchange(AT, a, 1).unwrap(), b);
                assert_eq!(word(&map), b);
                assert_eq!(map.$compare_exchange(AT, b, a).unwrap(), b);
                assert_eq!(word(&map), a);
                assert_eq!(map.$load(AT).unwrap(), a);
            }

            #[test]
            fn lost_words_are_errors() {
                let file = Scratch::new(concat!("lost-", stringify!($word)), 8192);
                let map = writable(&file);
                file.cut(4096);
                let last = 4096 - SIZE;
                map.$store(last, 3).unwrap();
                assert_eq!(map.$swap(last, 4).unwrap(), 3);
                assert_eq!(map.$compare_exchange(last, 4, 5).unwrap(), 4);
                assert_eq!(map.$load(last).unwrap(), 5);
                for error in [
                    map.$load(4096).unwrap_err(),
                    map.$store(4096, 1).unwrap_err(),
                    map.$swap(4096, 1).unwrap_err(),
                    map.$compare_exchange(4096, 1, 2).unwrap_err(),
                ] {
                    assert_eq!(error.offset(), Some(4096));
                    assert_eq!(error.reason(), Reason::PastEnd);
                    assert_eq!((error.errno(), error.copied()), (5, 0));
                }
            }

            #[test]
            fn read_only_words_can_only_be_loaded() {
                let file = Scratch::new(concat!("only-", stringify!($word)), 8192);
                let map = Map::open(&file.0).unwrap();
                let first = map.$load(AT).unwrap();
                for error in [
                    map.$store(AT, first).unwrap_err(),
                    map.$swap(AT, first).unwrap_err(),
                    // Even if nothing would be stored.
                    map.$compare_exchange(AT, !first, first).unwrap_err(),
                ] {
                    assert_eq!(error.reason(), Reason::Protected);
                    assert_eq!(error.offset(), Some(AT as u64));
                }
                assert_eq!(word(&map), first);
            }

            #[test]
            fn words_outside_or_not_aligned_panic() {
                let file = Scratch::new(concat!("out-", stringify!($word)), 8192);
                let map = writable(&file);
                let last = 8192 - SIZE;
                map.$store(last, 1).unwrap();
                for at in [last + SIZE, last + 2 * SIZE, 0usize.wrapping_sub(SIZE)] {
                    assert!(catch_unwind(|| map.$load(at)).is_err());
                    assert!(catch_unwind(|| map.$store(at, 1)).is_err());
                    assert!(catch_unwind(|| map.$swap(at, 1)).is_err());
                    assert!(catch_unwind(|| map.$compare_exchange(at, 1, 1)).is_err());
                }
                for at in (1..SIZE).map(|n| AT + n) {
                    assert!(catch_unwind(|| map.$load(at)).is_err());
                    assert!(catch_unwind(|| map.$store(at, 1)).is_err());
                    assert!(catch_unwind(|| map.$swap(at, 1)).is_err());
                    assert!(catch_unwind(|| map.$compare_exchange(at, 1, 1)).is_err());
                }
                map.$store(
                    last,
                    $word::from_le_bytes(content(8192)[last..].try_into().unwrap()),
                )
                .unwrap();
                word(&map);
            }

            #[test]
            fn threads_lose_no_change() {
                let file = Scratch::new(concat!("many-", stringify!($word)), 8192);
                let map = writable(&file);
                map.$store(AT, 0).unwrap();
                map.$store(AT + 8, 0).unwrap();
                let swapped: u64 = std::thread::scope(|scope| {
                    let add = || {
                        let mut sum = 0u64;
                        for i in 0..60 {
                            let mut seen = map.$load(AT).unwrap();
                            loop {
                                let found = map.$compare_exchange(AT, seen, seen + 1).unwrap();
                                if found == seen {
                                    break;
                                }
                                seen = found;
                            }
                            sum += u64::from(map.$swap(AT + 8, i).unwrap());
                        }
                        sum
                    };
                    let threads: Vec<_> = (0..4).map(|_| scope.spawn(add)).collect();
                    threads
                        .into_iter()
                        .map(|thread| thread.join().unwrap())
                        .sum()
                });
                assert_eq!(map.$load(AT).unwrap(), 240);
                // What was put there was taken away, but for the last.
                let rest = u64::from(map.$load(AT + 8).unwrap());
                assert_eq!(swapped + rest, 4 * (0..60).sum::<u64>());
            }
        }
    };
}

size!(of_1 u8 load_u8 store_u8 swap_u8 compare_exchange_u8);
size!(of_2 u16 load_u16 store_u16 swap_u16 compare_exchange_u16);
size!(of_4 u32 load_u32 store_u32 swap_u32 compare_exchange_u32);
size!(of_8 u64 load_u64 store_u64 swap_u64 compare_exchange_u64);

#[test]
fn alignment_is_that_of_the_address() {
    let file = Scratch::new("aligned", 8192);
    let map = MapOptions::new().offset(3).open(&file.0).unwrap();
    let whole = content(8192);
    assert_eq!(
        map.load_u16(1).unwrap(),
        u16::from_le_bytes([whole[4], whole[5]])
    );
    assert!(catch_unwind(|| map.load_u16(2)).is_err());
}
