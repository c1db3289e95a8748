/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_trusted.c - a fault on a store to trusted memory (KVEC) goes to the previous handler, and is
 * fatal if there was none
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "run.h"
#include "tool.h"

/*
 * The child shares this memory, so that the parent can look at it after the child died. One good
 * page, then bad ones.
 */
static unsigned char *area;

static void map_area(int fd)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;

	area = mmap(NULL, 3 * T_PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	assert_true(area != MAP_FAILED);
	memset(area, '.', T_PAGE);
}

static void make_bad(void)
{
	assert_int_equal(mprotect(area + T_PAGE, 2 * T_PAGE, PROT_NONE), 0);
}

/* A segment that contains the end of the only good page and the start of the bad page. */
static struct iovec across(size_t good, size_t n)
{
	struct iovec iov = {area + T_PAGE - good, n};

	return iov;
}

/* Runs body in a child that starts without handlers, and returns the child's wait status. */
static int in_child(void (*body)(void))
{
	static const struct rlimit no_core = {0, 0};
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		alarm(60);
		body();
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void need(int ok)
{
	if (!ok)
		_exit(EXIT_FAILURE);
}

static void begin_trusted(struct mcsafe_iter *it, enum mcsafe_side side, const struct iovec *iov)
{
	need(mcsafe_iter_kvec(it, side, iov, 1, SIZE_MAX) == 0);
}

static void copy_over_the_border(void)
{
	struct iovec iov = across(5, 20);
	struct mcsafe_iter it;

	need(mcsafe_install() == 0);
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &iov);
	_exit(copy_to_iter_mcsafe("0123456789abcdefghij", 20, &it) == 20 ? 3 : 4);
}

static void zero_over_the_border(void)
{
	struct iovec iov = across(5, 20);
	struct mcsafe_iter it;

	need(mcsafe_install() == 0);
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &iov);
	_exit(mcsafe_iter_zero(20, &it, NULL) == 20 ? 3 : 4);
}

static void assert_dies(void (*body)(void), int signo)
{
	int status = in_child(body);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signo);
}

static void test_a_bad_trusted_destination_is_fatal(void **state)
{
	(void)state;
	map_area(-1);
	make_bad();
	assert_dies(copy_over_the_border, SIGSEGV);
	/* The copy must have come as far as an ordinary copy would have. */
	assert_memory_equal(area + T_PAGE - 6, ".01234", 6);
	assert_dies(zero_over_the_border, SIGSEGV);
	assert_memory_equal(area + T_PAGE - 6, ".\0\0\0\0\0", 6);
}

static void test_a_truncated_trusted_destination_is_fatal(void **state)
{
	int fd = memfd_create("trusted", MFD_CLOEXEC);

	(void)state;
	if (t_with_valgrind())
		t_skip("a queued SIGBUS ends valgrind, and this one would kill the test");
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	map_area(fd);
	assert_dies(copy_over_the_border, SIGBUS);
	assert_memory_equal(area + T_PAGE - 6, ".01234", 6);
	close(fd);
}

static volatile sig_atomic_t n_calls;
static void *volatile seen_addr;

/* The handler of a program that maps pages when they are touched. */
static void repair(int signo, siginfo_t *si, void *context)
{
	(void)signo;
	(void)context;
	n_calls++;
	seen_addr = si->si_addr;
	need(mprotect(area + T_PAGE, 2 * T_PAGE, PROT_READ | PROT_WRITE) == 0);
}

static void install_repair(void)
{
	struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};

	need(sigaction(SIGSEGV, &action, NULL) == 0);
	need(mcsafe_install() == 0);
}

static void copy_with_repair(void)
{
	struct iovec iov = across(5, 20);
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;

	install_repair();
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &iov);
	need(mcsafe_copy_to_iter("0123456789abcdefghij", 20, &it, &fault) == 20);
	need(n_calls == 1 && seen_addr == area + T_PAGE);
	need(fault.cause == MCSAFE_CAUSE_NONE && mcsafe_iter_error(&it) == 0);
	need(memcmp(area + T_PAGE - 6, ".0123456789abcdefghij", 21) == 0);
}

static void zero_with_repair(void)
{
	struct iovec iov = across(5, 2 * T_PAGE);
	struct mcsafe_iter it;

	install_repair();
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &iov);
	need(mcsafe_iter_zero(SIZE_MAX, &it, NULL) == 2 * T_PAGE);
	need(n_calls == 1 && seen_addr == area + T_PAGE);
	for (size_t i = 0; i < 2 * T_PAGE; i++)
		need(area[T_PAGE - 5 + i] == 0);
}

/* The source is bad a few bytes after the place where the handler repairs the destination. */
static void repair_and_stop_at_the_source(void)
{
	struct iovec iov = across(5, 20);
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;
	unsigned char *src =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(src != MAP_FAILED && mprotect(src + T_PAGE, T_PAGE, PROT_NONE) == 0);
	memcpy(src + T_PAGE - 9, "012345678", 9);
	install_repair();
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &iov);
	need(mcsafe_copy_to_iter(src + T_PAGE - 9, 20, &it, &fault) == 9);
	need(n_calls == 1);
	need(fault.side == MCSAFE_SIDE_SOURCE && fault.addr == src + T_PAGE);
	need(mcsafe_iter_count(&it) == 11);
	need(memcmp(area + T_PAGE - 6, ".012345678\0", 11) == 0);
}

/* A fault on any other side than a trusted destination never reaches that handler. */
static void recover_the_source(void)
{
	struct iovec bad = across(5, 20), good = {area, 20};
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;
	char to[21] = "....................";

	install_repair();
	begin_trusted(&it, MCSAFE_SIDE_SOURCE, &bad);
	need(mcsafe_copy_from_iter(to, 20, &it, &fault) == 5);
	need(fault.side == MCSAFE_SIDE_SOURCE && fault.addr == area + T_PAGE);
	begin_trusted(&it, MCSAFE_SIDE_DESTINATION, &good);
	need(mcsafe_copy_to_iter(area + T_PAGE - 7, 20, &it, &fault) == 7);
	need(mcsafe_iter_count(&it) == 13);
	need(n_calls == 0);
}

/* A fault on memory that is not trusted is recovered, so that handler is not called. */
static void recover_the_destination(void)
{
	struct iovec iov = across(5, 20);
	struct mcsafe_iter it;

	install_repair();
	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, &iov, 1, SIZE_MAX) == 0);
	need(copy_to_iter_mcsafe("0123456789abcdefghij", 20, &it) == 5);
	need(n_calls == 0);
}

static void assert_succeeds(void (*body)(void))
{
	int status;

	map_area(-1);
	make_bad();
	status = in_child(body);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_SUCCESS);
}

static void test_a_handler_that_repairs_lets_the_copy_go_on(void **state)
{
	(void)state;
	assert_succeeds(copy_with_repair);
	assert_succeeds(zero_with_repair);
	assert_succeeds(repair_and_stop_at_the_source);
}

static void test_other_faults_are_recovered(void **state)
{
	(void)state;
	assert_succeeds(recover_the_source);
	assert_succeeds(recover_the_destination);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bad_trusted_destination_is_fatal),
		cmocka_unit_test(test_a_truncated_trusted_destination_is_fatal),
		cmocka_unit_test(test_a_handler_that_repairs_lets_the_copy_go_on),
		cmocka_unit_test(test_other_faults_are_recovered),
	};

	return t_run("iter.trusted", tests, T_LENGTH(tests));
}
