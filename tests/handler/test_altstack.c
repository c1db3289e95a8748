/* SPDX-License-Identifier: BSD-3-Clause */
/* test_altstack.c - a copy lands on the alternate stack if its own has no room for the frame */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "bad_page.h"
#include "child.h"
#include "copy/route.h"
#include "sanitizer.h"

/*
 * Enough for a call, and too little for a signal frame: 512 bytes of FXSAVE, 440 of ucontext, 128
 * of red zone, 128 of siginfo, and more for AVX.
 */
#define ROOM 1100u

#define ALT_STACK 65536u

static struct t_bad_page memory;

/*
 * Copy with ROOM bytes of stack above a page that cannot be touched. The engine is called directly,
 * and without a record with a sanitizer, because C code may need more stack then.
 */
static size_t copy_on_small_stack(void *dst, const void *src, size_t n)
{
	struct mcsafe_fault fault, *where = T_SANITIZER ? NULL : &fault;
	char *stack =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t top = ((uintptr_t)stack + T_PAGE + ROOM) & ~(uintptr_t)15;
	size_t left;

	CHECK_PTR_NE(stack, MAP_FAILED);
	CHECK_EQ(mprotect(stack, T_PAGE, PROT_NONE), 0);
	__asm__ volatile("movq	%%rsp, %%rbx\n"
			 "	movq	%[top], %%rsp\n"
			 "	call	*%[copy]\n"
			 "	movq	%%rbx, %%rsp\n"
			 : "=a"(left), "+D"(dst), "+S"(src), "+d"(n), "+c"(where)
			 : [top] "r"(top), [copy] "r"(mcsafe__engine()->copy)
			 : "rbx", "r8", "r9", "r10", "r11", "cc", "memory");
	return left;
}

static void use_alternate_stack(void)
{
	stack_t stack = {.ss_size = ALT_STACK};

	stack.ss_sp =
		mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(stack.ss_sp, MAP_FAILED);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
}

static void copy_bad(void *arg)
{
	char dst[16];

	CHECK_EQ(mcsafe_install(), 0);
	if (arg != NULL)
		use_alternate_stack();
	for (int round = 0; round < 3; round++)
		CHECK_EQ(copy_on_small_stack(dst, memory.bad - 6, sizeof(dst)), sizeof(dst) - 6);
}

/* The first child shows that the alternate stack is needed. */
static void test_copy_lands_on_a_nearly_full_stack(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		t_dies(copy_bad, NULL, SIGSEGV);
		t_survives(copy_bad, &memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_lands_on_a_nearly_full_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
