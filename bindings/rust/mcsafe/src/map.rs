// SPDX-License-Identifier: BSD-3-Clause
//! A mapped file.

use crate::{Error, Reader};
use mcsafe_sys as sys;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::io::AsRawFd;
use std::path::Path;

extern "C" {
    fn mmap(at: *mut c_void, len: usize, prot: i32, flags: i32, fd: i32, off: i64) -> *mut c_void;
    fn munmap(at: *mut c_void, len: usize) -> i32;
}

const PAGE: u64 = 4096;
const PROT_READ: i32 = 1;
const PROT_WRITE: i32 = 2;
const MAP_SHARED: i32 = 1;
const MAP_PRIVATE: i32 = 2;

/// How a file is mapped.
#[derive(Clone, Debug)]
pub struct MapOptions {
    write: bool,
    private: bool,
    offset: u64,
    len: Option<usize>,
}

impl Default for MapOptions {
    fn default() -> MapOptions {
        MapOptions::new()
    }
}

impl MapOptions {
    /// All of the file, read only and shared.
    pub fn new() -> MapOptions {
        MapOptions {
            write: false,
            private: false,
            offset: 0,
            len: None,
        }
    }
    /// Whether the map can be written.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }
    /// Whether what is written stays in this process.
    pub fn private(&mut self, private: bool) -> &mut Self {
        self.private = private;
        self
    }
    /// The offset in the file of the first byte. Any number of bytes is allowed.
    pub fn offset(&mut self, offset: u64) -> &mut Self {
        self.offset = offset;
        self
    }
    /// The length in bytes. Otherwise up to the end that the file has now.
    pub fn len(&mut self, len: usize) -> &mut Self {
        self.len = Some(len);
        self
    }
    /// Opens and maps the file.
    ///
    /// # Errors
    /// Those of open(2), fstat(2), mmap(2) and mcsafe_install(3). `InvalidInput`: no length was
    /// given and the offset is past the end of the file, or offset and length are too large.
    pub fn open<P: AsRef<Path>>(&self, path: P) -> io::Result<Map> {
        let file = OpenOptions::new()
            .read(true)
            .write(self.write && !self.private)
            .open(path)?;
        self.map(file)
    }
    /// Maps an open file, and keeps it.
    ///
    /// # Errors
    /// As for [`MapOptions::open`].
    pub fn map(&self, file: File) -> io::Result<Map> {
        crate::install()?;
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "offset or length is too large");
        let len = match self.len {
            Some(len) => len,
            None => {
                let rest = file.metadata()?.len().checked_sub(self.offset);
                usize::try_from(rest.ok_or_else(wrong)?).map_err(|_| wrong())?
            }
        };
        let slack = (self.offset % PAGE) as usize;
        let whole = len.checked_add(slack).ok_or_else(wrong)?;
        let from = i64::try_from(self.offset - slack as u64).map_err(|_| wrong())?;
        if whole > isize::MAX as usize || from.checked_add(whole as i64).is_none() {
            return Err(wrong());
        }
        let mut base = std::ptr::null_mut();
        if len != 0 {
            let prot = PROT_READ | if self.write { PROT_WRITE } else { 0 };
            let flags = if self.private {
                MAP_PRIVATE
            } else {
                MAP_SHARED
            };
            // SAFETY: the kernel chooses a free address, so no memory in use is replaced.
            base = unsafe { mmap(base, whole, prot, flags, file.as_raw_fd(), from) };
            if base as isize == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Map {
            base: base.cast(),
            slack,
            len,
            offset: self.offset,
            write: self.write,
            file,
        })
    }
}

/// A range of a map that was lost: `start` bytes from the start of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Offset of the first lost byte in the buffer.
    pub start: usize,
    /// Number of lost bytes.
    pub len: usize,
}

/// A mapped file whose reads and writes return errors.
///
/// No `&[u8]` to the mapped bytes is ever made, because another process may change them.
#[derive(Debug)]
pub struct Map {
    base: *mut u8,
    slack: usize,
    len: usize,
    offset: u64,
    write: bool,
    file: File,
}

// SAFETY: a Map owns its mapping, which any thread can access and unmap.
unsafe impl Send for Map {}
// SAFETY: no reference to the mapped bytes exists. They are accessed only by assembly code behind a
// call of C, as another process may do at any time. Bytes that two threads copy at once may be
// mixed, and no Rust value is made of them but bytes and integers.
unsafe impl Sync for Map {}

impl Map {
    /// Maps all of a file, read only.
    ///
    /// # Errors
    /// As for [`MapOptions::open`].
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<Map> {
        MapOptions::new().open(path)
    }
    /// The length in bytes when it was mapped. The file may be shorter by now.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The address of the first byte, for unsafe code. Dangling if the map is empty.
    pub fn as_ptr(&self) -> *mut u8 {
        self.base.wrapping_add(self.slack)
    }
    /// Reads from `offset` on, and returns the number of bytes: less than `bytes.len()` only where
    /// the map ends.
    ///
    /// # Errors
    /// [`Error::copied`] bytes were read before the failure. The rest of `bytes` is untouched.
    pub fn read_at(&self, bytes: &mut [u8], offset: usize) -> Result<usize, Error> {
        let n = bytes.len().min(self.len.saturating_sub(offset));
        if n != 0 {
            // SAFETY: bytes has n bytes, and offset + n does not exceed the map.
            unsafe { crate::copy(bytes.as_mut_ptr(), self.as_ptr().add(offset), n)? };
        }
        Ok(n)
    }
    /// The bytes of a range. What lies past the end of the map is left out.
    ///
    /// # Errors
    /// As for [`Map::read_at`]; the bytes before the failure are not returned.
    pub fn get(&self, range: Range<usize>) -> Result<Vec<u8>, Error> {
        let end = range.end.min(self.len);
        let mut bytes = vec![0; end.saturating_sub(range.start)];
        self.read_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
    /// Writes at `offset`, and returns the number of bytes: less than `bytes.len()` only where the
    /// map ends.
    ///
    /// # Errors
    /// [`Error::copied`] bytes were written. A map that is read only gives
    /// [`Reason::Protected`](crate::Reason::Protected).
    pub fn write_at(&self, bytes: &[u8], offset: usize) -> Result<usize, Error> {
        let n = bytes.len().min(self.len.saturating_sub(offset));
        if n != 0 {
            // SAFETY: bytes has n bytes, and offset + n does not exceed the map.
            unsafe { crate::copy(self.as_ptr().add(offset), bytes.as_ptr(), n)? };
        }
        Ok(n)
    }
    /// Reads what can be read, fills the rest with `fill`, and lists it.
    pub fn salvage(&self, bytes: &mut [u8], offset: usize, fill: u8) -> (usize, Vec<Hole>) {
        let n = bytes.len().min(self.len.saturating_sub(offset));
        if n == 0 {
            return (0, Vec::new());
        }
        // Holes do not touch, and each reaches to the end of a page of either side. One call must do:
        // a second one would read the lost pages again.
        let mut holes = vec![sys::mcsafe_range::default(); n / 4096 + 4];
        let mut found = holes.len();
        // SAFETY: bytes has n bytes, offset + n does not exceed the map, and holes has `found`
        // elements.
        unsafe {
            sys::mcsafe_memcpy_holes_fd(
                bytes.as_mut_ptr().cast(),
                self.as_ptr().add(offset).cast(),
                n,
                fill.into(),
                holes.as_mut_ptr(),
                &mut found,
                self.file.as_raw_fd(),
                (self.offset + offset as u64) as i64,
            )
        };
        let list = holes[..found].iter().map(|h| Hole {
            start: h.start,
            len: h.len,
        });
        (n, list.collect())
    }
    /// Reads the map as a stream.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self)
    }
    /// Whether the map can be written.
    pub fn is_writable(&self) -> bool {
        self.write
    }
    /// The offset in the file of the first byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }
    /// The file, for example to ask for its length now.
    pub fn file(&self) -> &File {
        &self.file
    }
    pub(crate) fn mapping(&self) -> (*mut u8, usize) {
        (self.base, self.slack + self.len)
    }
    /// The number of bytes before the map in its first page.
    pub(crate) fn slack(&self) -> usize {
        self.slack
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if !self.base.is_null() {
            // SAFETY: this is the mapping that mmap() returned, and nothing refers to it any more.
            unsafe { munmap(self.base.cast(), self.slack + self.len) };
        }
    }
}
