/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_pieces.c
 *
 * function: repair_all, repair_piece, forget (repair.c)
 * property: the pieces are together exactly what is repaired, and only what reads back is forgotten
 * loops: bounded, up to 5 pieces
 * unwind: 7
 * break: src/pmem/repair.c s/n - done < unit ? n - done : unit/unit/
 * break: src/pmem/repair.c s/repair_piece(r, piece, offset + done)/repair_piece(r, piece, offset)/
 * break: src/pmem/repair.c s/unit = r->pmem->align;/done += piece;/
 * break: src/pmem/repair.c s/^\t\t\tdone += piece;/\t\t\tdone += unit;/
 * break: src/pmem/repair.c s/if (err == 0 \&\& !reads_back(r, n, offset))$/if (false)/
 */
#include "proof.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The bytes do not matter, only their numbers. */
#define memset(to, c, n)    ((void)0)
#define memcpy(to, from, n) ((void)0)
#define memcmp(a, b, n)     (differs = nondet_bool())
#define mmap(...)           ((void *)8)
#define munmap(at, n)       ((void)0)
#define mremap(from, ...)   (nondet_bool() ? MAP_FAILED : (from))

static bool differs, read_back;

#include "../src/pmem/repair.c"

#define MOST 5

static struct repair r;
static size_t start, all, unit, forgotten, rounds;
static unsigned char *data;

size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t left = nondet_size();

	(void)fault;
	SUPPOSE(left <= n);
	PROVE(n != 0 && n <= unit && n <= all - forgotten);
	if (dst == r.data) {
		PROVE(src == data + forgotten);
		SUPPOSE(++rounds <= MOST);
	} else {
		PROVE(dst == r.back && src == r.view->base + start + forgotten);
		read_back = left == 0;
	}
	return left;
}

bool mcsafe__attributes_of(const void *addr, size_t n, struct mcsafe__attributes *attributes)
{
	(void)attributes;
	PROVE(addr == r.view->base + start + forgotten && n <= all - forgotten);
	return nondet_bool();
}

int mcsafe__attributes_give_policy(void *addr, size_t n, const struct mcsafe__attributes *a)
{
	(void)addr;
	(void)n;
	(void)a;
	return nondet_bool() ? 0 : -ENOMEM;
}

int mcsafe__attributes_give(void *addr, size_t n, const struct mcsafe__attributes *a)
{
	return mcsafe__attributes_give_policy(addr, n, a);
}

void mcsafe__pmem_forget_lost(struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	(void)pmem;
	PROVE(offset == start + forgotten && n <= all - forgotten);
}

void mcsafe__pmem_give_back(struct mcsafe_pmem *pmem, size_t offset, size_t n)
{
	(void)pmem;
	PROVE(n <= forgotten && offset == start + forgotten - n);
}

int mcsafe_badblocks_clear(struct mcsafe_badblocks *badblocks, size_t at, size_t n)
{
	(void)badblocks;
	PROVE(at == start + forgotten && n <= all - forgotten);
	PROVE(read_back && !differs);
	forgotten += n;
	return 0;
}

void proof(void)
{
	struct mcsafe_pmem pmem = {.fd = -1};
	struct mcsafe__view view;
	size_t done;
	int err;

	pmem.align = nondet_bool() ? 4096 : (size_t)2 << 20;
	unit = pmem.align > PIECE ? pmem.align : PIECE;
	all = (size_t)(nondet_unsigned() & 0xfffff) * 4096;
	start = (size_t)(nondet_unsigned() & 0xfffff) * 4096;
	SUPPOSE(all % pmem.align == 0 && start % pmem.align == 0 && all != 0);
	view.mapped = start + all;
	view.base = malloc(view.mapped);
	data = malloc(all);
	SUPPOSE(view.base != NULL && data != NULL);
	r.pmem = &pmem;
	r.view = &view;
	r.data = (unsigned char *)16;
	r.back = (unsigned char *)32;

	done = repair_all(&r, data, all, start, &err);
	PROVE(done == forgotten && done <= all && (err == 0) == (done == all));
	if (done == all && rounds == MOST)
		REACH();
	if (done != 0 && done != all)
		REACH();
	END();
}
