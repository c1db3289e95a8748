/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.h - what stands around the lines of README's section "I want to"
 *
 * Each program beside this file prepares what one row of the section speaks of, carries out the
 * lines of README by #include "lines.inc", and returns 0 if they did what README says.
 */
#ifndef FRAME_H
#define FRAME_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define PAGE ((size_t)4096)

/* For what has to be so before the lines of README can show anything. */
#define NEED(condition)                                                    \
 do {                                                                      \
  if (!(condition)) {                                                      \
   fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
   exit(1);                                                                \
  }                                                                        \
 } while (0)

/* The byte at this place in all good memory of these programs. */
static inline unsigned char byte_at(size_t offset)
{
	return (unsigned char)(offset * 7 + offset / PAGE + 1);
}

static inline void fill(void *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)memory)[i] = byte_at(i);
}

static inline bool is_good(const void *memory, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (((const unsigned char *)memory)[i] != byte_at(i))
			return false;
	}
	return true;
}

/* Whether a program without libmcsafe dies of the signal when it reads, or writes, this byte. */
static inline bool kills(volatile unsigned char *byte, bool write, int signo)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGBUS, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		if (write)
			*byte = 1;
		else
			(void)*byte;
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	       WTERMSIG(status) == signo;
}

/* Map a new file of the directory, which has this size. */
static inline unsigned char *map_file(const char *directory, size_t size, int *fd)
{
	char path[4096];
	void *map;

	snprintf(path, sizeof(path), "%s/file", directory);
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	NEED(*fd >= 0 && ftruncate(*fd, (off_t)size) == 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	NEED(map != MAP_FAILED);
	return map;
}

/* Map a file of 8192 bytes, which somebody then cuts short after 4096. */
static inline unsigned char *map_shrunk_file(const char *directory)
{
	int fd;
	unsigned char *map = map_file(directory, 2 * PAGE, &fd);

	fill(map, 2 * PAGE);
	NEED(ftruncate(fd, (off_t)PAGE) == 0);
	NEED(kills(map + PAGE, false, SIGBUS));
	return map;
}

#endif /* FRAME_H */
