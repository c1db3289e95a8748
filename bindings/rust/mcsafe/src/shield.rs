// SPDX-License-Identifier: BSD-3-Clause
//! A map for code that reads it with its own instructions.

use crate::{Error, Hole, Map, Reason};
use mcsafe_sys as sys;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::io::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What stand-ins hold, and what is told of them.
///
/// ```no_run
/// use mcsafe::{Map, ShieldOptions};
///
/// let shield = ShieldOptions::new().byte(0xff).open(Map::open("data.bin")?)?;
/// let sum: u64 = (0..shield.len()).filter_map(|i| shield.get(i)).map(u64::from).sum();
/// for hole in shield.lost_ranges() {
///     println!("{} bytes at {} were lost", hole.len, hole.start);
/// }
/// # let _ = sum;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ShieldOptions {
    fill: Fill,
    file: bool,
    on_loss: Option<(sys::mcsafe_shield_fn, *mut c_void)>,
}

// SAFETY: the pointer is a &'static of a type that is Sync, see on_loss() and counter().
unsafe impl Send for ShieldOptions {}
// SAFETY: as for Send.
unsafe impl Sync for ShieldOptions {}

#[derive(Debug)]
enum Fill {
    Zeros,
    Byte(u8),
    Mirror(File, u64),
}

impl Default for ShieldOptions {
    fn default() -> ShieldOptions {
        ShieldOptions::new()
    }
}

impl ShieldOptions {
    /// Stand-ins hold zeros, the file of the map is used, and no function is called.
    pub fn new() -> ShieldOptions {
        ShieldOptions {
            fill: Fill::Zeros,
            file: true,
            on_loss: None,
        }
    }
    /// Each byte of a stand-in is `byte`.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.fill = Fill::Byte(byte);
        self
    }
    /// Stand-ins hold the bytes of another file: `offset` is where that has the map's first byte.
    /// If the file cannot give a page, SIGBUS kills the process as without a shield.
    pub fn mirror(&mut self, file: File, offset: u64) -> &mut Self {
        self.fill = Fill::Mirror(file, offset);
        self
    }
    /// Whether the library uses the map's file to learn where it ends now. The default is `true`.
    /// With `false` the library asks by the file's path, so it does not know the size of a file
    /// that was removed, and replaces one page at a time.
    pub fn file(&mut self, file: bool) -> &mut Self {
        self.file = file;
        self
    }
    /// Adds the bytes that are lost to a counter, as [`Shield::lost`] counts them. Several shields
    /// may share a counter. It takes the place of [`ShieldOptions::on_loss`].
    pub fn counter(&mut self, counter: &'static AtomicUsize) -> &mut Self {
        let arg: *const AtomicUsize = counter;
        self.on_loss = Some((count, arg as *mut c_void));
        self
    }
    /// Calls a function for each range that is lost, in whole pages. `start` counts from the start
    /// of the page in which the map begins.
    ///
    /// The function runs in the thread that met the fault, so it must be `Sync`:
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// let lost = AtomicUsize::new(0);
    /// let count = Box::leak(Box::new(move |hole: mcsafe::Hole| {
    ///     lost.fetch_add(hole.len, Ordering::Relaxed);
    /// }));
    /// unsafe { mcsafe::ShieldOptions::new().on_loss(count) };
    /// ```
    ///
    /// A `Cell` is not:
    ///
    /// ```compile_fail,E0277
    /// use std::cell::Cell;
    /// let lost = Cell::new(0);
    /// let count = Box::leak(Box::new(move |hole: mcsafe::Hole| {
    ///     lost.set(lost.get() + hole.len);
    /// }));
    /// unsafe { mcsafe::ShieldOptions::new().on_loss(count) };
    /// ```
    ///
    /// # Safety
    /// The function runs in a signal handler. It does nothing but what is async-signal-safe: it
    /// neither allocates nor prints nor takes a lock. If it panics, the process ends.
    pub unsafe fn on_loss<F>(&mut self, function: &'static F) -> &mut Self
    where
        F: Fn(Hole) + Sync,
    {
        let arg: *const F = function;
        self.on_loss = Some((call::<F>, arg as *mut c_void));
        self
    }
    /// Opens a shield on a map.
    ///
    /// # Errors
    /// The errno value of mcsafe_shield_open(3). `InvalidInput`: the offset of the mirror is too
    /// large, or less than the number of bytes before the map in its first page.
    pub fn open(&self, map: Map) -> io::Result<Shield> {
        let mut shield = std::ptr::null_mut();
        let (base, len) = map.mapping();
        if map.is_empty() {
            return Ok(Shield { shield, map });
        }
        // SAFETY: the structure is plain integers and pointers, for which zeros are valid.
        let mut options: sys::mcsafe_shield_options = unsafe { std::mem::zeroed() };
        options.size = std::mem::size_of::<sys::mcsafe_shield_options>();
        match &self.fill {
            Fill::Zeros => options.fill = sys::MCSAFE_SHIELD_ZERO,
            Fill::Byte(byte) => {
                options.fill = sys::MCSAFE_SHIELD_BYTE;
                options.byte = i32::from(*byte);
            }
            Fill::Mirror(file, offset) => {
                let from = offset.checked_sub(map.slack() as u64);
                options.fill = sys::MCSAFE_SHIELD_MIRROR;
                options.mirror_fd = file.as_raw_fd();
                options.mirror_offset =
                    from.and_then(|n| i64::try_from(n).ok()).ok_or_else(|| {
                        io::Error::new(io::ErrorKind::InvalidInput, "wrong offset of the mirror")
                    })?;
            }
        }
        if self.file {
            options.flags = sys::MCSAFE_SHIELD_FILE;
            options.file_fd = map.file().as_raw_fd();
        }
        if let Some((function, arg)) = self.on_loss {
            options.on_loss = Some(function);
            options.arg = arg;
        }
        // SAFETY: the mapping is that of the map, which lives as long as the shield. The function
        // and its argument live for ever.
        check(unsafe { sys::mcsafe_shield_open(&mut shield, base.cast(), len, &options) })?;
        Ok(Shield { shield, map })
    }
}

unsafe extern "C" fn count(lost: *const sys::mcsafe_range, arg: *mut c_void) {
    // SAFETY: counter() has passed a &'static AtomicUsize, and the library a range.
    let (counter, lost) = unsafe { (&*(arg as *const AtomicUsize), *lost) };
    counter.fetch_add(lost.len, Ordering::SeqCst);
}

unsafe extern "C" fn call<F: Fn(Hole) + Sync>(lost: *const sys::mcsafe_range, arg: *mut c_void) {
    /// No panic may leave the handler. Old compilers do not abort at the end of an extern "C".
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    // SAFETY: on_loss() has passed a &'static F, and the library a range.
    let (function, lost) = unsafe { (&*(arg as *const F), *lost) };
    let abort = Abort;
    function(Hole {
        start: lost.start,
        len: lost.len,
    });
    std::mem::forget(abort);
}

/// The result of a function of C: 0, or a negative errno value.
fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

/// The part of a lost range that is in the map, which fills `slack..end` of its pages. There is
/// none if the range is in a huge page, and comes after the end.
fn part(lost: sys::mcsafe_range, slack: usize, end: usize) -> Option<Hole> {
    let start = lost.start.max(slack);
    if start >= end {
        return None;
    }
    Some(Hole {
        start: start - slack,
        len: end.min(lost.start + lost.len) - start,
    })
}

/// A map where stand-in pages take the place of lost pages.
///
/// It owns the map, because stand-ins stay until the mapping ends: a later `read_at` would read
/// them as data. What was lost is counted and listed before any thread can read a stand-in.
#[must_use = "only finish() tells whether data were lost"]
#[derive(Debug)]
pub struct Shield {
    shield: *mut sys::mcsafe_shield,
    map: Map,
}

// SAFETY: the functions of a shield can be called in any thread, and the map is Send.
unsafe impl Send for Shield {}
// SAFETY: so they can at the same time, but for close, which drop() calls, and for what changes the
// bytes of a stand-in, restore(). Both have the shield for themselves.
unsafe impl Sync for Shield {}

impl Shield {
    /// Opens a shield on a map. Stand-ins hold zeros; [`ShieldOptions`] has more.
    ///
    /// # Errors
    /// As for [`ShieldOptions::open`].
    pub fn open(map: Map) -> io::Result<Shield> {
        ShieldOptions::new().open(map)
    }
    /// The number of bytes that stand-ins have replaced so far, in whole pages. It never
    /// decreases: a page that was restored and replaced again counts twice.
    pub fn lost(&self) -> usize {
        if self.shield.is_null() {
            return 0;
        }
        // SAFETY: the shield is open.
        unsafe { sys::mcsafe_shield_lost(self.shield) }
    }
    /// The ranges of the map that are stand-ins now, in ascending order.
    pub fn lost_ranges(&self) -> impl Iterator<Item = Hole> + '_ {
        // Offsets of the library count from the first page, which the map may not fill.
        let (slack, end) = (self.map.slack(), self.map.slack() + self.len());
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut range = sys::mcsafe_range::default();
            // SAFETY: the shield is open, and range is a structure of the right layout.
            if self.shield.is_null()
                || !unsafe { sys::mcsafe_shield_next(self.shield, at, &mut range) }
            {
                return None;
            }
            at = range.start + range.len;
            part(range, slack, end)
        })
    }
    /// Puts the stand-ins of a range in place, so that system calls can read the range: they raise
    /// no SIGBUS, but fail with EFAULT. What lies past the end of the map is left out.
    ///
    /// # Errors
    /// The errno value of mcsafe_shield_touch(3), for example EOPNOTSUPP before Linux 5.14.
    pub fn touch(&self, range: Range<usize>) -> io::Result<()> {
        self.for_pages(range, |shield, start, len| {
            // SAFETY: the shield is open.
            unsafe { sys::mcsafe_shield_touch(shield, start, len) }
        })
    }
    /// Gives the file's own pages back, where they are whole again. What lies past the end of the
    /// map is left out.
    ///
    /// # Errors
    /// The errno value of mcsafe_shield_restore(3): EIO if some pages still fail, for example.
    pub fn restore(&mut self, range: Range<usize>) -> io::Result<()> {
        self.for_pages(range, |shield, start, len| {
            // SAFETY: the shield is open. Nobody else has a slice of it, as it is borrowed mutably.
            unsafe { sys::mcsafe_shield_restore(shield, start, len) }
        })
    }
    fn for_pages<F>(&self, range: Range<usize>, action: F) -> io::Result<()>
    where
        F: FnOnce(*mut sys::mcsafe_shield, usize, usize) -> i32,
    {
        let end = range.end.min(self.len());
        if range.start >= end {
            return Ok(());
        }
        let start = self.map.slack() + range.start;
        check(action(self.shield, start, end - range.start))
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
    /// All bytes as a slice, which ends with the shield:
    ///
    /// ```compile_fail,E0505
    /// # let map = mcsafe::Map::open("data.bin").unwrap();
    /// let shield = mcsafe::Shield::open(map).unwrap();
    /// let bytes = unsafe { shield.as_slice() };
    /// let result = shield.finish();
    /// println!("{}", bytes[0]);
    /// ```
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
    /// [`Reason::StandIns`]: what was read holds stand-ins in place of lost data. The offset is
    /// that of the first one in the file, if it is one now.
    pub fn finish(self) -> Result<(), Error> {
        let first = self.lost_ranges().next();
        match self.lost() {
            0 => Ok(()),
            lost => Err(Error {
                reason: Reason::StandIns,
                errno: 5,
                offset: first.map(|hole| self.map.offset() + hole.start as u64),
                path: None,
                copied: 0,
                text: format!("{lost} bytes were lost; stand-ins took their place"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_hole_is_cut_to_the_map() {
        let until = |end, start, len| part(sys::mcsafe_range { start, len }, 100, end);
        let cut = |start, len| until(5000, start, len);
        let hole = |start, len| Some(Hole { start, len });
        assert_eq!(cut(0, 4096), hole(0, 3996));
        assert_eq!(cut(0, 8192), hole(0, 4900));
        assert_eq!(cut(4096, 4096), hole(3996, 904));
        // Of a huge page whose other pages are whole. */
        assert_eq!(cut(8192, 4096), None);
        assert_eq!(until(8192, 8192, 4096), None);
    }

    /// Outside a handler: the stack of one may be too small for the message.
    #[test]
    fn a_panic_in_the_function_aborts() {
        const CHILD: &str = "MCSAFE_TEST_CHILD";
        let name = "shield::tests::a_panic_in_the_function_aborts";
        if std::env::var_os(CHILD).is_some() {
            let mut options = ShieldOptions::new();
            // SAFETY: the function is not called in a handler.
            unsafe { options.on_loss(Box::leak(Box::new(|_| panic!("not allowed")))) };
            let (function, arg) = options.on_loss.unwrap();
            let lost = sys::mcsafe_range::default();
            // SAFETY: it is the argument of this function.
            let _ = std::panic::catch_unwind(|| unsafe { function(&lost, arg) });
            println!("caught");
            return;
        }
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("not allowed"), "{said}");
        assert_eq!(output.status.signal(), Some(6), "{said}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("caught"));
    }
}
