/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.c - the tables of routines, and what the tests of tests/debug share */
#include "engines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "basics.h"

static const struct engine engines[] = {
#define COPY(name_, ...) {#name_, mcsafe__copy_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

const struct flusher flushers[] = {
#define FLUSH(name_, ...) {#name_, mcsafe__flush_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};
const size_t flusher_count = T_LENGTH(flushers);

static const struct scanner scanners[] = {
#define SCAN(name_, ...) {#name_, mcsafe__scan_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

static const struct {
	mcsafe__set_fn *set;
	struct mcsafe__routine is;
} sets[] = {
#define SET(name_, ...) {mcsafe__set_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

bool runs_here(const struct mcsafe__routine *routine)
{
	return (routine->needs & ~mcsafe__cpu_features()) == 0;
}

size_t grain_of_set(mcsafe__set_fn *set)
{
	size_t i = 0;

	while (i < T_LENGTH(sets) && sets[i].set != set)
		i++;
	assert_true(i < T_LENGTH(sets));
	return sets[i].is.grain;
}

void for_each_engine(void (*fn)(const struct engine *engine))
{
	size_t i, run = 0;

	for (i = 0; i < T_LENGTH(engines); i++) {
		if (engines[i].is.rep_movsb)
			continue;
		if (!runs_here(&engines[i].is)) {
			print_message("engine %s: this processor cannot run it\n", engines[i].name);
			continue;
		}
		fn(&engines[i]);
		run++;
	}
	assert_int_not_equal(run, 0);
}

void for_each_scanner(void (*fn)(const struct scanner *scanner))
{
	size_t i, run = 0;

	for (i = 0; i < T_LENGTH(scanners); i++) {
		if (!runs_here(&scanners[i].is)) {
			print_message("scan %s: this processor cannot run it\n", scanners[i].name);
			continue;
		}
		fn(&scanners[i]);
		run++;
	}
	assert_int_not_equal(run, 0);
}

bool is_full_run(void)
{
	const char *full = getenv("MCSAFE_FULL");

	return full != NULL && strcmp(full, "1") == 0;
}

unsigned char source_byte(size_t i)
{
	return (unsigned char)(i % 127);
}

bool same_bytes(const char *what, const unsigned char *expected, const unsigned char *actual,
		size_t n)
{
	size_t i;

	if (memcmp(expected, actual, n) == 0)
		return true;
	for (i = 0; expected[i] == actual[i]; i++)
		;
	print_error("%s: byte %zu is 0x%02x, should be 0x%02x\n", what, i, actual[i], expected[i]);
	return false;
}
