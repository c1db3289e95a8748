/* SPDX-License-Identifier: BSD-3-Clause */
/* guard_frames.h - functions whose frames a jump must not skip; each reads its argument */
#ifndef MCSAFE_TESTS_GUARD_FRAMES_H
#define MCSAFE_TESTS_GUARD_FRAMES_H

#ifdef __cplusplus
extern "C" {
#endif

/* C with __attribute__((cleanup)), compiled with -fexceptions. */
void frame_with_cleanup(void *p);

/* Raises SIGUSR1, and reads in its handler. After the jump the signal stays blocked. */
void frame_of_a_handler(void *p);

/* Through code without unwind information, as a just-in-time compiler makes it. */
void foreign_frame(void *p);

#ifdef __cplusplus
}
#endif

#endif /* MCSAFE_TESTS_GUARD_FRAMES_H */
