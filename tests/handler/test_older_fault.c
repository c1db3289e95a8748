/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_older_fault.c - a signal that was sent, after a fault whose trap number and CR2 remain
 *
 * The kernel writes the values of the last exception of the thread into every signal frame
 * (base/trap.h).
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"

static struct t_bad_page memory;

/* Lands a fault of a copy, which leaves its marks. */
static void land_one(enum t_bad_page_kind kind)
{
	char byte;

	memory = t_bad_page(kind);
	CHECK_EQ(mcsafe_install(), 0);
	t_bad_page_spoil(&memory);
	CHECK_EQ(memcpy_mcsafe(&byte, (const void *)(uintptr_t)memory.bad, 1), 1);
}

static void send_after_a_fault(void *arg)
{
	const enum t_event *event = arg;

	land_one(T_PROT_NONE);
	t_cause(*event, *event == T_UNMAPPED ? SIGSEGV : SIGBUS, &memory);
	/* If the library waited for the fault to come back, the process would get here. */
}

static void test_it_kills_although_it_does_not_come_back(void **state)
{
	(void)state;
	t_dies(send_after_a_fault, (&(enum t_event){T_UNMAPPED}), SIGSEGV);
	t_dies(send_after_a_fault, (&(enum t_event){T_POISON}), SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_kills_although_it_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
