// SPDX-License-Identifier: BSD-3-Clause
//! Single words of a map, atomically.

use crate::{no_fault, Error, Map};
use mcsafe_sys as sys;
use std::ffi::c_void;

/// The four operations of a word of one size. The library returns the word with its upper bytes 0.
macro_rules! words {
    ($($word:ident $load:ident $store:ident $swap:ident $compare_exchange:ident)*) => { $(
        /// Loads a word. Sequentially consistent.
        ///
        /// # Errors
        /// The word could not be read.
        ///
        /// # Panics
        /// If the word is not inside the map, or its address is not a multiple of its size.
        pub fn $load(&self, offset: usize) -> Result<$word, Error> {
            let size = std::mem::size_of::<$word>();
            let word = self.word(offset, size, |p, word, fault| {
                // SAFETY: word() has checked the place.
                unsafe { sys::mcsafe_access_load(p, size, word, fault) }
            })?;
            Ok(word as $word)
        }
        /// Stores a word, with release order. Panics as the load does.
        ///
        /// # Errors
        /// The word could not be written. The memory is unchanged.
        pub fn $store(&self, offset: usize, new: $word) -> Result<(), Error> {
            let size = std::mem::size_of::<$word>();
            self.word(offset, size, |p, _, fault| {
                // SAFETY: word() has checked the place.
                unsafe { sys::mcsafe_access_store(p, size, new.into(), fault) }
            })?;
            Ok(())
        }
        /// Exchanges a word, and returns what was there. Sequentially consistent. Panics as the
        /// load does.
        ///
        /// # Errors
        /// The word could not be accessed. The memory is unchanged.
        #[doc(alias = "exchange")]
        pub fn $swap(&self, offset: usize, new: $word) -> Result<$word, Error> {
            let size = std::mem::size_of::<$word>();
            let word = self.word(offset, size, |p, old, fault| {
                // SAFETY: word() has checked the place.
                unsafe { sys::mcsafe_access_xchg(p, size, new.into(), old, fault) }
            })?;
            Ok(word as $word)
        }
        /// Exchanges a word if it is `expected`, and returns what was there: if that is
        /// `expected`, the word is `new` now. Sequentially consistent. Panics as the load does.
        ///
        /// # Errors
        /// The word could not be accessed, or not be written, even if the words differ.
        pub fn $compare_exchange(
            &self,
            offset: usize,
            expected: $word,
            new: $word,
        ) -> Result<$word, Error> {
            let size = std::mem::size_of::<$word>();
            let (expected, new) = (expected.into(), new.into());
            let word = self.word(offset, size, |p, seen, fault| {
                // SAFETY: word() has checked the place.
                unsafe { sys::mcsafe_access_cmpxchg(p, size, expected, new, seen, fault) }
            })?;
            Ok(word as $word)
        }
    )* };
}

impl Map {
    words! {
        u8 load_u8 store_u8 swap_u8 compare_exchange_u8
        u16 load_u16 store_u16 swap_u16 compare_exchange_u16
        u32 load_u32 store_u32 swap_u32 compare_exchange_u32
        u64 load_u64 store_u64 swap_u64 compare_exchange_u64
    }
    fn word<F>(&self, offset: usize, size: usize, access: F) -> Result<u64, Error>
    where
        F: FnOnce(*mut c_void, *mut u64, *mut sys::mcsafe_fault) -> i32,
    {
        let inside = offset
            .checked_add(size)
            .map_or(false, |end| end <= self.len());
        assert!(inside, "the word at {offset} is not inside the map");
        let at = self.as_ptr().wrapping_add(offset);
        assert!(
            at as usize % size == 0,
            "the word at {offset} is not aligned"
        );
        let (mut value, mut fault) = (0, no_fault());
        match access(at.cast(), &mut value, &mut fault) {
            sys::MCSAFE_CAUSE_NONE => Ok(value),
            _ => Err(Error::from_fault(&fault, 0)),
        }
    }
}
