// SPDX-License-Identifier: BSD-3-Clause
//! Declarations of libmcsafe for x86-64 Linux. The man pages of the functions are the manual.
#![no_std]
#![allow(non_camel_case_types)]

use core::ffi::c_void;

pub type c_int = i32;
pub type c_uint = u32;

pub const MCSAFE_CAUSE_NONE: c_int = 0;
pub const MCSAFE_REASON_PAST_END: c_int = 1;
pub const MCSAFE_REASON_NO_SPACE: c_int = 2;
pub const MCSAFE_REASON_NO_HUGE_PAGE: c_int = 3;
pub const MCSAFE_REASON_OVER_LIMIT: c_int = 4;
pub const MCSAFE_REASON_POISON: c_int = 5;
pub const MCSAFE_REASON_MEDIA: c_int = 6;
pub const MCSAFE_REASON_SERVER_AWAY: c_int = 7;
pub const MCSAFE_REASON_READ_ONLY: c_int = 8;
pub const MCSAFE_REASON_NOT_MAPPED: c_int = 9;
pub const MCSAFE_REASON_PROTECTED: c_int = 10;
pub const MCSAFE_REASON_KEY: c_int = 11;
pub const MCSAFE_REASON_ADDRESS: c_int = 12;
pub const MCSAFE_EXPLANATION_PATH: usize = 4112;

#[repr(C)]
pub struct mcsafe_fault {
    pub signo: c_int,
    pub code: c_int,
    pub cause: c_int,
    pub side: c_int,
    pub addr: *mut c_void,
    pub extent: usize,
    pub ip: *mut c_void,
    pub flags: c_uint,
    pub reserved: [*mut c_void; 3],
}

#[repr(C)]
pub struct mcsafe_explanation {
    pub reason: c_int,
    pub memory: c_int,
    pub side: c_int,
    pub error: c_int,
    pub flags: c_uint,
    pub filesystem: c_uint,
    pub offset: i64,
    pub file_size: i64,
    pub addr: *mut c_void,
    pub len: usize,
    pub reserved: [*mut c_void; 6],
    pub path: [u8; MCSAFE_EXPLANATION_PATH],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct mcsafe_range {
    pub start: usize,
    pub len: usize,
}

pub const MCSAFE_SHIELD_ZERO: c_int = 0;
pub const MCSAFE_SHIELD_BYTE: c_int = 1;
pub const MCSAFE_SHIELD_MIRROR: c_int = 2;
pub const MCSAFE_SHIELD_FILE: c_uint = 1;

/// Called in the signal handler: see mcsafe_shield_open(3).
pub type mcsafe_shield_fn = unsafe extern "C" fn(lost: *const mcsafe_range, arg: *mut c_void);

#[repr(C)]
pub struct mcsafe_shield_options {
    pub size: usize,
    pub fill: c_int,
    pub byte: c_int,
    pub mirror_fd: c_int,
    pub mirror_offset: i64,
    pub on_loss: Option<mcsafe_shield_fn>,
    pub arg: *mut c_void,
    pub flags: c_uint,
    pub file_fd: c_int,
    pub reserved: [*mut c_void; 4],
}

/// A shield; only pointers to it exist.
#[repr(C)]
pub struct mcsafe_shield {
    _private: [u8; 0],
}

extern "C" {
    pub fn mcsafe_install() -> c_int;
    pub fn mcsafe_memcpy(
        dst: *mut c_void,
        src: *const c_void,
        n: usize,
        fault: *mut mcsafe_fault,
    ) -> usize;
    pub fn mcsafe_memcpy_holes_fd(
        dst: *mut c_void,
        src: *const c_void,
        n: usize,
        fill: c_int,
        holes: *mut mcsafe_range,
        nholes: *mut usize,
        fd: c_int,
        offset: i64,
    ) -> usize;
    pub fn mcsafe_access_load(
        p: *const c_void,
        size: usize,
        value: *mut u64,
        fault: *mut mcsafe_fault,
    ) -> c_int;
    pub fn mcsafe_access_store(
        p: *mut c_void,
        size: usize,
        value: u64,
        fault: *mut mcsafe_fault,
    ) -> c_int;
    pub fn mcsafe_access_xchg(
        p: *mut c_void,
        size: usize,
        value: u64,
        old: *mut u64,
        fault: *mut mcsafe_fault,
    ) -> c_int;
    pub fn mcsafe_access_cmpxchg(
        p: *mut c_void,
        size: usize,
        expected: u64,
        desired: u64,
        seen: *mut u64,
        fault: *mut mcsafe_fault,
    ) -> c_int;
    pub fn mcsafe_explain(
        fault: *const mcsafe_fault,
        explanation: *mut mcsafe_explanation,
    ) -> c_int;
    pub fn mcsafe_explain_text(
        explanation: *const mcsafe_explanation,
        line: *mut u8,
        size: usize,
    ) -> c_int;
    pub fn mcsafe_fault_errno(fault: *const mcsafe_fault) -> c_int;
    pub fn mcsafe_shield_open(
        shield: *mut *mut mcsafe_shield,
        base: *mut c_void,
        len: usize,
        options: *const mcsafe_shield_options,
    ) -> c_int;
    pub fn mcsafe_shield_lost(shield: *const mcsafe_shield) -> usize;
    pub fn mcsafe_shield_next(
        shield: *const mcsafe_shield,
        start: usize,
        range: *mut mcsafe_range,
    ) -> bool;
    pub fn mcsafe_shield_touch(shield: *mut mcsafe_shield, start: usize, len: usize) -> c_int;
    pub fn mcsafe_shield_restore(shield: *mut mcsafe_shield, start: usize, len: usize) -> c_int;
    pub fn mcsafe_shield_close(shield: *mut mcsafe_shield) -> c_int;
}
