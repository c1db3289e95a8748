/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_file.c
 *
 * function: put_in_file, put_durably, write_file, punch (repair.c)
 * property: 0 only if all bytes were written, in their place, and a sync after that succeeded
 * loops: bounded, one call before a hole, and one after, is interrupted or short
 * unwind: 3
 * break: src/pmem/repair.c s/^\t\tdata += put;/\t\tdata += n;/
 * break: src/pmem/repair.c s/^\t\toffset += (size_t)put;/\t\t;/
 * break: src/pmem/repair.c s/^\t\tn -= (size_t)put;/\t\tn = 0;/
 * break: src/pmem/repair.c s/ : write_file(/ : tries ? 0 : write_file(/
 * break: src/pmem/repair.c s/return err == 0 ? put_durably(r, n, offset) : err;/return err;/
 * break: src/pmem/repair.c s/(err == -EIO || err == -EHWPOISON) \&\& n <= /err != 0 \&\& n <= /
 * break: src/pmem/repair.c s/n <= pmem->align \&\&/true \&\&/
 * break: src/pmem/repair.c s/err == 0 \&\& r->pmem->fd >= 0 \&\& size != r->size/false/
 */
#include "proof.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define memset(to, c, n)    ((void)0)
#define memcpy(to, from, n) ((void)0)
#define memcmp(a, b, n)     nondet_bool()
#define mmap(...)           ((void *)8)
#define munmap(at, n)       ((void)0)
#define mremap(from, ...)   (nondet_bool() ? MAP_FAILED : (from))
#define fallocate           punch_hole

static int punch_hole(int fd, int mode, off_t at, off_t n);

#include "../src/pmem/repair.c"

/* Calls that are interrupted or write less than all. */
#define CALLS 1

static struct mcsafe_pmem pmem;
static struct repair r;
static size_t all, start, written, calls;
static bool is_synced, has_size, has_punched;
static int last_error;

/* A system call that returned -1. */
static int failed(void)
{
	errno = nondet_int();
	SUPPOSE(errno > 0 && errno < 4096);
	if (errno == EINTR)
		SUPPOSE(calls++ < CALLS);
	else
		last_error = errno;
	return -1;
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	ssize_t put = (ssize_t)nondet_size();

	SUPPOSE(put >= 0 && (size_t)put <= n);
	PROVE(!is_synced);
	PROVE(fd == pmem.fd && n == all - written && n != 0);
	PROVE(from == r.data + written && at == (off_t)(pmem.fd_offset + start + written));
	if (nondet_bool())
		return failed();
	SUPPOSE((size_t)put == n || calls++ < CALLS);
	if (put == 0)
		last_error = EIO;
	written += (size_t)put;
	return put;
}

int fdatasync(int fd)
{
	PROVE(fd == pmem.fd && written == all);
	is_synced = nondet_bool();
	if (is_synced)
		return 0;
	/* What could not be written back counts as clean from then on. */
	if (failed() != 0 && errno != EINTR)
		written = 0;
	return -1;
}

static int punch_hole(int fd, int mode, off_t at, off_t n)
{
	PROVE(fd == pmem.fd && mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE));
	/* Exactly the page that could not be written. */
	PROVE(at == (off_t)(pmem.fd_offset + start) && (size_t)n == pmem.align);
	PROVE(last_error == EIO || last_error == EHWPOISON || last_error == EFAULT);
	PROVE(has_size);
	if (nondet_bool())
		return failed();
	has_punched = true;
	written = 0;
	calls = 0;
	return 0;
}

int mcsafe__medium_size(const struct mcsafe_pmem *of, size_t *size)
{
	(void)of;
	*size = nondet_size();
	has_size = *size == r.size;
	return nondet_bool() ? 0 : -EBADF;
}

void mcsafe__medium_has_holes(struct mcsafe_pmem *of)
{
	PROVE(of == &pmem);
}

void proof(void)
{
	int err;

	pmem.fd = nondet_int();
	pmem.fd_offset = nondet_size();
	pmem.align = pmem.page_size = nondet_bool() ? 4096 : (size_t)2 << 20;
	pmem.memory_file = nondet_bool();
	pmem.flags = nondet_unsigned();
	r.pmem = &pmem;
	r.size = nondet_size();
	all = nondet_size();
	start = nondet_size();
	SUPPOSE(pmem.fd >= 0 && all != 0 && all <= mcsafe__up(PIECE, pmem.align));
	SUPPOSE(start <= (size_t)1 << 60 && pmem.fd_offset <= (size_t)1 << 60);
	r.data = malloc(all);
	SUPPOSE(r.data != NULL);

	err = put_in_file(&r, all, start);
	PROVE(err <= 0);
	if (err == 0)
		PROVE(written == all && is_synced);
	if (has_punched) {
		PROVE(pmem.memory_file || (pmem.flags & MCSAFE_PMEM_PUNCH) != 0);
		REACH();
	}
	END();
}
