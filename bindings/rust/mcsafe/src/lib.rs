// SPDX-License-Identifier: BSD-3-Clause
//! Mapped files that return an error where SIGBUS would kill the program.
//!
//! A mapped file that another process truncates, or a page that the device has lost, kills an
//! ordinary program. Here the call returns an [`Error`] that tells the offset, the file and the
//! reason, and the bytes before it were copied.
//!
//! ```no_run
//! let map = mcsafe::Map::open("data.bin")?;
//! let mut bytes = [0; 4096];
//! match map.read_at(&mut bytes, 0) {
//!     Ok(n) => println!("{n} bytes"),
//!     Err(error) => println!("{} bytes, then: {error}", error.copied()),
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Nothing jumps over a Rust frame: each access is a call of C that returns. The handler of SIGBUS
//! and SIGSEGV is installed once, by the first map or copy. It passes on what is not its own, so
//! Rust's message about a stack overflow still appears.
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]

mod error;
mod map;
mod reader;
mod shield;
mod word;

pub use error::{Error, Reason};
pub use map::{Hole, Map, MapOptions};
pub use reader::Reader;
pub use shield::{Shield, ShieldOptions};

use mcsafe_sys as sys;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Once;

/// The programs of README.md compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

static ONCE: Once = Once::new();
static RESULT: AtomicI32 = AtomicI32::new(0);

/// Installs the handler of SIGBUS and SIGSEGV. Maps do this themselves.
///
/// Only the first call does something; the others return its result.
///
/// # Errors
/// The errno value of mcsafe_install(3), for example EINVAL for a wrong MCSAFE_ENGINE.
pub fn install() -> io::Result<()> {
    // SAFETY: the function has no preconditions.
    ONCE.call_once(|| RESULT.store(unsafe { sys::mcsafe_install() }, Ordering::SeqCst));
    match RESULT.load(Ordering::SeqCst) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

pub(crate) fn no_fault() -> sys::mcsafe_fault {
    // SAFETY: the structure is plain integers and pointers, for which zeros are valid.
    unsafe { std::mem::zeroed() }
}

/// Copies `n` bytes from `src` to `dst`. Either side may be memory that fails.
///
/// # Errors
/// [`Error::copied`] bytes at the start of `dst` are those of `src`; the rest is untouched. Call
/// [`install`] first: without the handler a fault kills the process.
///
/// # Safety
/// The ranges do not overlap. No Rust reference to a byte of `dst` is used during the call. If
/// `dst` is mapped and writable, its bytes are overwritten.
pub unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Error> {
    let mut fault = no_fault();
    // SAFETY: the caller answers for the ranges, and fault is a structure of the right layout.
    let left = unsafe { sys::mcsafe_memcpy(dst.cast(), src.cast(), n, &mut fault) };
    match left {
        0 => Ok(()),
        left => Err(Error::from_fault(&fault, n - left)),
    }
}

/// Copies between slices, and returns the number of bytes: the length of the shorter slice. Either
/// may lie in memory that fails, such as a mapped file of another crate.
///
/// # Errors
/// [`Error::copied`] bytes were copied before the failure. The rest of `dst` is untouched.
///
/// ```
/// let mut page = [0; 4];
/// assert_eq!(mcsafe::copy_slice(&mut page, b"bytes").unwrap(), 4);
/// assert_eq!(&page, b"byte");
/// ```
pub fn copy_slice(dst: &mut [u8], src: &[u8]) -> Result<usize, Error> {
    install().map_err(|error| Error::not_installed(&error))?;
    let n = dst.len().min(src.len());
    // SAFETY: both slices have n bytes, and nothing else may overlap a slice that is borrowed
    // mutably.
    unsafe { copy(dst.as_mut_ptr(), src.as_ptr(), n)? };
    Ok(n)
}
