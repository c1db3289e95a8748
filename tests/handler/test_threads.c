/* SPDX-License-Identifier: BSD-3-Clause */
/* test_threads.c - install, uninstall and copies that fault, from many threads at once */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "bad_page.h"
#include "child.h"
#include "tool.h"

#define THREADS 6
#define ROUNDS  200

static struct t_bad_page memory[2];
static pthread_barrier_t barrier;

static void run_threads(void *(*const bodies[])(void *), size_t n_bodies)
{
	pthread_t threads[THREADS];

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, bodies[i % n_bodies], NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
}

static void copies_land(void)
{
	char dst[32];

	for (size_t kind = 0; kind < 2; kind++) {
		struct mcsafe_fault fault;
		size_t left = mcsafe_memcpy(dst, memory[kind].bad - 11, sizeof(dst), &fault);

		CHECK_EQ(left, sizeof(dst) - 11);
		CHECK_EQ(fault.signo, t_bad_page_signo(memory[kind].kind));
		CHECK_PTR_EQ(fault.addr, memory[kind].bad);
	}
}

static void *install_all_at_once(void *arg)
{
	(void)arg;
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_installed(), 1);
		pthread_barrier_wait(&barrier);
		if (round < ROUNDS - 1)
			CHECK_EQ(mcsafe_uninstall(), 0);
	}
	return NULL;
}

/* No install has found ours below ours: the default action is still below. */
static void install_from_many_threads(void *arg)
{
	static void *(*const bodies[])(void *) = {install_all_at_once};

	run_threads(bodies, 1);
	CHECK_EQ(mcsafe_installed(), 1);
	copies_land();
	t_read_byte(((struct t_bad_page *)arg)->bad);
}

static void test_many_threads_can_install_at_once(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 2; kind++)
		t_dies(install_from_many_threads, &memory[kind],
		       t_bad_page_signo(memory[kind].kind));
}

static void *install_in_a_loop(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	for (int round = 0; round < ROUNDS; round++) {
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ((mcsafe_installed() & ~1), 0);
	}
	return NULL;
}

static void *uninstall_in_a_loop(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	for (int round = 0; round < ROUNDS; round++)
		CHECK_EQ(mcsafe_uninstall(), 0);
	return NULL;
}

static void *copy_in_a_loop(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	for (int round = 0; round < ROUNDS; round++)
		copies_land();
	return NULL;
}

/* The handler below also passes signals to libmcsafe. So copies land, whichever is live. */
static void host(int signo, siginfo_t *si, void *ctx)
{
	CHECK_EQ(mcsafe_handle_signal(signo, si, ctx), 1);
}

IN_CHILD(test_copies_while_others_install_and_uninstall)
{
	static void *(*const bodies[])(void *) = {install_in_a_loop, uninstall_in_a_loop,
						  copy_in_a_loop};

	t_set_action(SIGBUS, host, 0, 0);
	t_set_action(SIGSEGV, host, 0, 0);
	run_threads(bodies, 3);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_PTR_EQ(t_get_action(SIGBUS).sa_sigaction, host);
	CHECK_PTR_EQ(t_get_action(SIGSEGV).sa_sigaction, host);
}

IN_CHILD(test_copies_fault_in_every_thread_at_once)
{
	static void *(*const bodies[])(void *) = {copy_in_a_loop};

	CHECK_EQ(mcsafe_install(), 0);
	run_threads(bodies, 1);
	CHECK_EQ(mcsafe_uninstall(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_many_threads_can_install_at_once),
		cmocka_unit_test(test_copies_while_others_install_and_uninstall),
		cmocka_unit_test(test_copies_fault_in_every_thread_at_once),
	};

	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
