/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flushcache.c - a copy to persistent memory, and the write-back of cache lines
 *
 * What goes where depends on n and on the engine in use:
 *
 *	n below LEAST_ALIGNED	.copy to dst
 *	below streams_from()	.copy of the bytes before the first whole line of the destination,
 *				then of the rest: so no store crosses a line, and each line is
 *				stored at once
 *	from there on		.lines, past the caches, for the whole lines; the bytes before and
 *				after them through the caches. If the engine has no .lines, as for
 *				shorter copies.
 *
 * The lines that were stored through the caches are written back after all stores. A store after a
 * write-back waits for it, and a write-back waits for the store of its line, so the two must not
 * alternate: that takes up to twice as long (bench/). Lines that went past the caches need no
 * write-back. There is no SFENCE: one of the caller orders both (Intel SDM vol. 2, CLWB; vol. 1,
 * "Programming with Intel SSE Instructions").
 */
#include <mcsafe/copy.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"
#include "base/cpu.h"
#include "base/msan.h"
#include "base/page.h"
#include "landing/fault.h"
#include "route.h"

/* Three lines and a byte: below that, one call more costs more than stores that cross a line. */
#define LEAST_ALIGNED 193

/*
 * Stores past the caches take longer to begin, and less for each line. Measured against write-backs
 * of each line: on an Intel Xeon with AVX-512 they win from 1 KiB on, on AMD family 1Ah from about
 * 3 KiB. Both had ordinary memory behind the caches.
 */
static size_t streams_from(void)
{
	return mcsafe__cpu_features() & MCSAFE__CPU_ZEN_5 ? 4096 : 1024;
}

size_t mcsafe__flush(const void *addr, size_t n, struct mcsafe_fault *fault)
{
	unsigned features = mcsafe__cpu_features();

#define FLUSH(name, ...)                                               \
 if ((((struct mcsafe__routine){__VA_ARGS__}).needs & ~features) == 0) \
  return mcsafe__flush_##name(addr, n, fault);
#include "asm/engines.def"
	__builtin_unreachable(); /* the last line of the list needs nothing */
}

/* A range that wraps around the end of the address space is no memory. Nothing is touched. */
static bool refused(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start, size_t n)
{
	if (!mcsafe__wraps((uintptr_t)start, n))
		return false;
	mcsafe__count(&mcsafe__counters.refused);
	if (fault != NULL)
		mcsafe__fault_refused(fault, side, start);
	return true;
}

/* Copy the bytes before a line of the destination, then the rest. Returns what is left. */
static size_t copy_aligned(const struct mcsafe__engine *engine, char *dst, const char *src,
			   size_t n, size_t head, struct mcsafe_fault *fault)
{
	size_t left = head != 0 ? engine->copy(dst, src, head, fault) : 0;

	if (left != 0)
		return left + n - head;
	return engine->copy(dst + head, src + head, n - head, fault);
}

/* Write [from, to) of dst back. Returns how many bytes of [0, to) count as written back. */
static size_t write_back(const char *dst, size_t from, size_t to, struct mcsafe_fault *fault)
{
	return to - mcsafe__flush(dst + from, to - from, fault);
}

static size_t through_caches(const struct mcsafe__engine *engine, char *dst, const char *src,
			     size_t n, struct mcsafe_fault *fault)
{
	size_t head = n < LEAST_ALIGNED ? 0 : -(uintptr_t)dst % MCSAFE__LINE;
	size_t done = n - copy_aligned(engine, dst, src, n, head, fault);

	mcsafe__msan_copied(dst, src, done);
	/* A line that was not written back lies before the place where the copy stopped. So the
	 * record becomes that of the line. */
	return n - write_back(dst, 0, done, fault);
}

/* A copy that is in progress. */
struct stream {
	const struct mcsafe__engine *engine;
	char *dst;
	const char *src;
	size_t n;
	size_t head; /* bytes before the first whole line of dst */
	size_t past; /* [head, past) went past the caches */
	struct mcsafe_fault stopped;
};

/* Copies [from, to) through the caches. Returns how many bytes of [0, to) are copied. */
static size_t copy_part(struct stream *it, mcsafe__copy_fn *copy, size_t from, size_t to)
{
	return to -
	       (from != to ? copy(it->dst + from, it->src + from, to - from, &it->stopped) : 0);
}

/*
 * Returns how many bytes were copied. The ends are stored without masks: a write-back of a line
 * after a masked store takes longer than after other stores.
 */
static size_t copy_stream(struct stream *it)
{
	size_t lines = mcsafe__down(it->n - it->head, MCSAFE__LINE), done, left;

	it->past = it->head;
	done = copy_part(it, mcsafe__copy_sse2, 0, it->head);
	if (done != it->head)
		return done;
	left = it->engine->lines(it->dst + done, it->src + done, lines, &it->stopped);
	done += lines - left;
	it->past = done - ((uintptr_t)it->dst + done) % MCSAFE__LINE;
	if (left == 0)
		return copy_part(it, mcsafe__copy_sse2, done, it->n);
	/* A store of a line has failed. Its cause may be gone by now, or the line was not lost from
	 * its first byte on. */
	if (it->stopped.side == MCSAFE_SIDE_NONE)
		return copy_part(it, it->engine->copy, done, it->n);
	return done;
}

static size_t past_caches(struct stream *it, struct mcsafe_fault *fault)
{
	size_t done = copy_stream(it), before = done < it->head ? done : it->head, written;

	mcsafe__msan_copied(it->dst, it->src, done);
	written = write_back(it->dst, 0, before, &it->stopped);
	if (written == before && done > it->past)
		written = write_back(it->dst, it->past, done, &it->stopped);
	else if (written == before)
		written = done;
	if (written != it->n && fault != NULL)
		*fault = it->stopped;
	return it->n - written;
}

size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	const struct mcsafe__engine *engine = mcsafe__engine();

	if (refused(fault, MCSAFE_SIDE_SOURCE, src, n) ||
	    refused(fault, MCSAFE_SIDE_DESTINATION, dst, n))
		return n;
	if (engine->lines != NULL && n >= streams_from()) {
		struct stream it;

		it.engine = engine;
		it.dst = dst;
		it.src = src;
		it.n = n;
		it.head = -(uintptr_t)dst % MCSAFE__LINE;
		return past_caches(&it, fault);
	}
	return through_caches(engine, dst, src, n, fault);
}
