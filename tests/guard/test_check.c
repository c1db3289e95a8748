/* SPDX-License-Identifier: BSD-3-Clause */
/* test_check.c - mcsafe_guard_check(): where its lines go, and where they must not */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "tool.h"

#define FDS 64

/* The number that mcsafe_guard_check() takes. Ends the child if there is no libunwind. */
static int number_taken(int fd)
{
	bool was_open[FDS];
	int err = mcsafe_guard_check(fd);

	/* The first call has made a pipe of libunwind, too. */
	if (err == -ENOSYS)
		_exit(0);
	CHECK_EQ(err, 0);
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	for (int i = 0; i < FDS; i++)
		was_open[i] = fcntl(i, F_GETFD) >= 0;
	CHECK_EQ(mcsafe_guard_check(fd), 0);
	for (int i = 0; i < FDS; i++)
		if (!was_open[i] && fcntl(i, F_GETFD) >= 0)
			return i;
	return -1;
}

static off_t size_of(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return st.st_size;
}

static struct t_bad_page memory;
static volatile sig_atomic_t jumped;
static int handler_flags;

static void fault(int signo)
{
	(void)signo;
	t_read_byte(memory.bad);
}

/* Skips the frame of a signal handler, which is worth a line. */
static void jump(void)
{
	struct mcsafe_guard guard;

	t_set_plain(SIGUSR1, fault, SA_NODEFER | handler_flags);
	jumped = 0;
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		CHECK_EQ(raise(SIGUSR1), 0);
	}
	MCSAFE_CATCH(&guard) {
		jumped = 1;
	}
	CHECK_EQ(jumped, 1);
}

IN_CHILD(test_lines_go_to_our_file_and_to_no_other)
{
	int log = memfd_create("log", MFD_CLOEXEC), database = memfd_create("database", 0), number;

	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	number = number_taken(log);
	CHECK_GE(number, 3);
	jump();
	CHECK_GT(size_of(log), 0);
	/* As a daemon does that closes all from 3 on, and opens its database. */
	CHECK_EQ(dup3(database, number, O_CLOEXEC), number);
	jump();
	CHECK_EQ(size_of(number), 0);
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	CHECK_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(size_of(number), 0);
}

/* Linked with --wrap=clone: where the stacks of the children end. */
#define CHILDREN 100
static char *ends[CHILDREN];
static size_t n_ends;

int __real_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	if (n_ends < CHILDREN)
		ends[n_ends++] = stack;
	return __real_clone(fn, stack, flags, arg);
}

/* Before the process is copied, libc stores the function of the child and its argument there: two
 * words. */
IN_CHILD(test_threads_that_jump_at_the_same_time_share_no_arguments)
{
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	(void)number_taken(memfd_create("log", MFD_CLOEXEC));
	while (n_ends < CHILDREN)
		jump();
	for (size_t i = 0; i < n_ends; i++)
		for (size_t k = 0; k < i; k++)
			CHECK_GE(labs(ends[i] - ends[k]), 2 * sizeof(void *));
}

IN_CHILD(test_check_is_turned_off_although_its_number_is_closed)
{
	int number = number_taken(memfd_create("log", 0));

	errno = 4711;
	CHECK_EQ(close(number), 0);
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	CHECK_EQ(mcsafe_guard_check(-1), 0);
	CHECK_EQ(errno, 4711);
}

/* Neither ours nor that of libunwind. */
IN_CHILD(test_numbers_are_no_standard_ones)
{
	int log = fcntl(memfd_create("log", 0), F_DUPFD, 20), n = 0;

	for (int fd = 0; fd < 20; fd++)
		(void)close(fd);
	CHECK_GE(number_taken(log), 3);
	for (int fd = 0; fd < 3; fd++)
		CHECK_EQ(fcntl(fd, F_GETFD), -1);
	for (int fd = 3; fd < 20; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	CHECK_GE(n, 1);
}

/*
 * void fault_without_a_way_back(const volatile void *p): reads *p in code without unwind
 * information. Its frame pointer is no frame.
 */
void fault_without_a_way_back(const volatile void *p);
__asm__(".text\n"
	".type fault_without_a_way_back, @function\n"
	"fault_without_a_way_back:\n"
	"	pushq	%rbp\n"
	"	xorl	%ebp, %ebp\n"
	"	movb	(%rdi), %al\n"
	"	popq	%rbp\n"
	"	ret\n"
	".size fault_without_a_way_back, . - fault_without_a_way_back");

/* The last line of what is told if a walk does not arrive at the guard. */
static const char cannot_walk[] = "\n  skips frames that cannot be walked\n";

/* Jump out of a load that fails in such code, and give back what is told. */
static void jump_from(void (*load)(const volatile void *), char *text, size_t room)
{
	int log = memfd_create("log", MFD_CLOEXEC);
	struct mcsafe_guard guard;
	ssize_t n;

	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	(void)number_taken(log);
	jumped = 0;
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		load(memory.bad);
	}
	MCSAFE_CATCH(&guard) {
		jumped = 1;
	}
	CHECK_EQ(jumped, 1);
	n = pread(log, text, room - 1, 0);
	CHECK_GT(n, 0);
	text[n] = '\0';
	CHECK(strstr(text, "mcsafe: the jump from ") == text);
}

/* Each thing that is skipped has a line. */
IN_CHILD(test_a_walk_that_does_not_arrive_is_told)
{
	char text[1024];

	jump_from(fault_without_a_way_back, text, sizeof(text));
	CHECK(strstr(text, ": no unwind information") != NULL);
	CHECK(strstr(text, cannot_walk) != NULL);
	CHECK_EQ(strlen(strstr(text, cannot_walk)), strlen(cannot_walk));
}

/* void fault_at_the_end(const volatile void *p): reads *p in code that says it has no caller. */
void fault_at_the_end(const volatile void *p);
__asm__(".text\n"
	".type fault_at_the_end, @function\n"
	"fault_at_the_end:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	movb	(%rdi), %al\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size fault_at_the_end, . - fault_at_the_end");

/* The frames that were found have nothing that would be skipped. */
IN_CHILD(test_a_walk_that_ends_early_is_told)
{
	char text[1024];

	jump_from(fault_at_the_end, text, sizeof(text));
	CHECK_PTR_EQ(strstr(text, cannot_walk), strchr(text, '\n'));
	CHECK_EQ(strlen(strchr(text, '\n')), strlen(cannot_walk));
}

#define STACK ((size_t)256 * 1024)

/* The alternate stack is above that of the guard. Its frames are not taken for those that called
 * the body. */
IN_CHILD(test_frames_of_an_alternate_stack_are_passed)
{
	char *stacks =
		mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const stack_t alternate = {.ss_sp = stacks + STACK, .ss_size = STACK};
	int log = memfd_create("log", MFD_CLOEXEC);
	ucontext_t here, lower;
	char text[1024] = {0};

	CHECK_PTR_NE(stacks, MAP_FAILED);
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	(void)number_taken(log);
	handler_flags = SA_ONSTACK;
	CHECK_EQ(sigaltstack(&alternate, NULL), 0);
	CHECK_EQ(getcontext(&lower), 0);
	lower.uc_stack = (stack_t){.ss_sp = stacks, .ss_size = STACK};
	lower.uc_link = &here;
	makecontext(&lower, jump, 0);
	CHECK_EQ(swapcontext(&here, &lower), 0);
	CHECK_GT(pread(log, text, sizeof(text) - 1, 0), 0);
	CHECK(strstr(text, "mcsafe: the jump from ") == text);
	CHECK(strstr(text, ": a signal handler") != NULL);
	CHECK(strstr(text, "cannot be walked") == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_TSAN(test_lines_go_to_our_file_and_to_no_other),
		NOT_WITH_TSAN(test_threads_that_jump_at_the_same_time_share_no_arguments),
		cmocka_unit_test(test_check_is_turned_off_although_its_number_is_closed),
		cmocka_unit_test(test_numbers_are_no_standard_ones),
		NOT_WITH_TSAN(test_a_walk_that_does_not_arrive_is_told),
		NOT_WITH_TSAN(test_a_walk_that_ends_early_is_told),
		NOT_WITH_TSAN_OR_VALGRIND(test_frames_of_an_alternate_stack_are_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
