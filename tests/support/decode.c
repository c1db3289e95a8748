/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decode.c - machine instructions, as libcapstone knows them
 *
 * Capstone 4.0.2, which Debian 12 has, is incomplete in three ways. This file adds what is missing:
 * - Capstone does not know AVX512_VBMI, nor the instructions that make and move 64-bit masks. They
 *   are decoded here, whatever the version: Capstone 5 knows them, but not which extension they
 *   need. A mask that comes from memory, or goes there, is refused.
 * - Capstone reports many memory destinations as read. Therefore memory counts as written if it is
 *   an operand, no other operand is written, and the instruction does not only set flags.
 * - Capstone has no group for some extensions: a list has their names.
 */
#include "decode.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msan.h"
#include "basics.h"

static csh engine(void)
{
	static csh handle;

	if (handle != 0)
		return handle;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK ||
	    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
	    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT) != CS_ERR_OK) {
		fprintf(stderr, "libcapstone cannot be used\n");
		exit(1);
	}
	return handle;
}

/* Extensions for which capstone has no group. */
static const struct {
	const char *mnemonic;
	const char *needs;
} ungrouped[] = {
	{"clflushopt", "clflushopt"}, {"clwb", "clwb"},     {"lzcnt", "lzcnt"},
	{"movbe", "movbe"},           {"popcnt", "popcnt"}, {"prefetchw", "prfchw"},
	{"rdtscp", "rdtscp"},         {"xgetbv", "xsave"},
};

static void append(struct decode_insn *insn, const char *name)
{
	size_t n = strlen(insn->needs);

	snprintf(insn->needs + n, sizeof(insn->needs) - n, "%s%s", n != 0 ? " " : "", name);
}

static void find_needs(csh handle, const cs_insn *cs, struct decode_insn *insn)
{
	for (unsigned i = 0; i < cs->detail->groups_count; i++)
		/*
		 * Groups from this number on are instruction sets. mode64 and its like only say
		 * where an opcode is valid.
		 */
		if (cs->detail->groups[i] >= X86_GRP_VM &&
		    cs->detail->groups[i] != X86_GRP_MODE64 &&
		    cs->detail->groups[i] != X86_GRP_NOVLX &&
		    cs->detail->groups[i] != X86_GRP_NOT64BITMODE)
			append(insn, cs_group_name(handle, cs->detail->groups[i]));
	for (size_t i = 0; i < T_LENGTH(ungrouped); i++)
		if (strncmp(cs->mnemonic, ungrouped[i].mnemonic, strlen(ungrouped[i].mnemonic)) ==
		    0)
			append(insn, ungrouped[i].needs);
	/* No instruction with an EVEX prefix is in the base set. Capstone 5 has no group for some
	 * of them. */
	if (insn->needs[0] == '\0' && cs->bytes[0] == 0x62)
		append(insn, "avx512 unknown");
}

/* The number of a 64-bit general register in the encoding. */
static const char *number_of(x86_reg reg, int *number)
{
	static const x86_reg registers[] = {
		X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP,
		X86_REG_RSI, X86_REG_RDI, X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
		X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15,
	};

	*number = DECODE_NO_REGISTER;
	if (reg == X86_REG_INVALID || reg == X86_REG_RIZ)
		return NULL;
	for (int i = 0; i < 16; i++)
		if (registers[i] == reg)
			*number = i;
	return *number != DECODE_NO_REGISTER ? NULL
					     : "an address in registers that do not have 64 bits";
}

static const char *take_operand(const cs_x86_op *operand, struct decode_insn *insn)
{
	const char *problem = NULL;

	if (operand->mem.segment != X86_REG_INVALID)
		return "an operand in a segment";
	if (operand->mem.disp != (int32_t)operand->mem.disp)
		return "an operand at an absolute address";
	insn->size = operand->size;
	insn->scale = operand->mem.scale;
	insn->displacement = (int32_t)operand->mem.disp;
	insn->base = insn->index = DECODE_NO_REGISTER;
	if (!insn->of_ip)
		problem = number_of(operand->mem.base, &insn->base);
	return problem != NULL ? problem : number_of(operand->mem.index, &insn->index);
}

static bool starts_with(const cs_insn *cs, const char *start)
{
	return strncmp(cs->mnemonic, start, strlen(start)) == 0;
}

static bool only_compares(const cs_insn *cs)
{
	return starts_with(cs, "cmp") || starts_with(cs, "test") || starts_with(cs, "bt") ||
	       starts_with(cs, "ptest") || starts_with(cs, "vptest");
}

/*
 * These write whether the words differ or not, so their memory must be writable (Intel SDM vol.
 * 2A).
 */
static bool exchanges(const cs_insn *cs)
{
	return cs->id == X86_INS_XCHG || cs->id == X86_INS_CMPXCHG;
}

/* Mnemonics that end in 8 to 64 contain the size of their elements. */
static unsigned element_of(const cs_insn *cs)
{
	const char *digits = cs->mnemonic + strcspn(cs->mnemonic, "0123456789");
	int bits = atoi(digits);

	return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? (unsigned)bits / 8 : 0;
}

static const char *find_access(const cs_insn *cs, struct decode_insn *insn)
{
	const cs_x86 *x86 = &cs->detail->x86;
	const cs_x86_op *memory = NULL;
	const char *problem;
	unsigned n_memory = 0;
	bool register_written = false;

	for (unsigned i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM) {
			memory = operand;
			n_memory++;
			insn->of_ip = operand->mem.base == X86_REG_RIP;
			insn->displacement_at = x86->encoding.disp_offset;
		} else if (operand->type == X86_OP_REG) {
			/* Capstone does not set "access" for a mask. */
			if (operand->reg >= X86_REG_K0 && operand->reg <= X86_REG_K7 &&
			    strstr(cs->op_str, "{%k") != NULL)
				insn->mask = (int)(operand->reg - X86_REG_K0);
			else
				register_written |= operand->access & CS_AC_WRITE;
		}
	}
	if (insn->mask != 0)
		insn->element = element_of(cs);
	if (n_memory == 0 || starts_with(cs, "lea") || starts_with(cs, "nop") ||
	    starts_with(cs, "prefetch"))
		return NULL;
	if (insn->mask != 0 && insn->element == 0)
		return "a mask of elements of unknown size";
	insn->is_string = x86->prefix[0] == X86_PREFIX_REP || x86->prefix[0] == X86_PREFIX_REPNE ||
			  n_memory == 2 || starts_with(cs, "stos");
	if (n_memory == 2) {
		insn->access = DECODE_BOTH;
		return starts_with(cs, "movs") || starts_with(cs, "rep movs")
			       ? NULL
			       : "two operands in memory";
	}
	problem = take_operand(memory, insn);
	if (problem != NULL)
		return problem;
	if (exchanges(cs)) {
		insn->access = DECODE_STORE;
		return NULL;
	}
	insn->write_back = starts_with(cs, "clflush") || starts_with(cs, "clwb");
	if (starts_with(cs, "xchg") || strstr(cs->mnemonic, "cmpxchg") != NULL) {
		/* It writes whether the words differ or not, so its memory must be writable. */
		insn->access = DECODE_STORE;
		return NULL;
	}
	if ((register_written && memory->access & CS_AC_WRITE) ||
	    x86->prefix[0] == X86_PREFIX_LOCK || memory->access == (CS_AC_READ | CS_AC_WRITE))
		return "memory is read and written by one instruction";
	if (!insn->write_back && (register_written || only_compares(cs)))
		insn->access = DECODE_LOAD;
	else
		insn->access = DECODE_STORE;
	return NULL;
}

static void find_flow(csh handle, const cs_insn *cs, struct decode_insn *insn)
{
	const cs_x86 *x86 = &cs->detail->x86;
	bool call = cs_insn_group(handle, cs, X86_GRP_CALL);

	if (cs_insn_group(handle, cs, X86_GRP_RET)) {
		insn->flow = DECODE_RETURNS;
	} else if (call || cs_insn_group(handle, cs, X86_GRP_JUMP)) {
		if (x86->operands[0].type != X86_OP_IMM)
			insn->flow = DECODE_JUMPS_ANYWHERE;
		else if (call)
			insn->flow = DECODE_CALLS;
		else
			insn->flow = cs->id == X86_INS_JMP ? DECODE_JUMPS : DECODE_BRANCHES;
		insn->target = (uintptr_t)x86->operands[0].imm;
	}
}

/*
 * The operand of an instruction with an EVEX prefix of four bytes (Intel SDM vol. 2, 2.7): after
 * the opcode ModR/M, perhaps SIB, and a displacement of 0, 1 or 4 bytes. A displacement of one byte
 * counts in units of the operand. Sets *end to the number of bytes up to its end.
 */
static const char *take_evex_operand(const unsigned char *code, size_t size, unsigned *end,
				     struct decode_insn *insn)
{
	unsigned char padded[16] = {0};
	unsigned modrm = code[5], mode = modrm >> 6, at = 6;
	bool high_base = !(code[1] & 0x20), high_index = !(code[1] & 0x40);

	*end = at;
	if (mode == 3)
		return NULL; /* a register */
	code = memcpy(padded, code, size < sizeof(padded) ? size : sizeof(padded));
	if (code[3] & 0x10)
		return "one operand in memory for all elements";
	/* With a mask VPERMB still reads all of its operand: its exceptions are of type E4NF. */
	if ((code[3] & 7) && code[4] != 0x8d)
		return "a load with a mask";
	insn->access = DECODE_LOAD;
	insn->size = 16u << (code[3] >> 5 & 3);
	insn->scale = 1;
	insn->base = (int)(modrm & 7) | high_base << 3;
	if ((modrm & 7) == 4) {
		unsigned sib = code[at++];

		insn->scale = 1 << (sib >> 6);
		insn->base = (int)(sib & 7) | high_base << 3;
		insn->index = (int)(sib >> 3 & 7) | high_index << 3;
		if (insn->index == 4)
			insn->index = DECODE_NO_REGISTER;
		if (mode == 0 && (sib & 7) == 5)
			return "an operand without a base";
	} else if (mode == 0 && (modrm & 7) == 5) {
		insn->of_ip = true;
		insn->base = DECODE_NO_REGISTER;
	}
	insn->displacement_at = at;
	if (mode == 1) {
		insn->displacement = (int8_t)code[at] * (int32_t)insn->size;
		at += 1;
	} else if (mode == 2 || insn->of_ip) {
		memcpy(&insn->displacement, code + at, sizeof(insn->displacement));
		at += 4;
	}
	*end = at;
	return at <= size ? NULL : "too few bytes";
}

/*
 * Intel SDM vol. 2, 2.3 (VEX) and 2.7 (EVEX): a prefix of three or four bytes, which names the map,
 * then the opcode, then the operand, and in map 3 one more byte. After VEX only registers are
 * known here. Returns whether it knows the instruction, or the reason to refuse it in *problem.
 */
static bool decode_by_hand(const unsigned char *code, size_t size, struct decode_insn *insn,
			   const char **problem)
{
	static const struct {
		unsigned char prefix, map, w_and_pp, opcode;
		const char *text, *needs;
	} known[] = {
		{0xc4, 1, 0x83, 0x92, "kmovq, from general register", "avx512 bwi"},
		{0xc4, 1, 0x83, 0x93, "kmovq, to general register", "avx512 bwi"},
		{0x62, 1, 0x01, 0x74, "vpcmpeqb", "avx512 bwi"},
		{0x62, 2, 0x01, 0x75, "vpermi2b", "avx512 vbmi"},
		{0x62, 2, 0x01, 0x7d, "vpermt2b", "avx512 vbmi"},
		{0x62, 2, 0x01, 0x8d, "vpermb", "avx512 vbmi"},
		{0x62, 3, 0x01, 0x3e, "vpcmpub", "avx512 bwi"},
	};

	for (size_t i = 0; i < T_LENGTH(known); i++) {
		bool evex = known[i].prefix == 0x62;
		unsigned at = evex ? 4 : 3, end = at + 2;

		*problem = NULL;
		if (size < at + 2 || code[0] != known[i].prefix ||
		    (code[1] & (evex ? 7 : 0x1f)) != known[i].map ||
		    (code[2] & 0x83) != known[i].w_and_pp || code[at] != known[i].opcode)
			continue;
		if (evex)
			*problem = take_evex_operand(code, size, &end, insn);
		else if (code[at + 1] >> 6 != 3)
			break;
		insn->length = end + (known[i].map == 3);
		snprintf(insn->text, sizeof(insn->text), "%s", known[i].text);
		snprintf(insn->needs, sizeof(insn->needs), "%s", known[i].needs);
		return true;
	}
	return false;
}

const char *decode(const unsigned char *code, size_t size, uintptr_t addr, struct decode_insn *insn)
{
	const char *problem;
	csh handle = engine();
	cs_insn *cs;
	size_t n;

	memset(insn, 0, sizeof(*insn));
	insn->addr = addr;
	insn->base = insn->index = DECODE_NO_REGISTER;
	if (decode_by_hand(code, size, insn, &problem))
		return problem;
	mcsafe__msan_foreign_begin();
	n = cs_disasm(handle, code, size, addr, 1, &cs);
	mcsafe__msan_foreign_end();
	if (n != 1)
		return "libcapstone does not know it";
	mcsafe__msan_written(&cs, sizeof(void *));
	mcsafe__msan_written(cs, sizeof(*cs));
	mcsafe__msan_written(cs->detail, sizeof(*cs->detail));
	insn->length = cs->size;
	snprintf(insn->text, sizeof(insn->text), "%s %s", cs->mnemonic, cs->op_str);
	problem = find_access(cs, insn);
	find_flow(handle, cs, insn);
	find_needs(handle, cs, insn);
	cs_free(cs, 1);
	return problem;
}
