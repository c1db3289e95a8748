/* SPDX-License-Identifier: BSD-3-Clause */
/* code.c - finds all instructions of a routine, from its entry and from the fixups of its rows */
#include "code.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "landing/extable.h"

#define MOST    4096 /* the most instructions in one routine */
#define LONGEST 15   /* the most bytes in an instruction */

static int compare(const void *a, const void *b)
{
	const struct decode_insn *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

struct search {
	struct code *code;
	uintptr_t todo[2 * MOST];
	size_t n_todo;
};

static bool is_known(const struct code *code, uintptr_t addr)
{
	for (size_t i = 0; i < code->n; i++)
		if (code->insns[i].addr == addr)
			return true;
	return false;
}

void mcsafe__stop(void); /* asm/x86_64/stop.S */
void mcsafe__stop_with_cause(void);

bool code_leaves(const struct decode_insn *insn)
{
	return insn->flow == DECODE_RETURNS ||
	       (insn->flow == DECODE_JUMPS && (insn->target == (uintptr_t)mcsafe__stop ||
					       insn->target == (uintptr_t)mcsafe__stop_with_cause));
}

static void follow(struct search *search, const struct decode_insn *insn)
{
	const struct mcsafe_row *row = mcsafe__extable_find(insn->addr);

	if (!code_leaves(insn) && (insn->flow == DECODE_JUMPS || insn->flow == DECODE_BRANCHES))
		search->todo[search->n_todo++] = insn->target;
	if (insn->flow != DECODE_JUMPS && insn->flow != DECODE_RETURNS)
		search->todo[search->n_todo++] = insn->addr + insn->length;
	if (row != NULL)
		search->todo[search->n_todo++] = mcsafe__row_fixup(row);
}

const char *code_read(struct code *code, uintptr_t entry)
{
	struct search *search = calloc(1, sizeof(*search));
	const char *problem = NULL;

	code->n = 0;
	code->entry = entry;
	code->insns = calloc(MOST, sizeof(*code->insns));
	if (search == NULL || code->insns == NULL)
		abort();
	search->code = code;
	search->todo[search->n_todo++] = entry;
	while (problem == NULL && search->n_todo != 0) {
		uintptr_t addr = search->todo[--search->n_todo];
		struct decode_insn *insn = &code->insns[code->n];

		if (is_known(code, addr))
			continue;
		problem = decode((const unsigned char *)addr, LONGEST, addr, insn);
		code->n++;
		if (problem == NULL && insn->flow == DECODE_JUMPS_ANYWHERE)
			problem = "a jump whose target is unknown";
		if (problem == NULL && code->n == MOST)
			problem = "too many instructions";
		if (problem == NULL)
			follow(search, insn);
	}
	free(search);
	qsort(code->insns, code->n, sizeof(*code->insns), compare);
	return problem;
}

void code_free(struct code *code)
{
	free(code->insns);
	code->insns = NULL;
	code->n = 0;
}

const struct decode_insn *code_at(const struct code *code, uintptr_t addr)
{
	struct decode_insn key = {.addr = addr};

	return bsearch(&key, code->insns, code->n, sizeof(*code->insns), compare);
}

const char *code_rows(const struct code *code, const struct mcsafe_row **first,
		      const struct mcsafe_row **end)
{
	const struct mcsafe_row *row, *past;

	mcsafe__extable_own(&row, &past);
	*first = *end = NULL;
	for (; row < past; row++) {
		if (code_at(code, mcsafe__row_insn(row)) == NULL)
			continue;
		if (*first == NULL)
			*first = row;
		*end = row + 1;
	}
	return *first == NULL ? "no rows" : NULL;
}

static bool is_non_temporal(const struct decode_insn *insn)
{
	return insn->access == DECODE_STORE && strstr(insn->text, "movnt") != NULL;
}

static bool is_fence(const struct decode_insn *insn)
{
	return strncmp(insn->text, "sfence", 6) == 0;
}

/* Whether a path from the end of an instruction returns without SFENCE. */
static bool returns_unfenced(const struct code *code, const struct decode_insn *from)
{
	struct search *search = calloc(1, sizeof(*search));
	bool *seen = calloc(code->n, sizeof(*seen)), returns = false;

	if (search == NULL || seen == NULL)
		abort();
	search->todo[search->n_todo++] = from->addr + from->length;
	while (search->n_todo != 0 && !returns) {
		const struct decode_insn *insn = code_at(code, search->todo[--search->n_todo]);

		if (seen[insn - code->insns] || is_fence(insn))
			continue;
		seen[insn - code->insns] = true;
		returns = code_leaves(insn);
		follow(search, insn);
	}
	free(seen);
	free(search);
	return returns;
}

const struct decode_insn *code_not_fenced(const struct code *code)
{
	for (size_t i = 0; i < code->n; i++)
		if (is_non_temporal(&code->insns[i]) && returns_unfenced(code, &code->insns[i]))
			return &code->insns[i];
	return NULL;
}

uintptr_t code_address(const struct decode_insn *insn, const ucontext_t *context)
{
	/* In the order of the encoding. */
	static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				      REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15};
	const greg_t *regs = context->uc_mcontext.gregs;
	uintptr_t addr = (uintptr_t)(intptr_t)insn->displacement;

	if (insn->is_string)
		return (uintptr_t)regs[REG_RSI];
	if (insn->of_ip)
		return addr + insn->addr + insn->length;
	if (insn->base != DECODE_NO_REGISTER)
		addr += (uintptr_t)regs[order[insn->base]];
	if (insn->index != DECODE_NO_REGISTER)
		addr += (uintptr_t)regs[order[insn->index]] * (unsigned)insn->scale;
	return addr;
}
