/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * line_scans.c - scans, words and copies of constant lengths for test_lines.py to watch; it prints
 * where their operands lie
 *
 *	line_scans		a sample of all lengths and offsets
 *	line_scans broken	loads that cross a line or lie outside, which the test must notice
 *
 * Each scan has three numbers: where a and b begin, and the length. Before the scan, one byte of
 * "mark" is read for each of them, so that the numbers are in the trace.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/access.h>
#include <mcsafe/scan.h>

#define BEGIN 128 /* where offset 0 is */

static unsigned char a[1024] __attribute__((aligned(4096)));
static unsigned char b[1024] __attribute__((aligned(4096)));
static volatile unsigned char mark[256] __attribute__((aligned(4096)));

/* Valgrind leaves out a load whose result is not used. */
static volatile uint64_t sink;

static void tell(size_t a_at, size_t b_at, size_t n)
{
	sink = mark[a_at];
	sink = mark[b_at];
	sink = mark[n];
}

static void try_case(size_t a_at, size_t b_at, size_t n)
{
	struct mcsafe_comparison result;
	size_t at;

	tell(a_at, b_at, n);
	if (mcsafe_memchr(a + BEGIN + a_at, 1, n, &at, NULL) != MCSAFE_CAUSE_NONE || at != n ||
	    mcsafe_memcmp(a + BEGIN + a_at, b + BEGIN + b_at, n, &result, NULL) !=
		    MCSAFE_CAUSE_NONE ||
	    result.equal != n)
		exit(1);
}

/* Words that may lie anywhere. */
static void try_words(size_t at)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	tell(at, 0, 2);
	if (mcsafe_load_unaligned_u16(a + BEGIN + at, &u16) != MCSAFE_CAUSE_NONE)
		exit(1);
	tell(at, 0, 4);
	if (mcsafe_load_unaligned_u32(a + BEGIN + at, &u32) != MCSAFE_CAUSE_NONE)
		exit(1);
	tell(at, 0, 8);
	if (mcsafe_load_unaligned_u64(a + BEGIN + at, &u64) != MCSAFE_CAUSE_NONE)
		exit(1);
	sink = u16 + u32 + u64;
}

/* Copies of constant lengths, one for each path. */
#define TRY_COPY(n)                                    \
 do {                                                  \
  tell(at, 0, n);                                      \
  if (mcsafe_copy_const(copy, a + BEGIN + at, n) != 0) \
   exit(1);                                            \
 } while (0)

static void try_copies(size_t at)
{
	static unsigned char copy[64];

	TRY_COPY(1);
	TRY_COPY(2);
	TRY_COPY(3);
	TRY_COPY(4);
	TRY_COPY(5);
	TRY_COPY(7);
	TRY_COPY(8);
	TRY_COPY(9);
	TRY_COPY(15);
	TRY_COPY(16);
	TRY_COPY(17);
	sink = copy[0];
}

static void load_word(const unsigned char *p)
{
	uint64_t word;

	__asm__ volatile("movq %1, %0"
			 : "=r"(word)
			 : "m"(*(const volatile uint64_t *)(const volatile void *)p));
	sink = word;
}

int main(int argc, char **argv)
{
	printf("a %#zx b %#zx mark %#zx\n", (size_t)(uintptr_t)a, (size_t)(uintptr_t)b,
	       (size_t)(uintptr_t)mark);
	fflush(stdout);
	if (argc == 2 && strcmp(argv[1], "broken") == 0) {
		tell(60, 0, 8);
		load_word(a + BEGIN + 60);
		load_word(b + BEGIN + 64);
		return 0;
	}
	for (size_t i = 0; i < 64 * 64; i++)
		try_case(i % 64, i / 64, i * 37 % 200);
	for (size_t at = 0; at < 64; at++)
		try_words(at);
	for (size_t at = 0; at < 64; at++)
		try_copies(at);
	return 0;
}
