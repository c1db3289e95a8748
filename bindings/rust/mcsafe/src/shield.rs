// SPDX-License-Identifier: BSD-3-Clause
//! A map for code that reads it with its own instructions.

use crate::{Error, Map, Reason};
use mcsafe_sys as sys;
use std::io;

/// A map where stand-in pages of zeros take the place of lost pages.
///
/// It owns the map, because stand-ins stay until the mapping ends: a later `read_at` would read
/// their zeros as data. It is neither `Send` nor `Sync`.
#[must_use = "only finish() tells whether data were lost"]
#[derive(Debug)]
pub struct Shield {
    shield: *mut sys::mcsafe_shield,
    map: Map,
}

impl Shield {
    /// Opens a shield on a map.
    ///
    /// # Errors
    /// The errno value of mcsafe_shield_open(3).
    pub fn open(map: Map) -> io::Result<Shield> {
        let mut shield = std::ptr::null_mut();
        let (base, len) = map.mapping();
        if !map.is_empty() {
            // SAFETY: the mapping is that of the map, which lives as long as the shield.
            let error =
                unsafe { sys::mcsafe_shield_open(&mut shield, base.cast(), len, std::ptr::null()) };
            if error != 0 {
                return Err(io::Error::from_raw_os_error(-error));
            }
        }
        Ok(Shield { shield, map })
    }
    /// The number of bytes that stand-ins have replaced so far.
    pub fn lost(&self) -> usize {
        if self.shield.is_null() {
            return 0;
        }
        // SAFETY: the shield is open.
        unsafe { sys::mcsafe_shield_lost(self.shield) }
    }
    /// The length of the map in bytes.
    pub fn len(&self) -> usize {
        self.map.len()
    }
    /// Whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
    /// The address of the first byte. Reads from it do not fail.
    pub fn as_ptr(&self) -> *const u8 {
        self.map.as_ptr()
    }
    /// One byte, or `None` past the end.
    pub fn get(&self, at: usize) -> Option<u8> {
        if at >= self.len() {
            return None;
        }
        // SAFETY: the byte lies inside the mapping, and a volatile read may see any value.
        Some(unsafe { self.as_ptr().add(at).read_volatile() })
    }
    /// All bytes as a slice.
    ///
    /// # Safety
    /// As long as the slice lives, nobody changes the bytes: no process writes to the file, and
    /// none truncates it below what was already read. The compiler relies on that. A file that
    /// others may change is for [`Shield::get`] or [`Map::read_at`].
    pub unsafe fn as_slice(&self) -> &[u8] {
        if self.is_empty() {
            return &[];
        }
        // SAFETY: the mapping has so many bytes; the caller answers for the rest.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
    /// Ends the shield and the map.
    ///
    /// # Errors
    /// [`Reason::StandIns`]: what was read holds zeros in place of lost data.
    pub fn finish(self) -> Result<(), Error> {
        match self.lost() {
            0 => Ok(()),
            lost => Err(Error {
                reason: Reason::StandIns,
                errno: 5,
                offset: None,
                path: None,
                copied: 0,
                text: format!("{lost} bytes were lost; zeros stood in"),
            }),
        }
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        // SAFETY: it is open or null, and used no more. The map is dropped after it.
        unsafe { sys::mcsafe_shield_close(self.shield) };
    }
}
