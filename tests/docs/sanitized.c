/* SPDX-License-Identifier: BSD-3-Clause */
/* sanitized.c - a user's program, built with each sanitizer against a libmcsafe without any */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#if defined(__has_feature)
# if __has_feature(memory_sanitizer)
#  include <sanitizer/msan_interface.h>
#  define MSAN 1
# endif
#endif

static char *page;
static int shared;

static int copy_bad(void)
{
	char to[16];

	return memcpy_mcsafe(to, page - 9, sizeof(to)) == sizeof(to) - 9;
}

static volatile sig_atomic_t sent;

static void on_sent(int signo)
{
	(void)signo;
	sent++;
}

static void *copy_in_thread(void *arg)
{
	(void)arg;
	return copy_bad() ? NULL : page;
}

static void *write_shared(void *arg)
{
	if (arg == NULL)
		shared++;
	else
		(void)!memcpy_mcsafe(&shared, "1234", 4);
	return NULL;
}

static int install(void)
{
	int err = mcsafe_install();

	printf("install: %s, installed: %d\n", strerror(-err), mcsafe_installed());
	fflush(stdout);
	return err;
}

static int copies(void)
{
	pthread_t thread;
	void *wrong = page;

	if (install() != 0)
		return 3;
	printf("copy: %s\n", copy_bad() ? "right" : "wrong");
	if (pthread_create(&thread, NULL, copy_in_thread, NULL) != 0)
		return 1;
	pthread_join(thread, &wrong);
	printf("copy in a thread: %s\n", wrong == NULL ? "right" : "wrong");
	return 0;
}

/* A fault of the program itself. */
static int crash(void)
{
	copies();
	fflush(stdout);
	return *(volatile char *)page;
}

/* A host that keeps the signals: SIGSEGV reaches the handler only if the sanitizer lets it. */
static void on_fault(int signo, siginfo_t *si, void *ctx)
{
	if (!mcsafe_handle_signal(signo, si, ctx))
		_exit(3);
}

static int host(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &action, NULL);
	printf("copy: %s\n", copy_bad() ? "right" : "wrong");
	return 0;
}

/* A signal that was sent to the process. */
static int delayed(void)
{
	signal(SIGBUS, on_sent);
	if (install() != 0)
		return 3;
	kill(getpid(), SIGBUS);
	usleep(1000);
	printf("sent signal: %s\n", sent == 1 ? "handled" : "lost");
	return 0;
}

/* Memory that memcheck has never seen mapped. */
static int unmapped(void)
{
	char *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char to[16];

	if (nothing == MAP_FAILED || install() != 0)
		return 3;
	return memcpy_mcsafe(to, nothing, sizeof(to)) == sizeof(to) ? 0 : 1;
}

/* One byte more than there is room for. */
static int overflow(void)
{
	char *room = malloc(16);

	if (room == NULL || memcpy_mcsafe(room, page - 17, 17) != 0)
		return 1;
	printf("overflow: %d\n", room[0]);
	free(room);
	return 0;
}

/* Words in a loop. Most of them can be read. */
static int loop(void)
{
	char to[256];

	if (mcsafe_install() != 0 || mcsafe_engine_set("word") != 0)
		return 3;
	printf("loop: %zu left\n", memcpy_mcsafe(to, page - 100, sizeof(to)));
	return 0;
}

static int race(void)
{
	pthread_t threads[2];
	static int by_copy = 1;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, write_shared, i ? &by_copy : NULL) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("race: not noticed\n");
	return 0;
}

/* argv[2]: what MemorySanitizer is told after a copy to memory that was not initialized. */
static int uninitialized(const char *told)
{
	struct mcsafe_fault fault;
	char *to = malloc(16);
	size_t left;

	if (install() != 0 || to == NULL)
		return 1;
	left = mcsafe_memcpy(to, page - 9, 16, &fault);
#ifdef MSAN
	if (strcmp(told, "all") == 0) {
		__msan_unpoison(to, 16 - left);
		__msan_unpoison(&fault, sizeof(fault));
	}
#endif
	(void)told;
	if (to[0] == 'x' && fault.signo == SIGSEGV)
		printf("uninitialized: %zu left, %s\n", left, mcsafe_cause_name(fault.cause));
	free(to);
	return 0;
}

/* Words and guards, whose code is in the headers. MemorySanitizer is told nothing here. */
static int words(void)
{
	static struct mcsafe_guard guard;
	uint32_t *word = malloc(sizeof(*word)), value, old, seen, across;
	struct mcsafe_fault fault;
	char *line = aligned_alloc(64, 128);

	if (install() != 0 || word == NULL || line == NULL)
		return 1;
	memset(line, 1, 128);
	if (mcsafe_store_u32(word, 7) != 0 || mcsafe_load_u32(word, &value) != 0 ||
	    mcsafe_xchg_u32(word, 8, &old) != 0 || mcsafe_cmpxchg_u32(word, 8, 9, &seen) != 0 ||
	    mcsafe_load_unaligned_u32(line + 62, &across) != 0)
		return 1;
	printf("words: %u %u %u %u %x\n", value, old, seen, *word, across);
	if (mcsafe_load_explicit_u32((uint32_t *)(void *)page, &value, __ATOMIC_RELAXED, &fault) ==
	    0)
		return 1;
	printf("word: %s\n", mcsafe_cause_name(fault.cause));
	MCSAFE_TRY(&guard, page, 4096) {
		printf("%d\n", *(volatile char *)page);
	}
	MCSAFE_CATCH(&guard) {
		printf("guard: %s\n", mcsafe_cause_name(guard.fault.cause));
	}
	free(line);
	free(word);
	return 0;
}

/* A word that has no initialized byte. */
static int lost_word(void)
{
	uint32_t *word = malloc(sizeof(*word)), value;

	if (install() != 0 || word == NULL || mcsafe_load_u32(word, &value) != 0)
		return 1;
	if (value == 7)
		printf("by chance\n");
	free(word);
	return 0;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*run)(void);
	} modes[] = {{"copies", copies},     {"crash", crash},       {"host", host},
		     {"delayed", delayed},   {"overflow", overflow}, {"race", race},
		     {"unmapped", unmapped}, {"words", words},       {"lost_word", lost_word},
		     {"loop", loop}};

	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || argc < 2)
		return 2;
	memset(page, 'x', 4096);
	page += 4096;
	mprotect(page, 4096, PROT_NONE);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run();
	return argc == 3 && strcmp(argv[1], "uninitialized") == 0 ? uninitialized(argv[2]) : 2;
}
