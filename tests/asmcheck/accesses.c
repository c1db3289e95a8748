/* SPDX-License-Identifier: BSD-3-Clause */
/* accesses.c - the accesses that a routine makes in single steps */
#include "accesses.h"

#include "run.h"
#include "step.h"

static struct {
	const struct code *code;
	size_t n, n_steps;
	struct {
		uintptr_t addr;
		size_t insn;
	} seen[4096];
} it;

/* The address, or if it is in the red zone, its distance from the stack pointer. */
static uintptr_t place(uintptr_t addr, size_t size, uintptr_t stack)
{
	return code_in_red_zone(addr, size, stack) ? addr - stack : addr;
}

static bool see_step(void *arg, const ucontext_t *context)
{
	const greg_t *regs = context->uc_mcontext.gregs;
	const struct decode_insn *insn = code_at(it.code, (uintptr_t)regs[REG_RIP]);

	(void)arg;
	it.n_steps++;
	if (insn == NULL || insn->access == DECODE_NONE || insn->of_ip || insn->is_string)
		return true;
	if (it.n < T_LENGTH(it.seen)) {
		it.seen[it.n].addr =
			place(code_address(insn, context), insn->size, (uintptr_t)regs[REG_RSP]);
		it.seen[it.n].insn = (size_t)(insn - it.code->insns);
	}
	it.n++;
	return true;
}

void accesses_begin(const struct code *code)
{
	it.code = code;
	accesses_restart();
	step_begin(code->entry, see_step, NULL);
}

void accesses_end(void)
{
	step_end();
}

void accesses_restart(void)
{
	it.n = it.n_steps = 0;
}

size_t accesses_steps(void)
{
	return it.n_steps;
}

const char *accesses_differ(const struct code_record *records, size_t n, size_t *at)
{
	*at = 0;
	if (it.n_steps < 3)
		return "no single steps";
	if (n != it.n)
		return "single steps see another number of accesses";
	for (size_t i = 0; i < n; i++) {
		const struct decode_insn *insn = &it.code->insns[records[i].insn];

		*at = i;
		if (records[i].insn != it.seen[i].insn ||
		    place(records[i].addr, insn->size, records[i].stack) != it.seen[i].addr)
			return "single steps see another access";
	}
	return NULL;
}
