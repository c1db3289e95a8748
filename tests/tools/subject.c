/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * subject.c - a program that copies, and that handles failures as its first argument says
 *
 * Each way makes two copies: the first is always handled rightly.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

static char mirror[100] = "the record";

static size_t copy_record(char *to)
{
	return mcsafe_memcpy(to, mirror, sizeof(mirror), NULL);
}

/* A message, and exit status 1. */
static void right(char *to)
{
	if (copy_record(to) == 0)
		return;
	fputs("a record is lost\n", stderr);
	exit(1);
}

static void crash(char *to)
{
	if (copy_record(to) != 0)
		raise(SIGSEGV);
}

static void hang(char *to)
{
	if (copy_record(to) != 0)
		for (;;)
			pause();
}

/* Nobody hears of it. */
static void ignore(char *to)
{
	(void)copy_record(to);
}

/* Nobody hears of it, and the output is another one. */
static void wrong(char *to)
{
	if (copy_record(to) != 0)
		memcpy(to, "something else", sizeof("something else"));
}

/* The other copy is good. */
static void recover(char *to)
{
	if (copy_record(to) != 0)
		memcpy(to, mirror, sizeof(mirror));
}

/* A message, and exit status 0. */
static void tell(char *to)
{
	if (copy_record(to) == 0)
		return;
	fputs("\033a record is lost <&>\n", stderr);
	recover(to);
}

/* A message that no two runs have in common, and another output. */
static void vary(char *to)
{
	fprintf(stderr, "process %ld\n", (long)getpid());
	printf("process %ld\n", (long)getpid());
	(void)copy_record(to);
}

/* As a shell does after the crash of a program. */
static void shell(char *to)
{
	if (copy_record(to) != 0)
		exit(128 + SIGABRT);
}

/* The process hangs in a child that closes nothing. */
static void fork_and_hang(char *to)
{
	if (copy_record(to) != 0) {
		if (fork() == 0)
			for (;;)
				pause();
		exit(1);
	}
}

/* A copy that fails by itself, and one more. */
static void lost(char *to)
{
	int fd = memfd_create("lost", MFD_CLOEXEC);
	void *empty = mmap(NULL, sizeof(mirror), PROT_READ, MAP_SHARED, fd, 0);

	if (empty == MAP_FAILED || mcsafe_memcpy(to, empty, sizeof(mirror), NULL) == 0)
		exit(9);
	right(to);
}

static void *copy_in_thread(void *to)
{
	right(to);
	return NULL;
}

/* More copies than a process may have open files. */
static void many(char *to)
{
	for (int i = 0; i < 100; i++)
		right(to);
}

/* Two threads copy. Which of them meets the failure is open. */
static void threads(char *to)
{
	pthread_t thread;
	char other[sizeof(mirror)];

	if (pthread_create(&thread, NULL, copy_in_thread, other) != 0)
		exit(9);
	right(to);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*copy)(char *to);
	} ways[] = {
		{"right", right}, {"crash", crash},        {"hang", hang},       {"ignore", ignore},
		{"wrong", wrong}, {"recover", recover},    {"tell", tell},       {"vary", vary},
		{"shell", shell}, {"fork", fork_and_hang}, {"threads", threads}, {"many", many},
		{"lost", lost},
	};
	char first[sizeof(mirror)], second[sizeof(mirror)] = "";

	if (argc < 2 || mcsafe_install() != 0)
		return 9;
	if (argc > 2)
		return atoi(argv[2]);
	right(first);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			ways[i].copy(second);
	/* An unfinished copy has the bytes before the fault. */
	second[sizeof(second) - 1] = '\0';
	puts(second);
	return 0;
}
