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

static void follow(struct search *search, const struct decode_insn *insn)
{
	const struct mcsafe_row *row = mcsafe__extable_find(insn->addr);

	if (insn->flow == DECODE_JUMPS || insn->flow == DECODE_BRANCHES)
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

uintptr_t code_address(const struct decode_insn *insn, const uint64_t registers[16])
{
	uintptr_t addr = (uintptr_t)(intptr_t)insn->displacement;

	if (insn->of_ip)
		return addr + insn->addr + insn->length;
	if (insn->base != DECODE_NO_REGISTER)
		addr += registers[insn->base];
	if (insn->index != DECODE_NO_REGISTER)
		addr += registers[insn->index] * (unsigned)insn->scale;
	return addr;
}
