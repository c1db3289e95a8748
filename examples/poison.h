/* SPDX-License-Identifier: BSD-3-Clause */
/* poison.h - make one page of a mapping fail, by the strongest means that the machine allows */
#ifndef POISON_H
#define POISON_H

#include <stddef.h>

/* The strongest first. */
enum poison_kind {
	POISON_HWPOISON, /* the kernel gives the page up, as after a machine check */
	POISON_UFFD,     /* a poison marker in this process's page table */
	POISON_TRUNCATE, /* the file ends before the page */
	POISON_KINDS
};

/* Shared memory behind a file of our own: whatever is done to it harms nobody's data. */
struct mapping {
	int fd;
	unsigned char *start;
	size_t size; /* in whole pages */
};

const char *poison_kind_name(enum poison_kind kind);

/* Once injected: what was done, in a few words. */
const char *poison_kind_means(enum poison_kind kind);

/*
 * Make the page at `offset` fail when it is read; `page` is the size of one. For POISON_TRUNCATE
 * all pages behind it fail as well. Returns 0, or an errno value with the reason in `why`.
 */
int poison_inject(enum poison_kind kind, const struct mapping *mapping, size_t offset, size_t page,
		  char *why, size_t why_size);

#endif /* POISON_H */
