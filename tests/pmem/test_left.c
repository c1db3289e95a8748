/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_left.c - calls that are cancelled, or left by a jump, leave nothing behind
 *
 * A thread asks for its own cancellation at one system call after the other: the linker replaces
 * those that are cancellation points (--wrap). Afterwards the mapping must work, and must close.
 */
#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "pmem/pmem.h"
#include "run.h"
#include "tool.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)
#define SIZE    (16 * T_PAGE)

static struct mcsafe_pmem *pmem;
static int fd;
static unsigned char data[SIZE], back[SIZE];

/* ---- cancellation points --------------------------------------------------------------------- */

static _Thread_local unsigned calls, cancel_at; /* 0: not */

static void point(void)
{
	if (++calls == cancel_at)
		pthread_cancel(pthread_self());
}

ssize_t __real_pread(int file, void *to, size_t n, off_t offset);
ssize_t __wrap_pread(int file, void *to, size_t n, off_t offset);
ssize_t __real_pwrite(int file, const void *from, size_t n, off_t offset);
ssize_t __wrap_pwrite(int file, const void *from, size_t n, off_t offset);
ssize_t __real_read(int file, void *to, size_t n);
ssize_t __wrap_read(int file, void *to, size_t n);
ssize_t __real_write(int file, const void *from, size_t n);
ssize_t __wrap_write(int file, const void *from, size_t n);
int __real_fdatasync(int file);
int __wrap_fdatasync(int file);
int __real_fallocate(int file, int mode, off_t offset, off_t n);
int __wrap_fallocate(int file, int mode, off_t offset, off_t n);
int __real_msync(void *addr, size_t n, int flags);
int __wrap_msync(void *addr, size_t n, int flags);
int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int file);
int __wrap_close(int file);

ssize_t __wrap_pread(int file, void *to, size_t n, off_t offset)
{
	point();
	return __real_pread(file, to, n, offset);
}

ssize_t __wrap_pwrite(int file, const void *from, size_t n, off_t offset)
{
	point();
	return __real_pwrite(file, from, n, offset);
}

ssize_t __wrap_read(int file, void *to, size_t n)
{
	point();
	return __real_read(file, to, n);
}

ssize_t __wrap_write(int file, const void *from, size_t n)
{
	point();
	return __real_write(file, from, n);
}

int __wrap_fdatasync(int file)
{
	point();
	return __real_fdatasync(file);
}

int __wrap_fallocate(int file, int mode, off_t offset, off_t n)
{
	point();
	return __real_fallocate(file, mode, offset, n);
}

int __wrap_msync(void *addr, size_t n, int flags)
{
	point();
	return __real_msync(addr, n, flags);
}

int __wrap_openat(int directory, const char *path, int flags, ...)
{
	point();
	return __real_openat(directory, path, flags);
}

int __wrap_open(const char *path, int flags, ...)
{
	point();
	return __real_open(path, flags);
}

int __wrap_close(int file)
{
	point();
	return __real_close(file);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static unsigned char *base(void)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	return info.base;
}

static ssize_t call_persist(void)
{
	return mcsafe_pmem_persist(pmem, 0, SIZE);
}

static ssize_t call_repair(void)
{
	return mcsafe_pmem_repair(pmem, data, SIZE, 0);
}

static ssize_t call_ask(void)
{
	struct mcsafe_badblocks_answer answer;

	return mcsafe_pmem_ask(pmem, &answer);
}

static ssize_t call_refresh(void)
{
	return mcsafe_pmem_refresh(pmem);
}

/* Injections are made outside the call that is tested. */
static bool make_bad(void)
{
	int before, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	err = mcsafe_inject(base(), T_PAGE, MCSAFE_INJECT_EOF);
	pthread_setcancelstate(before, NULL);
	return err == 0;
}

static ssize_t meet_error(ssize_t (*call)(void))
{
	ssize_t result;

	if (!make_bad())
		return 0;
	result = call();
	(void)mcsafe_inject_clear(base(), T_PAGE);
	return result;
}

/* The data do not read back. A hole is punched, because a store fails. */
static ssize_t call_repair_of_huge_page(void)
{
	ssize_t result;

	if (!make_bad())
		return 0;
	pmem->hugetlb = true;
	result = mcsafe_pmem_repair(pmem, data, T_PAGE, 0);
	pmem->hugetlb = false;
	(void)mcsafe_inject_clear(base(), T_PAGE);
	return result;
}

static ssize_t pread_all(void)
{
	return mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL);
}

static ssize_t pwrite_all(void)
{
	return mcsafe_pmem_pwrite(pmem, data, SIZE, 0, NULL);
}

static ssize_t salvage_all(void)
{
	return mcsafe_pmem_salvage(pmem, back, SIZE, 0, 0, NULL, NULL);
}

static ssize_t call_pread(void)
{
	return meet_error(pread_all);
}

static ssize_t call_pwrite(void)
{
	return meet_error(pwrite_all);
}

static ssize_t call_salvage(void)
{
	return meet_error(salvage_all);
}

/* The file has holes, and another descriptor is opened to find them. */
static ssize_t call_pread_of_holes(void)
{
	if (ftruncate(fd, 0) != 0 || ftruncate(fd, SIZE) != 0)
		return 0;
	return pread_all();
}

static ssize_t with_file(enum mcsafe_side side, bool stream)
{
	int file = memfd_create("other", MFD_CLOEXEC);
	struct mcsafe_iter it;
	ssize_t result = 0;
	int before;

	if (ftruncate(file, SIZE) == 0 &&
	    mcsafe_iter_fd(&it, side, file, stream ? -1 : 0, SIZE) == 0)
		result = side == MCSAFE_SIDE_DESTINATION
				 ? mcsafe_pmem_read_iter(pmem, &it, SIZE, 0, NULL)
				 : mcsafe_pmem_write_iter(pmem, &it, SIZE, 0, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	__real_close(file);
	pthread_setcancelstate(before, NULL);
	return result;
}

static ssize_t call_read_to_file(void)
{
	return with_file(MCSAFE_SIDE_DESTINATION, false);
}

static ssize_t call_read_to_stream(void)
{
	return with_file(MCSAFE_SIDE_DESTINATION, true);
}

static ssize_t call_write_from_file(void)
{
	return with_file(MCSAFE_SIDE_SOURCE, false);
}

static ssize_t call_open_and_close(void)
{
	struct mcsafe_pmem *another;
	int err = mcsafe_pmem_open_fd(&another, fd, 0);

	if (err == 0)
		mcsafe_pmem_close(another);
	return err;
}

static const struct {
	const char *name;
	ssize_t (*call)(void);
	unsigned points; /* the least number of cancellation points */
} all[] = {
	{"persist", call_persist, 1},
	{"repair", call_repair, 2},
	{"repair with a hole", call_repair_of_huge_page, 2},
	{"ask", call_ask, 0}, /* what is opened depends on the machine */
	{"refresh", call_refresh, 0},
	{"pread", call_pread, 1},
	{"pwrite", call_pwrite, 2},
	{"salvage", call_salvage, 1},
	{"pread of holes", call_pread_of_holes, 1},
	{"read to a file", call_read_to_file, 2},
	{"read to a stream", call_read_to_stream, 2},
	{"write from a file", call_write_from_file, 2},
	{"open and close", call_open_and_close, 1},
};

/* ---- cancelled ------------------------------------------------------------------------------- */

static size_t which;
static unsigned cancel_next, counted;
static bool came_through;

static void *in_thread(void *arg)
{
	ssize_t result;

	calls = 0;
	cancel_at = cancel_next;
	/* 0: it is asked for before the call. */
	if (cancel_next == 0)
		pthread_cancel(pthread_self());
	result = all[which].call();
	came_through = result != -ECANCELED;
	counted = calls;
	pthread_testcancel();
	return arg;
}

static void open_it(void)
{
	fd = memfd_create("left", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
}

/* Takes each lock, and waits for each call that runs. */
static void use_and_close(void)
{
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, SIZE, 0), SIZE);
	assert_int_equal(call_pread() != 0, 1);
	mcsafe_pmem_close(pmem);
	__real_close(fd);
}

static void test_no_call_is_left_by_cancellation(void **state)
{
	(void)state;
	t_install();
	for (which = 0; which < T_LENGTH(all); which++) {
		cancel_next = 0;
		do {
			pthread_t thread;
			void *result = NULL;

			open_it();
			came_through = false;
			assert_int_equal(pthread_create(&thread, NULL, in_thread, &which), 0);
			assert_int_equal(pthread_join(thread, &result), 0);
			if (!came_through)
				fail_msg("%s is left at its cancellation point %u", all[which].name,
					 cancel_next);
			/* The request is kept until the call has returned. */
			if (cancel_next <= counted && result != PTHREAD_CANCELED)
				fail_msg("%s has lost the request", all[which].name);
			use_and_close();
		} while (++cancel_next <= counted);
		assert_in_range(counted, all[which].points, UINT32_MAX);
	}
}

/* ---- left by a jump -------------------------------------------------------------------------- */

static sigjmp_buf out;
static struct iovec trusted;
static unsigned faults, copies;

size_t __real_mcsafe_copy_to_iter(const void *addr, size_t n, struct mcsafe_iter *it,
				  struct mcsafe_fault *fault);
size_t __wrap_mcsafe_copy_to_iter(const void *addr, size_t n, struct mcsafe_iter *it,
				  struct mcsafe_fault *fault);

size_t __wrap_mcsafe_copy_to_iter(const void *addr, size_t n, struct mcsafe_iter *it,
				  struct mcsafe_fault *fault)
{
	copies++;
	return __real_mcsafe_copy_to_iter(addr, n, it, fault);
}

static void open_for_trusted(void)
{
	CHECK_EQ(mcsafe_install(), 0);
	fd = memfd_create("trusted", MFD_CLOEXEC);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i % 253 + 1);
	memset(data + 9 * T_PAGE, 0, T_PAGE);
	/* With a hole in page 9. */
	CHECK_EQ(ftruncate(fd, SIZE), 0);
	CHECK_EQ(__real_pwrite(fd, data, 9 * T_PAGE, 0), 9 * T_PAGE);
	CHECK_EQ(__real_pwrite(fd, data + 10 * T_PAGE, 6 * T_PAGE, 10 * T_PAGE), 6 * T_PAGE);
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	trusted.iov_len = SIZE;
	trusted.iov_base = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(trusted.iov_base, MAP_FAILED);
}

static ssize_t read_to_trusted(struct mcsafe_fault *fault)
{
	struct mcsafe_iter it;

	CHECK_EQ(mcsafe_iter_kvec(&it, MCSAFE_SIDE_DESTINATION, &trusted, 1, SIZE), 0);
	return mcsafe_pmem_read_iter(pmem, &it, SIZE, 0, fault);
}

static void jump(int signo)
{
	(void)signo;
	siglongjmp(out, 1);
}

IN_CHILD(test_a_handler_may_jump_out_of_a_store_to_trusted_memory)
{
	t_set_plain(SIGSEGV, jump, 0);
	open_for_trusted();
	for (unsigned i = 0; i < 3; i++) {
		if (sigsetjmp(out, 1) == 0) {
			(void)!read_to_trusted(NULL);
			UNREACHED("the store must fault");
		}
	}
	CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
	mcsafe_pmem_close(pmem);
}

IN_CHILD(test_a_guard_may_catch_a_store_to_trusted_memory)
{
	struct mcsafe_guard guard;
	volatile bool caught = false;

	open_for_trusted();
	MCSAFE_TRY(&guard, trusted.iov_base, SIZE) {
		(void)!read_to_trusted(NULL);
	}
	MCSAFE_CATCH(&guard) {
		caught = true;
	}
	CHECK(caught);
	mcsafe_pmem_close(pmem);
}

/* The program gives its memory a page when it is needed. */
static void give_page(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	faults++;
	mprotect((void *)((uintptr_t)info->si_addr / T_PAGE * T_PAGE), T_PAGE,
		 PROT_READ | PROT_WRITE);
}

IN_CHILD(test_a_handler_may_mend_trusted_memory)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};

	t_set_action(SIGSEGV, give_page, SA_SIGINFO, 0);
	open_for_trusted();
	CHECK_EQ(read_to_trusted(&fault), (ssize_t)SIZE);
	CHECK_EQ(fault.cause, MCSAFE_CAUSE_NONE);
	CHECK_EQ(faults, 16);
	CHECK_MEM_EQ(trusted.iov_base, data, SIZE);
	mcsafe_pmem_close(pmem);
}

/* What is left at the fault is less than is moved to trusted memory in one go. */
IN_CHILD(test_a_short_read_to_mended_memory_stores_nothing_after_it)
{
	unsigned char *memory;
	struct mcsafe_iter it;

	t_set_action(SIGSEGV, give_page, SA_SIGINFO, 0);
	open_for_trusted();
	memory = trusted.iov_base;
	CHECK_EQ(mcsafe_iter_kvec(&it, MCSAFE_SIDE_DESTINATION, &trusted, 1, SIZE), 0);
	CHECK_EQ(mcsafe_pmem_read_iter(pmem, &it, 100, 0, NULL), 100);
	CHECK_EQ(mcsafe_iter_count(&it), SIZE - 100);
	CHECK_EQ(faults, 1);
	CHECK_MEM_EQ(memory, data, 100);
	for (size_t i = 100; i < T_PAGE; i++)
		CHECK_EQ(memory[i], 0);
	mcsafe_pmem_close(pmem);
}

/* Memory is mended, but then the mapping itself fails. */
IN_CHILD(test_a_loss_after_trusted_memory_was_mended_is_reported)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};

	t_set_action(SIGSEGV, give_page, SA_SIGINFO, 0);
	open_for_trusted();
	CHECK_EQ(mcsafe_inject(base() + 3 * T_PAGE, T_PAGE, MCSAFE_INJECT_EOF), 0);
	/* The fault of the destination is not at the start of a page of the source. */
	trusted.iov_base = (unsigned char *)trusted.iov_base + 100;
	trusted.iov_len = SIZE - 100;
	CHECK_EQ(read_to_trusted(&fault), (ssize_t)(3 * T_PAGE));
	CHECK_EQ(fault.cause, MCSAFE_CAUSE_IO);
	CHECK_EQ(fault.side, MCSAFE_SIDE_SOURCE);
	/* Copies with protection and without took turns. After the loss there was none. */
	CHECK_EQ(copies % 2, 0);
	CHECK_MEM_EQ(trusted.iov_base, data, 3 * T_PAGE);
	CHECK_EQ(mcsafe_inject_clear(base() + 3 * T_PAGE, T_PAGE), 0);
	mcsafe_pmem_close(pmem);
}

static sem_t at_second_fault;
static atomic_bool closed;

static void *closer(void *arg)
{
	while (sem_wait(&at_second_fault) != 0)
		;
	mcsafe_pmem_close(pmem);
	atomic_store(&closed, true);
	return arg;
}

/* Another thread closes the mapping, while this handler runs. */
static void wait_and_give_page(int signo, siginfo_t *info, void *context)
{
	if (faults == 1) {
		sem_post(&at_second_fault);
		while (!atomic_load(&closed))
			sched_yield();
	}
	give_page(signo, info, context);
}

/* Nothing waits for a handler of the program, which may never return. */
IN_CHILD(test_a_mapping_may_be_closed_while_trusted_memory_is_mended)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	pthread_t thread;
	ssize_t got;

	t_set_action(SIGSEGV, wait_and_give_page, SA_SIGINFO, 0);
	open_for_trusted();
	CHECK_EQ(sem_init(&at_second_fault, 0, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, closer, NULL), 0);
	got = read_to_trusted(&fault);
	CHECK_EQ(faults, 2);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(fault.cause, MCSAFE_CAUSE_NONE);
	CHECK_GT(got, T_PAGE);
	CHECK_LT(got, 3 * T_PAGE);
	CHECK_MEM_EQ(trusted.iov_base, data, (size_t)got);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_call_is_left_by_cancellation),
		NOT_WITH_TSAN(test_a_handler_may_jump_out_of_a_store_to_trusted_memory),
		cmocka_unit_test(test_a_guard_may_catch_a_store_to_trusted_memory),
		cmocka_unit_test(test_a_handler_may_mend_trusted_memory),
		cmocka_unit_test(test_a_short_read_to_mended_memory_stores_nothing_after_it),
		cmocka_unit_test(test_a_loss_after_trusted_memory_was_mended_is_reported),
		cmocka_unit_test(test_a_mapping_may_be_closed_while_trusted_memory_is_mended),
	};

	return t_run("pmem.left", tests, T_LENGTH(tests));
}
