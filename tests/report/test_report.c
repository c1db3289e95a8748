/* SPDX-License-Identifier: BSD-3-Clause */
/* test_report.c - the report before death: what it says, and that the death is the same */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "report/report.h"
#include "tool.h"

static int report_fd = -1;
static char text[65536];

static struct t_bad_page
	*memory; /* mapped before the fork, so that the parent knows the addresses */

static void start(void)
{
	report_fd = memfd_create("report", MFD_CLOEXEC);
	assert_true(report_fd >= 0);
}

static void fetch(void)
{
	ssize_t n = pread(report_fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	close(report_fd);
}

static void expect(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void expect(const char *format, ...)
{
	char wanted[512];
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted), format, args);
	va_end(args);
	if (strstr(text, wanted) == NULL)
		fail_msg("\"%s\" is not in the report:\n%s", wanted, text);
}

static void expect_nothing(void)
{
	if (text[0] != '\0')
		fail_msg("an unexpected report:\n%s", text);
}

static unsigned count(const char *needle)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

static void ready(unsigned flags)
{
	CHECK_EQ(mcsafe_set_report(report_fd, flags), 0);
	CHECK_EQ(mcsafe_install(), 0);
}

static bool has_backtrace(void)
{
	void *frame;
	ucontext_t here;

	assert_int_equal(getcontext(&here), 0);
	return mcsafe_backtrace(&here, &frame, 1) != -ENOSYS;
}

/* The caller stays on the stack. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static void load_bad(void *arg)
{
	ready(*(const unsigned *)arg);
	CHECK_EQ(prctl(PR_SET_NAME, "a name", 0, 0, 0), 0);
	t_read_byte(memory->bad + 5);
	NO_TAIL_CALL();
}

static void test_report_names_a_fault_of_each_kind(void **state)
{
	const unsigned flags = 0;

	(void)state;
	for (int kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
		struct t_bad_page m = t_bad_page((enum t_bad_page_kind)kind);

		memory = &m;
		start();
		t_dies(load_bad, (void *)(uintptr_t)&flags, t_bad_page_signo(m.kind));
		fetch();
		expect("mcsafe: %s is about to kill process ",
		       m.kind == T_PROT_NONE ? "SIGSEGV" : "SIGBUS");
		expect("  cause:       %s\n",
		       m.kind == T_PROT_NONE ? "protected, SEGV_ACCERR" : "io, BUS_ADRERR");
		expect("  address:     0x%lx\n", (unsigned long)m.bad + 5);
		expect("  mapping:     /memfd:mcsafe test (deleted) + 0x1005 (%s)\n",
		       m.kind == T_PROT_NONE ? "---s" : "rw-s");
		expect("  instruction: 0x%lx, ", (unsigned long)(uintptr_t)t_read_byte);
		expect("  thread:      ");
		expect(", a name\n");
		expect("  reason:      memfd:mcsafe test, offset 4101: %s\n",
		       m.kind == T_PROT_NONE ? "reading is not allowed"
					     : "past the end of the file, which has 4096 bytes");
		assert_int_equal(count("\n  backtrace:\n"), 1);
		if (has_backtrace()) {
			expect("    #0  0x%lx t_read_byte + 0x0, /",
			       (unsigned long)(uintptr_t)t_read_byte);
			expect(" load_bad + 0x");
			expect(" main + 0x");
		} else {
			expect("    none: built without libunwind\n");
		}
	}
}

static void test_backtrace_can_be_left_out(void **state)
{
	const unsigned flags = MCSAFE_REPORT_NO_BACKTRACE;
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(load_bad, (void *)(uintptr_t)&flags, SIGSEGV);
	fetch();
	expect("  thread:      ");
	assert_int_equal(count("backtrace"), 0);
}

static void call_nothing(void *arg)
{
	(void)arg;
	ready(0);
	t_jump(NULL);
	NO_TAIL_CALL();
}

static void load_wild(void *arg)
{
	(void)arg;
	ready(0);
	t_read_byte((const volatile void *)0x8000000000000000);
}

static void lose_a_page(void *arg)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AR;
	si.si_addr = arg;
	si.si_addr_lsb = 12;
	ready(0);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si), 0);
}

static void kill_self(void *arg)
{
	ready(0);
	CHECK_EQ(kill(getpid(), *(const int *)arg), 0);
}

static void test_other_ways_to_die_are_reported(void **state)
{
	(void)state;
	start();
	t_dies(call_nothing, NULL, SIGSEGV);
	fetch();
	expect("  cause:       unmapped, SEGV_MAPERR\n");
	expect("  address:     0x0\n");
	expect("  mapping:     not mapped\n");
	expect("  instruction: 0x0, not mapped\n");
	if (has_backtrace()) {
		expect("    #0  0x0 not mapped\n");
		expect("    #1  ");
		expect(" call_nothing + 0x");
		expect(" main + 0x");
	}

	start();
	t_dies(load_wild, NULL, SIGSEGV);
	fetch();
	expect("  cause:       address, SI_KERNEL\n");
	expect("  address:     not told by the kernel\n");
	expect("  reason:      memory, address 0x0: not an address of memory\n");

	start();
	t_dies(lose_a_page, text, SIGBUS);
	fetch();
	expect("  cause:       poison, BUS_MCEERR_AR\n");
	expect("  address:     0x%lx\n", (unsigned long)(uintptr_t)text);
	expect("  extent:      4096 bytes\n");
}

static void test_signal_that_was_sent_is_reported_as_sent(void **state)
{
	static const int signals[] = {SIGBUS, SIGSEGV};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		start();
		t_dies(kill_self, (void *)(uintptr_t)&signals[i], signals[i]);
		fetch();
		expect("  cause:       sent, SI_USER, by process ");
		expect(" of user %u\n", getuid());
	}
}

/* A code that has no name, in a thread without one. */
static void die_without_names(void *arg)
{
	siginfo_t si;

	(void)arg;
	ready(0);
	CHECK_EQ(prctl(PR_SET_NAME, "", 0, 0, 0), 0);
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGSEGV;
	si.si_code = -77;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV, &si), 0);
}

static void test_what_has_no_name_is_reported_by_its_number(void **state)
{
	const char *line;

	(void)state;
	start();
	t_dies(die_without_names, NULL, SIGSEGV);
	fetch();
	expect("  cause:       sent, si_code -77");
	expect("  thread:      ");
	line = strstr(text, " of process ") + strlen(" of process ");
	assert_int_equal(line[strspn(line, "0123456789")], '\n');
}

static void load_escaped(void *arg)
{
	(void)arg;
	ready(0);
	t_read_byte(memory->bad);
}

/* Escaped, the path has four times its length, and leaves no room for the reason. So the reason
 * alone is in its line. The line of the mapping names the file. */
static void test_a_long_path_does_not_take_the_reasons_place(void **state)
{
	char path[512], odd[201];
	struct t_bad_page m = {.kind = T_TRUNCATED};
	void *at;

	(void)state;
	memset(odd, '\x01', 200);
	odd[200] = '\0';
	snprintf(path, sizeof(path), "/tmp/%s-%d", odd, (int)getpid());
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "/tmp/%s-%d/%s", odd, (int)getpid(), odd);
	m.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(m.fd >= 0);
	at = mmap(NULL, T_PAGE, PROT_READ, MAP_SHARED, m.fd, 0);
	assert_true(at != MAP_FAILED);
	m.good = m.bad = at;
	memory = &m;
	start();
	t_dies(load_escaped, NULL, SIGBUS);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "/tmp/%s-%d", odd, (int)getpid());
	assert_int_equal(rmdir(path), 0);
	close(m.fd);
	munmap(at, T_PAGE);
	fetch();
	expect("  reason:      past the end of the file, which has 0 bytes\n");
}

#define DEEP 150 /* calls; more than a report has frames */

/* NOLINTNEXTLINE(misc-no-recursion): frames are what it is about */
static __attribute__((noinline)) void die_deep(unsigned level)
{
	if (level == 0)
		t_read_byte(memory->bad);
	else
		die_deep(level - 1);
	NO_TAIL_CALL();
}

static void begin_deep(void *arg)
{
	(void)arg;
	ready(0);
	die_deep(DEEP);
	NO_TAIL_CALL();
}

static void test_frames_are_numbered(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(begin_deep, NULL, SIGSEGV);
	fetch();
	if (has_backtrace()) {
		expect("\n    #9  0x");
		expect("\n    #10 0x");
		expect("\n    #127 0x");
		assert_int_equal(count("#128"), 0);
	}
}

/* Of such a function only the beginning of the name is told: 140 characters. */
#define WORDS "long_name_of_a_function_"
static __attribute__((noinline)) void long_name(void) __asm__(WORDS WORDS WORDS WORDS WORDS WORDS);

static void long_name(void)
{
	t_read_byte(memory->bad);
	NO_TAIL_CALL();
}

static void begin_long(void *arg)
{
	(void)arg;
	ready(0);
	long_name();
	NO_TAIL_CALL();
}

static void test_a_long_name_of_a_function_is_cut(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(begin_long, NULL, SIGSEGV);
	fetch();
	if (has_backtrace()) {
		expect(" " WORDS WORDS WORDS WORDS WORDS "long_na + 0x");
	}
}

/* There are no high numbers, from which on the report takes one. */
static void die_with_few_descriptors(void *arg)
{
	const struct rlimit few = {100, 100};

	(void)arg;
	ready(0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	t_read_byte(memory->bad);
	NO_TAIL_CALL();
}

static void test_few_descriptors_suffice(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(die_with_few_descriptors, NULL, SIGSEGV);
	fetch();
	expect("is about to kill");
	if (has_backtrace())
		expect(" die_with_few_descriptors + 0x");
}

static void heal(int signo)
{
	(void)signo;
	t_bad_page_heal(memory);
}

/* No report: the previous handler heals the fault, the copy lands, or reports are turned off. */
static void nothing_to_report(void *arg)
{
	char dst[8];

	(void)arg;
	t_set_plain(SIGSEGV, heal, 0);
	ready(0);
	t_read_byte(memory->bad);
	t_bad_page_spoil(memory);
	CHECK_EQ(memcpy_mcsafe(dst, memory->bad, sizeof(dst)), sizeof(dst));
}

/* Linked with --wrap=clone: how many copies of the process were made. */
static unsigned *copies;

int __real_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	++*copies;
	return __real_clone(fn, stack, flags, arg);
}

static void not_wanted_any_more(void *arg)
{
	(void)arg;
	ready(0);
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	t_read_byte(memory->bad);
}

static void never_wanted(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	CHECK_EQ(mcsafe_install(), 0);
	t_read_byte(memory->bad);
}

static void test_nothing_is_reported_without_a_death_or_a_wish(void **state)
{
	static struct t_bad_page m;
	unsigned flags = 0;

	(void)state;
	*copies = 0;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_survives(nothing_to_report, NULL);
	fetch();
	expect_nothing();
	start();
	t_dies(not_wanted_any_more, NULL, SIGSEGV);
	fetch();
	expect_nothing();
	start();
	t_dies(never_wanted, NULL, SIGSEGV);
	fetch();
	expect_nothing();
	/* Nor is the process copied for nothing. */
	assert_int_equal(*copies, 0);
	start();
	t_dies(load_bad, &flags, SIGSEGV);
	fetch();
	assert_int_equal(*copies, 1);
}

/*
 * Places where a report cannot be written. The death must still come, and be the same. t_dies()
 * would see the SIGKILL of a child that hangs.
 */
static void die_beside(int fd)
{
	CHECK_EQ(mcsafe_set_report(fd, 0), 0);
	CHECK_EQ(mcsafe_install(), 0);
	t_read_byte(memory->bad);
}

static void full_pipe(void *arg)
{
	int ends[2];
	char byte = 0;

	(void)arg;
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], &byte, 1) == 1)
		;
	CHECK_EQ(fcntl(ends[1], F_SETFL, 0), 0);
	die_beside(ends[1]);
}

static void broken_pipe(void *arg)
{
	int ends[2];

	(void)arg;
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(close(ends[0]), 0);
	die_beside(ends[1]);
}

static void broken_socket(void *arg)
{
	int ends[2];

	(void)arg;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	CHECK_EQ(close(ends[0]), 0);
	die_beside(ends[1]);
}

static void file_size_limit(void *arg)
{
	const struct rlimit limit = {16, 16};

	(void)arg;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	die_beside(report_fd);
}

static void full_device(void *arg)
{
	int fd = open("/dev/full", O_WRONLY);

	(void)arg;
	CHECK_GE(fd, 0);
	die_beside(fd);
}

static void test_report_that_cannot_be_written_changes_no_death(void **state)
{
	static void (*const cases[])(void *) = {full_pipe, broken_pipe, broken_socket,
						file_size_limit, full_device};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++)
		for (int kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
			struct t_bad_page m = t_bad_page((enum t_bad_page_kind)kind);

			memory = &m;
			start();
			t_dies(cases[i], NULL, t_bad_page_signo(m.kind));
			close(report_fd);
		}
}

/* The lock of the loader, which a backtrace needs, is held and never released. */
static volatile int is_held;

static int hold(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	is_held = 1;
	while (is_held)
		pause();
	return 0;
}

static void *hold_the_loader(void *arg)
{
	dl_iterate_phdr(hold, arg);
	return NULL;
}

static void die_while_the_loader_is_locked(void *arg)
{
	pthread_t thread;

	(void)arg;
	ready(0);
	CHECK_EQ(pthread_create(&thread, NULL, hold_the_loader, NULL), 0);
	while (!is_held)
		usleep(1000);
	t_read_byte(memory->bad);
}

static void test_lock_that_is_held_does_not_keep_it_alive(void **state)
{
	static struct t_bad_page m;

	(void)state;
	if (T_THREAD_SANITIZER) {
		print_message("SKIPPED: ThreadSanitizer itself waits for the loader's lock\n");
		skip();
	}
	m = t_bad_page(T_TRUNCATED);
	memory = &m;
	start();
	t_dies(die_while_the_loader_is_locked, NULL, SIGBUS);
	fetch();
	expect("  thread:      ");
}

/* A stack that was overwritten: the child may crash, nobody else. With an argument, frames can be
 * guessed from %rbp. */
static void die_on_a_damaged_stack(void *arg)
{
	static unsigned long garbage[4096];

	if (arg == NULL)
		ready(0);
	for (size_t i = 0; i < 4096; i++)
		garbage[i] = i % 2 ? 0x4141414141414141 : (unsigned long)&garbage[(i + 7) % 4096];
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "movq %1, %%rbp\n\t"
			 "movq %2, %%rdi\n\t"
			 "jmp t_read_byte"
			 :
			 : "r"(&garbage[4032]),
			   "r"(arg == NULL ? 0x4242424242424242ul : (unsigned long)&garbage[64]),
			   "r"(memory->bad)
			 : "rdi", "memory");
}

static void test_damaged_stack_does_not_prevent_the_report(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_TRUNCATED);
	memory = &m;
	start();
	t_dies(die_on_a_damaged_stack, NULL, SIGBUS);
	fetch();
	expect("  thread:      ");
}

/* The host sees neither the child that reports nor its end. */
static void on_child(int signo)
{
	(void)signo;
	_exit(99);
}

static void die_with_an_eye_on_children(void *arg)
{
	t_set_plain(SIGCHLD, on_child, 0);
	load_bad(arg);
}

static void test_host_does_not_see_the_child(void **state)
{
	const unsigned flags = 0;
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(die_with_an_eye_on_children, (void *)(uintptr_t)&flags, SIGSEGV);
	fetch();
	expect("  thread:      ");
}

static pthread_barrier_t barrier;

static void *die_together(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	t_read_byte(memory->bad);
	NO_TAIL_CALL();
	return NULL;
}

static void die_in_many_threads(void *arg)
{
	pthread_t threads[8];

	(void)arg;
	ready(0);
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 8), 0);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, die_together, NULL), 0);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void test_several_threads_die_and_one_reports(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	for (int i = 0; i < 10; i++) {
		start();
		t_dies(die_in_many_threads, NULL, SIGSEGV);
		fetch();
		assert_int_equal(count("is about to kill"), 1);
		if (has_backtrace())
			expect(" die_together + 0x");
	}
}

static void die_in_a_child_of_fork(void *arg)
{
	int status;
	pid_t pid;

	(void)arg;
	ready(0);
	pid = fork();
	CHECK_GE(pid, 0);
	if (pid == 0)
		t_read_byte(memory->bad);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	t_read_byte(memory->bad);
}

static void test_child_and_parent_both_report(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(die_in_a_child_of_fork, NULL, SIGSEGV);
	fetch();
	assert_int_equal(count("is about to kill"), 2);
}

/* Our descriptor is a duplicate. If it no longer is the same file, nothing is written. */
static void close_and_die(void *arg)
{
	(void)arg;
	ready(0);
	CHECK_EQ(close(report_fd), 0);
	t_read_byte(memory->bad);
}

static int innocent;

static void reuse_and_die(void *arg)
{
	ready(0);
	for (int fd = 3; fd < 64; fd++)
		if (fd != innocent && fd != report_fd && fd != memory->fd &&
		    fcntl(fd, F_GETFD) >= 0)
			CHECK_EQ(dup2(innocent, fd), fd);
	*(int *)arg = 1;
	t_read_byte(memory->bad);
}

static void replace_and_die(void *arg)
{
	int first = memfd_create("first", 0), second = dup(report_fd);
	struct stat st;

	(void)arg;
	CHECK_EQ(mcsafe_set_report(first, 0), 0);
	CHECK_EQ(mcsafe_set_report(second, 0), 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(fstat(first, &st), 0);
	CHECK_EQ(st.st_size, 0);
	t_read_byte(memory->bad);
}

static void test_descriptor_is_the_librarys_own(void **state)
{
	static struct t_bad_page m;
	int *reached = t_shared(sizeof(*reached));
	struct stat st;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(close_and_die, NULL, SIGSEGV);
	fetch();
	expect("is about to kill");
	start();
	t_dies(replace_and_die, NULL, SIGSEGV);
	fetch();
	expect("is about to kill");
	innocent = memfd_create("innocent", MFD_CLOEXEC);
	assert_true(innocent >= 0);
	start();
	t_dies(reuse_and_die, reached, SIGSEGV);
	fetch();
	assert_int_equal(*reached, 1);
	expect_nothing();
	assert_int_equal(fstat(innocent, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(innocent);
}

/* ---- numbers that are the program's by now ------------------------------------------------- */

#define FDS 64

/* The number that mcsafe_set_report() takes; there is only one. */
static int number_taken(int fd)
{
	bool was_open[FDS];
	int taken = -1;

	for (int i = 0; i < FDS; i++)
		was_open[i] = fcntl(i, F_GETFD) >= 0;
	CHECK_EQ(mcsafe_set_report(fd, MCSAFE_REPORT_NO_BACKTRACE), 0);
	for (int i = 0; i < FDS; i++)
		if (!was_open[i] && fcntl(i, F_GETFD) >= 0) {
			CHECK_EQ(taken, -1);
			taken = i;
		}
	return taken;
}

static ino_t file_of(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return st.st_ino;
}

/* As a daemon does that closes all from 3 on, and opens its database. */
static void steal(int number, int flags)
{
	int database = memfd_create("database", 0);

	CHECK_EQ(dup3(database, number, flags), number);
	CHECK_EQ(close(database), 0);
}

IN_CHILD(test_number_that_the_program_has_reused_is_left_alone)
{
	int log = memfd_create("log", MFD_CLOEXEC), number = number_taken(log), second;
	ino_t database;

	CHECK_GE(number, 3);
	for (int flags = 0; flags <= O_CLOEXEC; flags += O_CLOEXEC) {
		steal(number, flags);
		database = file_of(number);
		second = number_taken(log);
		CHECK_NE(second, number);
		CHECK_EQ(file_of(number), database);
		steal(second, flags);
		database = file_of(second);
		CHECK_EQ(mcsafe_set_report(-1, 0), 0);
		CHECK_EQ(file_of(second), database);
		CHECK_EQ(close(second), 0);
		CHECK_EQ(close(number), 0);
		number = number_taken(log);
	}
}

/* The program's log, by a new descriptor that happens to have the old number. */
IN_CHILD(test_number_of_the_same_file_is_left_alone_if_the_program_says_whose_it_is)
{
	int log = memfd_create("log", MFD_CLOEXEC), number = number_taken(log), second;

	/* It goes on to a new program, so it is not ours. */
	CHECK_EQ(dup3(log, number, 0), number);
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	CHECK_EQ(file_of(number), file_of(log));
	/* It was passed to us. */
	number = number_taken(log);
	CHECK_EQ(dup3(log, number, O_CLOEXEC), number);
	second = number_taken(number);
	CHECK_NE(second, number);
	CHECK_EQ(file_of(number), file_of(log));
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	CHECK_EQ(fcntl(second, F_GETFD), -1);
	CHECK_EQ(file_of(number), file_of(log));
}

IN_CHILD(test_number_is_no_standard_one)
{
	int log = fcntl(memfd_create("log", 0), F_DUPFD, 10);

	for (int fd = 0; fd < 10; fd++)
		(void)close(fd);
	CHECK_EQ(number_taken(log), 3);
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	for (int fd = 0; fd < 10; fd++)
		CHECK_EQ(fcntl(fd, F_GETFD), -1);
}

/*
 * libunwind keeps a pipe, too. The program has closed it and opened files of its own, which read
 * and write as the pipe would. The stack makes libunwind ask whether memory can be read.
 */
#define CONTENT "precious"

static int victims;

static void die_with_the_pipe_stolen(void *arg)
{
	struct stat st;
	int n = 0;

	(void)arg;
	ready(0);
	for (int i = 3; i < FDS; i++)
		if (fstat(i, &st) == 0 && S_ISFIFO(st.st_mode)) {
			CHECK_EQ(dup2(victims, i), i);
			n++;
		}
	if (n == 0)
		CHECK(!has_backtrace());
	die_on_a_damaged_stack(&victims);
}

static void test_pipe_of_the_unwinder_that_was_reused_is_left_alone(void **state)
{
	static struct t_bad_page m;
	char content[64];

	(void)state;
	m = t_bad_page(T_TRUNCATED);
	memory = &m;
	victims = memfd_create("victims", MFD_CLOEXEC);
	assert_true(victims >= 0);
	assert_int_equal(write(victims, CONTENT, sizeof(CONTENT)), sizeof(CONTENT));
	assert_int_equal(lseek(victims, 1, SEEK_SET), 1);
	start();
	t_dies(die_with_the_pipe_stolen, NULL, SIGBUS);
	fetch();
	expect("  thread:      ");
	assert_int_equal(lseek(victims, 0, SEEK_CUR), 1);
	assert_int_equal(pread(victims, content, sizeof(content), 0), sizeof(CONTENT));
	assert_memory_equal(content, CONTENT, sizeof(CONTENT));
	close(victims);
}

/* ---- cancellation --------------------------------------------------------------------------- */

static int (*cancelled_call)(void);

static int turn_on_again(void)
{
	return mcsafe_set_report(report_fd, 0);
}

static int turn_off_again(void)
{
	return mcsafe_set_report(-1, 0);
}

static int check_jumps(void)
{
	int err = mcsafe_guard_check(report_fd);

	return err == -ENOSYS ? 0 : err;
}

static int check_no_jumps(void)
{
	return mcsafe_guard_check(-1);
}

static int install_with_a_wrong_engine(void)
{
	/* It writes to standard error under the lock. */
	int err = mcsafe_install();

	return err == -EINVAL ? 0 : 1;
}

static void *be_cancelled(void *arg)
{
	int *returned = arg, state;

	CHECK_EQ(pthread_cancel(pthread_self()), 0); /* pending: it comes at the next point */
	*returned = cancelled_call() == 0;
	/* A check that fails prints, and would be cancelled there. */
	CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state), 0);
	CHECK_EQ(state, PTHREAD_CANCEL_ENABLE);
	CHECK_EQ(pthread_setcancelstate(state, NULL), 0);
	pthread_testcancel();
	return NULL;
}

IN_CHILD(test_cancelled_thread_leaves_no_lock_behind)
{
	/* The environment is asked until it has chosen an engine. */
	static int (*const calls[])(void) = {install_with_a_wrong_engine, turn_on_again,
					     turn_off_again, check_jumps, check_no_jumps};

	report_fd = memfd_create("report", MFD_CLOEXEC);
	CHECK_EQ(setenv("MCSAFE_ENGINE", "none", 1), 0);
	for (size_t i = 0; i < T_LENGTH(calls); i++) {
		pthread_t thread;
		void *result;
		int returned = 0;

		cancelled_call = calls[i];
		CHECK_EQ(pthread_create(&thread, NULL, be_cancelled, &returned), 0);
		CHECK_EQ(pthread_join(thread, &result), 0);
		CHECK_EQ(returned, 1);
		CHECK_PTR_EQ(result, PTHREAD_CANCELED);
		CHECK_EQ(unsetenv("MCSAFE_ENGINE"), 0);
		CHECK_EQ(mcsafe_install(), 0); /* takes the lock */
		CHECK_EQ(mcsafe_uninstall(), 0);
	}
}

static void *die_cancelled(void *arg)
{
	(void)arg;
	CHECK_EQ(pthread_cancel(pthread_self()), 0);
	t_read_byte(memory->bad);
	return NULL;
}

static void die_in_a_cancelled_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	ready(0);
	CHECK_EQ(pthread_create(&thread, NULL, die_cancelled, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Its report waits for a child, and that is a cancellation point. */
static void test_cancelled_thread_reports_and_dies(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_TRUNCATED);
	memory = &m;
	start();
	t_dies(die_in_a_cancelled_thread, NULL, SIGBUS);
	fetch();
	expect("  thread:      ");
	if (has_backtrace())
		expect(" die_cancelled + 0x");
}

/* ---- children that share memory ------------------------------------------------------------ */

static int die_sharing(void *arg)
{
	(void)arg;
	t_read_byte(memory->bad);
	return 1;
}

static void die_after_children(void *arg)
{
	const size_t size = 256 * 1024;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	CHECK_PTR_NE(stack, MAP_FAILED);
	ready(MCSAFE_REPORT_NO_BACKTRACE);
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid =
			clone(die_sharing, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

		CHECK_GT(pid, 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
	}
	t_read_byte(memory->bad);
}

static void test_child_that_shares_memory_does_not_use_up_the_report(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	start();
	t_dies(die_after_children, NULL, SIGSEGV);
	fetch();
	assert_int_equal(count("is about to kill"), 3);
}

static void report_death(void)
{
	const siginfo_t si = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};
	ucontext_t here;

	CHECK_EQ(getcontext(&here), 0);
	mcsafe__report(SIGSEGV, &si, &here, mcsafe_handle_signal);
}

/* The number of the child may happen to have the place of its parent. */
static int report_in_other_place(void *arg)
{
	if (getpid() % MCSAFE__REPORTERS == getppid() % MCSAFE__REPORTERS)
		_exit(1);
	report_death();
	(void)arg;
	_exit(0);
}

static void report_while_a_child_does(void *arg)
{
	const size_t size = 256 * 1024;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)arg;
	CHECK_PTR_NE(stack, MAP_FAILED);
	ready(MCSAFE_REPORT_NO_BACKTRACE);
	report_death();
	do {
		pid_t pid = clone(report_in_other_place, stack + size,
				  CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

		CHECK_GT(pid, 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
	} while (status != 0);
	report_death();
}

/* As if another thread of the parent died after the child. */
static void test_child_that_shares_memory_leaves_the_parents_report_alone(void **state)
{
	(void)state;
	start();
	t_survives(report_while_a_child_does, NULL);
	fetch();
	assert_int_equal(count("is about to kill"), 2);
}

/* ---- what comes from outside ---------------------------------------------------------------- */

#define NASTY "x\033]0;owned\007\033[31m\302\233red\n\303\244\177\377"

static void die_with_nasty_names(void *arg)
{
	int fd = memfd_create(NASTY, MFD_CLOEXEC);
	volatile char *map;

	(void)arg;
	CHECK_EQ(ftruncate(fd, T_PAGE), 0);
	map = mmap(NULL, 2 * T_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(prctl(PR_SET_NAME, "a\nmcsafe: fake", 0, 0, 0), 0);
	ready(0);
	t_read_byte(map + T_PAGE);
}

static void test_names_cannot_mislead(void **state)
{
	(void)state;
	start();
	t_dies(die_with_nasty_names, NULL, SIGBUS);
	fetch();
	/* The kernel itself writes a line feed as \012 there. */
	expect("/memfd:x\\x1b]0;owned\\x07\\x1b[31m\\xc2\\x9bred\\012\303\244\\x7f\\xff (deleted) "
	       "+ ");
	expect(", a\\x0amcsafe: fake\n");
	for (const char *c = text; *c != '\0'; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
}

/* A process without /proc, or without a descriptor to read it. */
static void die_without_descriptors(void *arg)
{
	const struct rlimit none = {0, 0};

	(void)arg;
	ready(MCSAFE_REPORT_NO_BACKTRACE);
	CHECK_EQ(prctl(PR_SET_NAME, "a name", 0, 0, 0), 0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	t_read_byte(memory->bad);
}

static void test_mapping_that_cannot_be_read_is_unknown(void **state)
{
	static struct t_bad_page m;

	(void)state;
	m = t_bad_page(T_TRUNCATED);
	memory = &m;
	start();
	t_dies(die_without_descriptors, NULL, SIGBUS);
	fetch();
	assert_int_equal(count("not mapped"), 0);
	expect("  mapping:     unknown: /proc/self/maps cannot be read\n");
	expect("  instruction: 0x%lx, unknown: /proc", (unsigned long)(uintptr_t)t_read_byte);
	assert_int_equal(count("reason:"), 0);
	expect(", a name\n");
}

IN_CHILD(test_turned_off_lets_go_of_the_file)
{
	int ends[2];
	char byte;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(mcsafe_set_report(ends[1], 0), 0);
	CHECK_EQ(close(ends[1]), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(read(ends[0], &byte, 1), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
}

IN_CHILD(test_wrong_arguments_are_refused_and_errno_is_kept)
{
	int read_only = open("/dev/null", O_RDONLY);

	CHECK_GE(read_only, 0);
	errno = 4711;
	CHECK_EQ(mcsafe_set_report(1, 2), -EINVAL);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_set_report(1, ~0u), -EINVAL);
	CHECK_EQ(mcsafe_set_report(read_only, 0), -EBADF);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_set_report(1000, 0), -EBADF);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_set_report(-2, 0), -EBADF);
	CHECK_EQ(mcsafe_set_report(1, MCSAFE_REPORT_NO_BACKTRACE), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_set_report(-1, 0), 0);
	CHECK_EQ(errno, 4711);
}

/* mcsafe_backtrace() from a host's handler. */
static void *frames[64];
static volatile int n_frames, n_first;

static void walk(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	errno = 4711;
	n_frames = mcsafe_backtrace(ctx, frames, 64);
	n_first = mcsafe_backtrace(ctx, frames, 1);
	CHECK_EQ(mcsafe_backtrace(ctx, NULL, 0), 0);
	CHECK_EQ(errno, 4711);
	t_bad_page_heal(memory);
}

static void walk_one(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	n_first = mcsafe_backtrace(ctx, frames, 1);
	CHECK(n_first == -ENOSYS || (n_first == 1 && frames[0] == NULL));
	_exit(0);
}

/* The address that was called is the first frame, and there is room for no other. That there is no
 * code is found by a load that fails. */
IN_CHILD(test_backtrace_of_a_bad_call_begins_at_its_address)
{
	t_set_action(SIGSEGV, walk_one, SA_NODEFER, 0);
	CHECK_EQ(mcsafe_install(), 0);
	t_jump(NULL);
	UNREACHED("no fault");
}

static void walk_nowhere(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	n_frames = mcsafe_backtrace(ctx, frames, 64);
	CHECK(n_frames == -ENOSYS || (n_frames == 1 && frames[0] == NULL));
	_exit(0);
}

/* Then the return address cannot be read either. */
IN_CHILD(test_backtrace_of_a_bad_call_on_a_bad_stack_has_only_its_address)
{
	static char stack[1 << 18];
	const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct t_bad_page m = t_bad_page(T_PROT_NONE);

	CHECK_EQ(sigaltstack(&alternate, NULL), 0);
	t_set_action(SIGSEGV, walk_nowhere, SA_NODEFER | SA_ONSTACK, 0);
	CHECK_EQ(mcsafe_install(), 0);
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "jmp *%%rax"
			 :
			 : "r"(m.bad + 64)
			 : "rax", "memory");
	UNREACHED("no fault");
}

/* More room than a result of the type int could count. */
IN_CHILD(test_room_for_a_backtrace_may_be_huge)
{
	void *few[64];
	ucontext_t here;
	int all, in_huge;

	CHECK_EQ(getcontext(&here), 0);
	all = mcsafe_backtrace(&here, few, T_LENGTH(few));
	in_huge = mcsafe_backtrace(&here, few, SIZE_MAX);
	CHECK_LT(all, (int)T_LENGTH(few));
	CHECK_EQ(in_huge, all);
}

IN_CHILD(test_backtrace_in_a_handler_begins_at_the_fault)
{
	static struct t_bad_page m;
	int found_caller = 0;

	m = t_bad_page(T_PROT_NONE);
	memory = &m;
	t_set_action(SIGSEGV, walk, 0, 0);
	t_read_byte(m.bad);
	if (n_frames == -ENOSYS)
		return;
	CHECK_GE(n_frames, 3);
	CHECK_LT(n_frames, 64);
	CHECK_EQ(n_first, 1);
	CHECK_EQ((uintptr_t)frames[0], (uintptr_t)t_read_byte);
	/* The caller of this function is a caller of the fault, too. */
	for (int i = 1; i < n_frames; i++)
		found_caller |= frames[i] == __builtin_return_address(0);
	CHECK(found_caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_names_a_fault_of_each_kind),
		cmocka_unit_test(test_backtrace_can_be_left_out),
		cmocka_unit_test(test_other_ways_to_die_are_reported),
		cmocka_unit_test(test_signal_that_was_sent_is_reported_as_sent),
		cmocka_unit_test(test_what_has_no_name_is_reported_by_its_number),
		cmocka_unit_test(test_a_long_path_does_not_take_the_reasons_place),
		cmocka_unit_test(test_frames_are_numbered),
		cmocka_unit_test(test_a_long_name_of_a_function_is_cut),
		cmocka_unit_test(test_few_descriptors_suffice),
		cmocka_unit_test(test_nothing_is_reported_without_a_death_or_a_wish),
		cmocka_unit_test(test_report_that_cannot_be_written_changes_no_death),
		cmocka_unit_test(test_lock_that_is_held_does_not_keep_it_alive),
		cmocka_unit_test(test_damaged_stack_does_not_prevent_the_report),
		cmocka_unit_test(test_host_does_not_see_the_child),
		cmocka_unit_test(test_several_threads_die_and_one_reports),
		cmocka_unit_test(test_child_and_parent_both_report),
		cmocka_unit_test(test_descriptor_is_the_librarys_own),
		cmocka_unit_test(test_number_that_the_program_has_reused_is_left_alone),
		cmocka_unit_test(
			test_number_of_the_same_file_is_left_alone_if_the_program_says_whose_it_is),
		cmocka_unit_test(test_number_is_no_standard_one),
		cmocka_unit_test(test_pipe_of_the_unwinder_that_was_reused_is_left_alone),
		cmocka_unit_test(test_cancelled_thread_leaves_no_lock_behind),
		cmocka_unit_test(test_cancelled_thread_reports_and_dies),
		NOT_WITH_TSAN(test_child_that_shares_memory_does_not_use_up_the_report),
		NOT_WITH_TSAN(test_child_that_shares_memory_leaves_the_parents_report_alone),
		cmocka_unit_test(test_names_cannot_mislead),
		cmocka_unit_test(test_mapping_that_cannot_be_read_is_unknown),
		cmocka_unit_test(test_turned_off_lets_go_of_the_file),
		cmocka_unit_test(test_wrong_arguments_are_refused_and_errno_is_kept),
		cmocka_unit_test(test_backtrace_in_a_handler_begins_at_the_fault),
		NOT_WITH_TSAN(test_backtrace_of_a_bad_call_begins_at_its_address),
		NOT_WITH_HANDLERS_OR_VALGRIND(
			test_backtrace_of_a_bad_call_on_a_bad_stack_has_only_its_address),
		cmocka_unit_test(test_room_for_a_backtrace_may_be_huge),
	};

	copies = t_shared(sizeof(*copies));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
