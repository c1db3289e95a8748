/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_model.c - random steps against a model: what each page holds, and which are stand-ins
 *
 * The model knows the file and, for each page of the mapping, whether it is the file's, poisoned,
 * or a stand-in. Each page is represented by its first byte.
 *
 * In some steps several threads load and store at once. Each of them has pages of its own, so that
 * it knows what it must find. But their faults hit the same ranges past the end of the file, where
 * one fault replaces the pages of all. Which pages are replaced then, and how many, does not depend
 * on who is first.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "rng.h"
#include "run.h"
#include "tool.h"
#include "uffd_poison.h"

#define N       130 /* more than two words of bits */
#define THREADS 3
#define OPS     4 /* of each thread in a step */

enum state { OF_FILE, POISONED, STAND_IN };

static struct {
	struct t_rng rng;
	int fd;
	unsigned char *map;
	struct mcsafe_shield *shield;
	enum mcsafe_shield_fill fill;
	/* the model */
	size_t end; /* of the file, in pages */
	unsigned char file[N], mirror[N], stand_in[N];
	enum state state[N];
	size_t lost;
	size_t replaced, restored; /* how often, so that the test has not looked at nothing */
} m;

static unsigned char filled(size_t page)
{
	switch (m.fill) {
	case MCSAFE_SHIELD_BYTE:
		return 0xb7;
	case MCSAFE_SHIELD_MIRROR:
		return m.mirror[page];
	default:
		return 0;
	}
}

static bool is_marked(size_t page)
{
	struct mcsafe_range range;

	return mcsafe_shield_next(m.shield, page * T_PAGE, &range) && range.start == page * T_PAGE;
}

static void put_stand_in(size_t page)
{
	m.state[page] = STAND_IN;
	m.stand_in[page] = filled(page);
	m.lost += T_PAGE;
	m.replaced++;
}

/*
 * The model of a fault. Past the end of the file all neighbours that are past the end are replaced:
 * those that come after the page, and with zeros those before it.
 */
static void fault_at(size_t page)
{
	if (m.state[page] == STAND_IN || (m.state[page] == OF_FILE && page < m.end))
		return;
	if (page >= m.end) {
		for (size_t i = page + 1; i < N && m.state[i] != STAND_IN; i++)
			put_stand_in(i);
		for (size_t i = page; m.fill == MCSAFE_SHIELD_ZERO && i > m.end; i--) {
			if (m.state[i - 1] == STAND_IN)
				break;
			put_stand_in(i - 1);
		}
	}
	put_stand_in(page);
}

static unsigned char expected(size_t page)
{
	return m.state[page] == STAND_IN ? m.stand_in[page] : m.file[page];
}

static void check_all(void)
{
	CHECK_EQ(mcsafe_shield_lost(m.shield), m.lost);
	for (size_t i = 0; i < N; i++)
		CHECK_EQ(is_marked(i), m.state[i] == STAND_IN);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct op {
	size_t page;
	bool is_store;
	unsigned char byte; /* to store, or that must be found */
};

static struct {
	pthread_barrier_t begin, end;
	struct op ops[THREADS][OPS];
	bool stop;
} crew;

static void *work(void *arg)
{
	const struct op *ops = crew.ops[(size_t)arg];

	for (;;) {
		pthread_barrier_wait(&crew.begin);
		if (crew.stop)
			return NULL;
		for (size_t i = 0; i < OPS; i++) {
			unsigned char *at = m.map + ops[i].page * T_PAGE;

			if (ops[i].is_store)
				s_store(at, ops[i].byte);
			else
				CHECK_EQ(s_load(at), ops[i].byte);
		}
		pthread_barrier_wait(&crew.end);
	}
}

/* ---- steps ----------------------------------------------------------------------------------- */

static size_t below(size_t limit)
{
	return t_rng_below(&m.rng, limit);
}

static void step_load(void)
{
	size_t page = below(N);

	fault_at(page);
	CHECK_EQ(s_load(m.map + page * T_PAGE), expected(page));
}

static void store(size_t page, unsigned char byte)
{
	if (m.state[page] == STAND_IN)
		m.stand_in[page] = byte;
	else
		m.file[page] = byte;
}

static void step_store(void)
{
	size_t page = below(N);
	unsigned char byte = (unsigned char)below(256);

	fault_at(page);
	s_store(m.map + page * T_PAGE, byte);
	store(page, byte);
}

static void step_threads(void)
{
	for (size_t thread = 0; thread < THREADS; thread++) {
		for (size_t i = 0; i < OPS; i++) {
			struct op *op = &crew.ops[thread][i];

			op->page = below(N / THREADS) * THREADS + thread;
			op->is_store = below(2) == 0;
			fault_at(op->page);
			if (op->is_store)
				store(op->page, op->byte = (unsigned char)below(256));
			else
				op->byte = expected(op->page);
		}
	}
	pthread_barrier_wait(&crew.begin);
	pthread_barrier_wait(&crew.end);
}

static void step_resize(void)
{
	size_t end = below(N + 1);

	CHECK_EQ(ftruncate(m.fd, (off_t)(end * T_PAGE)), 0);
	for (size_t i = end; i < N; i++) {
		m.file[i] = 0;
		/* The kernel drops what it knew of the page in this mapping. */
		if (m.state[i] == POISONED)
			m.state[i] = OF_FILE;
	}
	m.end = end;
}

static void step_write_file(void)
{
	size_t page = below(N);
	unsigned char byte = (unsigned char)below(256);

	if (page >= m.end)
		return;
	CHECK_EQ(pwrite(m.fd, &byte, 1, (off_t)(page * T_PAGE)), 1);
	m.file[page] = byte;
}

static void step_poison(void)
{
	size_t page = below(N);

	if (page >= m.end || m.state[page] != OF_FILE)
		return;
	t_poison(m.map + page * T_PAGE, T_PAGE);
	m.state[page] = POISONED;
}

static void step_touch(void)
{
	size_t first = below(N), n = 1 + below(8);

	CHECK_EQ(
		mcsafe_shield_touch(m.shield, first * T_PAGE + below(T_PAGE), (n - 1) * T_PAGE + 1),
		0);
	for (size_t i = first; i < first + n && i < N; i++)
		fault_at(i);
}

static void step_restore(void)
{
	size_t first = below(N), n = 1 + below(N);
	int err = 0;

	for (size_t i = first; i < first + n && i < N; i++) {
		if (m.state[i] != STAND_IN)
			continue;
		if (i < m.end) {
			m.state[i] = OF_FILE;
			m.restored++;
		} else {
			err = -EIO;
		}
	}
	CHECK_EQ(mcsafe_shield_restore(m.shield, first * T_PAGE, n * T_PAGE), err);
}

static void step_reopen(void)
{
	struct mcsafe_shield_options options = {.byte = 0xb7, .flags = MCSAFE_SHIELD_FILE};
	unsigned char page[T_PAGE] = {0};
	int mirror = memfd_create("mirror", MFD_CLOEXEC);

	if (m.shield != NULL) {
		CHECK_EQ(mcsafe_shield_close(m.shield), 0);
		CHECK_EQ(munmap(m.map, N * T_PAGE), 0);
	}
	for (size_t i = 0; i < N; i++) {
		page[0] = m.mirror[i] = (unsigned char)below(256);
		CHECK_EQ(write(mirror, page, sizeof(page)), sizeof(page));
		m.state[i] = OF_FILE;
	}
	m.map = mmap(NULL, N * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	CHECK_PTR_NE(m.map, MAP_FAILED);
	m.fill = options.fill = (enum mcsafe_shield_fill)below(3);
	options.mirror_fd = mirror;
	options.file_fd = m.fd;
	m.shield = s_shield_with(m.map, N * T_PAGE, options);
	m.lost = 0;
	close(mirror);
}

static void step(void)
{
	static const struct {
		void (*take)(void);
		unsigned weight;
	} steps[] = {{step_load, 30},      {step_store, 15},  {step_threads, 15}, {step_resize, 8},
		     {step_write_file, 8}, {step_poison, 10}, {step_restore, 10}, {step_touch, 4}};
	size_t at = below(100);

	for (size_t i = 0; i < T_LENGTH(steps); i++) {
		if (at < steps[i].weight) {
			steps[i].take();
			return;
		}
		at -= steps[i].weight;
	}
}

IN_CHILD(test_random_steps_agree_with_the_model)
{
	size_t n = 1000 * 1000 / t_part(10, 101, 1009);
	pthread_t threads[THREADS];

	m.rng = t_rng_start(t_seed(), 0);
	m.fd = memfd_create("model", MFD_CLOEXEC);
	CHECK(m.fd >= 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(pthread_barrier_init(&crew.begin, NULL, THREADS + 1), 0);
	CHECK_EQ(pthread_barrier_init(&crew.end, NULL, THREADS + 1), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (size_t i = 0; i < n; i++) {
		if (i % 500 == 0)
			step_reopen();
		step();
		check_all();
	}
	crew.stop = true;
	pthread_barrier_wait(&crew.begin);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	printf("%zu steps, %zu pages replaced, %zu restored\n", n, m.replaced, m.restored);
	CHECK(m.replaced > n / 10);
	CHECK(m.restored > n / 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_steps_agree_with_the_model),
	};

	return t_run("shield.model", tests, T_LENGTH(tests));
}
