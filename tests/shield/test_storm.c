/* SPDX-License-Identifier: BSD-3-Clause */
/* test_storm.c - copies, guards and shields fault at once, while the memory changes */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "rng.h"
#include "run.h"
#include "tool.h"

#define COPIERS   1
#define GUARDERS  1
#define SHIELDERS 2
#define THREADS   (COPIERS + GUARDERS + SHIELDERS)

static struct {
	struct s_file file;
	unsigned char *shielded, *bare; /* the same file at two addresses */
	uint64_t seed;
	_Atomic bool stop;
	_Atomic size_t faults; /* of all kinds */
	/* Each kind by itself: copies that stopped, guards that were left, bytes that were told. */
	_Atomic size_t stopped, left, told;
} storm;

static bool is_right(unsigned char byte, size_t page)
{
	return byte == 0 || byte == page + 1;
}

/* A copy stops where the memory is lost. The file may be cut at any moment, so that is anywhere. */
static void copy(struct t_rng *rng)
{
	static _Thread_local unsigned char to[T_PAGE];
	size_t page = t_rng_below(rng, S_PAGES - 1), at = t_rng_below(rng, T_PAGE);
	size_t left = memcpy_mcsafe(to, storm.bare + page * T_PAGE + at, T_PAGE);

	CHECK_LE(left, T_PAGE);
	for (size_t i = 0; i < T_PAGE - left; i++)
		CHECK(is_right(to[i], page + (at + i) / T_PAGE));
	atomic_fetch_add(&storm.stopped, left != 0);
	atomic_fetch_add(&storm.faults, left != 0);
}

static void guarded(struct t_rng *rng)
{
	size_t page = t_rng_below(rng, S_PAGES);
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, storm.bare, S_PAGES * T_PAGE) {
		CHECK(is_right(s_load(storm.bare + page * T_PAGE), page));
	}
	MCSAFE_CATCH(&guard) {
		CHECK_EQ(guard.fault.cause, MCSAFE_CAUSE_IO);
		CHECK_EQ(guard.offset, page * T_PAGE);
		atomic_fetch_add(&storm.left, 1);
		atomic_fetch_add(&storm.faults, 1);
	}
}

static void shielded(struct t_rng *rng)
{
	size_t page = t_rng_below(rng, S_PAGES);

	CHECK(is_right(s_load(storm.shielded + page * T_PAGE + t_rng_below(rng, T_PAGE)), page));
}

static void *run(void *arg)
{
	size_t self = (size_t)arg;
	struct t_rng rng = t_rng_start(storm.seed, self);

	while (!atomic_load(&storm.stop)) {
		if (self < COPIERS)
			copy(&rng);
		else if (self < COPIERS + GUARDERS)
			guarded(&rng);
		else
			shielded(&rng);
	}
	return NULL;
}

static void told(const struct mcsafe_range *lost, void *arg)
{
	(void)arg;
	CHECK(lost->len > 0);
	atomic_fetch_add(&storm.told, lost->len);
	atomic_fetch_add(&storm.faults, 1);
}

static void refill(size_t end)
{
	for (size_t i = end; i < S_PAGES; i++) {
		unsigned char page[T_PAGE];

		memset(page, (int)(i + 1), sizeof(page));
		CHECK_EQ(pwrite(storm.file.fd, page, sizeof(page), (off_t)(i * T_PAGE)), T_PAGE);
	}
}

/* What the library has counted is what the threads have seen, no fault more or less. */
static void check_counts(const struct mcsafe_shield *shield)
{
	struct mcsafe_stats stats;

	mcsafe_stats_get(&stats);
	CHECK_EQ(stats.landed[MCSAFE_CAUSE_IO][MCSAFE_SIDE_SOURCE], atomic_load(&storm.stopped));
	CHECK_EQ(stats.guards, atomic_load(&storm.left));
	CHECK_EQ(stats.shields, atomic_load(&storm.told) / T_PAGE);
	CHECK_EQ(mcsafe_shield_lost(shield), atomic_load(&storm.told));
	CHECK_EQ(stats.passed_on, 0);
	CHECK_EQ(stats.no_stand_in, 0);
}

/* As much as a child may do before it counts as hung. */
#define FAULTS_OF_A_CHILD 100000

static void make_storm(void *arg)
{
	size_t wanted = *(const size_t *)arg;
	struct mcsafe_shield_options options = {.on_loss = told, .flags = MCSAFE_SHIELD_FILE};
	pthread_t threads[THREADS];
	struct mcsafe_shield *shield;
	struct t_rng rng;

	storm.seed = t_seed();
	rng = t_rng_start(storm.seed, THREADS);
	storm.file = s_open_file();
	storm.bare = storm.file.map;
	storm.shielded = s_map_file(storm.file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	options.file_fd = storm.file.fd;
	shield = s_shield_with(storm.shielded, S_PAGES * T_PAGE, options);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
	while (atomic_load(&storm.faults) < wanted) {
		size_t end = t_rng_below(&rng, S_PAGES), before = atomic_load(&storm.faults);

		s_cut(&storm.file, end);
		while (atomic_load(&storm.faults) == before)
			sched_yield();
		refill(end);
		CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	}
	atomic_store(&storm.stop, true);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	printf("%zu faults: %zu copies stopped, %zu guards were left\n", atomic_load(&storm.faults),
	       atomic_load(&storm.stopped), atomic_load(&storm.left));
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	for (size_t i = 0; i < S_PAGES; i++)
		s_check_page(storm.shielded + i * T_PAGE, (unsigned char)(i + 1));
	check_counts(shield);
}

static void test_all_ways_fault_at_once(void **state)
{
	size_t n = 10 * 1000 * 1000 / t_part(101, 997, 9973);

	(void)state;
	for (size_t left = n, some; left > 0; left -= some) {
		some = left < FAULTS_OF_A_CHILD ? left : FAULTS_OF_A_CHILD;
		t_survives(make_storm, &some);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ways_fault_at_once),
	};

	return t_run("shield.storm", tests, T_LENGTH(tests));
}
