// SPDX-License-Identifier: BSD-3-Clause
//! A map as a stream.

use crate::Map;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

const CHUNK: usize = 64 * 1024;

/// Reads a [`Map`] from a position on.
///
/// A failure is an `io::Error` whose inner cause is a [`crate::Error`]. The bytes before it are
/// returned first.
#[derive(Debug)]
pub struct Reader<'a> {
    map: &'a Map,
    position: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(map: &'a Map) -> Reader<'a> {
        Reader {
            map,
            position: 0,
            buffer: Vec::new(),
            used: 0,
        }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let have = self.fill_buf()?;
        let n = have.len().min(bytes.len());
        bytes[..n].copy_from_slice(&have[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let start = usize::try_from(self.position).unwrap_or(usize::MAX);
            self.used = 0;
            self.buffer.resize(CHUNK, 0);
            match self.map.read_at(&mut self.buffer, start) {
                Ok(n) => self.buffer.truncate(n),
                Err(error) => {
                    self.buffer.truncate(error.copied());
                    if self.buffer.is_empty() {
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(&self.buffer[self.used..])
    }
    fn consume(&mut self, n: usize) {
        assert!(n <= self.buffer.len() - self.used, "more than was read");
        self.used += n;
        self.position += n as u64;
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => add(self.map.len() as u64, n),
            SeekFrom::Current(n) => add(self.position, n),
        };
        self.position = place.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "seek to a negative position")
        })?;
        self.buffer.clear();
        self.used = 0;
        Ok(self.position)
    }
}

fn add(from: u64, n: i64) -> Option<u64> {
    if n < 0 {
        from.checked_sub(n.unsigned_abs())
    } else {
        from.checked_add(n as u64)
    }
}
