/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_processor.c - every engine that this processor can run, and the one that is chosen on it
 *
 *	test_processor [ENGINE]		ENGINE must be the one that is chosen
 *
 * Runs by itself, and under an emulator of an old processor, where an instruction above its level
 * is SIGILL. No CMocka and no fault: the emulator needs to know one architecture only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "engine.h"

#define MAX 600

static unsigned char from[2 * MAX], to[2 * MAX];

static int is_right(mcsafe__copy_fn *copy, size_t n, size_t src_at, size_t dst_at)
{
	struct mcsafe__landing landing;

	memset(to, 0, sizeof(to));
	if (copy(to + dst_at, from + src_at, n, &landing) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(to); i++)
		if (to[i] != (i < dst_at || i >= dst_at + n ? 0 : from[src_at + i - dst_at]))
			return 0;
	return 1;
}

static int try_routine(const char *name, mcsafe__copy_fn *copy)
{
	for (size_t n = 0; n <= MAX; n += n < 140 ? 1 : 23)
		for (size_t src_at = 0; src_at < 64; src_at += 3)
			for (size_t dst_at = 0; dst_at < 64; dst_at += 7)
				if (!is_right(copy, n, src_at, dst_at)) {
					printf("%s: wrong: %zu bytes from %zu to %zu\n", name, n,
					       src_at, dst_at);
					return 1;
				}
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(1 + i % 251);
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (!mcsafe__engine_is_possible(engine)) {
			printf("%s: not on this processor\n", engine->name);
			if (mcsafe_engine_set(engine->name) != -ENOTSUP) {
				printf("%s: it can be set\n", engine->name);
				failed = 1;
			}
			continue;
		}
		failed |= try_routine(engine->name, engine->copy);
		if (engine->copy_nt != NULL)
			failed |= try_routine(engine->name, engine->copy_nt);
		printf("%s: %s\n", engine->name, failed ? "WRONG" : "right");
	}
	printf("chosen: %s\n", mcsafe_engine_name());
	if (argc > 1 && strcmp(argv[1], mcsafe_engine_name()) != 0) {
		printf("should be: %s\n", argv[1]);
		failed = 1;
	}
	return failed;
}
