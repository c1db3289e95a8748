/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_threads.c - lookups in threads and signal handlers while other threads change the registry
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "oracle.h"
#include "rng.h"
#include "run.h"
#include "sanitizer.h"
#include "tool.h"

#define READERS 3
#define WRITERS 2

#if T_THREAD_SANITIZER
# define CHANGES 3000
#elif T_SANITIZER
# define CHANGES 10000
#else
# define CHANGES 60000
#endif

/*
 * The offsets are divided into cells of CELL units. Unit 0 of each cell is always good. The units
 * from SOLID on are always bad. The units in between, which touch the bad ones, change all the
 * time. Therefore ranges are merged, split and moved to other chunks, but parts of each lookup's
 * answer are always known.
 */
#define UNIT  ((size_t)1024) /* the size of a unit in bytes: a cell has four pages */
#define CELL  16
#define SOLID 10
#define CELLS 3000

static size_t changes; /* changes of each writer; fewer with a slow tool */

struct shared {
	struct mcsafe_badblocks *badblocks;
	uint64_t seed;
	_Atomic unsigned writers;
	_Atomic size_t lookups;
	_Atomic size_t wrong;
};

/* Whether an answer about [from, to) of one cell can be right. */
static bool is_right(size_t cell, size_t from, size_t to, bool is_there,
		     const struct mcsafe_range *bad)
{
	size_t solid = cell * CELL + SOLID, stop = bad->start + bad->len;

	if (!is_there)
		return to <= solid;
	if (bad->len == 0 || bad->start < from || bad->start == cell * CELL || stop > to)
		return false;
	if (to <= solid)
		return true;
	/* A range that starts before the solid part and does not touch it also ends before it. */
	return bad->start <= (from > solid ? from : solid) && (stop == to || stop < solid);
}

static bool look_up(const struct mcsafe_badblocks *badblocks, struct t_rng *rng)
{
	size_t cell = t_rng_below(rng, CELLS), from, to;
	struct mcsafe_range bad = {0};
	bool is_there;

	from = cell * CELL + t_rng_below(rng, CELL);
	to = from + 1 + t_rng_below(rng, (cell + 1) * CELL - from);
	is_there = mcsafe_badblocks_next(badblocks, from * UNIT, to * UNIT, &bad);
	if (bad.start % UNIT != 0 || bad.len % UNIT != 0)
		return false;
	bad.start /= UNIT;
	bad.len /= UNIT;
	return is_right(cell, from, to, is_there, &bad);
}

static void *read_on(void *arg)
{
	static _Atomic unsigned number;
	struct shared *shared = arg;
	struct t_rng rng = t_rng_start(shared->seed, 1000 + atomic_fetch_add(&number, 1));

	while (atomic_load(&shared->writers) != 0) {
		if (!look_up(shared->badblocks, &rng))
			atomic_fetch_add(&shared->wrong, 1);
		atomic_fetch_add_explicit(&shared->lookups, 1, memory_order_relaxed);
	}
	return NULL;
}

/*
 * Changes units 1 to SOLID - 1 of a cell, or those of many cells. The units between those cells are
 * overwritten and then restored.
 */
static void *change_on(void *arg)
{
	static _Atomic unsigned number;
	struct shared *shared = arg;
	unsigned which = atomic_fetch_add(&number, 1);
	struct t_rng rng = t_rng_start(shared->seed, which);

	/* If threads or signals are slow to come, the changes continue until there were lookups. */
	for (size_t i = 0; i < changes || atomic_load(&shared->lookups) < 10; i++) {
		size_t start = t_rng_below(&rng, CELLS) * CELL + 1 + t_rng_below(&rng, SOLID - 2);
		size_t n = 1 + t_rng_below(&rng, SOLID - start % CELL);
		int err =
			t_rng_below(&rng, 2)
				? mcsafe_badblocks_add(shared->badblocks, start * UNIT, n * UNIT)
				: mcsafe_badblocks_clear(shared->badblocks, start * UNIT, n * UNIT);

		if (err != 0)
			atomic_fetch_add(&shared->wrong, 1);
	}
	atomic_fetch_sub(&shared->writers, 1);
	return NULL;
}

static void open_shared(struct shared *shared)
{
	struct mcsafe_range list[CELLS];
	size_t n = CELLS;

	memset(shared, 0, sizeof(*shared));
	shared->seed = t_seed();
	atomic_store(&shared->writers, WRITERS);
	assert_int_equal(mcsafe_badblocks_create(&shared->badblocks), 0);
	for (size_t i = 0; i < CELLS; i++)
		list[i] = (struct mcsafe_range){(i * CELL + SOLID) * UNIT, (CELL - SOLID) * UNIT};
	assert_int_equal(mcsafe__badblocks_add_all(shared->badblocks, list, &n), 0);
}

/* All units that are always bad are in the registry, and no unit that is always good. */
static void close_shared(struct shared *shared)
{
	assert_int_equal(mcsafe_badblocks_clear(shared->badblocks, 0, SOLID * UNIT), 0);
	for (size_t i = 0; i < CELLS; i++) {
		struct mcsafe_range bad;

		assert_int_equal(mcsafe_badblocks_clear(shared->badblocks, (i * CELL + 1) * UNIT,
							(SOLID - 1) * UNIT),
				 0);
		assert_true(
			mcsafe_badblocks_next(shared->badblocks, i * CELL * UNIT, SIZE_MAX, &bad));
		assert_int_equal(bad.start, (i * CELL + SOLID) * UNIT);
		assert_int_equal(bad.len, (CELL - SOLID) * UNIT);
	}
	assert_int_equal(mcsafe_badblocks_count(shared->badblocks), CELLS);
	mcsafe_badblocks_destroy(shared->badblocks);
}

static void test_lookups_are_right_while_others_change_it(void **state)
{
	pthread_t readers[READERS], writers[WRITERS];
	struct shared shared;

	(void)state;
	open_shared(&shared);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &shared), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, change_on, &shared), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	print_message("%zu lookups during %zu changes\n", (size_t)shared.lookups,
		      WRITERS * changes);
	assert_int_equal(shared.wrong, 0);
	close_shared(&shared);
}

static struct shared *of_handler;
static struct t_rng handler_rng;

static void look_up_in_handler(int signo)
{
	(void)signo;
	for (int i = 0; i < 20; i++)
		if (!look_up(of_handler->badblocks, &handler_rng))
			atomic_fetch_add(&of_handler->wrong, 1);
	atomic_fetch_add(&of_handler->lookups, 1);
}

/* The handler interrupts changes while the lock is held, and other lookups. */
static void test_a_handler_may_interrupt_a_change(void **state)
{
	const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = look_up_in_handler}, saved;
	struct shared shared;

	(void)state;
	open_shared(&shared);
	of_handler = &shared;
	handler_rng = t_rng_start(shared.seed, 99);
	assert_int_equal(sigaction(SIGALRM, &action, &saved), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	change_on(&shared);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	/* Valgrind may still have a signal that it has not delivered. */
	if (!t_with_valgrind())
		assert_int_equal(sigaction(SIGALRM, &saved, NULL), 0);
	print_message("%zu interruptions\n", (size_t)shared.lookups);
	assert_int_equal(shared.wrong, 0);
	close_shared(&shared);
}

static size_t n_retired(const struct mcsafe__retired *list)
{
	size_t n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

/*
 * A reader that stays inside keeps the memory that it may use, and the changes continue. Without
 * the reader all memory is freed.
 */
static void test_memory_waits_for_readers_and_no_longer(void **state)
{
	struct mcsafe_badblocks *badblocks;
	_Atomic size_t *readers;
	struct mcsafe__grace *grace;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	grace = badblocks->grace;
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 2 * i, 1), 0);
		assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), 0);
	}
	readers = mcsafe__grace_enter(grace);
	for (size_t i = 1; i < 50; i++) {
		assert_int_equal(mcsafe_badblocks_clear(badblocks, 4 * i, 1), 0);
		assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), i);
	}
	mcsafe__grace_leave(readers);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 1000, 1), 0);
	assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), 0);
	/* New readers do not prolong the wait for old readers. */
	readers = mcsafe__grace_enter(grace);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 2000, 1), 0);
	assert_int_equal(n_retired(grace->waiting), 1);
	for (int i = 0; i < 100; i++) {
		_Atomic size_t *next = mcsafe__grace_enter(grace);

		mcsafe__grace_leave(readers);
		readers = next;
		assert_int_equal(mcsafe_badblocks_add(badblocks, 3000 + 2 * (size_t)i, 1), 0);
		assert_in_range(n_retired(grace->fresh) + n_retired(grace->waiting), 0, 4);
	}
	mcsafe__grace_leave(readers);
	mcsafe_badblocks_destroy(badblocks);
}

/* A reader that has loaded the turn just before it passed counts itself in for the passed turn. */
static void test_memory_waits_for_a_late_reader(void **state)
{
	struct mcsafe_badblocks *badblocks;
	struct mcsafe__grace *grace;
	_Atomic size_t *late;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	grace = badblocks->grace;
	late = &grace->slots[3].readers[1 - atomic_load(&grace->turn)];
	atomic_fetch_add(late, 1);
	for (size_t i = 1; i < 10; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 2 * i, 1), 0);
		assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), i);
	}
	mcsafe__grace_leave(late);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 1000, 1), 0);
	assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), 0);
	mcsafe_badblocks_destroy(badblocks);
}

/* As a lookup that a handler has left by siglongjmp(3). With LeakSanitizer this also shows that the
 * registry frees its memory at the end. */
static void test_a_reader_may_never_leave(void **state)
{
	struct mcsafe_badblocks *badblocks;
	struct mcsafe__grace *grace;
	struct mcsafe_range bad;
	size_t retired = 0;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	grace = badblocks->grace;
	assert_int_equal(mcsafe_badblocks_add(badblocks, 0, 1), 0);
	(void)mcsafe__grace_enter(grace);
	for (size_t i = 1; i <= 100; i++) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, 10 * i, 1), 0);
		assert_true(mcsafe_badblocks_next(badblocks, 10 * i - 9, 10 * i + 9, &bad));
		assert_int_equal(bad.start, 10 * i);
		assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), ++retired);
	}
	for (size_t i = 1; i <= 100; i++) {
		assert_int_equal(mcsafe_badblocks_clear(badblocks, 10 * i, 1), 0);
		assert_false(mcsafe_badblocks_next(badblocks, 1, 10 * i + 9, NULL));
		assert_int_equal(n_retired(grace->fresh) + n_retired(grace->waiting), ++retired);
	}
	mcsafe_badblocks_destroy(badblocks);
}

/* What the child does. Its registry is its own. */
static bool changes_after_fork(struct mcsafe_badblocks *badblocks)
{
	struct mcsafe_range bad;

	return mcsafe_badblocks_add(badblocks, 30, 5) == 0 &&
	       mcsafe_badblocks_clear(badblocks, 10, 5) == 0 &&
	       mcsafe_badblocks_next(badblocks, 0, 100, &bad) && bad.start == 30 && bad.len == 5 &&
	       mcsafe_badblocks_count(badblocks) == 1;
}

static void test_a_child_of_fork_may_change_it(void **state)
{
	struct mcsafe_badblocks *badblocks;
	struct mcsafe_range bad;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_add(badblocks, 10, 5), 0);
	pid = fork();
	if (pid == 0)
		_exit(changes_after_fork(badblocks) ? 0 : 1);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(mcsafe_badblocks_next(badblocks, 0, 100, &bad));
	assert_int_equal(bad.start, 10);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 1);
	mcsafe_badblocks_destroy(badblocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups_are_right_while_others_change_it),
		cmocka_unit_test(test_a_handler_may_interrupt_a_change),
		cmocka_unit_test(test_memory_waits_for_readers_and_no_longer),
		cmocka_unit_test(test_memory_waits_for_a_late_reader),
		cmocka_unit_test(test_a_reader_may_never_leave),
		cmocka_unit_test(test_a_child_of_fork_may_change_it),
	};

	changes = CHANGES / t_stride(1, 30);
	return t_run("badblocks.threads", tests, T_LENGTH(tests));
}
