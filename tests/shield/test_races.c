/* SPDX-License-Identifier: BSD-3-Clause */
/* test_races.c - what happens at the same time as a fault */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/populate.h"
#include "base/vma.h"
#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "rng.h"
#include "run.h"
#include "shield/shield.h"
#include "tool.h"
#include "uffd_poison.h"

#define THREADS 4 /* at one page */
#define READERS 2 /* beside changes */

static void start(pthread_t *threads, size_t n, void *(*body)(void *))
{
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, body, (void *)i), 0);
}

static void join(const pthread_t *threads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* Memory of tmpfs without a name, whose pages can be poisoned. */
static unsigned char *shared_memory(size_t pages)
{
	unsigned char *map = mmap(NULL, pages * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	return map;
}

/* ---- threads at one page --------------------------------------------------------------------- */

#define ROUNDS 400

static struct {
	unsigned char *map;
	pthread_barrier_t barrier;
	_Atomic unsigned told;
} one;

static void count_told(const struct mcsafe_range *lost, void *arg)
{
	(void)arg;
	atomic_fetch_add(&one.told, (unsigned)(lost->len / T_PAGE));
}

static void *store_own_byte(void *arg)
{
	size_t self = (size_t)arg;

	for (size_t page = 0; page < ROUNDS; page++) {
		unsigned char *at = one.map + page * T_PAGE;

		pthread_barrier_wait(&one.barrier);
		s_store(at + self, (unsigned char)(self + 1));
		pthread_barrier_wait(&one.barrier);
		for (size_t i = 0; i < THREADS; i++)
			CHECK_EQ(s_load(at + i), i + 1);
	}
	return NULL;
}

static void check_threads_at_one_page(enum mcsafe_shield_fill fill)
{
	pthread_t threads[THREADS];
	struct mcsafe_shield *shield;

	one.map = shared_memory(ROUNDS);
	CHECK_EQ(mcsafe_install(), 0);
	/* Every second page, so that each costs a fault. */
	for (size_t i = 0; i < ROUNDS; i += 2)
		t_poison(one.map + i * T_PAGE, T_PAGE);
	shield = s_shield_with(one.map, ROUNDS * T_PAGE,
			       (struct mcsafe_shield_options){.fill = fill, .on_loss = count_told});
	CHECK_EQ(pthread_barrier_init(&one.barrier, NULL, THREADS), 0);
	one.told = 0;
	start(threads, THREADS, store_own_byte);
	join(threads, THREADS);
	CHECK_EQ(mcsafe_shield_lost(shield), ROUNDS / 2 * T_PAGE);
	CHECK_EQ(one.told, ROUNDS / 2);
}

IN_CHILD(test_threads_at_one_page_share_one_stand_in)
{
	check_threads_at_one_page(MCSAFE_SHIELD_ZERO);
	check_threads_at_one_page(MCSAFE_SHIELD_BYTE);
}

/* The threads wait for each other in the function. */
static void wait_for_the_other(const struct mcsafe_range *lost, void *arg)
{
	count_told(lost, arg);
	pthread_barrier_wait(&one.barrier);
}

static void *load_own_page(void *arg)
{
	CHECK_EQ(s_load(one.map + 2 * (size_t)arg * T_PAGE), 0);
	return NULL;
}

IN_CHILD(test_the_function_runs_in_several_threads_at_once)
{
	pthread_t threads[2];

	one.map = shared_memory(4);
	CHECK_EQ(mcsafe_install(), 0);
	t_poison(one.map, T_PAGE);
	t_poison(one.map + 2 * T_PAGE, T_PAGE);
	(void)s_shield_with(one.map, 4 * T_PAGE,
			    (struct mcsafe_shield_options){.on_loss = wait_for_the_other});
	CHECK_EQ(pthread_barrier_init(&one.barrier, NULL, 2), 0);
	start(threads, 2, load_own_page);
	join(threads, 2);
	CHECK_EQ(one.told, 2);
}

/* ---- changes beside a fault ------------------------------------------------------------------ */

static struct {
	struct s_file file;
	struct mcsafe_shield *shield;
	_Atomic bool stop;
	_Atomic size_t reads;
} beside;

/* Any page holds its byte, or zeros. */
static void *read_all(void *arg)
{
	struct t_rng rng = t_rng_start(t_seed(), (size_t)arg);

	while (!atomic_load(&beside.stop)) {
		size_t page = t_rng_below(&rng, S_PAGES);
		size_t before = mcsafe_shield_lost(beside.shield);
		unsigned char byte = s_load(beside.file.map + page * T_PAGE + 5);

		CHECK(byte == 0 || byte == page + 1);
		if (byte == 0)
			CHECK(mcsafe_shield_lost(beside.shield) > 0);
		CHECK_LE(before, mcsafe_shield_lost(beside.shield));
		atomic_fetch_add(&beside.reads, 1);
	}
	return NULL;
}

/* What is marked is a stand-in, and nothing else is one. */
static void check_marks(const unsigned char *map, const struct mcsafe_shield *shield)
{
	struct mcsafe_range range = {0, 0};

	for (size_t i = 0; i < S_PAGES; i++) {
		struct mcsafe__vma vma;
		bool marked =
			mcsafe_shield_next(shield, i * T_PAGE, &range) && range.start == i * T_PAGE;

		CHECK_EQ(mcsafe__vma_at((uintptr_t)map + i * T_PAGE, &vma), MCSAFE__MAPPED);
		CHECK_EQ(marked, vma.inode == 0);
	}
}

static void fill(size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		unsigned char page[T_PAGE];

		memset(page, (int)(i + 1), sizeof(page));
		CHECK_EQ(pwrite(beside.file.fd, page, sizeof(page), (off_t)(i * T_PAGE)), T_PAGE);
	}
}

static void begin_beside(struct mcsafe_shield_options options)
{
	beside.file = s_open_file();
	options.flags = MCSAFE_SHIELD_FILE;
	options.file_fd = beside.file.fd;
	beside.shield = s_shield_with(beside.file.map, S_PAGES * T_PAGE, options);
	beside.stop = false;
	beside.reads = 0;
}

static void wait_for_reads(size_t n)
{
	size_t before = atomic_load(&beside.reads);

	while (atomic_load(&beside.reads) - before < n)
		sched_yield();
}

static size_t rounds(size_t n)
{
	static size_t stride;

	if (stride == 0)
		stride = t_part(1, 7, 31);
	return n / stride;
}

IN_CHILD(test_the_file_shrinks_and_grows_beside_faults)
{
	pthread_t threads[READERS];
	struct t_rng rng = t_rng_start(t_seed(), 99);

	begin_beside((struct mcsafe_shield_options){0});
	start(threads, READERS, read_all);
	for (size_t i = 0; i < rounds(400); i++) {
		size_t end = t_rng_below(&rng, S_PAGES + 1);
		int err;

		s_cut(&beside.file, end);
		wait_for_reads(t_rng_below(&rng, 8));
		fill(end, S_PAGES);
		err = mcsafe_shield_restore(beside.shield, 0, SIZE_MAX);
		CHECK_EQ(err, 0);
	}
	wait_for_reads(100);
	/* Each reader may be in a read that found the file as it was. The next one faults. */
	s_cut(&beside.file, 0);
	wait_for_reads(READERS + 1);
	fill(0, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(beside.shield, 0, SIZE_MAX), 0);
	atomic_store(&beside.stop, true);
	join(threads, READERS);
	CHECK_EQ(mcsafe_shield_restore(beside.shield, 0, SIZE_MAX), 0);
	check_marks(beside.file.map, beside.shield);
	CHECK(mcsafe_shield_lost(beside.shield) > 0);
	for (size_t i = 0; i < S_PAGES; i++)
		s_check_page(beside.file.map + i * T_PAGE, (unsigned char)(i + 1));
}

IN_CHILD(test_the_protection_changes_beside_faults)
{
	pthread_t threads[READERS];

	begin_beside((struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE});
	start(threads, READERS, read_all);
	for (size_t i = 0; i < rounds(400); i++) {
		int prot = i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE;

		s_cut(&beside.file, 3);
		CHECK_EQ(mprotect(beside.file.map, S_PAGES * T_PAGE, prot), 0);
		wait_for_reads(2);
		fill(3, S_PAGES);
		CHECK_EQ(mcsafe_shield_restore(beside.shield, 0, SIZE_MAX), 0);
	}
	atomic_store(&beside.stop, true);
	join(threads, READERS);
	check_marks(beside.file.map, beside.shield);
}

IN_CHILD(test_shields_close_and_open_beside_faults)
{
	struct mcsafe_shield_options options = {.flags = MCSAFE_SHIELD_FILE};
	pthread_t threads[READERS];

	begin_beside((struct mcsafe_shield_options){0});
	start(threads, READERS, read_all);
	options.file_fd = beside.file.fd;
	for (size_t i = 0; i < rounds(400); i++) {
		unsigned char *map = s_map_file(beside.file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
		struct mcsafe_shield *more = s_shield_with(map, S_PAGES * T_PAGE, options);

		s_cut(&beside.file, 3);
		CHECK_EQ(s_load(map + 7 * T_PAGE), 0);
		CHECK_EQ(mcsafe_shield_close(more), 0);
		CHECK_EQ(munmap(map, S_PAGES * T_PAGE), 0);
		fill(3, S_PAGES);
		CHECK_EQ(mcsafe_shield_restore(beside.shield, 0, SIZE_MAX), 0);
	}
	atomic_store(&beside.stop, true);
	join(threads, READERS);
}

/* A thread faults in a shield that another thread closes. It meets the shield, or the previous
 * handler. */
static _Atomic size_t closed_faults;

static void *fault_on_and_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&beside.stop)) {
		unsigned char byte = s_load(beside.file.map + 7 * T_PAGE);

		CHECK(byte == 0 || byte == 8);
		atomic_fetch_add(&closed_faults, 1);
		/* Valgrind runs one thread at a time. One that never waits can keep out the other
		 * for seconds. */
		if (t_with_valgrind())
			usleep(1);
	}
	return NULL;
}

static void heal(int signo, siginfo_t *si, void *context)
{
	(void)signo;
	(void)si;
	(void)context;
	if (ftruncate(beside.file.fd, S_PAGES * (off_t)T_PAGE) != 0)
		_exit(9);
}

IN_CHILD(test_a_shield_is_closed_while_a_thread_faults_in_it)
{
	struct mcsafe_shield_options options = {.flags = MCSAFE_SHIELD_FILE,
						.fill = MCSAFE_SHIELD_MIRROR};
	pthread_t thread;

	/* The previous handler makes the file long again. */
	t_set_action(SIGBUS, heal, SA_SIGINFO, 0);
	beside.file = s_open_file();
	options.file_fd = beside.file.fd;
	options.mirror_fd = s_make_file(1);
	start(&thread, 1, fault_on_and_on);
	for (size_t i = 0; i < rounds(600); i++) {
		struct mcsafe_shield *shield =
			s_shield_with(beside.file.map, S_PAGES * T_PAGE, options);
		size_t faults = atomic_load(&closed_faults);

		s_cut(&beside.file, 3);
		while (i % 4 == 0 && atomic_load(&closed_faults) == faults)
			sched_yield();
		CHECK_EQ(mcsafe_shield_close(shield), 0);
		CHECK_PTR_NE(mmap(beside.file.map, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, beside.file.fd, 0),
			     MAP_FAILED);
	}
	atomic_store(&beside.stop, true);
	join(&thread, 1);
}

/* ---- between the fault and the answer -------------------------------------------------------- */

/* A handler of the program's own, which does something first. */
static struct {
	void (*first)(void);
	struct s_file file;
	int answer;
	unsigned calls;
} between;

static void do_first(int signo, siginfo_t *si, void *context)
{
	if (between.calls++ == 0) {
		between.first();
		between.answer = mcsafe_handle_signal(signo, si, context);
		return;
	}
	s_passed = *si;
	siglongjmp(s_passed_on, 1);
}

static void grow(void)
{
	s_cut(&between.file, S_PAGES);
}

static void unmap(void)
{
	CHECK_EQ(munmap(between.file.map + 5 * T_PAGE, T_PAGE), 0);
}

static void forbid(void)
{
	CHECK_EQ(mprotect(between.file.map + 5 * T_PAGE, T_PAGE, PROT_NONE), 0);
}

static void make_read_only(void)
{
	CHECK_EQ(mprotect(between.file.map + 5 * T_PAGE, T_PAGE, PROT_READ), 0);
}

/* The file again, another part of it. */
static void replace(void)
{
	CHECK_PTR_NE(mmap(between.file.map + 5 * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, between.file.fd, 0),
		     MAP_FAILED);
}

static void check_between(void (*first)(void), bool by_store, int answer, int then)
{
	const unsigned char *at;
	struct mcsafe_shield *shield;

	between.file = s_open_file();
	CHECK_EQ(mcsafe_uninstall(), 0);
	t_set_action(SIGBUS, do_first, SA_SIGINFO, 0);
	t_set_action(SIGSEGV, do_first, SA_SIGINFO, 0);
	shield = s_shield_of(&between.file);
	s_cut(&between.file, 3);
	between.first = first;
	between.calls = 0;
	at = between.file.map + 5 * T_PAGE;
	CHECK_EQ(by_store ? s_signal_of_store(at) : s_signal_of(at), then);
	CHECK_EQ(between.answer, answer);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

IN_CHILD(test_what_happens_between_the_fault_and_the_answer_is_seen)
{
	check_between(grow, false, 1, 0);
	check_between(grow, true, 1, 0);
	check_between(unmap, false, 1, SIGSEGV);
	check_between(unmap, true, 1, SIGSEGV);
	check_between(forbid, false, 1, SIGSEGV);
	check_between(make_read_only, true, 1, SIGSEGV);
	/* What is there now can be accessed. */
	check_between(replace, false, 1, 0);
	check_between(replace, true, 1, 0);
}

/* ---- while it is answered -------------------------------------------------------------------- */

/* Another thread's system call that comes just before or after one of the handler's. */
enum late_when {
	NEVER = 0,
	BEFORE_THE_MAPPING = 1,
	AFTER_IT = 2,
	BEFORE_THE_MOVE = 3,
	WHILE_PAGES_ARE_TRIED = 4,
	WHEN_ALL_IS_REFUSED = 5
};

static struct {
	enum late_when when;
	unsigned char *at;
	int fd;                     /* of what is mapped there */
	size_t unmapped;            /* not 0: so much is unmapped instead */
	_Atomic unsigned questions; /* that were asked of /proc/self/maps */
} late;

static void map_other(void)
{
	late.when = NEVER;
	if (late.unmapped > 0) {
		CHECK_EQ(munmap(late.at, late.unmapped), 0);
		return;
	}
	CHECK_PTR_NE(
		mmap(late.at, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, late.fd, 0),
		MAP_FAILED);
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
int __real_mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store);
int __wrap_mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store);

/* The handler asks for the size of the file before it maps. Those of /proc have no size. */
int __wrap_fstat(int fd, struct stat *st)
{
	int result = __real_fstat(fd, st);

	if (late.when == BEFORE_THE_MAPPING && result == 0 && st->st_size > 0)
		map_other();
	return result;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	late.questions += request == S_PROCMAP_QUERY;
	return __real_ioctl(fd, request, arg);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	bool is_stand_in = (flags & (MAP_FIXED | MAP_ANONYMOUS)) == (MAP_FIXED | MAP_ANONYMOUS);
	void *got;

	if (late.when == WHEN_ALL_IS_REFUSED && is_stand_in) {
		map_other();
		errno = ENOMEM;
		return MAP_FAILED;
	}
	got = __real_mmap(at, n, prot, flags, fd, offset);
	if (late.when == AFTER_IT && is_stand_in)
		map_other();
	/* The room in which a stand-in is filled. */
	if (late.when == BEFORE_THE_MOVE && (flags & (MAP_FIXED | MAP_ANONYMOUS)) == MAP_ANONYMOUS)
		map_other();
	return got;
}

/* The pages after the failed one are tried if the size of the file is not known. */
int __wrap_mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store)
{
	if (late.when == WHILE_PAGES_ARE_TRIED && start == (uintptr_t)late.at + T_PAGE)
		map_other();
	return __real_mcsafe__shield_try(start, end, for_store);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* What the other thread has mapped must be there afterwards, whole. */
static void check_other(enum late_when when, enum mcsafe_shield_fill fill, size_t lost,
			size_t first)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_with(
		file.map, S_PAGES * T_PAGE,
		(struct mcsafe_shield_options){
			.fill = fill, .flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});

	late.fd = s_make_file(77);
	late.at = file.map + 3 * T_PAGE;
	s_cut(&file, 3);
	late.when = when;
	CHECK_EQ(s_load(file.map + 3 * T_PAGE), 77);
	CHECK_EQ(late.when, NEVER);
	s_check_page(file.map + 3 * T_PAGE, 77);
	CHECK_EQ(mcsafe_shield_lost(shield), lost);
	s_check_lost(shield, first, S_PAGES);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

IN_CHILD(test_a_mapping_that_comes_while_the_fault_is_answered_stays)
{
	check_other(BEFORE_THE_MAPPING, MCSAFE_SHIELD_ZERO, 0, S_PAGES);
	check_other(BEFORE_THE_MOVE, MCSAFE_SHIELD_BYTE, 0, S_PAGES);
	check_other(WHEN_ALL_IS_REFUSED, MCSAFE_SHIELD_ZERO, 0, S_PAGES);
	/* A thread may have seen the stand-in, so it is counted. It is not listed. */
	check_other(AFTER_IT, MCSAFE_SHIELD_ZERO, (S_PAGES - 3) * T_PAGE, 4);
}

IN_CHILD(test_a_mapping_that_comes_while_pages_are_tried_stays)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});

	late.fd = s_make_file(77);
	late.at = file.map + 5 * T_PAGE;
	s_cut(&file, 3);
	CHECK_EQ(s_load(file.map + 3 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 4 * T_PAGE), 0);
	late.when = WHILE_PAGES_ARE_TRIED;
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 77);
	CHECK_EQ(late.when, NEVER);
	s_check_page(file.map + 5 * T_PAGE, 77);
	s_check_lost(shield, 3, 5);
}

/* What is no longer there is found by a question for each run, and not for each page. */
IN_CHILD(test_memory_that_is_unmapped_meanwhile_costs_few_questions)
{
	const size_t pages = 256; /* less than what is moved to its place */
	struct s_file file = {.fd = s_make_file(1)};
	struct mcsafe_shield *shield;

	s_watch();
	file.map = mmap(NULL, pages * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	shield = s_shield_with(
		file.map, pages * T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	s_cut(&file, 3);
	late.at = file.map + 4 * T_PAGE;
	late.unmapped = (pages - 5) * T_PAGE;
	late.questions = 0;
	late.when = AFTER_IT;
	CHECK_EQ(s_signal_of(file.map + 3 * T_PAGE), 0);
	CHECK_EQ(late.when, NEVER);
	CHECK_LE(late.questions, 8);
	CHECK_EQ(mcsafe_shield_lost(shield), (pages - 3) * T_PAGE);
	CHECK(mcsafe__shield_is_marked(shield, (uintptr_t)file.map + 3 * T_PAGE));
	CHECK(!mcsafe__shield_is_marked(shield, (uintptr_t)file.map + 4 * T_PAGE));
	CHECK(!mcsafe__shield_is_marked(shield, (uintptr_t)file.map + (pages - 2) * T_PAGE));
	CHECK(mcsafe__shield_is_marked(shield, (uintptr_t)file.map + (pages - 1) * T_PAGE));
	/* So does restore, of what was unmapped later. */
	CHECK_EQ(munmap(file.map + 3 * T_PAGE, T_PAGE), 0);
	late.questions = 0;
	CHECK_EQ(mcsafe_shield_restore(shield, 0, (pages - 1) * T_PAGE), 0);
	CHECK_LE(late.questions, 2);
	s_check_lost(shield, pages - 1, pages);
}

/* ---- two machine checks at one page ---------------------------------------------------------- */

/* What the kernel says of a machine check: no trap number of a page fault. */
static int answer(int code, void *at, short lsb)
{
	siginfo_t si = {.si_signo = SIGBUS, .si_code = code, .si_addr = at};
	ucontext_t uc = {.uc_flags = 0};

	si.si_addr_lsb = lsb;
	CHECK_EQ(getcontext(&uc), 0);
	uc.uc_mcontext.gregs[REG_TRAPNO] = 18;
	return mcsafe_handle_signal(SIGBUS, &si, &uc);
}

static int answer_machine_check(void *at)
{
	return answer(BUS_MCEERR_AR, at, 12);
}

/* Two threads meet poison before the kernel has unmapped it. Each gets a signal, and the second
 * signal may be answered after the first thread has gone on. */
IN_CHILD(test_two_machine_checks_at_a_page_give_one_stand_in)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	unsigned char *page = file.map + 5 * T_PAGE;

	CHECK_EQ(answer_machine_check(page), 1);
	s_check_page(page, 0);
	s_store(page + 7, 55);
	CHECK_EQ(answer_machine_check(page), 1);
	CHECK_EQ(s_load(page + 7), 55);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	s_check_lost(shield, 5, 6);
	/* The page of the file is back, and fails later. */
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(s_load(page), 6);
	CHECK_EQ(answer_machine_check(page), 1);
	CHECK_EQ(s_load(page), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_PAGE);
}

/* The kernel may not know which memory has failed. Then an address in the signal means nothing. */
IN_CHILD(test_a_machine_check_somewhere_replaces_nothing)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	unsigned char *page = file.map + 5 * T_PAGE;

	CHECK_EQ(answer(SI_KERNEL, page, 12), 0);
	CHECK_EQ(s_load(page), 6);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
}

#define EIGHT_PAGES 15 /* as a power of two bytes */

/* A mapping of S_PAGES pages whose address is a multiple of eight pages. */
static struct s_file open_aligned_file(void)
{
	struct s_file file = {.fd = s_make_file(1)};
	size_t extent = (size_t)1 << EIGHT_PAGES;
	uintptr_t room = (uintptr_t)mmap(NULL, S_PAGES * T_PAGE + extent, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	s_watch();
	CHECK(room != (uintptr_t)MAP_FAILED);
	file.map = mmap((void *)((room + extent - 1) & ~(extent - 1)), S_PAGES * T_PAGE,
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	return file;
}

/* The signal may name the first page of an extent for poison in another page of it. */
IN_CHILD(test_a_machine_check_in_an_extent_replaces_the_page_that_fails)
{
	for (size_t bad = 0; bad < 8; bad++) {
		struct s_file file = open_aligned_file();
		struct mcsafe_shield *shield = s_shield_of(&file);

		s_cut(&file, bad);
		if (!mcsafe__populate_returns())
			break;
		CHECK_EQ(answer(BUS_MCEERR_AR, file.map, EIGHT_PAGES), 1);
		s_check_lost(shield, bad, bad + 1);
		for (size_t i = 0; i < bad; i++)
			s_check_page(file.map + i * T_PAGE, (unsigned char)(i + 1));
		s_check_page(file.map + bad * T_PAGE, 0);
		CHECK_EQ(mcsafe_shield_close(shield), 0);
	}
}

/* If no page of the extent fails, or the address is not that of an extent. */
IN_CHILD(test_a_machine_check_elsewhere_replaces_the_page_of_the_address)
{
	struct s_file file = open_aligned_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 8);
	CHECK_EQ(answer(BUS_MCEERR_AR, file.map, EIGHT_PAGES), 1);
	s_check_lost(shield, 0, 1);
	s_cut(&file, 5);
	CHECK_EQ(answer(BUS_MCEERR_AR, file.map + T_PAGE, EIGHT_PAGES), 1);
	s_check_lost(shield, 0, 2);
	CHECK_EQ(answer(BUS_MCEERR_AR, file.map + 2 * T_PAGE, 0), 1);
	s_check_lost(shield, 0, 3);
}

/* To ask it would read the poison. */
IN_CHILD(test_a_machine_check_in_an_extent_on_an_old_kernel)
{
	struct s_file file = open_aligned_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	mcsafe__shield_avoid_populate();
	s_cut(&file, 5);
	CHECK_EQ(answer(BUS_MCEERR_AR, file.map, EIGHT_PAGES), 1);
	s_check_lost(shield, 0, 1);
	s_check_page(file.map + T_PAGE, 2);
}

/* ---- other mappings -------------------------------------------------------------------------- */

IN_CHILD(test_a_mapping_that_took_the_place_is_not_replaced)
{
	struct s_file file, other;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	other = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 3);
	s_cut(&other, 3);
	/* Another file; another part of the same file; the same part, private. */
	CHECK_PTR_NE(mmap(file.map + 5 * T_PAGE, T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
			  other.fd, 5 * (off_t)T_PAGE),
		     MAP_FAILED);
	CHECK_PTR_NE(mmap(file.map + 7 * T_PAGE, T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file.fd,
			  8 * (off_t)T_PAGE),
		     MAP_FAILED);
	CHECK_PTR_NE(mmap(file.map + 9 * T_PAGE, T_PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED,
			  file.fd, 9 * (off_t)T_PAGE),
		     MAP_FAILED);
	for (size_t i = 3; i < S_PAGES; i++)
		CHECK_EQ(s_signal_of(file.map + i * T_PAGE),
			 i == 5 || i == 7 || i == 9 ? SIGBUS : 0);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 3 - 3) * T_PAGE);
	/* The same part again: it is the shield's. */
	CHECK_PTR_NE(mmap(file.map + 5 * T_PAGE, T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file.fd,
			  5 * (off_t)T_PAGE),
		     MAP_FAILED);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 3 - 2) * T_PAGE);
}

IN_CHILD(test_memory_that_was_moved_is_in_no_shield)
{
	struct s_file file;
	struct mcsafe_shield *shield;
	unsigned char *moved;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 3);
	CHECK_EQ(s_signal_of(file.map + 15 * T_PAGE), 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_cut(&file, 3);
	moved = mremap(file.map, S_PAGES * T_PAGE, S_PAGES * T_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       s_map_file(file.fd, PROT_READ, MAP_SHARED));
	CHECK_PTR_NE(moved, MAP_FAILED);
	CHECK_EQ(s_signal_of(moved + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGSEGV);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

IN_CHILD(test_each_address_of_a_file_has_its_own_stand_ins)
{
	struct s_file file, twin;
	struct mcsafe_shield *shield;

	s_watch();
	file = twin = s_open_file();
	twin.map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	shield = s_shield_of(&file);
	s_cut(&file, 3);
	s_store(file.map + 5 * T_PAGE, 7);
	CHECK_EQ(s_signal_of(twin.map + 5 * T_PAGE), SIGBUS);
	s_shield_of(&twin);
	CHECK_EQ(s_load(twin.map + 5 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 7);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void expect_success(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

IN_CHILD(test_a_forked_child_has_its_own_stand_ins)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	pid_t pid = fork();

	if (pid == 0) {
		s_cut(&file, 3);
		CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
		CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 3) * T_PAGE);
		CHECK_EQ(mcsafe_shield_close(shield), 0);
		_exit(0);
	}
	expect_success(pid);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	s_check_lost(shield, 0, 0);
}

/* Other threads of the parent are in the handler, and hold locks there. */
IN_CHILD(test_a_child_of_a_busy_parent_is_not_held_up)
{
	pthread_t threads[READERS];

	begin_beside((struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE});
	start(threads, READERS, read_all);
	for (size_t i = 0; i < rounds(100); i++) {
		pid_t pid;

		s_cut(&beside.file, 3);
		pid = fork();
		if (pid == 0) {
			CHECK_EQ(s_load(beside.file.map + 5 * T_PAGE), 0);
			CHECK_EQ(mcsafe_shield_touch(beside.shield, 0, SIZE_MAX), 0);
			CHECK_EQ(mcsafe_shield_close(beside.shield), 0);
			_exit(0);
		}
		expect_success(pid);
		fill(3, S_PAGES);
		CHECK_EQ(mcsafe_shield_restore(beside.shield, 0, SIZE_MAX), 0);
	}
	atomic_store(&beside.stop, true);
	join(threads, READERS);
}

/* A thread that is in a section, and holds the lock of a shield. */
static struct {
	const struct mcsafe_shield *shield;
	pthread_barrier_t barrier;
} holder;

static void *hold(void *arg)
{
	struct mcsafe__shield_section section;

	(void)arg;
	mcsafe__shield_enter(&section);
	mcsafe__shield_lock(holder.shield);
	pthread_barrier_wait(&holder.barrier);
	pthread_barrier_wait(&holder.barrier);
	mcsafe__shield_unlock(holder.shield);
	mcsafe__shield_leave(&section);
	return NULL;
}

IN_CHILD(test_a_child_finds_the_locks_free)
{
	struct s_file file = s_open_file();
	pthread_t thread;
	pid_t pid;

	holder.shield = s_shield_of(&file);
	CHECK_EQ(pthread_barrier_init(&holder.barrier, NULL, 2), 0);
	start(&thread, 1, hold);
	pthread_barrier_wait(&holder.barrier);
	pid = fork();
	if (pid == 0) {
		s_cut(&file, 3);
		CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
		CHECK_EQ(mcsafe_shield_close((struct mcsafe_shield *)(uintptr_t)holder.shield), 0);
		_exit(0);
	}
	expect_success(pid);
	pthread_barrier_wait(&holder.barrier);
	join(&thread, 1);
}

static _Atomic bool closed;

static void *close_it(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_shield_close((struct mcsafe_shield *)(uintptr_t)holder.shield), 0);
	atomic_store(&closed, true);
	return NULL;
}

/* If the close did not wait, it would be over long before that. */
IN_CHILD(test_a_close_waits_for_whoever_uses_the_shield)
{
	struct s_file file = s_open_file();
	pthread_t threads[2];

	holder.shield = s_shield_of(&file);
	CHECK_EQ(pthread_barrier_init(&holder.barrier, NULL, 2), 0);
	start(threads, 1, hold);
	pthread_barrier_wait(&holder.barrier);
	start(threads + 1, 1, close_it);
	for (unsigned i = 0; i < 1000; i++) {
		sched_yield();
		usleep(50);
	}
	CHECK(!atomic_load(&closed));
	pthread_barrier_wait(&holder.barrier);
	join(threads, 2);
	CHECK(atomic_load(&closed));
}

static struct s_file vforked;

IN_CHILD(test_a_child_of_vfork_uses_those_of_its_parent)
{
	struct mcsafe_shield *shield;
	pid_t pid;

	vforked = s_open_file();
	shield = s_shield_of(&vforked);
	s_cut(&vforked, 3);
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): vfork(2) is what is tested */
	pid = vfork();
	if (pid == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): a store */
		s_store(vforked.map + 5 * T_PAGE, 55);
		_exit(0);
	}
	expect_success(pid);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 3) * T_PAGE);
	CHECK_EQ(s_load(vforked.map + 5 * T_PAGE), 55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_threads_at_one_page_share_one_stand_in),
		NOT_WITH_VALGRIND(test_the_function_runs_in_several_threads_at_once),
		NOT_WITH_VALGRIND(test_the_file_shrinks_and_grows_beside_faults),
		NOT_WITH_VALGRIND(test_the_protection_changes_beside_faults),
		NOT_WITH_VALGRIND(test_shields_close_and_open_beside_faults),
		cmocka_unit_test(test_a_shield_is_closed_while_a_thread_faults_in_it),
		cmocka_unit_test(test_what_happens_between_the_fault_and_the_answer_is_seen),
		cmocka_unit_test(test_a_mapping_that_comes_while_the_fault_is_answered_stays),
		cmocka_unit_test(test_a_mapping_that_comes_while_pages_are_tried_stays),
		cmocka_unit_test(test_memory_that_is_unmapped_meanwhile_costs_few_questions),
		cmocka_unit_test(test_two_machine_checks_at_a_page_give_one_stand_in),
		cmocka_unit_test(test_a_machine_check_somewhere_replaces_nothing),
		cmocka_unit_test(test_a_machine_check_in_an_extent_replaces_the_page_that_fails),
		cmocka_unit_test(test_a_machine_check_elsewhere_replaces_the_page_of_the_address),
		cmocka_unit_test(test_a_machine_check_in_an_extent_on_an_old_kernel),
		cmocka_unit_test(test_a_mapping_that_took_the_place_is_not_replaced),
		cmocka_unit_test(test_memory_that_was_moved_is_in_no_shield),
		cmocka_unit_test(test_each_address_of_a_file_has_its_own_stand_ins),
		cmocka_unit_test(test_a_forked_child_has_its_own_stand_ins),
		NOT_WITH_VALGRIND(test_a_child_of_a_busy_parent_is_not_held_up),
		cmocka_unit_test(test_a_child_finds_the_locks_free),
		cmocka_unit_test(test_a_close_waits_for_whoever_uses_the_shield),
		NOT_WITH_TSAN_OR_VALGRIND(test_a_child_of_vfork_uses_those_of_its_parent),
	};

	return t_run("shield.races", tests, T_LENGTH(tests));
}
