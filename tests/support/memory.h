/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - memory that cannot be touched, and instructions of known address that touch it */
#ifndef MCSAFE_TESTS_MEMORY_H
#define MCSAFE_TESTS_MEMORY_H

#include "basics.h"

/* One good page, filled with a pattern, and one behind it that is bad. */
enum t_kind {
	T_PROTECTED, /* mprotect(PROT_NONE): SIGSEGV, SEGV_ACCERR */
	T_PAST_EOF,  /* of a mapped file: SIGBUS, BUS_ADRERR */
};

struct t_memory {
	enum t_kind kind;
	int fd;
	char *good, *bad;
};

struct t_memory t_memory(enum t_kind kind);

/* Make the bad page good, and bad again. AS-Safe, errno is kept. */
void t_heal(const struct t_memory *memory);
void t_spoil(const struct t_memory *memory);

/* The signal and the si_code of an access to the bad page. */
int t_signo(enum t_kind kind);
int t_code(enum t_kind kind);

/* Not in C: the first instruction of each is the access, and no sanitizer looks at it. */
void t_read_byte(const volatile void *p);
void t_write_byte(const volatile void *p);
void t_jump(const volatile void *p);

#endif /* MCSAFE_TESTS_MEMORY_H */
