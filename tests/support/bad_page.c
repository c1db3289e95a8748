/* SPDX-License-Identifier: BSD-3-Clause */
/* bad_page.c - one good page and one bad page, which can be healed and spoilt again */
#include "bad_page.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"

struct t_bad_page t_bad_page(enum t_bad_page_kind kind)
{
	struct t_bad_page memory = {.kind = kind, .fd = memfd_create("mcsafe test", MFD_CLOEXEC)};

	CHECK_GE(memory.fd, 0);
	CHECK_EQ(ftruncate(memory.fd, 2 * T_PAGE), 0);
	memory.good = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	CHECK_PTR_NE(memory.good, MAP_FAILED);
	memory.bad = memory.good + T_PAGE;
	for (size_t i = 0; i < 2 * T_PAGE; i++)
		memory.good[i] = (char)(i * 7 + 1);
	t_bad_page_spoil(&memory);
	return memory;
}

static void set(const struct t_bad_page *memory, int prot, off_t size)
{
	int saved_errno = errno;

	if (memory->kind == T_PROT_NONE)
		CHECK_EQ(mprotect(memory->bad, T_PAGE, prot), 0);
	else
		CHECK_EQ(ftruncate(memory->fd, size), 0);
	errno = saved_errno;
}

void t_bad_page_heal(const struct t_bad_page *memory)
{
	set(memory, PROT_READ | PROT_WRITE, 2 * T_PAGE);
}

void t_bad_page_spoil(const struct t_bad_page *memory)
{
	set(memory, PROT_NONE, T_PAGE);
}

int t_bad_page_signo(enum t_bad_page_kind kind)
{
	return kind == T_PROT_NONE ? SIGSEGV : SIGBUS;
}

int t_bad_page_code(enum t_bad_page_kind kind)
{
	return kind == T_PROT_NONE ? SEGV_ACCERR : BUS_ADRERR;
}
