/* SPDX-License-Identifier: BSD-3-Clause */
/* poison.h - make one page of a mapping fail, in the strongest way that the machine allows */
#ifndef POISON_H
#define POISON_H

#include <stddef.h>

/* Ways to make a page fail, the strongest first. */
enum poison_kind {
	POISON_HWPOISON, /* the kernel takes the page out of use, as after a machine check */
	POISON_UFFD,     /* a poison marker in this process's page table */
	POISON_TRUNCATE, /* the file ends before the page */
	POISON_KINDS
};

/* Shared memory of a file that the program has made, so that no data of others can be harmed. */
struct mapping {
	int fd;
	unsigned char *start;
	size_t size; /* in whole pages */
};

const char *poison_kind_name(enum poison_kind kind);

/* A few words that say what was done to the page. */
const char *poison_kind_means(enum poison_kind kind);

/*
 * Makes the page at `offset` fail when it is read. `page` is the size of a page. With
 * POISON_TRUNCATE all pages after it fail too. Returns 0, or an errno value with the reason in
 * `why`.
 */
int poison_inject(enum poison_kind kind, const struct mapping *mapping, size_t offset, size_t page,
		  char *why, size_t why_size);

#endif /* POISON_H */
