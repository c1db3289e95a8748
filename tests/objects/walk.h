/* SPDX-License-Identifier: BSD-3-Clause */
/* walk.h - one backtrace, made by the unwinder that the program is linked with */
#ifndef MCSAFE_TESTS_OBJECTS_WALK_H
#define MCSAFE_TESTS_OBJECTS_WALK_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define WALK_FRAMES 64

/* The functions (their first instruction, 0 if unknown), from the interrupted code outwards. */
struct walk {
	size_t n;
	uintptr_t function[WALK_FRAMES];
};

/* Called in a signal handler, with the handler's third argument. */
struct walk walk_from(ucontext_t *ctx);

#endif /* MCSAFE_TESTS_OBJECTS_WALK_H */
