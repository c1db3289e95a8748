// SPDX-License-Identifier: BSD-3-Clause
//! What `sum` would be with a plain map: it dies of SIGBUS if the file is cut.

use std::ffi::c_void;
use std::os::unix::io::AsRawFd;

extern "C" {
    fn mmap(at: *mut c_void, len: usize, prot: i32, flags: i32, fd: i32, off: i64) -> *mut c_void;
}

fn main() -> std::io::Result<()> {
    let path = std::env::args()
        .nth(1)
        .expect("usage: plain_sum FILE [--truncate]");
    let file = std::fs::File::open(&path)?;
    let len = file.metadata()?.len() as usize;
    // SAFETY: the kernel chooses a free address. PROT_READ is 1 and MAP_SHARED is 1.
    let base = unsafe { mmap(std::ptr::null_mut(), len, 1, 1, file.as_raw_fd(), 0) };
    if base as isize == -1 {
        return Err(std::io::Error::last_os_error());
    }
    if std::env::args().nth(2).as_deref() == Some("--truncate") {
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)?
            .set_len(4096)?;
    }
    let base = base as *const u8;
    // SAFETY: the mapping has len bytes, but a cut file raises SIGBUS all the same.
    let sum = (0..len).map(|i| u64::from(unsafe { base.add(i).read_volatile() }));
    println!("{}", sum.sum::<u64>());
    Ok(())
}
