/* SPDX-License-Identifier: BSD-3-Clause */
/* test_left.c - guards that were left armed: by jumps, and by children of vfork(2) */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "base/msan.h"
#include "child.h"
#include "guard/guard.h"
#include "tool.h"

#define NOINLINE __attribute__((noinline))
#define STACK    ((size_t)256 * 1024)

static struct t_bad_page memory, other;
static char elsewhere[64];
static jmp_buf back;

/* Run fn some frames deeper than the caller. */
/* NOLINTNEXTLINE(misc-no-recursion): for many frames. */
NOINLINE static void deeper(unsigned frames, void (*fn)(void))
{
	char room[512];

	__asm__ volatile("" : : "r"(room) : "memory");
	if (frames > 0)
		deeper(frames - 1, fn);
	else
		fn();
	__asm__ volatile("" : : "r"(room) : "memory");
}

/* Overwrites what earlier calls have left on the stack below its caller. */
NOINLINE __attribute__((no_sanitize_address)) static void use_the_stack(void)
{
	volatile char room[16384];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0x55;
}

/* ---- children of vfork(2) ------------------------------------------------------------------ */

static volatile bool by_exec;

NOINLINE static void end_in_a_body(void)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		if (by_exec)
			execl("/bin/true", "true", (char *)NULL);
		_exit(0);
	}
	MCSAFE_CATCH(&guard) {
		/* What dies of an assertion would die in the child only. */
		_exit(77);
	}
}

static void end_in_a_body_deeper(void)
{
	deeper(100, end_in_a_body); /* below the frames of the handler */
}

NOINLINE static void run_a_child(void (*fn)(void))
{
	int status;
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): this is about it. */
	pid_t child = vfork();

	if (child == 0) {
		fn(); /* NOLINT(clang-analyzer-unix.Vfork): this is about it */
		_exit(1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void fault_after_the_child(void *arg)
{
	by_exec = *(const int *)arg != 0;
	CHECK_EQ(mcsafe_install(), 0);
	run_a_child(end_in_a_body_deeper);
	t_read_byte(memory.bad);
}

static void test_the_guard_of_a_vfork_child_does_not_catch_for_the_parent(void **state)
{
	(void)state;
	for (int exec = 0; exec < 2; exec++)
		t_dies(fault_after_the_child, &exec, SIGSEGV);
}

/* The guard that encloses vfork(2) is found past the child's. */
IN_CHILD(test_the_guard_around_vfork_catches_after_the_child)
{
	struct mcsafe_guard guard;
	volatile int faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	for (volatile int round = 0; round < 5; round++) {
		by_exec = round % 2;
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			run_a_child(end_in_a_body_deeper);
			run_a_child(end_in_a_body_deeper);
			t_read_byte(memory.bad);
		}
		MCSAFE_CATCH(&guard) {
			faults++;
		}
	}
	CHECK_EQ(faults, 5);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

/* Saved and restored, the chain is exactly what it was, whatever happens to the child's frames. */
IN_CHILD(test_a_saved_chain_does_not_get_the_guards_of_a_vfork_child)
{
	struct mcsafe_guard guard;
	struct mcsafe_guard_chain chain;
	volatile int faults = 0;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		mcsafe_guard_chain_save(&chain);
		run_a_child(end_in_a_body_deeper);
		mcsafe_guard_chain_restore(&chain);
		CHECK_PTR_EQ(mcsafe__guard_top, &guard);
		use_the_stack();
		t_read_byte(memory.bad);
	}
	MCSAFE_CATCH(&guard) {
		faults++;
	}
	CHECK_EQ(faults, 1);
}

/* ---- jumps --------------------------------------------------------------------------------- */

static struct mcsafe_guard still; /* where no frame is */
static volatile bool use_still;

NOINLINE static void jump_out(void)
{
	struct mcsafe_guard own;
	struct mcsafe_guard *guard = use_still ? &still : &own;

	MCSAFE_TRY(guard, MCSAFE_ANYWHERE) {
		longjmp(back, 1);
	}
	MCSAFE_CATCH(guard) {
		UNREACHED("a guard whose frame is gone has caught a fault");
	}
}

static void fault_after_a_jump(void *arg)
{
	use_still = *(const int *)arg != 0;
	CHECK_EQ(mcsafe_install(), 0);
	if (setjmp(back) == 0)
		deeper(2, jump_out);
	t_read_byte(memory.bad);
}

static void test_a_guard_whose_frame_is_gone_catches_nothing(void **state)
{
	(void)state;
	for (int still_there = 0; still_there < 2; still_there++)
		t_dies(fault_after_a_jump, &still_there, SIGSEGV);
}

static void fault(void)
{
	t_read_byte(memory.bad);
}

/* With another signal than a crash of the handler. */
static void fault_elsewhere(void)
{
	t_read_byte(other.bad);
}

/* The guard is above the stack pointer again, but its memory is not a guard any more. */
static void fault_deeper_over_used_stack(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	if (setjmp(back) == 0)
		deeper(2, jump_out);
	use_the_stack();
	CHECK_PTR_NE(mcsafe__guard_top, NULL);
	deeper(60, fault_elsewhere);
}

static void test_a_guard_whose_memory_was_overwritten_catches_nothing(void **state)
{
	(void)state;
	t_dies(fault_deeper_over_used_stack, NULL, SIGBUS);
}

/* The guard is above the stack pointer again, and intact, but a guard was armed above it. */
static void fault_deeper_in_a_body(void *arg)
{
	struct mcsafe_guard guard;

	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	use_still = true;
	if (setjmp(back) == 0)
		deeper(2, jump_out);
	MCSAFE_TRY(&guard, elsewhere, sizeof(elsewhere)) {
		CHECK_PTR_EQ(mcsafe__guard_top, &guard);
		deeper(60, fault_elsewhere);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("caught outside the window");
	}
}

static void test_a_guard_below_one_that_was_armed_later_catches_nothing(void **state)
{
	(void)state;
	t_dies(fault_deeper_in_a_body, NULL, SIGBUS);
}

NOINLINE static void leave_a_guard(void)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		use_still = true;
		if (setjmp(back) == 0)
			deeper(2, jump_out);
		memset(&still, 0x5a, sizeof(still));
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("no fault");
	}
}

/* The end of a body disarms the inner guards, as far as they are there. */
IN_CHILD(test_a_body_ends_over_a_guard_whose_memory_was_overwritten)
{
	struct mcsafe_guard copy;

	memset(&copy, 0x5a, sizeof(copy));
	CHECK_EQ(mcsafe_install(), 0);
	leave_a_guard();
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	CHECK_MEM_EQ(&still, &copy, sizeof(still));
}

enum way { BY_JUMP, BY_FAULT, BY_THE_END };
enum ring { OF_FRAMES, OF_OVERWRITTEN_FRAMES, OF_ONE_FRAME };

static void leave(enum way way)
{
	if (way == BY_JUMP)
		longjmp(back, 1);
	if (way == BY_FAULT)
		fault();
}

NOINLINE static void inner(enum way way)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, elsewhere, sizeof(elsewhere)) {
		leave(way);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("caught outside the window");
	}
}

NOINLINE static void outer(enum way way)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, elsewhere, sizeof(elsewhere)) {
		if (way != BY_THE_END)
			inner(way);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("caught outside the window");
	}
}

NOINLINE static void nest_in_one_frame(enum way way)
{
	static struct mcsafe_guard first, second;

	MCSAFE_TRY(&first, elsewhere, sizeof(elsewhere)) {
		MCSAFE_TRY(&second, elsewhere, sizeof(elsewhere)) {
			leave(way);
		}
		MCSAFE_CATCH(&second) {
			UNREACHED("caught outside the window");
		}
	}
	MCSAFE_CATCH(&first) {
		UNREACHED("caught outside the window");
	}
}

/* In a ring of guards, of which none names the fault, the handler would search for ever. */
static void fault_in_bodies_that_were_left(void *arg)
{
	/* Volatile, because gcc 16 fears that the jump changes them (-Wclobbered). */
	volatile enum ring ring = *(const enum ring *)arg;
	void (*volatile nest)(enum way) = ring == OF_ONE_FRAME ? nest_in_one_frame : outer;

	CHECK_EQ(mcsafe_install(), 0);
	if (setjmp(back) == 0)
		nest(BY_JUMP);
	if (ring == OF_OVERWRITTEN_FRAMES)
		use_the_stack();
	nest(BY_FAULT);
}

static void test_guards_that_are_armed_again_after_a_jump_are_no_ring(void **state)
{
	(void)state;
	for (enum ring ring = OF_FRAMES; ring <= OF_ONE_FRAME; ring++)
		t_dies(fault_in_bodies_that_were_left, &ring, SIGSEGV);
}

IN_CHILD(test_bodies_that_are_entered_again_after_a_jump_leave_no_guard)
{
	CHECK_EQ(mcsafe_install(), 0);
	if (setjmp(back) == 0)
		outer(BY_JUMP);
	CHECK_PTR_NE(mcsafe__guard_top, NULL);
	outer(BY_THE_END);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

NOINLINE static void arm_still_again(void)
{
	MCSAFE_TRY(&still, elsewhere, sizeof(elsewhere)) {
		fault();
	}
	MCSAFE_CATCH(&still) {
		UNREACHED("caught outside the window");
	}
}

static void arm_it_again_in_a_body(bool overwritten)
{
	struct mcsafe_guard guard;
	volatile int faults = 0;

	use_still = true;
	if (setjmp(back) == 0)
		deeper(2, jump_out);
	if (overwritten)
		memset(&still, 0x5a, sizeof(still));
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		deeper(4, arm_still_again);
	}
	MCSAFE_CATCH(&guard) {
		faults++;
	}
	CHECK_EQ(faults, 1);
}

/* There is another body between, and its guard stays on the chain too. */
static void arm_it_again_in_two_bodies(void)
{
	struct mcsafe_guard guard, between;
	volatile int faults = 0;

	use_still = true;
	if (setjmp(back) == 0)
		deeper(2, jump_out);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		MCSAFE_TRY(&between, elsewhere, sizeof(elsewhere)) {
			deeper(4, arm_still_again);
		}
		MCSAFE_CATCH(&between) {
			UNREACHED("caught outside the window");
		}
	}
	MCSAFE_CATCH(&guard) {
		faults++;
	}
	CHECK_EQ(faults, 1);
}

/* It was on the chain as an outer guard, and is the innermost one now. */
IN_CHILD(test_a_guard_that_is_armed_again_does_not_hide_those_around_it)
{
	CHECK_EQ(mcsafe_install(), 0);
	arm_it_again_in_a_body(false);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	arm_it_again_in_a_body(true);
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	arm_it_again_in_two_bodies();
	CHECK_PTR_EQ(mcsafe__guard_top, NULL);
}

/* ---- the stack of a handler ---------------------------------------------------------------- */

static void fault_in_the_handler(int signo)
{
	(void)signo;
	fault();
}

/* An address on the alternate stack says nothing about a guard on the thread's stack. */
static void *interrupt_a_body(void *alternate)
{
	const stack_t stack = {.ss_sp = alternate, .ss_size = STACK};
	struct mcsafe_guard guard;
	volatile int faults = 0;

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	for (volatile int round = 0; round < 3; round++) {
		MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
			raise(SIGUSR1);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&guard) {
			faults++;
		}
		CHECK_PTR_EQ(mcsafe__guard_top, NULL);
	}
	CHECK_EQ(faults, 3);
	return NULL;
}

IN_CHILD(test_a_handler_on_a_stack_above_or_below_belongs_to_the_body)
{
	char *stacks =
		mmap(NULL, 3 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;

	CHECK_PTR_NE(stacks, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	t_set_plain(SIGUSR1, fault_in_the_handler, SA_ONSTACK | SA_NODEFER);
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstack(&attr, stacks + STACK, STACK), 0);
	for (int above = 0; above < 2; above++) {
		CHECK_EQ(pthread_create(&thread, &attr, interrupt_a_body,
					stacks + (above ? 2 * STACK : 0)),
			 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
	}
	CHECK_EQ(pthread_attr_destroy(&attr), 0);
}

static void jump_out_of_the_handler(int signo)
{
	(void)signo;
	deeper(60, jump_out); /* the handler of the fault uses the stack again, from its start */
}

/* Its stack is not used any more, so no frame is left there, at whatever address it is. */
static void fault_after_a_handler(void *arg)
{
	const stack_t stack = {.ss_sp = arg, .ss_size = STACK};

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	t_set_plain(SIGUSR1, jump_out_of_the_handler, SA_ONSTACK | SA_NODEFER);
	if (setjmp(back) == 0)
		raise(SIGUSR1);
	CHECK_PTR_NE(mcsafe__guard_top, NULL);
	t_read_byte(other.bad);
}

static void test_a_guard_of_a_handler_that_was_left_catches_nothing(void **state)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(stack, MAP_FAILED);
	t_dies(fault_after_a_handler, stack, SIGBUS);
}

/* ---- how far below the stack pointer a frame may be ---------------------------------------- */

/*
 * Whether a guard claims the fault of a function whose stack pointer is this far above that of the
 * guard's frame. If it does not, the guard around it does.
 */
static bool claims(uintptr_t distance)
{
	const struct mcsafe__landing landing = {
		.addr = (uintptr_t)memory.bad,
		.facts = mcsafe__facts_pack(SIGSEGV, SEGV_ACCERR, 0, 0),
	};
	static ucontext_t uc; /* it says that there is no alternate stack */
	struct mcsafe_guard inner, outer;
	volatile uintptr_t found = 0;
	uintptr_t sp;

	MCSAFE_TRY(&outer, MCSAFE_ANYWHERE) {
		MCSAFE_TRY(&inner, MCSAFE_ANYWHERE) {
			mcsafe__msan_written(&inner, sizeof(inner));
			sp = MCSAFE__GUARD_WORD(&inner, MCSAFE_GUARD_RSP) + distance;
			uc.uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
			MCSAFE__GUARD_WORD(&outer, MCSAFE_GUARD_RSP) = sp;
			assert_true(mcsafe__guard_claim(&landing, &uc));
			found = (uintptr_t)uc.uc_mcontext.gregs[REG_RDI];
		}
		MCSAFE_CATCH(&inner) {
			fail();
		}
	}
	MCSAFE_CATCH(&outer) {
		fail();
	}
	assert_true(found == (uintptr_t)&inner || found == (uintptr_t)&outer);
	return found == (uintptr_t)&inner;
}

/* Arguments that are popped late are all that may be below the stack pointer of a live frame. Each
 * byte more would keep guards whose frames are gone. */
static void test_a_guard_is_gone_if_its_frame_is_more_than_128_bytes_below(void **state)
{
	static const uintptr_t there[] = {0, 8, 120, 128}, gone[] = {129, 136, 160, 192, 248, 4096};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(there); i++)
		assert_true(claims(there[i]));
	for (size_t i = 0; i < T_LENGTH(gone); i++)
		assert_false(claims(gone[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_guard_of_a_vfork_child_does_not_catch_for_the_parent),
		cmocka_unit_test(test_the_guard_around_vfork_catches_after_the_child),
		cmocka_unit_test(test_a_saved_chain_does_not_get_the_guards_of_a_vfork_child),
		cmocka_unit_test(test_a_guard_whose_frame_is_gone_catches_nothing),
		cmocka_unit_test(test_a_guard_whose_memory_was_overwritten_catches_nothing),
		cmocka_unit_test(test_a_guard_below_one_that_was_armed_later_catches_nothing),
		cmocka_unit_test(test_a_body_ends_over_a_guard_whose_memory_was_overwritten),
		cmocka_unit_test(test_guards_that_are_armed_again_after_a_jump_are_no_ring),
		cmocka_unit_test(test_bodies_that_are_entered_again_after_a_jump_leave_no_guard),
		cmocka_unit_test(test_a_guard_that_is_armed_again_does_not_hide_those_around_it),
		NOT_WITH_TSAN(test_a_handler_on_a_stack_above_or_below_belongs_to_the_body),
		cmocka_unit_test(test_a_guard_of_a_handler_that_was_left_catches_nothing),
		cmocka_unit_test(test_a_guard_is_gone_if_its_frame_is_more_than_128_bytes_below),
	};

	memory = t_bad_page(T_PROT_NONE);
	other = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
