/* SPDX-License-Identifier: BSD-3-Clause */
/* test_modules.c - tables of rows that are registered, in any order, while others fault */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "landing/module_table.h"
#include "module_rows.h"
#include "refusal.h"
#include "tool.h"

#define MANY 100000

int t_many_load(const volatile void *p, size_t i);
extern const char t_many_insns[], t_many_failed[];

static struct t_bad_page memory;
static int *fired; /* shared with children */

static int load(const volatile void *p, struct t_registers *registers)
{
	int failed;

	T_TRY(failed, registers, p, MCSAFE_ROW_LOAD, "movb (%[p]), %%dl");
	return failed;
}

static int store(volatile void *p, struct t_registers *registers)
{
	int failed;

	T_TRY(failed, registers, p, MCSAFE_ROW_STORE, "movb $1, (%[p])");
	return failed;
}

static int register_ours(void)
{
	return mcsafe_module_register(MCSAFE_MODULE_ROWS, MCSAFE_MODULE_ROWS_END);
}

static void expect_record(const struct t_registers *registers, enum t_bad_page_kind kind,
			  enum mcsafe_side side)
{
	struct mcsafe_fault fault;

	memset(&fault, 0x5a, sizeof(fault));
	mcsafe_row_fault(&fault, registers->r9, registers->r10, registers->r11, memory.bad);
	CHECK_EQ(fault.signo, t_bad_page_signo(kind));
	CHECK_EQ(fault.code, t_bad_page_code(kind));
	CHECK_EQ(fault.side, side);
	CHECK_PTR_EQ(fault.addr, memory.bad);
	CHECK_EQ(fault.extent, 0);
	CHECK_EQ(fault.cause, (kind == T_PROT_NONE ? MCSAFE_CAUSE_PROTECTED : MCSAFE_CAUSE_IO));
	CHECK_EQ((uintptr_t)fault.ip, registers->r10);
	CHECK_PTR_NE(fault.ip, NULL);
	CHECK_PTR_EQ(fault.reserved[0], NULL);
	CHECK_PTR_EQ(fault.reserved[2], NULL);
	CHECK_EQ(fault.flags, 0);
}

IN_CHILD(test_rows_of_a_program_land)
{
	struct t_registers registers = {0};

	errno = 4711;
	CHECK_EQ(register_ours(), 0);
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_install(), 0);
	for (int kind = T_PROT_NONE; kind <= T_TRUNCATED; kind++) {
		memory = t_bad_page((enum t_bad_page_kind)kind);
		CHECK_EQ(load(memory.good, &registers), 0);
		CHECK_EQ(load(memory.bad, &registers), 1);
		expect_record(&registers, (enum t_bad_page_kind)kind, MCSAFE_SIDE_SOURCE);
		CHECK_EQ(store(memory.good, &registers), 0);
		CHECK_EQ(*memory.good, 1);
		CHECK_EQ(store(memory.bad, &registers), 1);
		expect_record(&registers, (enum t_bad_page_kind)kind, MCSAFE_SIDE_DESTINATION);
	}
	CHECK_EQ(errno, 4711);
	CHECK_EQ(mcsafe_module_unregister(MCSAFE_MODULE_ROWS), 0);
	CHECK_EQ(errno, 4711);
}

IN_CHILD(test_address_is_the_operands_where_the_kernel_has_none)
{
	volatile char *wild = (volatile char *)0x8000000000000000;
	struct t_registers registers = {0};
	struct mcsafe_fault fault;

	CHECK_EQ(register_ours(), 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(load(wild, &registers), 1);
	mcsafe_row_fault(&fault, registers.r9, registers.r10, registers.r11, wild);
	CHECK_EQ(fault.cause, MCSAFE_CAUSE_ADDRESS);
	CHECK_PTR_EQ(fault.addr, wild);
}

static void fault_unregistered(void *arg)
{
	struct t_registers registers = {0};

	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	if (*(int *)arg) {
		CHECK_EQ(register_ours(), 0);
		CHECK_EQ(load(memory.bad, &registers), 1);
		CHECK_EQ(mcsafe_module_unregister(MCSAFE_MODULE_ROWS), 0);
	}
	(void)load(memory.bad, &registers);
}

static void test_rows_that_are_not_registered_are_not_ours(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++)
		t_dies(fault_unregistered, &before, SIGSEGV);
}

/* Rows within 32 bits of this program, in any order. */
static struct mcsafe_row many[MANY];

static void make_row(struct mcsafe_row *row, uintptr_t insn, uintptr_t fixup, uint32_t kind)
{
	row->insn = (int32_t)(insn - (uintptr_t)&row->insn);
	row->fixup = (int32_t)(fixup - (uintptr_t)&row->fixup);
	row->kind = kind;
}

static uintptr_t many_insn(size_t i)
{
	return (uintptr_t)t_many_insns + 4 * i;
}

/* 64,007 and MANY have no common factor. So each instruction comes once, and none is in order. */
static void make_many(void)
{
	for (size_t i = 0; i < MANY; i++)
		make_row(&many[i], many_insn(i * 64007 % MANY), (uintptr_t)t_many_failed,
			 MCSAFE_ROW_LOAD);
}

/* What the handler would do with a fault at ip: its result, fixup and facts. */
static int ask(uintptr_t ip, uintptr_t *fixup, uint64_t *facts)
{
	ucontext_t ctx;
	siginfo_t si;
	int landed;

	memset(&ctx, 0, sizeof(ctx));
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGSEGV;
	si.si_code = SEGV_MAPERR;
	ctx.uc_mcontext.gregs[REG_RIP] = (greg_t)ip;
	landed = mcsafe_handle_signal(SIGSEGV, &si, &ctx);
	*fixup = (uintptr_t)ctx.uc_mcontext.gregs[REG_RIP];
	*facts = (uint64_t)ctx.uc_mcontext.gregs[REG_R11];
	return landed;
}

IN_CHILD(test_a_hundred_thousand_rows_in_any_order_are_found)
{
	uintptr_t fixup;
	uint64_t facts;

	make_many();
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_module_register(many, many + MANY), 0);
	memset(many, 0, sizeof(many)); /* it was copied */
	for (size_t i = 0; i < MANY; i++) {
		CHECK_EQ(ask(many_insn(i), &fixup, &facts), 1);
		CHECK_EQ(fixup, (uintptr_t)t_many_failed);
		CHECK_EQ((facts >> 16 & 0xff), MCSAFE_ROW_LOAD);
		CHECK_EQ(ask(many_insn(i) + 1, &fixup, &facts), 0);
		CHECK_EQ(ask(many_insn(i) - 1, &fixup, &facts), 0);
	}
	for (size_t i = 0; i < MANY; i += 997) {
		CHECK_EQ(t_many_load(memory.bad, i), 1);
		CHECK_EQ(t_many_load(memory.good, i), 0);
	}
	CHECK_EQ(t_many_load(memory.bad, MANY - 1), 1);
	CHECK_EQ(mcsafe_module_unregister(many), 0);
	CHECK_EQ(ask(many_insn(0), &fixup, &facts), 0);
}

IN_CHILD(test_tables_that_break_a_rule_are_refused)
{
	static struct mcsafe_row rows[4];
	const struct mcsafe_row *odd =
		(const struct mcsafe_row *)(const void *)((const char *)rows + 1);
	const struct mcsafe_row *far =
		(const struct mcsafe_row *)((uintptr_t)rows + ((1 << 24) + 1) * sizeof(*rows));

	make_row(&rows[0], many_insn(0), many_insn(0), MCSAFE_ROW_LOAD);
	make_row(&rows[1], many_insn(2), many_insn(0), MCSAFE_ROW_STORE);
	make_row(&rows[2], many_insn(0), many_insn(0), MCSAFE_ROW_STORE);
	make_row(&rows[3], many_insn(3), many_insn(0), 0);
	errno = 4711;
	CHECK_EQ(mcsafe_module_register(rows, rows), -EINVAL);
	CHECK_EQ(mcsafe_module_register(rows + 1, rows), -EINVAL);
	CHECK_EQ(mcsafe_module_register(odd, odd + 1), -EINVAL);
	CHECK_EQ(mcsafe_module_register(rows, rows + 3), -EINVAL); /* one instruction, two kinds */
	rows[2].kind = MCSAFE_ROW_LOAD;
	rows[2].fixup += 1;
	CHECK_EQ(mcsafe_module_register(rows, rows + 3), -EINVAL); /* and two fixups */
	CHECK_EQ(mcsafe_module_register(rows + 3, rows + 4), -EINVAL);
	rows[3].kind = MCSAFE_ROW_STORE + 1;
	CHECK_EQ(mcsafe_module_register(rows + 3, rows + 4), -EINVAL);
	rows[3].kind = UINT32_C(1) << 16 | MCSAFE_ROW_LOAD;
	CHECK_EQ(mcsafe_module_register(rows + 3, rows + 4), -EINVAL);
	CHECK_EQ(mcsafe_module_register(rows, far), -EINVAL);
	CHECK_EQ(mcsafe_module_unregister(rows), -ENOENT);
	CHECK_EQ(mcsafe_module_unregister(NULL), -ENOENT);

	CHECK_EQ(mcsafe_module_register(rows, rows + 2), 0);
	CHECK_EQ(mcsafe_module_register(rows, rows + 1), -EEXIST);
	CHECK_EQ(mcsafe_module_unregister(rows + 1), -ENOENT);
	CHECK_EQ(mcsafe_module_unregister(rows), 0);
	CHECK_EQ(mcsafe_module_unregister(rows), -ENOENT);
	CHECK_EQ(errno, 4711);
}

#define BLOCK 64 /* places after which another block of them is allocated, or more */

/* Register the table after some others while the nth call of libc is refused. */
static void register_while_refused(void *arg)
{
	const unsigned *nth = arg;
	const char *refused;
	uintptr_t fixup;
	uint64_t facts;
	int result;

	for (size_t i = 0; i < 1000; i++)
		make_row(&many[i], many_insn(i), (uintptr_t)t_many_failed, MCSAFE_ROW_LOAD);
	for (size_t i = 1; i <= BLOCK; i++)
		CHECK_EQ(mcsafe_module_register(&many[i], &many[i] + 1), 0);
	t_refuse(nth[0], ENOMEM);
	/* Larger than the others, so that it needs memory of its own. */
	result = mcsafe_module_register(many, many + nth[1]);
	refused = t_refuse_no_more();
	*fired = refused != NULL;
	/* If the object cannot be found or pinned, its owner sees to it. */
	if (refused == NULL || strcmp(refused, "dlopen") == 0 || strcmp(refused, "dladdr1") == 0)
		CHECK_EQ(result, 0);
	else
		CHECK_EQ(result, -ENOMEM);
	CHECK_EQ(ask(many_insn(0), &fixup, &facts), result == 0);
	CHECK_EQ(mcsafe_module_register(many, many + nth[1]), result == 0 ? -EEXIST : 0);
	CHECK_EQ(ask(many_insn(0), &fixup, &facts), 1);
}

static void test_a_table_is_registered_or_not(void **state)
{
	unsigned nth[2] = {0, 0}, refused;

	(void)state;
	fired = t_shared(sizeof(*fired));
	for (nth[1] = 1; nth[1] <= 1000; nth[1] += 999) {
		refused = 0;
		do {
			nth[0]++;
			t_survives(register_while_refused, nth);
			refused += (unsigned)*fired;
		} while (*fired);
		assert_true(refused >= 4);
		nth[0] = 0;
	}
}

#define TABLES 1000 /* of any number; more than one block of places holds */

/* The last one is found like the first, and places that became free are used again. */
IN_CHILD(test_a_thousand_tables_are_found)
{
	uintptr_t fixup;
	uint64_t facts;

	make_many();
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < TABLES; i++) {
			CHECK_EQ(mcsafe_module_register(&many[i], &many[i] + 1), 0);
			CHECK_EQ(mcsafe_module_register(&many[i], &many[i] + 1), -EEXIST);
			CHECK_EQ(ask(many_insn(i * 64007 % MANY), &fixup, &facts), 1);
		}
		for (size_t i = 0; i < TABLES; i++)
			CHECK_EQ(ask(many_insn(i * 64007 % MANY), &fixup, &facts), 1);
		CHECK_EQ(ask(many_insn((size_t)TABLES * 64007 % MANY), &fixup, &facts), 0);
		for (size_t i = 0; i < TABLES; i++) {
			CHECK_EQ(mcsafe_module_unregister(&many[i]), 0);
			CHECK_EQ(ask(many_insn(i * 64007 % MANY), &fixup, &facts), 0);
			CHECK_EQ(mcsafe_module_unregister(&many[i]), -ENOENT);
		}
		CHECK_EQ(atomic_load(&mcsafe__modules_end), TABLES);
	}
}

/* As a linker leaves them that has folded functions: all of them, in any order. */
IN_CHILD(test_rows_that_are_there_more_than_once_count_once)
{
	static struct mcsafe_row rows[3 * 50];
	uintptr_t fixup;
	uint64_t facts;

	for (size_t i = 0; i < 3 * 50; i++)
		make_row(&rows[i], many_insn(i * 37 % 50), (uintptr_t)t_many_failed + i * 37 % 50,
			 i * 37 % 50 % 2 ? MCSAFE_ROW_LOAD : MCSAFE_ROW_STORE);
	CHECK_EQ(mcsafe_module_register(rows, rows + 3 * 50), 0);
	for (size_t i = 0; i < 50; i++) {
		CHECK_EQ(ask(many_insn(i), &fixup, &facts), 1);
		CHECK_EQ(fixup, (uintptr_t)t_many_failed + i);
		CHECK_EQ((facts >> 16 & 0xff), i % 2 ? MCSAFE_ROW_LOAD : MCSAFE_ROW_STORE);
		CHECK_EQ(ask(many_insn(i) + 1, &fixup, &facts), 0);
	}
	CHECK_EQ(mcsafe_module_unregister(rows), 0);
}

/* The kit has led the call here (refusal.h): how often the library asks for memory of its own. */
static _Atomic unsigned long n_maps;

void *__real_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	atomic_fetch_add(&n_maps, 1);
	if (t_is_refused("mmap"))
		return MAP_FAILED;
	return __real_mmap(addr, size, prot, flags, fd, offset);
}

/* The same: forget() runs in a child that was forked while the library gave
 * memory back, as if another thread had forked. */
static void (*forget)(void *);

int __real_madvise(void *addr, size_t size, int advice);
int __wrap_madvise(void *addr, size_t size, int advice);

int __wrap_madvise(void *addr, size_t size, int advice)
{
	int result = __real_madvise(addr, size, advice);
	void (*body)(void *) = forget;

	forget = NULL;
	if (body != NULL)
		t_survives(body, NULL);
	return result;
}

static void register_another_and_forget(void *arg)
{
	static struct mcsafe_row row;
	uintptr_t fixup;
	uint64_t facts;

	(void)arg;
	make_row(&row, many_insn(7), (uintptr_t)t_many_failed, MCSAFE_ROW_LOAD);
	CHECK_EQ(mcsafe_module_register(&row, &row + 1), 0);
	(void)mcsafe_module_unregister(many);
	CHECK_EQ(ask(many_insn(7), &fixup, &facts), 1);
	CHECK_EQ(fixup, (uintptr_t)t_many_failed);
	CHECK_EQ(mcsafe_module_register(many, many + 1), 0);
	CHECK_EQ(ask(many_insn(0), &fixup, &facts), 1);
}

IN_CHILD(test_child_of_a_thread_that_unregisters_keeps_its_own_rows)
{
	make_many();
	CHECK_EQ(mcsafe_module_register(many, many + 1), 0);
	forget = register_another_and_forget;
	CHECK_EQ(mcsafe_module_unregister(many), 0);
	CHECK_EQ(forget == NULL, 1);
}

IN_CHILD(test_memory_does_not_grow)
{
	unsigned long maps = 0;

	make_many();
	for (int round = 0; round < 50; round++) {
		size_t n = round % 2 ? MANY : 1000;

		CHECK_EQ(mcsafe_module_register(many, many + n), 0);
		CHECK_EQ(mcsafe_module_register(many + 1, many + n), 0);
		CHECK_EQ(mcsafe_module_unregister(many), 0);
		CHECK_EQ(mcsafe_module_unregister(many + 1), 0);
		if (round == 1)
			maps = atomic_load(&n_maps);
	}
	CHECK_GT(maps, 0);
	CHECK_EQ(atomic_load(&n_maps), maps);
}

struct object {
	void *handle;
	int (*load)(const volatile void *, struct t_registers *);
	const struct mcsafe_row *first, *end;
};

static struct object open_object(void)
{
	struct object object = {.handle = dlopen(T_MODULE_OBJECT, RTLD_NOW)};
	void (*rows)(const struct mcsafe_row **, const struct mcsafe_row **);
	void *symbol;

	CHECK_PTR_NE(object.handle, NULL);
	/* POSIX: a function's address fits an object pointer. */
	symbol = dlsym(object.handle, "t_object_load");
	memcpy(&object.load, &symbol, sizeof(symbol));
	symbol = dlsym(object.handle, "t_object_rows");
	CHECK(object.load != NULL); /* ISO C forbids a comparison with a void pointer */
	CHECK_PTR_NE(symbol, NULL);
	memcpy(&rows, &symbol, sizeof(symbol));
	rows(&object.first, &object.end);
	return object;
}

static bool is_mapped(const void *p)
{
	return msync((void *)((uintptr_t)p & ~(uintptr_t)4095), 1, MS_ASYNC) == 0;
}

IN_CHILD(test_rows_of_a_shared_object_land)
{
	struct object object = open_object();
	struct t_registers registers = {0};

	memory = t_bad_page(T_TRUNCATED);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_module_register(object.first, object.end), 0);
	CHECK_EQ(object.load(memory.bad, &registers), 1);
	expect_record(&registers, T_TRUNCATED, MCSAFE_SIDE_SOURCE);
	CHECK_EQ(mcsafe_module_unregister(object.first), 0);
	CHECK(is_mapped(object.first));
	CHECK_EQ(dlclose(object.handle), 0);
	CHECK(!is_mapped(object.first));
}

/* dlclose() without unregistering: the object stays mapped, so its rows stay right. */
IN_CHILD(test_registered_object_survives_dlclose)
{
	struct object object = open_object();
	struct t_registers registers = {0};

	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_module_register(object.first, object.end), 0);
	CHECK_EQ(dlclose(object.handle), 0);
	CHECK(is_mapped(object.first));
	CHECK_EQ(object.load(memory.bad, &registers), 1);
	CHECK_EQ(mcsafe_module_unregister(object.first), 0);
	CHECK(!is_mapped(object.first));
}

/*
 * Stress. Some threads fault in copies and at rows that stay registered. Some ask the handler about
 * rows that come and go. Some register and unregister those rows. A registered row must always be
 * found, and what is found must be right.
 */
#define HALF    (MANY / 2)
#define ASKED   64 /* rows that both tables always have */
#define CHANGES (T_SANITIZER ? 500 : 3000)

static _Atomic int stop;
static _Atomic unsigned long n_found, n_not_found, n_faults, n_changes;

/* The rows of table t are the even instructions, and tell t by the distance of their fixup. */
static struct mcsafe_row tables[2][HALF];

static void make_tables(void)
{
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < HALF; i++)
			make_row(&tables[t][i], many_insn(2 * i), many_insn(2 * i) + 1 + t,
				 t == 0 ? MCSAFE_ROW_LOAD : MCSAFE_ROW_STORE);
}

static void *ask_all_the_time(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	uintptr_t fixup;
	uint64_t facts;

	while (!atomic_load(&stop)) {
		i = (i + 17) % ASKED;
		if (ask(many_insn(2 * i), &fixup, &facts)) {
			uintptr_t table = fixup - many_insn(2 * i) - 1;

			CHECK_LT(table, 2);
			CHECK_EQ((facts >> 16 & 0xff), table + 1);
			atomic_fetch_add(&n_found, 1);
		} else {
			atomic_fetch_add(&n_not_found, 1);
		}
		CHECK_EQ(ask(many_insn(2 * i + 1), &fixup, &facts), 0);
	}
	return NULL;
}

static void *fault_all_the_time(void *arg)
{
	struct t_registers registers = {0};
	char dst[16];

	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_EQ(load(memory.bad, &registers), 1);
		CHECK_EQ(registers.r9, (uintptr_t)memory.bad);
		CHECK_EQ(memcpy_mcsafe(dst, memory.bad - 5, sizeof(dst)), sizeof(dst) - 5);
		atomic_fetch_add(&n_faults, 2);
	}
	return NULL;
}

static void *change_all_the_time(void *arg)
{
	size_t t = (size_t)(uintptr_t)arg, n = 1;
	uintptr_t fixup;
	uint64_t facts;

	while (!atomic_load(&stop)) {
		n = n * 3 % 997;
		CHECK_EQ(mcsafe_module_register(tables[t], tables[t] + ASKED + n), 0);
		for (size_t i = 0; i < ASKED; i++)
			CHECK_EQ(ask(many_insn(2 * i), &fixup, &facts), 1);
		CHECK_EQ(mcsafe_module_unregister(tables[t]), 0);
		atomic_fetch_add(&n_changes, 1);
	}
	return NULL;
}

/* The threads run until rows were found and not found, however the kernel lets them run. */
static bool have_met_all(void)
{
	return atomic_load(&n_changes) >= CHANGES && atomic_load(&n_faults) > 0 &&
	       atomic_load(&n_found) > 0 && atomic_load(&n_not_found) > 0;
}

IN_CHILD(test_tables_come_and_go_while_others_fault)
{
	static void *(*const work[])(void *) = {ask_all_the_time, fault_all_the_time,
						change_all_the_time, change_all_the_time};
	pthread_t threads[4];
	struct object object;

	make_tables();
	memory = t_bad_page(T_PROT_NONE);
	CHECK_EQ(register_ours(), 0);
	CHECK_EQ(mcsafe_install(), 0);
	for (uintptr_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, work[i], (void *)(i % 2)), 0);
	while (!have_met_all()) {
		struct t_registers registers = {0};

		object = open_object();
		CHECK_EQ(mcsafe_module_register(object.first, object.end), 0);
		CHECK_EQ(object.load(memory.bad, &registers), 1);
		CHECK_EQ(mcsafe_module_unregister(object.first), 0);
		CHECK_EQ(dlclose(object.handle), 0);
	}
	atomic_store(&stop, 1);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	fprintf(stderr, "%lu faults landed, %lu rows found, %lu not found, %lu changes\n",
		atomic_load(&n_faults), atomic_load(&n_found), atomic_load(&n_not_found),
		atomic_load(&n_changes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_of_a_program_land),
		NOT_WITH_VALGRIND(test_address_is_the_operands_where_the_kernel_has_none),
		cmocka_unit_test(test_rows_that_are_not_registered_are_not_ours),
		cmocka_unit_test(test_a_hundred_thousand_rows_in_any_order_are_found),
		cmocka_unit_test(test_tables_that_break_a_rule_are_refused),
		cmocka_unit_test(test_a_thousand_tables_are_found),
		cmocka_unit_test(test_a_table_is_registered_or_not),
		cmocka_unit_test(test_rows_that_are_there_more_than_once_count_once),
		cmocka_unit_test(test_child_of_a_thread_that_unregisters_keeps_its_own_rows),
		cmocka_unit_test(test_memory_does_not_grow),
		NOT_WITH_VALGRIND(test_rows_of_a_shared_object_land),
		NOT_WITH_VALGRIND(test_registered_object_survives_dlclose),
		NOT_WITH_VALGRIND(test_tables_come_and_go_while_others_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
