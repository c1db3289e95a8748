/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_victim.c - programs that die of SIGBUS, for the tests of mcsafe run
 *
 * run_victim WAY FILE...: each way maps the file, truncates it to one page, and touches it. So the
 * fault comes at the same place in each run. If the program survives, it prints "lived", and ends
 * with status 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096
#define LIVED 3

static char **words;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(99);
}

struct file {
	volatile unsigned char *at;
	size_t size;
};

/* Map a file whole. */
static struct file map(const char *path, int prot, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct file file;
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail(path);
	file.size = (size_t)st.st_size;
	at = mmap(NULL, file.size, prot, flags, fd, 0);
	if (at == MAP_FAILED)
		fail("mmap");
	close(fd);
	file.at = at;
	return file;
}

static struct file map_truncated(const char *path, int prot, int flags)
{
	struct file file = map(path, prot, flags);

	if (truncate(path, PAGE) != 0)
		fail(path);
	return file;
}

static unsigned long sum(struct file file)
{
	unsigned long total = 0;

	for (size_t i = 0; i < file.size; i += 64)
		total += file.at[i];
	return total;
}

static int lived(unsigned long total)
{
	printf("lived: %lu\n", total);
	return LIVED;
}

/* ---- one process ----------------------------------------------------------------------------- */

static int way_read(void)
{
	unsigned long total = 0;

	for (char **path = words; *path != NULL; path++)
		total += sum(map_truncated(*path, PROT_READ, MAP_SHARED));
	return lived(total);
}

/* Read where the process may write too. */
static int way_read_writable(void)
{
	return lived(sum(map_truncated(words[0], PROT_READ | PROT_WRITE, MAP_SHARED)));
}

/* Write the file to standard output, as write(2) does it. */
static int way_system_call(void)
{
	struct file file = map_truncated(words[0], PROT_READ, MAP_SHARED);
	size_t done = 0;

	while (done < file.size) {
		ssize_t n = write(STDOUT_FILENO, (const char *)(uintptr_t)file.at + done,
				  file.size - done);

		if (n < 0)
			fail("write");
		done += (size_t)n;
	}
	return LIVED;
}

static int way_write(void)
{
	struct file file = map_truncated(words[0], PROT_READ | PROT_WRITE, MAP_SHARED);

	for (size_t i = 0; i < file.size; i += PAGE)
		file.at[i] = 7;
	/* What was written is there as long as the process is. */
	for (size_t i = 0; i < file.size; i += PAGE)
		if (file.at[i] != 7)
			return 98;
	return lived(7);
}

/* A new file, larger than its file system. */
static int way_fill(void)
{
	int fd = open(words[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct file file;

	if (fd < 0 || ftruncate(fd, strtol(words[1], NULL, 10)) != 0)
		fail(words[0]);
	close(fd);
	file = map(words[0], PROT_READ | PROT_WRITE, MAP_SHARED);
	for (size_t i = 0; i < file.size; i += 8)
		file.at[i] = 1;
	return lived(sum(file));
}

/* Four huge pages without a name, of which one is left. */
static int way_huge(void)
{
	const size_t huge = (size_t)2 << 20, size = 4 * huge;
	int fd = memfd_create("huge", MFD_HUGETLB | MFD_CLOEXEC);
	volatile unsigned char *at;
	void *map;

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		fail("memfd_create");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (map == MAP_FAILED || ftruncate(fd, (off_t)huge) != 0)
		fail("huge pages");
	at = map;
	for (size_t i = 5; i < size; i += huge)
		at[i] = 7;
	for (size_t i = 5; i < size; i += huge)
		if (at[i] != 7)
			return 98;
	return lived(7);
}

/* Memory one page of which the kernel takes out of use, for good: of a file, without a file, or a
 * huge page. Only root in a guest may do this. */
static int way_poison(void)
{
	bool is_huge = strcmp(words[0], "huge") == 0;
	size_t page = is_huge ? (size_t)2 << 20 : PAGE, size = 4 * page;
	struct file file = {.size = size};
	void *at;

	if (words[0][0] == '/') {
		file = map(words[0], PROT_READ | PROT_WRITE, MAP_SHARED);
	} else {
		at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | (is_huge ? MAP_HUGETLB : 0), -1, 0);
		if (at == MAP_FAILED)
			fail("mmap");
		file.at = at;
	}
	for (size_t i = 0; i < file.size; i++)
		file.at[i] = 1;
	if (getenv("MCSAFE_GUEST") == NULL ||
	    madvise((void *)(uintptr_t)(file.at + 2 * page), PAGE, MADV_HWPOISON) != 0)
		fail("madvise");
	for (size_t i = 0; i < file.size; i++)
		if (file.at[i] != (i / page == 2 ? 0 : 1))
			return 98;
	return lived(sum(file));
}

/* The bytes of the second file must stand in for those of the first one. */
static int way_compare(void)
{
	struct file file = map_truncated(words[0], PROT_READ, MAP_SHARED);
	struct file good = map(words[1], PROT_READ, MAP_SHARED);

	for (size_t i = 0; i < good.size; i++)
		if (file.at[i] != good.at[i])
			return 98;
	return lived(0);
}

/* The file has a page less than the mapping from the start; a second mapping is of code. */
static int way_own_file(void)
{
	struct file file = map(words[0], PROT_READ, MAP_SHARED);

	(void)map(words[0], PROT_READ | PROT_EXEC, MAP_PRIVATE);
	if (truncate(words[0], PAGE) != 0)
		fail(words[0]);
	return lived(sum(file));
}

static int way_code(void)
{
	return lived(sum(map_truncated(words[0], PROT_READ | PROT_EXEC, MAP_PRIVATE)));
}

/* A signal that names a lost page, but comes from a process. */
static void send_with_address(const char *path)
{
	struct file file = map_truncated(path, PROT_READ, MAP_SHARED);
	siginfo_t info = {.si_code = SI_ASYNCIO};

	info.si_addr = (void *)(uintptr_t)(file.at + 2 * PAGE);
	syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info);
}

/* SIGBUS that no access has raised. */
static int way_sent(void)
{
	union sigval value = {.sival_int = 0};

	if (strcmp(words[0], "kill") == 0)
		kill(getpid(), SIGBUS);
	else if (strcmp(words[0], "queue") == 0)
		sigqueue(getpid(), SIGBUS, value);
	else
		send_with_address(words[0]);
	return lived(0);
}

static int way_segv(void)
{
	volatile int *nowhere = (volatile int *)(uintptr_t)16;

	*nowhere = 1;
	return lived(0);
}

/* The mask, signals that wait, and all that a call could change must be as they were. */
static volatile sig_atomic_t n_alarms, n_users;

static void count(int signal)
{
	if (signal == SIGALRM)
		n_alarms++;
	else
		n_users++;
}

static int way_state(void)
{
	struct itimerval often = {{0, 100}, {0, 100}};
	struct file file = map_truncated(words[0], PROT_READ | PROT_WRITE, MAP_SHARED);
	unsigned long in = 0x123456789abcdef, out;
	sigset_t mask, now, waiting;

	signal(SIGALRM, count);
	signal(SIGUSR1, count);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGTRAP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	kill(getpid(), SIGUSR1);
	setitimer(ITIMER_REAL, &often, NULL);
	errno = 12345;
	__asm__ volatile("movq %[in], %%r10\n\t"
			 "movq %[in], %%r8\n\t"
			 "movq %[in], %%rdi\n\t"
			 "movq %[in], %%r11\n\t"
			 "movq %[in], %%rcx\n\t"
			 "movq %[in], -8(%%rsp)\n\t" /* the red zone */
			 "movb (%[at]), %%al\n\t"
			 "movq -8(%%rsp), %[out]\n\t"
			 "andq %%r10, %[out]\n\t"
			 "andq %%r8, %[out]\n\t"
			 "andq %%rdi, %[out]\n\t"
			 "andq %%r11, %[out]\n\t"
			 "andq %%rcx, %[out]\n\t"
			 : [out] "=&r"(out)
			 : [in] "r"(in), [at] "r"(file.at + 2 * PAGE)
			 : "rax", "rcx", "rdi", "r8", "r10", "r11", "memory", "cc");
	if (out != in || errno != 12345)
		return 97;
	sigprocmask(SIG_SETMASK, NULL, &now);
	sigpending(&waiting);
	if (!sigismember(&now, SIGUSR1) || !sigismember(&now, SIGTRAP) ||
	    sigismember(&now, SIGALRM) || !sigismember(&waiting, SIGUSR1) || n_users != 0)
		return 96;
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	if (n_users != 1)
		return 95;
	while (n_alarms == 0)
		pause();
	return lived(0);
}

/* ---- handlers -------------------------------------------------------------------------------- */

static sigjmp_buf back;

static void die_telling(int signal)
{
	static const char text[] = "my handler\n";

	(void)signal;
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(9);
}

static void leave(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

/* As Rust's: the instruction faults again, and the kernel kills. */
static void give_up(int number)
{
	signal(number, SIG_DFL);
}

static int way_dying_handler(void)
{
	signal(SIGBUS, die_telling);
	return way_read();
}

static int way_recovering_handler(void)
{
	signal(SIGBUS, leave);
	if (sigsetjmp(back, 1) != 0) {
		puts("recovered");
		return 0;
	}
	return way_read();
}

static int way_handler_that_gives_up(void)
{
	signal(SIGBUS, give_up);
	return way_read();
}

/* Memory without a file, for which the program has asked for SIGBUS. */
static uintptr_t told_at;

static void note_address(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	told_at = info->si_code == BUS_ADRERR ? (uintptr_t)info->si_addr : 0;
	siglongjmp(back, 1);
}

static int way_userfault(void)
{
	struct sigaction action = {.sa_sigaction = note_address, .sa_flags = SA_SIGINFO};
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	range.range.start = (uintptr_t)at;
	range.range.len = PAGE;
	if (fd < 0 || at == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) != 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &range) != 0)
		fail("userfaultfd");
	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)at = 1;
	return told_at == (uintptr_t)at ? 0 : 98;
}

/* Old ways to set a handler. glibc declares bsd_signal() for old programs only. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
typedef void handler_fn(int);
handler_fn *bsd_signal(int number, handler_fn *handler);

static handler_fn *by_sigaction(int number, handler_fn *handler)
{
	struct sigaction action = {.sa_handler = handler}, old;

	return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

/* Set the handler in each way. The last action must be the one that was set before it. */
static int way_many_actions(void)
{
	handler_fn *(*const ways[])(int, handler_fn *) = {
		signal, bsd_signal, ssignal, sysv_signal, sigset, by_sigaction,
	};
	const size_t n = sizeof(ways) / sizeof(ways[0]);
	struct sigaction now;

	for (size_t i = 0; i < n; i++)
		if (ways[i](SIGBUS, i % 2 == 0 ? give_up : die_telling) !=
			    (i == 0 ? SIG_DFL : (i % 2 == 0 ? die_telling : give_up)) ||
		    sigaction(SIGBUS, NULL, &now) != 0 ||
		    now.sa_handler != (i % 2 == 0 ? give_up : die_telling))
			return 97;
	if (sigignore(SIGBUS) != 0 || signal(SIGBUS, SIG_DFL) != SIG_IGN)
		return 96;
	/* Other signals are as ever. */
	for (size_t i = 0; i < n; i++)
		if (ways[i](SIGUSR1, give_up) != (i == 0 ? SIG_DFL : give_up))
			return 95;
	signal(SIGUSR1, SIG_DFL);
	signal(SIGBUS, give_up);
	return way_read();
}

/* A SIGBUS that is sent to a handler with all that it can ask for. */
static volatile sig_atomic_t n_sent, sent_value, was_blocked, was_on_stack;

static void note_sent(int signal, siginfo_t *info, void *context)
{
	sigset_t now;
	stack_t stack;

	(void)signal;
	(void)context;
	sigprocmask(SIG_BLOCK, NULL, &now);
	sigaltstack(NULL, &stack);
	n_sent++;
	sent_value = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;
	was_blocked = sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2);
	was_on_stack = (stack.ss_flags & SS_ONSTACK) != 0;
	errno = 1;
}

static int way_own_signal(void)
{
	struct sigaction action = {.sa_sigaction = note_sent, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	static char memory[65536];
	const stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};
	const union sigval value = {.sival_int = 42};
	sigset_t now;

	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR1);
	sigaction(SIGBUS, &action, NULL);
	sigqueue(getpid(), SIGBUS, value);
	if (n_sent != 1 || sent_value != 42 || !was_blocked || !was_on_stack)
		return 97;
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (sigismember(&now, SIGUSR1))
		return 96;
	kill(getpid(), SIGBUS);
	signal(SIGBUS, SIG_IGN);
	kill(getpid(), SIGBUS);
	action.sa_flags = SA_SIGINFO | (int)SA_RESETHAND;
	sigaction(SIGBUS, &action, NULL);
	kill(getpid(), SIGBUS);
	if (was_on_stack || signal(SIGBUS, count) != SIG_DFL)
		return 95;
	kill(getpid(), SIGBUS);
	return lived((unsigned long)n_sent + (unsigned long)n_users);
}

static int way_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	sighold(SIGBUS);
	sigset(SIGBUS, SIG_HOLD);
	sigblock(~0);
	sigsetmask(~0);
	return way_read();
}

static void read_in_handler(int signal)
{
	(void)signal;
	_exit(way_read());
}

/* The handler of another signal has all signals blocked. */
static int way_blocked_in_handler(void)
{
	struct sigaction action = {.sa_handler = read_in_handler};

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	kill(getpid(), SIGUSR1);
	return 98;
}

static void *read_in_thread(void *arg)
{
	*(int *)arg = way_read();
	return NULL;
}

static int way_blocked_in_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int result = 98;
	sigset_t all;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setsigmask_np(&attr, &all);
	if (pthread_create(&thread, &attr, read_in_thread, &result) != 0)
		fail("pthread_create");
	pthread_join(thread, NULL);
	return result;
}

/* Lose so many pages of an empty file, no two of which are neighbours. */
static int way_many_ranges(void)
{
	int fd = open(words[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unsigned long total = 0;

	for (long i = 0; i < strtol(words[1], NULL, 10); i++) {
		volatile unsigned char *page;
		void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2L * PAGE * i);

		if (at == MAP_FAILED)
			fail("mmap");
		page = at;
		total += *page;
		munmap(at, PAGE);
	}
	return lived(total);
}

/* ---- several threads and processes ----------------------------------------------------------- */

#define THREADS 8

static struct file shared;
static pthread_barrier_t barrier;

/* Each thread touches all pages, from another one on. */
static void *touch_all(void *arg)
{
	size_t pages = shared.size / PAGE, first = *(size_t *)arg * pages / THREADS;
	unsigned long *total = arg;

	pthread_barrier_wait(&barrier);
	*total = 0;
	for (size_t i = 0; i < pages; i++)
		*total += shared.at[(first + i) % pages * PAGE];
	return NULL;
}

static int way_threads(void)
{
	unsigned long totals[THREADS], total = 0;
	pthread_t threads[THREADS];
	int status;
	pid_t child;

	shared = map_truncated(words[0], PROT_READ | PROT_WRITE, MAP_SHARED);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		totals[i] = i;
		if (pthread_create(&threads[i], NULL, touch_all, &totals[i]) != 0)
			fail("pthread_create");
	}
	child = fork();
	if (child == 0)
		_exit(sum(shared) != 0 ? 0 : 1);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		total += totals[i];
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		return 98;
	return lived(total);
}

/* While a page is replaced, other threads map and unmap memory. */
static volatile int is_done;

static void *map_often(void *arg)
{
	while (!is_done) {
		void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);

		if (at == MAP_FAILED)
			fail("mmap");
		memset(at, 1, PAGE);
		munmap(at, PAGE);
	}
	return arg;
}

static int way_busy_threads(void)
{
	pthread_t threads[4];
	int result;

	for (size_t i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, map_often, NULL) != 0)
			fail("pthread_create");
	result = way_fill();
	is_done = 1;
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return result;
}

/* One thread reads a page again and again, which is lost at times: another thread maps the lost
 * page and memory of its own there by turns. Nothing may replace that memory. */
#define TURNS 4000

static void *read_often(void *arg)
{
	volatile unsigned char *page = arg;

	while (!is_done)
		(void)*page;
	return NULL;
}

static void map_there(void *page, int flags, int fd)
{
	int prot = PROT_READ | (fd < 0 ? PROT_WRITE : 0);

	if (mmap(page, PAGE, prot, flags | MAP_FIXED, fd, fd < 0 ? 0 : 2 * PAGE) != page)
		fail("mmap");
}

static int way_race(void)
{
	int fd = open(words[0], O_RDWR | O_CLOEXEC);
	volatile unsigned char *page;
	pthread_t thread;
	void *at;

	if (fd < 0 || ftruncate(fd, PAGE) != 0)
		fail(words[0]);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	if (at == MAP_FAILED)
		fail("mmap");
	page = at;
	if (pthread_create(&thread, NULL, read_often, at) != 0)
		fail("pthread_create");
	for (int turn = 0; turn < TURNS; turn++) {
		map_there(at, MAP_SHARED, fd);
		for (int i = 0; i < turn % 1000 * 100; i++)
			(void)*(volatile int *)&turn;
		map_there(at, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		*page = 7;
		for (int i = 0; i < 300000; i++)
			if (*page != 7)
				return 98;
	}
	is_done = 1;
	pthread_join(thread, NULL);
	return lived(0);
}

/* A child of vfork(2) loses pages while its parent waits for it. */
static int way_vfork(void)
{
	struct file file = map_truncated(words[0], PROT_READ, MAP_SHARED);
	static unsigned long total;
	int status;
	pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (child == 0) {
		total = sum(file); /* NOLINT(clang-analyzer-unix.Vfork): it is the test */
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		return 98;
	return lived(total);
}

static int way_exec(void)
{
	char *argv[] = {"run_victim", "read", words[0], NULL};

	execv("/proc/self/exe", argv);
	fail("execv");
}

/* Lose a page of a file of its own again and again. */
static void *lose_often(void *arg)
{
	int fd = memfd_create("often", MFD_CLOEXEC);

	for (;;) {
		volatile unsigned char *at;

		if (fd < 0 || ftruncate(fd, 2L * PAGE) != 0)
			fail("memfd");
		at = mmap(NULL, 2L * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at == MAP_FAILED || ftruncate(fd, PAGE) != 0)
			fail("mmap");
		at[PAGE] = 1;
		munmap((void *)at, 2L * PAGE);
	}
	return arg;
}

/* Make children while other threads lose pages. Each child loses a page too. */
static int way_fork_often(void)
{
	int times = atoi(words[1]), status; /* NOLINT(cert-err34-c): of the test */
	pthread_t threads[3];
	pid_t child;

	for (size_t i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, lose_often, NULL) != 0)
			fail("pthread_create");
	for (int i = 0; i < times; i++) {
		child = fork();
		if (child == 0) {
			alarm(30); /* a lock that nobody has any more */
			_exit(sum(map_truncated(words[0], PROT_READ, MAP_SHARED)) == 0 ? 0 : 1);
		}
		if (waitpid(child, &status, 0) != child || status != 0)
			return 98;
		if (truncate(words[0], 2L * PAGE) != 0)
			fail(words[0]);
	}
	return lived(0);
}

/* Become the same program again, so many times, while other threads lose pages. */
static int way_exec_often(void)
{
	char left[16], *argv[] = {"run_victim", "exec-often", words[0], left, NULL};
	int times = atoi(words[1]); /* NOLINT(cert-err34-c): of the test */
	pthread_t threads[3];

	if (times == 0)
		return lived(0);
	for (size_t i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, lose_often, NULL) != 0)
			fail("pthread_create");
	usleep(3000);
	snprintf(left, sizeof(left), "%d", times - 1);
	execv("/proc/self/exe", argv);
	fail("execv");
}

/* The two children read two files. */
static int way_children(void)
{
	int failed = 0;

	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			_exit(sum(map_truncated(words[i], PROT_READ, MAP_SHARED)) != 0 ? 0 : 1);
	for (int i = 0; i < 2; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			failed = 1;
	}
	return failed ? 98 : lived(0);
}

/* The daemon does its work when the program has ended. */
static int way_daemon(void)
{
	int alive[2]; /* only the first process keeps the end for writing */
	char byte;
	FILE *out;

	if (pipe(alive) != 0)
		fail("pipe");
	if (fork() != 0) {
		wait(NULL);
		return 0;
	}
	close(alive[1]);
	setsid();
	if (fork() != 0)
		_exit(0);
	if (read(alive[0], &byte, 1) != 0)
		fail("read");
	out = fopen(words[1], "w");
	if (out == NULL)
		fail(words[1]);
	fprintf(out, "%lu\n", sum(map_truncated(words[0], PROT_READ, MAP_SHARED)));
	fclose(out);
	return 0;
}

/* ---- signals and job control ----------------------------------------------------------------- */

static void told(int signal)
{
	(void)signal;
	_exit(5);
}

static void tell_continued(int signal)
{
	static const char text[] = "continued\n";

	(void)signal;
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
}

/* Wait for a signal, or for a line. */
static int way_wait(void)
{
	char line[16];

	if (strcmp(words[0], "handled") == 0) {
		signal(SIGINT, told);
		signal(SIGTERM, told);
		signal(SIGCONT, tell_continued);
	}
	puts("ready");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return 98;
	return lived(0);
}

/* ---- filters --------------------------------------------------------------------------------- */

static void forbid(long call, unsigned action)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		fail("seccomp");
}

static void tell_sys(int signal)
{
	(void)signal;
	_exit(10);
}

static int way_seccomp(void)
{
	static const struct {
		const char *name;
		long call;
		unsigned action;
	} filters[] = {
		{"errno", SYS_mmap, SECCOMP_RET_ERRNO | EPERM},
		{"trap", SYS_mmap, SECCOMP_RET_TRAP},
		{"kill", SYS_mmap, SECCOMP_RET_KILL_PROCESS},
		{"no-mprotect", SYS_mprotect, SECCOMP_RET_KILL_PROCESS},
		{"no-madvise", SYS_madvise, SECCOMP_RET_KILL_PROCESS},
	};
	struct file file = map_truncated(words[1], PROT_READ | PROT_WRITE, MAP_SHARED);

	printf(" ");
	fflush(stdout);
	signal(SIGSYS, tell_sys);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strcmp(words[0], filters[i].name) == 0)
			forbid(filters[i].call, filters[i].action);
	return lived(sum(file));
}

/* ---- all ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*way)(void);
} ways[] = {
	{"read", way_read},
	{"read-writable", way_read_writable},
	{"system-call", way_system_call},
	{"write", way_write},
	{"fill", way_fill},
	{"huge", way_huge},
	{"poison", way_poison},
	{"compare", way_compare},
	{"own-file", way_own_file},
	{"code", way_code},
	{"sent", way_sent},
	{"segv", way_segv},
	{"state", way_state},
	{"dying-handler", way_dying_handler},
	{"recovering-handler", way_recovering_handler},
	{"handler-that-gives-up", way_handler_that_gives_up},
	{"many-actions", way_many_actions},
	{"own-signal", way_own_signal},
	{"blocked", way_blocked},
	{"blocked-in-handler", way_blocked_in_handler},
	{"blocked-in-thread", way_blocked_in_thread},
	{"many-ranges", way_many_ranges},
	{"threads", way_threads},
	{"busy-threads", way_busy_threads},
	{"userfault", way_userfault},
	{"race", way_race},
	{"vfork", way_vfork},
	{"exec", way_exec},
	{"exec-often", way_exec_often},
	{"fork-often", way_fork_often},
	{"children", way_children},
	{"daemon", way_daemon},
	{"wait", way_wait},
	{"seccomp", way_seccomp},
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return 99;
	words = argv + 2;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			return ways[i].way();
	return 99;
}
