/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_huge.c - more than 4 GiB: no count anywhere has only 32 bits
 *
 * To save memory and time, the mapping is one file of 2 MiB, mapped again and again. The last part
 * is a file of its own, so that the test sees what was written to it and what was not.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "pattern.h"
#include "run.h"
#include "sweep.h"

#define CHUNK ((size_t)2 << 20)
#define BULK  ((size_t)1 << 32)
#define SIZE  (BULK + CHUNK)
#define LIMIT (BULK + 4 * T_PAGE) /* where the bad page is */

struct span {
	unsigned char *base; /* BULK bytes of one file, again and again, then CHUNK of another */
};

static void map_chunk(struct span *span, size_t offset, int fd)
{
	unsigned char *at = span->base + offset;

	assert_ptr_equal(mmap(at, CHUNK, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0),
			 at);
}

static int make_chunk(void)
{
	int fd = memfd_create("chunk", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, (off_t)CHUNK), 0);
	return fd;
}

static void open_span(struct span *span)
{
	int bulk = make_chunk(), last = make_chunk();

	span->base =
		mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(span->base, MAP_FAILED);
	for (size_t offset = 0; offset < BULK; offset += CHUNK)
		map_chunk(span, offset, bulk);
	map_chunk(span, BULK, last);
	close(bulk);
	close(last);
}

static void close_span(struct span *span)
{
	assert_int_equal(munmap(span->base, SIZE), 0);
}

/* Byte i of the whole span. The second file continues the pattern of the first one. */
static void fill_span(struct span *span, unsigned char (*content)(size_t i))
{
	for (size_t i = 0; i < CHUNK; i++)
		span->base[i] = span->base[BULK + i] = content(i);
}

struct call {
	const struct t_copy *copy;
	unsigned char *dst;
	const unsigned char *src;
	size_t n;
	size_t done; /* as it must be */
};

static void call(const struct call *it)
{
	struct t_state state;
	uint64_t args[4], record[sizeof(struct mcsafe_fault) / sizeof(uint64_t)];
	size_t left;

	t_state_init(&state);
	t_copy_arguments(it->copy, args, it->dst, it->src, it->n, record);
	left = t_state_call(&state, it->copy->fn, args[0], args[1], args[2], args[3]);
	if (left != it->n - it->done)
		fail_msg("%s: %#zx bytes left of %#zx, must be %#zx", it->copy->name, left, it->n,
			 it->n - it->done);
	assert_int_equal(t_state_damage(&state), 0);
}

/* What position p of the destination's chunk holds: the last byte that was stored there. */
static unsigned char expected_byte(const struct call *it, const struct span *dst, size_t p)
{
	size_t dst_offset = (size_t)(it->dst - dst->base);

	switch (it->copy->work) {
	case T_COPIES:
		return it->src[(p + CHUNK - dst_offset) % CHUNK];
	case T_SETS:
		return T_SET_TO;
	default:
		return t_fill(p);
	}
}

static void check_destination(const struct call *it, struct span *dst)
{
	size_t end = (size_t)(it->dst - dst->base) + it->done - BULK;
	const unsigned char *last = dst->base + BULK;

	assert_true(end < CHUNK);
	for (size_t p = 0; p < CHUNK; p++)
		if (dst->base[p] != expected_byte(it, dst, p))
			fail_msg("%s: wrong at %#zx", it->copy->name, p);
	for (size_t p = 0; p < end; p++)
		if (last[p] != expected_byte(it, dst, p))
			fail_msg("%s: wrong at 4 GiB + %#zx", it->copy->name, p);
	for (size_t p = end; p < CHUNK; p++)
		if (last[p] != t_fill(p))
			fail_msg("%s: written to 4 GiB + %#zx", it->copy->name, p);
}

/* bad: the side whose page at LIMIT is unmapped. */
static void copy_beyond_4_gib(const struct t_copy *copy, struct span *dst, const struct span *src,
			      const struct span *bad)
{
	struct call it = {
		.copy = copy,
		.dst = dst->base + 3,
		.src = src->base + 14,
		.n = 2 * BULK + 1,
		.done = LIMIT - (bad == dst ? 3 : 14),
	};

	fill_span(dst, t_fill);
	assert_int_equal(mprotect(bad->base + LIMIT, T_PAGE, PROT_NONE), 0);
	call(&it);
	assert_int_equal(mprotect(bad->base + LIMIT, T_PAGE, PROT_READ | PROT_WRITE), 0);
	check_destination(&it, dst);
}

/* Few bytes are done, and more than 4 GiB are left. */
static void leave_more_than_4_gib(const struct t_copy *copy, struct span *dst,
				  const struct span *src, const struct span *bad)
{
	struct call it = {
		.copy = copy,
		.dst = dst->base + 3,
		.src = src->base + 14,
		.n = 3 * BULK + 5,
		.done = T_PAGE - (bad == dst ? 3 : 14),
	};

	assert_int_equal(mprotect(bad->base + T_PAGE, T_PAGE, PROT_NONE), 0);
	call(&it);
	assert_int_equal(mprotect(bad->base + T_PAGE, T_PAGE, PROT_READ | PROT_WRITE), 0);
}

static void try_copy(const struct t_copy *copy, struct span *dst, const struct span *src)
{
	leave_more_than_4_gib(copy, dst, src, dst);
	if (copy->work == T_COPIES)
		leave_more_than_4_gib(copy, dst, src, src);
	if (!t_copy_is_engine(copy)) /* it comes down to one of those, with the same n */
		return;
	if (copy->work == T_COPIES)
		copy_beyond_4_gib(copy, dst, src, src);
	else
		copy_beyond_4_gib(copy, dst, src, dst);
	print_message("%s: copied more than 4 GiB\n", copy->name);
}

static void test_copies_of_more_than_4_gib_are_right(void **state)
{
	const struct t_copy *copy = NULL;
	struct span src, dst;

	(void)state;
	t_install();
	open_span(&src);
	open_span(&dst);
	fill_span(&src, t_data);
	while ((copy = sweep_next(copy, T_SIDE(MCSAFE_SIDE_DESTINATION))) != NULL)
		try_copy(copy, &dst, &src);
	close_span(&src);
	close_span(&dst);
}

/* No cache holds so much, so the copy may go past them. Its record is not written. */
static void test_a_copy_of_more_than_4_gib_succeeds(void **state)
{
	static const struct t_copy plain = {.name = "mcsafe_memcpy()", .work = T_COPIES};
	struct mcsafe_fault fault, untouched;
	struct span src, dst;
	struct call it;

	(void)state;
	t_install();
	open_span(&src);
	open_span(&dst);
	fill_span(&src, t_data);
	fill_span(&dst, t_fill);
	it = (struct call){.copy = &plain, .dst = dst.base + 3, .src = src.base + 14};
	it.n = it.done = LIMIT;
	memset(&untouched, 0xa5, sizeof(untouched));
	fault = untouched;
	assert_int_equal(mcsafe_memcpy(it.dst, it.src, it.n, &fault), 0);
	assert_memory_equal(&fault, &untouched, sizeof(fault));
	check_destination(&it, &dst);
	close_span(&src);
	close_span(&dst);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_of_more_than_4_gib_are_right),
		cmocka_unit_test(test_a_copy_of_more_than_4_gib_succeeds),
	};

	return t_run("copy.huge", tests, T_LENGTH(tests));
}
