/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_registers.c - a record is right, whatever the three registers of a landing held before
 *
 * Under valgrind the record must also count as initialized, although these registers did not.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"
#include "run.h"

/* The arguments, the function and the three registers of a call, in the order of call(). */
struct request {
	uint64_t args[5], fn, landing[3];
};

/* Calls the function with the three registers as they are in memory. */
static uint64_t call(const struct request *request)
{
	uint64_t args[4] = {request->args[0], request->args[1], request->args[2], request->args[3]};
	uint64_t result;

	/* The call must not write to the red zone of this function, and needs an aligned stack. */
	__asm__ volatile("movq	%%rsp, %%r12\n\t"
			 "leaq	-128(%%rsp), %%rsp\n\t"
			 "andq	$-16, %%rsp\n\t"
			 "movq	32(%[request]), %%r8\n\t"
			 "movq	48(%[request]), %%r9\n\t"
			 "movq	56(%[request]), %%r10\n\t"
			 "movq	64(%[request]), %%r11\n\t"
			 "call	*40(%[request])\n\t"
			 "movq	%%r12, %%rsp"
			 : "=a"(result), "+D"(args[0]), "+S"(args[1]), "+d"(args[2]), "+c"(args[3])
			 : [request] "b"(request)
			 : "r8", "r9", "r10", "r11", "r12", "cc", "memory");
	return result;
}

static void check_record(const struct mcsafe_fault *fault, const void *bad, enum mcsafe_side side)
{
	assert_int_equal(fault->signo, SIGSEGV);
	assert_int_equal(fault->code, SEGV_ACCERR);
	assert_int_equal(fault->cause, MCSAFE_CAUSE_PROTECTED);
	assert_int_equal(fault->side, side);
	assert_ptr_equal(fault->addr, bad);
	assert_non_null(fault->ip);
	assert_int_equal(fault->flags, 0);
}

static void test_the_record_does_not_depend_on_what_registers_held(void **state)
{
	void *bad = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct request *request = malloc(sizeof(*request)); /* landing[] stays uninitialized */
	struct mcsafe_fault fault = {.signo = 0};
	size_t at;

	(void)state;
	t_install();
	assert_ptr_not_equal(bad, MAP_FAILED);
	assert_non_null(request);
	request->fn = (uintptr_t)mcsafe_memset;
	request->args[0] = (uintptr_t)bad;
	request->args[1] = 0;
	request->args[2] = 1;
	request->args[3] = (uintptr_t)&fault;
	request->args[4] = 0;
	assert_int_equal(call(request), 1);
	check_record(&fault, bad, MCSAFE_SIDE_DESTINATION);

	request->fn = (uintptr_t)mcsafe_memchr;
	request->args[3] = (uintptr_t)&at;
	request->args[4] = (uintptr_t)&fault;
	assert_int_equal((uint32_t)call(request), MCSAFE_CAUSE_PROTECTED);
	check_record(&fault, bad, MCSAFE_SIDE_SOURCE);

	free(request);
	assert_int_equal(munmap(bad, T_PAGE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_record_does_not_depend_on_what_registers_held),
	};

	return t_run("landing.registers", tests, T_LENGTH(tests));
}
