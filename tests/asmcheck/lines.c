/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines.c - where each access of a routine goes
 *
 * The routine is built anew with a recorder before each access (rewrite.c), and runs in all cases.
 * A sample of the cases shows that this is still the same routine: the original runs one
 * instruction at a time, and must make exactly the same accesses.
 *
 * Before that, each path from a non-temporal store to the return must have an SFENCE.
 *
 * The routine may use its red zone as it pleases, and may read constants.
 *
 * A load counts as all bytes of its operand, whatever its mask is, because the processor may fetch
 * a line of which it needs no byte. A store counts as the bytes that its mask selects.
 */
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/fault.h>

#include "accesses.h"
#include "asmcheck.h"
#include "code.h"
#include "pattern.h"
#include "run.h"
#include "state.h"
#include "step.h"

#define LINE    ((uintptr_t)64)
#define GRID_N  512
#define LARGEST ((size_t)64 << 10)
#define ROOM    (LARGEST + 4096)
#define MARGIN  1024 /* bytes before each operand */

static struct lines {
	const struct t_copy *copy;
	struct code code;
	void (*rewritten)(void);
	unsigned char *src_room, *dst_room;
	struct tally *tally;

	/* The case that is running. */
	uintptr_t src, dst;
	size_t n;
} it;

static int find_constant(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t addr = *(uintptr_t *)arg;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && !(info->dlpi_phdr[i].p_flags & PF_W) &&
		    addr >= start && addr < start + info->dlpi_phdr[i].p_memsz)
			return 2;
	}
	return 1; /* only the program itself, which comes first */
}

static bool is_constant(uintptr_t addr)
{
	return dl_iterate_phdr(find_constant, &addr) == 2;
}

static const char *complain_of(const struct decode_insn *insn, uintptr_t addr, const char *what)
{
	return complain("%s + %#zx, %s, n %zu from %zu to %zu mod 64: %s: %u bytes at source%+td, "
			"destination%+td",
			it.copy->name, (size_t)(insn->addr - it.code.entry), insn->text, it.n,
			(size_t)(it.src % LINE), (size_t)(it.dst % LINE), what, insn->size,
			(ptrdiff_t)(addr - it.src), (ptrdiff_t)(addr - it.dst));
}

static const char *check_load(const struct decode_insn *insn, uintptr_t addr)
{
	uintptr_t last = addr + insn->size - 1;
	bool of_operand = it.copy->work == T_COPIES && it.n != 0 && addr / LINE >= it.src / LINE &&
			  last / LINE <= (it.src + it.n - 1) / LINE;

	if (!of_operand && is_constant(addr))
		return NULL;
	if (addr / LINE != last / LINE)
		return complain_of(insn, addr, "a load crosses a line");
	if (!of_operand)
		return complain_of(insn, addr, "a load outside the lines of the source");
	return NULL;
}

/* Narrows the access to the bytes that a mask selects. */
static void narrow(const struct decode_insn *insn, uint64_t mask, uintptr_t *addr, size_t *size)
{
	unsigned lowest, highest, elements;

	if (insn->mask == 0)
		return;
	elements = insn->size / insn->element;
	if (elements < 64)
		mask &= (UINT64_C(1) << elements) - 1;
	if (mask == 0) {
		*size = 0;
		return;
	}
	lowest = (unsigned)__builtin_ctzll(mask);
	highest = 63 - (unsigned)__builtin_clzll(mask);
	*addr += lowest * insn->element;
	*size = (highest - lowest + 1) * insn->element;
}

static const char *check_store(const struct decode_insn *insn, const struct code_record *record)
{
	uintptr_t addr = record->addr, dst = it.dst, end = it.dst + it.n;
	size_t size = insn->size;

	if (insn->write_back != (it.copy->work == T_FLUSHES))
		return complain_of(insn, addr, "in neither operand");
	if (insn->write_back) {
		size = 1;
		dst &= ~(LINE - 1);
	}
	narrow(insn, record->mask, &addr, &size);
	if (size != 0 && (it.n == 0 || addr < dst || addr + size > end))
		return complain_of(insn, addr, "a store outside the destination");
	return NULL;
}

static const char *check_record(const struct code_record *record)
{
	const struct decode_insn *insn = &it.code.insns[record->insn];

	if (code_in_red_zone(record->addr, insn->size, record->stack))
		return NULL;
	return insn->access == DECODE_LOAD ? check_load(insn, record->addr)
					   : check_store(insn, record);
}

static const char *check_result(size_t left)
{
	const unsigned char *dst = (const unsigned char *)it.dst;
	const unsigned char *src = (const unsigned char *)it.src;

	if (left != 0)
		return complain("%s: %zu bytes left in good memory", it.copy->name, left);
	if (it.copy->work == T_COPIES && memcmp(dst, src, it.n) != 0)
		return complain("%s: n %zu, from %zu to %zu mod 64: a wrong copy", it.copy->name,
				it.n, (size_t)(it.src % LINE), (size_t)(it.dst % LINE));
	for (size_t i = 0; it.copy->work == T_SETS && i < it.n; i++)
		if (dst[i] != T_SET_TO)
			return complain("%s: n %zu: a byte is not set", it.copy->name, it.n);
	return NULL;
}

static size_t call(void (*fn)(void))
{
	struct mcsafe_fault fault;
	uint64_t args[4];

	t_copy_arguments(it.copy, args, (void *)it.dst, (void *)it.src, it.n, &fault);
	return ((size_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))fn)(args[0], args[1], args[2],
								       args[3]);
}

static void set_case(size_t n, size_t src_offset, size_t dst_offset)
{
	if (it.copy->is.whole_lines) {
		n -= n % LINE;
		dst_offset = 0;
	}
	it.n = n;
	it.src = (uintptr_t)it.src_room + MARGIN + src_offset;
	it.dst = (uintptr_t)it.dst_room + MARGIN + dst_offset;
	memset((void *)it.dst, 0xff, n);
}

static const char *try_case(size_t n, size_t src_offset, size_t dst_offset)
{
	const struct code_record *records;
	const char *complaint;
	size_t n_records;

	set_case(n, src_offset, dst_offset);
	complaint = check_result(call(it.rewritten));
	records = code_records(&n_records);
	for (size_t i = 0; i < n_records && complaint == NULL; i++)
		complaint = check_record(&records[i]);
	/* A copy of nothing may read constants, and store with an empty mask. */
	if (complaint == NULL && it.n != 0 && n_records == 0)
		complaint = complain("%s: n %zu: no accesses", it.copy->name, n);
	it.tally->runs++;
	it.tally->accesses += n_records;
	return complaint;
}

/* Runs the original in single steps: it must make the same accesses in the same order. */
static const char *step_case(size_t n, size_t src_offset, size_t dst_offset)
{
	const struct code_record *records;
	struct mcsafe_fault fault;
	struct t_state state;
	const char *complaint;
	uint64_t args[4];
	size_t n_records, at;

	t_state_init(&state);
	state.flags_set = STEP_FLAG;
	set_case(n, src_offset, dst_offset);
	accesses_restart();
	t_copy_arguments(it.copy, args, (void *)it.dst, (void *)it.src, it.n, &fault);
	t_state_call(&state, it.copy->fn, args[0], args[1], args[2], args[3]);
	it.tally->steps += accesses_steps();
	call(it.rewritten);
	records = code_records(&n_records);
	complaint = accesses_differ(records, n_records, &at);
	if (complaint == NULL)
		return NULL;
	if (n_records == 0)
		return complain("%s: n %zu: %s", it.copy->name, n, complaint);
	return complain_of(&it.code.insns[records[at].insn], records[at].addr, complaint);
}

static const char *try_sample_of_steps(struct t_rng *rng)
{
	const char *complaint = NULL;

	accesses_begin(&it.code);
	for (unsigned i = 0; i < 60 && it.tally->steps < ACCESSES_ENOUGH && complaint == NULL; i++)
		complaint = step_case(i < 40 ? t_rng_below(rng, 200) : t_rng_below(rng, 1024),
				      t_rng_below(rng, LINE), t_rng_below(rng, LINE));
	accesses_end();
	return complaint;
}

/* How many offsets of the destination are tried for each length and each offset of the source. */
#define SAMPLE 4

static const char *try_grid(struct t_rng *rng, bool full)
{
	size_t sources = it.copy->work == T_COPIES ? LINE : 1;
	const char *complaint = NULL;

	full |= sources == 1;
	for (size_t n = 0; n <= GRID_N; n++)
		for (size_t s = 0; s < sources; s++)
			for (size_t d = 0; d < (full ? LINE : SAMPLE) && complaint == NULL; d++)
				complaint = try_case(n, s, full ? d : t_rng_below(rng, LINE));
	return complaint;
}

static const char *try_larger(struct t_rng *rng)
{
	const char *complaint = NULL;

	for (unsigned i = 0; i < 2000 && complaint == NULL; i++)
		complaint =
			try_case(GRID_N + t_rng_below(rng, i % 8 == 0 ? LARGEST - GRID_N : 4096),
				 t_rng_below(rng, LINE), t_rng_below(rng, LINE));
	return complaint;
}

static unsigned char *map(void)
{
	unsigned char *memory =
		mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static const char *check_fences(void)
{
	const struct decode_insn *insn = code_not_fenced(&it.code);

	if (insn == NULL || it.copy->is.whole_lines)
		return NULL;
	return complain("%s + %#zx, %s: it may return without SFENCE", it.copy->name,
			(size_t)(insn->addr - it.code.entry), insn->text);
}

const char *check_lines(const struct t_copy *copy, struct t_rng *rng, bool full,
			struct tally *tally)
{
	const char *complaint;

	memset(&it, 0, sizeof(it));
	it.copy = copy;
	it.tally = tally;
	it.src_room = map();
	it.dst_room = map();
	for (size_t i = 0; i < ROOM; i++)
		it.src_room[i] = t_data(i);
	complaint = code_read(&it.code, (uintptr_t)copy->fn);
	if (complaint == NULL)
		complaint = code_rewrite(&it.code, &it.rewritten);
	if (complaint != NULL)
		complaint = complain("%s: %s", copy->name, complaint);
	if (complaint == NULL)
		complaint = check_fences();
	if (complaint == NULL)
		complaint = try_sample_of_steps(rng);
	if (complaint == NULL)
		complaint = try_grid(rng, full);
	if (complaint == NULL)
		complaint = try_larger(rng);
	code_free(&it.code);
	assert_int_equal(munmap(it.src_room, ROOM), 0);
	assert_int_equal(munmap(it.dst_room, ROOM), 0);
	return complaint;
}
