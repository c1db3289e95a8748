/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_edges.c - every short list of segments, from every offset, to every limit, with a fault at
 * every byte
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "run.h"

/*
 * The linker (--wrap) replaces this function of the library. With fails_after below SIZE_MAX, the
 * next call stops there at its destination, `fine` calls are as usual, and the one after them stops
 * at once at its source.
 */
size_t __real_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
size_t __wrap_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);

static size_t fails_after = SIZE_MAX;
static unsigned fine;
static bool failed_before;
static unsigned calls;

size_t __wrap_mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t done = fails_after;

	calls++;
	if (done == SIZE_MAX || (failed_before && fine-- != 0))
		return __real_mcsafe_memcpy(dst, src, n, fault);
	*fault = (struct mcsafe_fault){
		.signo = SIGBUS,
		.cause = MCSAFE_CAUSE_POISON,
		.side = failed_before ? MCSAFE_SIDE_SOURCE : MCSAFE_SIDE_DESTINATION,
	};
	if (failed_before) {
		fails_after = SIZE_MAX;
		failed_before = false;
		return n;
	}
	memcpy(dst, src, done);
	failed_before = true;
	return n - done;
}

#define MAX_SEGS 6
#define NO_FAULT SIZE_MAX

/* Lengths of segments. -1 ends a list. */
static const int lists[][MAX_SEGS + 1] = {
	{-1},
	{0, -1},
	{0, 0, 0, -1},
	{1, -1},
	{2, -1},
	{0, 1, -1},
	{1, 0, -1},
	{0, 2, 0, -1},
	{1, 1, -1},
	{1, 2, -1},
	{2, 1, -1},
	{2, 2, 2, -1},
	{1, 0, 0, 1, -1},
	{0, 0, 2, 0, 1, 0},
	{3, 5, 8, 13, -1},
	{1, 17, 0, 9, 1, 0},
};

enum how { IOVEC, KVEC, BVEC, HOWS };

/* One page for each segment, followed by a page that cannot be accessed. */
static unsigned char *page[MAX_SEGS];

struct list {
	size_t n, total;
	struct iovec iov[MAX_SEGS];
	struct mcsafe_region region[MAX_SEGS];
	struct mcsafe_bvec bvec[MAX_SEGS];
};

static void map_pages(void)
{
	unsigned char *at =
		mmap(NULL, 2 * MAX_SEGS * T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	for (size_t i = 0; i < MAX_SEGS; i++) {
		page[i] = at + 2 * i * T_PAGE;
		assert_int_equal(mprotect(page[i], T_PAGE, PROT_READ | PROT_WRITE), 0);
	}
}

/* Lays the segments out so that byte number bad of the list is the first one that fails. */
static void lay_out(struct list *list, const int *lengths, size_t bad)
{
	list->total = 0;
	for (list->n = 0; list->n < MAX_SEGS && lengths[list->n] >= 0; list->n++) {
		size_t i = list->n, len = (size_t)lengths[i];
		unsigned char *start = page[i] + 100;

		if (bad != NO_FAULT && bad >= list->total && bad < list->total + len)
			start = page[i] + T_PAGE - (bad - list->total);
		list->iov[i].iov_base = start;
		list->iov[i].iov_len = len;
		list->region[i].base = page[i];
		list->region[i].len = 2 * T_PAGE;
		list->bvec[i].region = &list->region[i];
		list->bvec[i].offset = (size_t)(start - page[i]);
		list->bvec[i].len = len;
		list->total += len;
	}
}

static void begin(struct mcsafe_iter *it, enum how how, enum mcsafe_side side,
		  const struct list *list)
{
	int answer;

	if (how == BVEC)
		answer = mcsafe_iter_bvec(it, side, list->bvec, list->n, SIZE_MAX);
	else if (how == KVEC)
		answer = mcsafe_iter_kvec(it, side, list->iov, list->n, SIZE_MAX);
	else
		answer = mcsafe_iter_iovec(it, side, list->iov, list->n, SIZE_MAX);
	assert_int_equal(answer, 0);
	assert_int_equal(mcsafe_iter_count(it), list->total);
}

/* Byte number i of the list, which must be accessible. */
static unsigned char *byte_at(const struct list *list, size_t i)
{
	for (size_t seg = 0; seg < list->n; seg++) {
		if (i < list->iov[seg].iov_len)
			return (unsigned char *)list->iov[seg].iov_base + i;
		i -= list->iov[seg].iov_len;
	}
	abort();
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct window {
	size_t offset, limit, n, bad;
};

/*
 * The count that the copy must return: up to the limit, the length or the bad byte, whichever comes
 * first.
 */
static size_t expected(const struct window *w)
{
	size_t want = smaller(w->n, w->limit);

	return w->bad == NO_FAULT ? want : smaller(want, w->bad - w->offset);
}

static void check(struct mcsafe_iter *it, const struct list *list, const struct window *w,
		  size_t got, enum mcsafe_side side, const struct mcsafe_fault *fault)
{
	size_t want = expected(w);
	bool stopped = want < smaller(w->n, w->limit);

	assert_int_equal(got, want);
	assert_int_equal(mcsafe_iter_count(it), w->limit - want);
	assert_int_equal(mcsafe_iter_error(it), stopped ? -EFAULT : 0);
	assert_int_equal(fault->side, stopped ? side : MCSAFE_SIDE_NONE);
	/* The iterator stands at the byte that failed, where the copy can be retried. */
	if (stopped) {
		struct iovec next;

		assert_int_equal(mcsafe_iter_to_iovec(it, &next, 1), 1);
		assert_ptr_equal(next.iov_base, fault->addr);
	}
	/* The iterator can go all the way back. */
	assert_int_equal(mcsafe_iter_revert(it, want + w->offset), 0);
	assert_int_equal(mcsafe_iter_reexpand(it, list->total), 0);
}

static void place(struct mcsafe_iter *it, const struct window *w)
{
	assert_int_equal(mcsafe_iter_advance(it, w->offset), 0);
	mcsafe_iter_truncate(it, w->limit);
	assert_int_equal(mcsafe_iter_count(it), w->limit);
}

static void scatter(enum how how, const struct list *list, const struct window *w)
{
	unsigned char from[64], want[64];
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;
	size_t end = smaller(w->bad, list->total), got;

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(i + 1);
	for (size_t i = 0; i < end; i++) {
		*byte_at(list, i) = 0xee;
		want[i] = 0xee;
	}
	memcpy(want + w->offset, from, expected(w));
	begin(&it, how, MCSAFE_SIDE_DESTINATION, list);
	place(&it, w);
	got = mcsafe_copy_to_iter(from, w->n, &it, &fault);
	check(&it, list, w, got, MCSAFE_SIDE_DESTINATION, &fault);
	for (size_t i = 0; i < end; i++)
		assert_int_equal(*byte_at(list, i), want[i]);
}

static void gather(enum how how, const struct list *list, const struct window *w)
{
	unsigned char to[64], want[64];
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;
	size_t got;

	for (size_t i = 0; i < smaller(w->bad, list->total); i++)
		*byte_at(list, i) = (unsigned char)(i + 1);
	memset(to, 0xee, sizeof(to));
	memset(want, 0xee, sizeof(want));
	for (size_t i = 0; i < expected(w); i++)
		want[i] = (unsigned char)(w->offset + i + 1);
	begin(&it, how, MCSAFE_SIDE_SOURCE, list);
	place(&it, w);
	got = mcsafe_copy_from_iter(to, w->n, &it, &fault);
	check(&it, list, w, got, MCSAFE_SIDE_SOURCE, &fault);
	assert_memory_equal(to, want, sizeof(to));
}

static void all_lengths(enum how how, const struct list *list, struct window *w)
{
	for (w->n = 0; w->n <= w->limit + 2; w->n++) {
		gather(how, list, w);
		if (how != KVEC || w->bad == NO_FAULT)
			scatter(how, list, w);
	}
}

static void all_windows(enum how how, const int *lengths, size_t bad)
{
	struct window w = {.bad = bad};
	struct list list;

	lay_out(&list, lengths, bad);
	for (w.offset = 0; w.offset <= smaller(list.total, bad); w.offset++) {
		for (w.limit = 0; w.offset + w.limit <= list.total; w.limit++)
			all_lengths(how, &list, &w);
	}
}

static void test_short_lists_are_copied_right(void **state)
{
	(void)state;
	map_pages();
	for (size_t i = 0; i < T_LENGTH(lists); i++) {
		for (int how = 0; how < HOWS; how++)
			all_windows((enum how)how, lists[i], NO_FAULT);
	}
}

static void test_short_lists_stop_at_a_fault_at_each_byte(void **state)
{
	(void)state;
	t_install();
	map_pages();
	/*
	 * The two longest lists are left out: they would take most of the time and show nothing
	 * more.
	 */
	for (size_t i = 0; i < T_LENGTH(lists) - 2; i++) {
		struct list list;

		lay_out(&list, lists[i], NO_FAULT);
		for (size_t bad = 0; bad < list.total; bad++) {
			for (int how = 0; how < HOWS; how++)
				all_windows((enum how)how, lists[i], bad);
		}
	}
}

/*
 * A store to a trusted destination has failed, and the byte of the source is read again, to be
 * stored by an instruction that the library does not protect. By then the source has gone away. The
 * bytes before stay copied, and nothing is stored for the byte that could not be read.
 */
static void test_a_byte_that_cannot_be_read_again_is_not_stored(void **state)
{
	unsigned char from[64], to[64];
	struct iovec trusted = {to, sizeof(to)};
	struct mcsafe_fault fault;
	struct mcsafe_iter sink;

	(void)state;
	memset(from, 's', sizeof(from));
	for (size_t done = 0; done < sizeof(to) - 1; done += 9)
		for (size_t openly = 0; openly < 2; openly++) {
			size_t n = done + openly;

			memset(to, 'd', sizeof(to));
			assert_int_equal(mcsafe_iter_kvec(&sink, MCSAFE_SIDE_DESTINATION, &trusted,
							  1, SIZE_MAX),
					 0);
			fails_after = done;
			fine = (unsigned)openly;
			calls = 0;
			assert_int_equal(mcsafe_copy_to_iter(from, sizeof(from), &sink, &fault), n);
			assert_int_equal(fails_after, SIZE_MAX);
			assert_int_equal(calls, 2 + openly);
			assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
			assert_int_equal(mcsafe_iter_error(&sink), -EHWPOISON);
			assert_int_equal(mcsafe_iter_count(&sink), sizeof(to) - n);
			for (size_t i = 0; i < sizeof(to); i++)
				assert_int_equal(to[i], i < n ? 's' : 'd');
		}
}

/* Uses more segments than one system call takes. */
static void test_the_number_of_segments_has_no_limit(void **state)
{
	static const size_t numbers[] = {IOV_MAX - 1, IOV_MAX, IOV_MAX + 1, 3 * IOV_MAX};
	struct iovec *iov = calloc(3 * IOV_MAX, sizeof(*iov)), out[IOV_MAX];
	unsigned char *from = malloc(3 * IOV_MAX), *to = malloc(3 * IOV_MAX);

	(void)state;
	assert_non_null(iov);
	assert_non_null(from);
	assert_non_null(to);
	for (size_t i = 0; i < 3 * IOV_MAX; i++) {
		from[i] = (unsigned char)(i * 7 >> 2);
		/*
		 * The order is reversed so that no two neighbours of the list are adjacent in
		 * memory.
		 */
		iov[i].iov_base = to + (3 * IOV_MAX - 1 - i);
		iov[i].iov_len = 1;
	}
	for (size_t i = 0; i < T_LENGTH(numbers); i++) {
		size_t n = numbers[i];
		struct mcsafe_iter it;

		memset(to, 0, 3 * IOV_MAX);
		assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, n, SIZE_MAX),
				 0);
		assert_int_equal(mcsafe_iter_nr_segs(&it), n);
		assert_int_equal(mcsafe_iter_to_iovec(&it, out, IOV_MAX), smaller(n, IOV_MAX));
		assert_int_equal(copy_to_iter_mcsafe(from, SIZE_MAX, &it), n);
		for (size_t byte = 0; byte < n; byte++)
			assert_int_equal(to[3 * IOV_MAX - 1 - byte], from[byte]);
		assert_int_equal(mcsafe_iter_revert(&it, n), 0);
		assert_int_equal(mcsafe_iter_nr_segs(&it), n);
	}
	free(iov);
	free(from);
	free(to);
}

static void test_later_bytes_win_where_segments_overlap(void **state)
{
	unsigned char memory[9] = "........";
	struct iovec iov[2] = {{memory, 6}, {memory + 2, 6}};
	struct mcsafe_iter it;
	unsigned char twice[12];

	(void)state;
	assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, 2, SIZE_MAX), 0);
	assert_int_equal(copy_to_iter_mcsafe("abcdefghijkl", 12, &it), 12);
	assert_memory_equal(memory, "abghijkl", 8);
	assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_copy_from_iter(twice, 12, &it, NULL), 12);
	assert_memory_equal(twice, "abghijghijkl", 12);
}

static int n_signals;

/*
 * A host's handler counts the faults. Only this shows how often the library touched the bad byte.
 */
static void count_signal(int signo, siginfo_t *si, void *context)
{
	n_signals++;
	if (!mcsafe_handle_signal(signo, si, context))
		abort();
}

/* A byte that has faulted must not be read again, because it may be poison. */
static void test_a_bad_source_byte_is_read_once(void **state)
{
	struct sigaction action = {.sa_sigaction = count_signal,
				   .sa_flags = SA_SIGINFO | SA_NODEFER},
			 before;
	unsigned char to[64];
	struct iovec trusted = {to, sizeof(to)};
	struct list list;
	struct mcsafe_iter from, sink;
	int pipe_ends[2];

	(void)state;
	map_pages();
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	for (size_t bad = 0; bad < 29; bad++) {
		lay_out(&list, lists[T_LENGTH(lists) - 2], bad);
		for (int how = 0; how < HOWS; how++) {
			n_signals = 0;
			begin(&from, (enum how)how, MCSAFE_SIDE_SOURCE, &list);
			assert_int_equal(mcsafe_copy_from_iter(to, 64, &from, NULL), bad);
			assert_int_equal(n_signals, 1);
			begin(&from, (enum how)how, MCSAFE_SIDE_SOURCE, &list);
			assert_int_equal(mcsafe_iter_fd(&sink, MCSAFE_SIDE_DESTINATION,
							pipe_ends[1], -1, 64),
					 0);
			assert_int_equal(mcsafe_iter_to_iter(&sink, &from, 64, NULL), bad);
			assert_int_equal(n_signals, 2);
			if (bad != 0)
				assert_int_equal(read(pipe_ends[0], to, 64), bad);
			/*
			 * A trusted destination, whose faults are not recovered, is no reason to
			 * read it again either.
			 */
			begin(&from, (enum how)how, MCSAFE_SIDE_SOURCE, &list);
			assert_int_equal(mcsafe_iter_kvec(&sink, MCSAFE_SIDE_DESTINATION, &trusted,
							  1, SIZE_MAX),
					 0);
			assert_int_equal(mcsafe_iter_to_iter(&sink, &from, 64, NULL), bad);
			assert_int_equal(n_signals, 3);
		}
	}
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_lists_are_copied_right),
		cmocka_unit_test(test_short_lists_stop_at_a_fault_at_each_byte),
		cmocka_unit_test(test_a_bad_source_byte_is_read_once),
		cmocka_unit_test(test_a_byte_that_cannot_be_read_again_is_not_stored),
		cmocka_unit_test(test_the_number_of_segments_has_no_limit),
		cmocka_unit_test(test_later_bytes_win_where_segments_overlap),
	};

	return t_run("iter.edges", tests, T_LENGTH(tests));
}
