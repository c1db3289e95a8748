// SPDX-License-Identifier: BSD-3-Clause
//! Structures have the layout of C, whose numbers are in mcsafe-ffi(7) and in <mcsafe/shield.h>.

use mcsafe_sys::*;
use std::mem::{size_of, MaybeUninit};

/// The offsets of the last members: that of a wrong one before them would shift them.
macro_rules! offset {
    ($type:ty, $member:ident) => {{
        let whole = MaybeUninit::<$type>::uninit();
        // SAFETY: the place is not read.
        let member = unsafe { std::ptr::addr_of!((*whole.as_ptr()).$member) };
        member as usize - whole.as_ptr() as usize
    }};
}

#[test]
fn faults_have_the_layout_of_c() {
    assert_eq!(size_of::<mcsafe_fault>(), 72);
    assert_eq!(offset!(mcsafe_fault, side), 12);
    assert_eq!(offset!(mcsafe_fault, extent), 24);
    assert_eq!(offset!(mcsafe_fault, flags), 40);
    assert_eq!(offset!(mcsafe_fault, reserved), 48);
}

#[test]
fn explanations_have_the_layout_of_c() {
    assert_eq!(size_of::<mcsafe_explanation>(), 4216);
    assert_eq!(offset!(mcsafe_explanation, error), 12);
    assert_eq!(offset!(mcsafe_explanation, offset), 24);
    assert_eq!(offset!(mcsafe_explanation, file_size), 32);
    assert_eq!(offset!(mcsafe_explanation, len), 48);
    assert_eq!(offset!(mcsafe_explanation, path), 104);
}

#[test]
fn options_and_ranges_have_the_layout_of_c() {
    assert_eq!(size_of::<mcsafe_range>(), 16);
    assert_eq!(offset!(mcsafe_range, len), 8);
    assert_eq!(size_of::<mcsafe_shield_options>(), 88);
    assert_eq!(offset!(mcsafe_shield_options, mirror_fd), 16);
    assert_eq!(offset!(mcsafe_shield_options, mirror_offset), 24);
    assert_eq!(offset!(mcsafe_shield_options, arg), 40);
    assert_eq!(offset!(mcsafe_shield_options, file_fd), 52);
    assert_eq!(offset!(mcsafe_shield_options, reserved), 56);
}
