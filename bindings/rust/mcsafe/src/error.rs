// SPDX-License-Identifier: BSD-3-Clause
//! What a fault was, as an error.

use mcsafe_sys as sys;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why memory could not be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The kernel says nothing that explains it.
    Unknown,
    /// The file ends before this page: it was truncated.
    PastEnd,
    /// The file system has no room for the page.
    NoSpace,
    /// No huge page is free, or a limit of huge pages is reached.
    NoHugePage,
    /// The memory is poisoned.
    Poison,
    /// The device cannot read the byte.
    Media,
    /// The server of the file does not answer.
    ServerAway,
    /// The file system has become read-only.
    ReadOnly,
    /// Nothing is mapped there.
    NotMapped,
    /// The protection or a protection key does not allow it.
    Protected,
    /// The address is not canonical.
    Address,
    /// A shield put stand-in pages in place of lost ones.
    StandIns,
}

/// A failed access to memory.
///
/// `std::io::Error::from` keeps this error as the inner cause; `get_ref()` and `downcast_ref` give
/// it back. The kind is `UnexpectedEof` for [`Reason::PastEnd`], `PermissionDenied` for
/// [`Reason::Protected`] and [`Reason::ReadOnly`], and `Other` for the rest.
#[derive(Clone, Debug)]
pub struct Error {
    pub(crate) reason: Reason,
    pub(crate) errno: i32,
    pub(crate) offset: Option<u64>,
    pub(crate) file_size: Option<u64>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) copied: usize,
    pub(crate) text: String,
}

impl Error {
    /// Why the access failed.
    pub fn reason(&self) -> Reason {
        self.reason
    }
    /// The errno value, for example 5 (EIO) past the end of a file.
    pub fn errno(&self) -> i32 {
        self.errno
    }
    /// The offset in the file of the first byte that failed. `None`: not known.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
    /// The number of bytes that the file had when this error was made. After a truncation, that is
    /// where the file ends; the bytes from there to `offset()` were read before it, or are zeros.
    /// `None`: not known, or not a file.
    pub fn file_size(&self) -> Option<u64> {
        self.file_size
    }
    /// The file. `None`: not known, or not a file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
    /// The number of bytes at the start of the range that were copied before the failure.
    pub fn copied(&self) -> usize {
        self.copied
    }

    pub(crate) fn not_installed(error: &io::Error) -> Error {
        Error {
            reason: Reason::Unknown,
            errno: error.raw_os_error().unwrap_or(0),
            offset: None,
            file_size: None,
            path: None,
            copied: 0,
            text: format!("the handler cannot be installed: {error}"),
        }
    }

    pub(crate) fn from_fault(fault: &sys::mcsafe_fault, copied: usize) -> Error {
        // SAFETY: the structure is plain integers, pointers and bytes, for which zeros are valid.
        let mut found: Box<sys::mcsafe_explanation> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: both point to structures of the right layout.
        if unsafe { sys::mcsafe_explain(fault, &mut *found) } != 0 {
            return Error {
                reason: Reason::Address,
                errno: 14,
                offset: None,
                file_size: None,
                path: None,
                copied,
                text: "the range is not valid".to_string(),
            };
        }
        let mut line = vec![0u8; sys::MCSAFE_EXPLANATION_PATH + 512];
        // SAFETY: line has so many bytes, and the library ends the text in it with 0.
        unsafe { sys::mcsafe_explain_text(&*found, line.as_mut_ptr(), line.len()) };
        let text = String::from_utf8_lossy(until_zero(&line)).into_owned();
        let path = until_zero(&found.path);
        Error {
            reason: reason_of(found.reason),
            errno: found.error,
            offset: u64::try_from(found.offset).ok(),
            file_size: u64::try_from(found.file_size).ok(),
            path: if path.is_empty() {
                None
            } else {
                Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
            },
            copied,
            text,
        }
    }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

fn reason_of(reason: i32) -> Reason {
    match reason {
        sys::MCSAFE_REASON_PAST_END => Reason::PastEnd,
        sys::MCSAFE_REASON_NO_SPACE => Reason::NoSpace,
        sys::MCSAFE_REASON_NO_HUGE_PAGE | sys::MCSAFE_REASON_OVER_LIMIT => Reason::NoHugePage,
        sys::MCSAFE_REASON_POISON => Reason::Poison,
        sys::MCSAFE_REASON_MEDIA => Reason::Media,
        sys::MCSAFE_REASON_SERVER_AWAY => Reason::ServerAway,
        sys::MCSAFE_REASON_READ_ONLY => Reason::ReadOnly,
        sys::MCSAFE_REASON_NOT_MAPPED => Reason::NotMapped,
        sys::MCSAFE_REASON_PROTECTED | sys::MCSAFE_REASON_KEY => Reason::Protected,
        sys::MCSAFE_REASON_ADDRESS => Reason::Address,
        _ => Reason::Unknown,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.reason {
            Reason::PastEnd => io::ErrorKind::UnexpectedEof,
            Reason::Protected | Reason::ReadOnly => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
