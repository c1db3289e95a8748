/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_revoked.c - the destination becomes read-only before each store of a copy or a fill
 *
 * So each store is in turn the first one that fails, even if an earlier store has written the same
 * bytes: vectors overlap at the end, and are the same if the operand has the length of one. The
 * trap flag stops the routine before each instruction. The instructions between two stores do not
 * depend on the destination, so the page is revoked only before instructions whose row says that
 * they store.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "landing/extable.h"
#include "run.h"

#define BEFORE    0xee
#define TRAP_FLAG 0x100

static unsigned char
	*memory; /* the operand ends with the first page; the second page shows overruns */
static volatile long stores, last;
static volatile sig_atomic_t stepping;

static void on_step(int signo, siginfo_t *si, void *ctx)
{
	greg_t *registers = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	const struct mcsafe_row *row;

	(void)signo;
	(void)si;
	row = mcsafe__extable_find((uintptr_t)registers[REG_RIP]);
	if (stepping && (row == NULL || !(row->kind & MCSAFE_ROW_STORE) || ++stores != last))
		return;
	if (stepping)
		syscall(SYS_mprotect, memory, T_PAGE, PROT_READ);
	registers[REG_EFL] &= ~(greg_t)TRAP_FLAG; /* nothing else is to be seen */
}

static size_t fill(unsigned char *dst, const unsigned char *src, size_t n)
{
	return mcsafe_memset(dst, src[0], n, NULL);
}

static size_t copy(unsigned char *dst, const unsigned char *src, size_t n)
{
	return memcpy_mcsafe(dst, src, n);
}

/* Returns whether there were as many stores. */
static bool try(size_t (*run)(unsigned char *, const unsigned char *, size_t),
		const unsigned char *src, size_t n, long store)
{
	unsigned char *dst = memory + T_PAGE - n;
	size_t left;

	assert_int_equal(mprotect(memory, 2 * T_PAGE, PROT_READ | PROT_WRITE), 0);
	memset(memory, BEFORE, 2 * T_PAGE);
	stores = 0;
	last = store;
	stepping = 1;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
	left = run(dst, src, n);
	stepping = 0;
	__asm__ volatile("nop" : : : "memory");

	if (left > n || memcmp(dst, src, n - left) != 0)
		fail_msg("%zu bytes, store %ld: %zd left", n, store, (ssize_t)left);
	/* Also a fixup must not count again what an earlier store has stored. */
	for (size_t i = n - left; i < n; i++)
		if (dst[i] != BEFORE)
			fail_msg("%zu bytes, store %ld: %zu left, but byte %zu is stored", n, store,
				 left, i);
	/* A later store may have nothing new to store. */
	if (store == 1 ? left != n : stores < store && left != 0)
		fail_msg("%zu bytes, store %ld: %zu left", n, store, left);
	for (size_t i = 0; i < T_PAGE; i++)
		if (memory[T_PAGE + i] != BEFORE)
			fail_msg("%zu bytes, store %ld: wrote past the end", n, store);
	return stores >= store;
}

static void try_each(size_t (*run)(unsigned char *, const unsigned char *, size_t),
		     const char *name, int same)
{
	static const size_t lengths[] = {1,  2,  3,  4,  5,  8,   9,   15,  16,  17,
					 31, 32, 33, 64, 65, 127, 128, 129, 200, 257};
	unsigned char src[512];
	long tried = 0;

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (unsigned char)(same ? 0x11 : i);
	for (size_t l = 0; l < T_LENGTH(lengths); l++) {
		long store = 1;

		while (try(run, src, lengths[l], store))
			store++;
		if (store == 1)
			fail_msg("%zu bytes: no store was seen", lengths[l]);
		tried += store;
	}
	printf("%s, %s: %ld times\n", mcsafe_engine_name(), name, tried);
}

static void test_every_engine_survives_a_page_revoked_before_each_store(void **state)
{
	const struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	char names[64], *rest = NULL;
	struct sigaction saved;

	(void)state;
	t_install();
	memory = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	assert_int_equal(sigaction(SIGTRAP, &action, &saved), 0);
	snprintf(names, sizeof(names), "%s", mcsafe_engine_names());
	for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
		if (mcsafe_engine_set(name) != 0) {
			printf("%s cannot run here\n", name);
			continue;
		}
		try_each(copy, "copies", 0);
		try_each(fill, "fills", 1);
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
	assert_int_equal(sigaction(SIGTRAP, &saved, NULL), 0);
	assert_int_equal(munmap(memory, 2 * T_PAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_engine_survives_a_page_revoked_before_each_store),
	};

	return t_run("copy.revoked", tests, T_LENGTH(tests));
}
