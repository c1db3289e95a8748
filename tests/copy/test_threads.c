/* SPDX-License-Identifier: BSD-3-Clause */
/* test_threads.c - many threads fault at once, each on memory of its own, each count exact */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pattern.h"
#include "rng.h"
#include "run.h"
#include "sweep.h"
#include "witness.h"

#define THREADS 8
#define COPIES  8000 /* of each thread */

struct worker {
	struct sweep sweep;
	struct t_rng rng;
	pthread_t thread;
	pthread_barrier_t *start;
	size_t faults;
	char failure[512]; /* CMocka is for the main thread only */
};

static void draw(struct worker *worker)
{
	struct t_trial *trial = &worker->sweep.trial;
	struct t_rng *rng = &worker->rng;

	do
		trial->copy = &t_copies[t_rng_below(rng, t_n_copies)];
	while (!t_copy_is_possible(trial->copy));
	trial->witnessed = true;
	trial->src_distance = (ptrdiff_t)t_rng_below(rng, 300);
	trial->dst_distance = (ptrdiff_t)t_rng_below(rng, 300);
	trial->n = t_rng_below(rng, 300);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	t_state_init(&worker->sweep.state); /* the signal mask is the thread's own */
	pthread_barrier_wait(worker->start);
	for (size_t i = 0; i < COPIES; i++) {
		const char *complaint;
		size_t left;

		draw(worker);
		complaint = t_trial_run(&worker->sweep.trial, &left);
		if (complaint != NULL) {
			char text[256];

			t_trial_describe(&worker->sweep.trial, text, sizeof(text));
			snprintf(worker->failure, sizeof(worker->failure), "%s: %s", text,
				 complaint);
			break;
		}
		worker->faults += left != 0;
	}
	return NULL;
}

/* Each pair of kinds that the kernel has gets a thread. Other threads repeat such pairs. */
static const struct t_fault_kind *kind_for(size_t worker, enum mcsafe_side side)
{
	static const char *const names[][2] = {
		{"unmapped", "read_only"}, {"prot_none", "truncated"}, {"truncated", "prot_none"},
		{"truncated", "unmapped"}, {"unmapped", "truncated"},  {"prot_none", "prot_none"},
	};

	return t_fault_kind(names[worker % T_LENGTH(names)][side == MCSAFE_SIDE_DESTINATION]);
}

static void test_threads_fault_at_once(void **state)
{
	static struct worker workers[THREADS];
	pthread_barrier_t start;
	uint64_t seed = t_seed();
	size_t faults = 0;

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++) {
		sweep_open(&workers[i].sweep, kind_for(i, MCSAFE_SIDE_SOURCE),
			   kind_for(i, MCSAFE_SIDE_DESTINATION), 1);
		workers[i].rng = t_rng_start(seed, i);
		workers[i].start = &start;
	}
	t_witness_start();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	t_witness_stop();
	for (size_t i = 0; i < THREADS; i++) {
		if (workers[i].failure[0] != '\0')
			fail_msg("thread %zu: %s", i, workers[i].failure);
		assert_true(workers[i].faults != 0);
		faults += workers[i].faults;
		sweep_close(&workers[i].sweep);
	}
	print_message("%d threads, %d copies each, %zu of them stopped\n", THREADS, COPIES, faults);
	pthread_barrier_destroy(&start);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_fault_at_once),
	};

	return t_run("copy.threads", tests, T_LENGTH(tests));
}
