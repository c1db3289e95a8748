/* SPDX-License-Identifier: BSD-3-Clause */
/* guard_frames.h - functions whose frames a jump must not leave behind; each reads its argument */
#ifndef MCSAFE_TESTS_GUARD_FRAMES_H
#define MCSAFE_TESTS_GUARD_FRAMES_H

#ifdef __cplusplus
extern "C" {
#endif

/* C with __attribute__((cleanup)), compiled with -fexceptions. */
void frame_with_cleanup(void *p);

/* Reads in a handler of SIGUSR1, which it raises; the signal stays blocked by the jump. */
void frame_of_a_handler(void *p);

/* Through code that has no unwind information, as a just-in-time compiler's. */
void foreign_frame(void *p);

#ifdef __cplusplus
}
#endif

#endif /* MCSAFE_TESTS_GUARD_FRAMES_H */
