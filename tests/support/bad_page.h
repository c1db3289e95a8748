/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bad_page.h - one good page and one bad page, which can be healed and spoilt again
 *
 * For child processes and signal handlers. The kinds are two of those in fault_kind.h, under the
 * same names. Where more kinds, more pages or a check of every byte are needed, use region.h.
 */
#ifndef MCSAFE_TESTS_BAD_PAGE_H
#define MCSAFE_TESTS_BAD_PAGE_H

#include "basics.h"
#include "touch.h"

enum t_bad_page_kind {
	T_PROT_NONE, /* mprotect(PROT_NONE): SIGSEGV, SEGV_ACCERR */
	T_TRUNCATED, /* past the end of a mapped file: SIGBUS, BUS_ADRERR */
};

/* The good page is filled with a pattern. The bad page follows it. */
struct t_bad_page {
	enum t_bad_page_kind kind;
	int fd;
	char *good, *bad;
};

/* Maps both pages, and spoils the bad one. */
struct t_bad_page t_bad_page(enum t_bad_page_kind kind);

/* Make the bad page good, and bad again. Both are async-signal-safe and keep errno. */
void t_bad_page_heal(const struct t_bad_page *memory);
void t_bad_page_spoil(const struct t_bad_page *memory);

/* The signal and the si_code of an access to the bad page. */
int t_bad_page_signo(enum t_bad_page_kind kind);
int t_bad_page_code(enum t_bad_page_kind kind);

#endif /* MCSAFE_TESTS_BAD_PAGE_H */
