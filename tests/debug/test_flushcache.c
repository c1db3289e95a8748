/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_flushcache.c - what mcsafe_memcpy_flushcache() has copied is on its way to memory
 *
 * The observer sees every store and every write-back. Each line of the bytes that count as copied
 * must have been written back after its last store, or stored past the caches. That holds after a
 * fault too, on either side and of a write-back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "basics.h"
#include "copy/debug.h"
#include "copy/route.h"
#include "decode.h"
#include "engines.h"
#include "observers.h"
#include "rng.h"
#include "sanitizer.h"

#define LINE ((uintptr_t)64)
#define MOST 9000 /* bytes of a copy: long enough for stores that bypass the caches */
#define ROOM (MOST + 4 * 64)

static struct recording seen = {.kinds = MCSAFE_ROW_STORE};

static _Alignas(4096) unsigned char src[ROOM], dst[ROOM];
static struct t_rng rng;

/* State of each byte of the destination. */
enum { UNTOUCHED, IN_CACHE, IN_MEMORY };
static unsigned char state[ROOM];

struct trial {
	size_t n, src_at, dst_at;
	uintptr_t bad_src, bad_dst; /* UINTPTR_MAX: nothing is bad */
	size_t done;
	size_t lines_written_back, bytes_past_caches;
};

static void blame(const struct trial *trial, const char *what)
{
	fail_msg("%s: %zu bytes from %zu to %zu mod 64, bad from %td and %td, %zu done: %s",
		 mcsafe_engine_name(), trial->n, trial->src_at % 64, trial->dst_at % 64,
		 (ptrdiff_t)(trial->bad_src - (uintptr_t)src - trial->src_at),
		 (ptrdiff_t)(trial->bad_dst - (uintptr_t)dst - trial->dst_at), trial->done, what);
}

static void write_back(struct trial *trial, size_t line)
{
	for (size_t i = line; i < line + LINE && i < ROOM; i++)
		if (state[i] == IN_CACHE)
			state[i] = IN_MEMORY;
	trial->lines_written_back++;
}

/* Follows what the copy did. No store comes after a write-back. */
static void follow(struct trial *trial)
{
	memset(state, UNTOUCHED, sizeof(state));
	for (size_t i = 0; i < seen.n; i++) {
		const struct access *event = &seen.accesses[i];
		size_t at = event->addr - (uintptr_t)dst;
		bool past_caches;
		struct decode_insn insn;

		if (event->addr + event->size > trial->bad_dst ||
		    (seen.lose_after != 0 && i >= seen.lose_after &&
		     event->addr + event->size > seen.lost))
			continue; /* it has failed */
		if (decode((const unsigned char *)event->ip, 15, event->ip, &insn) != NULL)
			blame(trial, "an unknown instruction");
		if (insn.write_back) {
			if (at % LINE != 0)
				blame(trial, "a write-back within a line");
			write_back(trial, at);
			continue;
		}
		if (trial->lines_written_back != 0)
			blame(trial, "a store after a write-back");
		past_caches = strstr(insn.text, "movnt") != NULL;
		trial->bytes_past_caches += past_caches ? event->size : 0;
		memset(state + at, past_caches ? IN_MEMORY : IN_CACHE, event->size);
	}
}

static void check(struct trial *trial)
{
	size_t lines = (trial->dst_at % LINE + trial->n + LINE - 1) / LINE;

	follow(trial);
	for (size_t i = 0; i < ROOM; i++) {
		bool counts = i >= trial->dst_at && i < trial->dst_at + trial->done;

		if (counts && state[i] != IN_MEMORY)
			blame(trial, state[i] == UNTOUCHED ? "a byte was not stored"
							   : "a byte is still in the cache");
	}
	if (trial->done != trial->n || trial->n == 0)
		return;
	if (trial->lines_written_back > (trial->bytes_past_caches != 0 ? 2 : lines))
		blame(trial, "needless write-backs");
	if (mcsafe__engine()->lines != NULL && trial->n >= 4096 &&
	    trial->bytes_past_caches + 2 * LINE <= trial->n)
		blame(trial, "too little went past the caches");
}

static void run(struct trial *trial)
{
	const unsigned char *from = src + trial->src_at;
	unsigned char *to = dst + trial->dst_at;
	size_t left;

	memset(dst, FILL, sizeof(dst));
	seen.n = 0;
	trial->lines_written_back = trial->bytes_past_caches = 0;
	mcsafe_inject_src(trial->bad_src != UINTPTR_MAX ? (const void *)trial->bad_src : NULL);
	mcsafe_inject_dst(trial->bad_dst != UINTPTR_MAX ? (const void *)trial->bad_dst : NULL);
	mcsafe__debug_observe(record_access, &seen);
	left = mcsafe_memcpy_flushcache(to, from, trial->n, NULL);
	mcsafe__debug_observe(NULL, NULL);
	mcsafe_inject_src(NULL);
	mcsafe_inject_dst(NULL);
	trial->done = trial->n - left;
	if (seen.is_full)
		blame(trial, "too many stores");
	if (memcmp(to, from, trial->done) != 0)
		blame(trial, "a wrong copy");
	check(trial);
}

/* The destination is lost from a line on after all stores, before the line is written back. */
static void lose_before_write_back(struct trial trial)
{
	uintptr_t first = (uintptr_t)dst + trial.dst_at, lost;
	size_t stores = seen.n - trial.lines_written_back;

	if (trial.lines_written_back == 0)
		return;
	lost = seen.accesses[stores + t_rng_below(&rng, trial.lines_written_back)].addr;
	seen.lose_after = stores;
	seen.lost = lost;
	run(&trial);
	seen.lose_after = 0;
	if (trial.done != (lost > first ? lost - first : 0))
		blame(&trial, "not the bytes before the line that was not written back");
}

/* A line of the source, and a line or any byte of the destination, or nothing. */
static void run_all(size_t n)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct trial trial = {.n = n, .bad_src = UINTPTR_MAX, .bad_dst = UINTPTR_MAX};
		size_t at = t_rng_below(&rng, n + 1);
		uintptr_t first;

		trial.src_at = LINE + t_rng_below(&rng, LINE);
		trial.dst_at = LINE + t_rng_below(&rng, LINE);
		first = (uintptr_t)dst + trial.dst_at;
		if (kind == 1)
			trial.bad_src = ((uintptr_t)src + trial.src_at + at) & ~(LINE - 1);
		if (kind == 2)
			trial.bad_dst = (first + at) & ~(LINE - 1);
		if (kind == 3)
			trial.bad_dst = first + at;
		run(&trial);
		if (kind == 0 && trial.done != n)
			blame(&trial, "nothing is bad");
		if (kind == 0)
			lose_before_write_back(trial);
		/* The destination is lost from a line on, so its bytes before the line count. */
		if (kind == 2 && trial.bad_dst >= first && trial.bad_dst < first + n &&
		    trial.done != trial.bad_dst - first)
			blame(&trial, "not all bytes before the bad line count");
		if (kind == 1 && trial.bad_src > (uintptr_t)src + trial.src_at &&
		    trial.bad_src < (uintptr_t)src + trial.src_at + n &&
		    trial.done + 8 <= trial.bad_src - (uintptr_t)src - trial.src_at)
			blame(&trial, "not all bytes before the bad line were copied");
	}
}

static void test_what_counts_is_on_its_way_to_memory(void **unused)
{
	size_t n_engines = 0;

	(void)unused;
	rng = t_rng_start(t_seed(), 0);
	for (size_t i = 0; i < ROOM; i++)
		src[i] = source_byte(i);
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		if (mcsafe_engine_set(mcsafe__engines[i].name) != 0)
			continue;
		n_engines++;
		for (size_t n = 0; n < 1400; n += n < 330 ? 1 : 1 + t_rng_below(&rng, 40))
			run_all(n);
		for (unsigned k = 0; k < (T_SANITIZER ? 40 : 300); k++)
			run_all(4090 + t_rng_below(&rng, k % 2 == 0 ? 200 : MOST - 4090));
	}
	assert_int_not_equal(n_engines, 0);
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts_is_on_its_way_to_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
