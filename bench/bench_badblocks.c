/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_badblocks.c - lookups in registries of bad ranges, changes, and loading a million ranges */
#include <stdint.h>
#include <string.h>

#include <mcsafe/badblocks.h>

#include "bench.h"

#define APART ((size_t)65536) /* bytes from one bad sector to the next */

static FILE *text_of(size_t n, char **text, size_t *len)
{
	FILE *file = open_memstream(text, len);

	if (file == NULL)
		exit(1);
	for (size_t i = 0; i < n; i++)
		fprintf(file, "%zu 512\n", i * APART);
	fclose(file);
	return fmemopen(*text, *len + (*len == 0), "r");
}

/* Loads n ranges from text in memory, and sets *ns to the time that it took. */
static struct mcsafe_badblocks *load(size_t n, double *ns)
{
	struct mcsafe_badblocks *badblocks;
	char *text;
	size_t len;
	FILE *file = text_of(n, &text, &len);

	if (file == NULL || mcsafe_badblocks_create(&badblocks) != 0)
		exit(1);
	*ns = now_ns();
	if (n != 0 && mcsafe_badblocks_load(badblocks, file, NULL) != 0)
		exit(1);
	*ns = now_ns() - *ns;
	fclose(file);
	free(text);
	return badblocks;
}

/* The time of a lookup of 64 good bytes at random. A read pays this, as it finds nothing bad. */
static double look_up(const struct mcsafe_badblocks *badblocks, size_t places, unsigned times)
{
	uint64_t random = 88172645463325252u;
	size_t found = 0;
	double start = now_ns();

	for (unsigned i = 0; i < times; i++) {
		size_t at;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = random % places * APART + 4096;
		found += mcsafe_badblocks_next(badblocks, at, at + 64, NULL);
	}
	start = now_ns() - start;
	if (found != 0)
		exit(1);
	return start / times;
}

static double add_anew(struct mcsafe_badblocks *badblocks, size_t places, unsigned times)
{
	double start = now_ns();

	for (unsigned i = 0; i < times; i++) {
		size_t at = i * (size_t)40503 % places * APART + 8192;

		if (mcsafe_badblocks_add(badblocks, at, 64) != 0 ||
		    mcsafe_badblocks_clear(badblocks, at, 64) != 0)
			exit(1);
	}
	return (now_ns() - start) / times / 2;
}

void bench_badblocks(const struct effort *effort)
{
	const size_t counts[] = {0, 1000, effort->faults < 100 ? 10000 : 1000000};

	printf("\"badblocks\": [\n");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t n = counts[i], places = n != 0 ? n : 1000;
		double load_ns, one = 1e30, all = 1e30, change = 1e30;
		struct mcsafe_badblocks *badblocks = load(n, &load_ns);

		for (unsigned r = 0; r < effort->repeats; r++) {
			double ns = look_up(badblocks, 1, effort->faults * 50);

			one = ns < one ? ns : one;
			ns = look_up(badblocks, places, effort->faults * 50);
			all = ns < all ? ns : all;
			ns = add_anew(badblocks, places, effort->faults);
			change = ns < change ? ns : change;
		}
		printf("{\"ranges\": %zu, \"load_ms\": %.1f, \"one_place_ns\": %.1f, "
		       "\"everywhere_ns\": %.1f, \"change_ns\": %.0f},\n",
		       n, load_ns / 1e6, one, all, change);
		mcsafe_badblocks_destroy(badblocks);
	}
	printf("null],\n");
}
