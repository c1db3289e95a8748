/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rewrite.c - builds a routine anew, so that it records the address of each access
 *
 * Single steps would also work, and are used for a sample (lines.c). But they cost a signal for
 * each instruction, and the whole grid of lengths and alignments would take many hours. The
 * recorder before an access changes no register and no flag, and does not use the red zone.
 */
#include <string.h>
#include <sys/mman.h>

#include "code.h"

#define RSP 4

/* What the recorder puts onto the stack: the red zone that it skips, and three registers. */
#define DEPTH (128 + 3 * 8)

/* In the program itself, so that data that the code reads at a distance stays within reach. */
static unsigned char room[1 << 18] __attribute__((aligned(4096)));
static struct code_record records[CODE_RECORDS];
static struct code_record *next_record = records;

struct build {
	const struct code *code;
	unsigned char *at;
	unsigned char *starts[4096]; /* where each instruction starts, with its recorder */
	struct {
		unsigned char *field; /* 4 bytes, which hold a distance from their own end */
		uintptr_t target;
	} jumps[4096];
	size_t n_jumps;
};

static void put(struct build *build, const void *bytes, size_t n)
{
	memcpy(build->at, bytes, n);
	build->at += n;
}

#define PUT(...) \
 put(build, (const unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__}))

static void put_number(struct build *build, uint64_t number, size_t bytes)
{
	put(build, &number, bytes); /* the lowest byte first, as x86 stores numbers */
}

/* lea OPERAND, %rax */
static void put_lea(struct build *build, const struct decode_insn *insn)
{
	unsigned base = insn->base == DECODE_NO_REGISTER ? 5 : (unsigned)insn->base;
	unsigned index = insn->index == DECODE_NO_REGISTER ? 4 : (unsigned)insn->index;
	unsigned scale = (unsigned)__builtin_ctz((unsigned)insn->scale | 16);
	int32_t displacement = insn->displacement + (insn->base == RSP ? DEPTH : 0);

	PUT((unsigned char)(0x48 | (index & 8) >> 2 | base >> 3), 0x8d,
	    insn->base == DECODE_NO_REGISTER ? 0x04 : 0x84,
	    (unsigned char)((scale & 3) << 6 | (index & 7) << 3 | (base & 7)));
	put_number(build, (uint32_t)displacement, 4);
}

static void put_recorder(struct build *build, const struct decode_insn *insn, size_t number)
{
	PUT(0x48, 0x8d, 0x64, 0x24, 0x80); /* lea -128(%rsp), %rsp */
	PUT(0x50, 0x51, 0x52);             /* push %rax, %rcx, %rdx */
	put_lea(build, insn);
	PUT(0x48, 0xba); /* mov $next_record, %rdx */
	put_number(build, (uintptr_t)&next_record, 8);
	PUT(0x48, 0x8b, 0x0a);       /* mov (%rdx), %rcx */
	PUT(0x48, 0x89, 0x01);       /* mov %rax, (%rcx) */
	PUT(0x48, 0xc7, 0x41, 0x08); /* movq $number, 8(%rcx) */
	put_number(build, number, 4);
	if (insn->mask != 0) {
		PUT(0xc4, 0xe1, 0xfb, 0x93, (unsigned char)(0xc0 + insn->mask)); /* kmovq to %rax */
		PUT(0x48, 0x89, 0x41, 0x10); /* mov %rax, 16(%rcx) */
	} else {
		PUT(0x48, 0xc7, 0x41, 0x10, 0xff, 0xff, 0xff, 0xff); /* movq $-1, 16(%rcx) */
	}
	PUT(0x48, 0x8d, 0x84, 0x24, DEPTH, 0, 0, 0);       /* lea DEPTH(%rsp), %rax */
	PUT(0x48, 0x89, 0x41, 0x18);                       /* mov %rax, 24(%rcx) */
	PUT(0x48, 0x8d, 0x49, sizeof(struct code_record)); /* lea SIZE(%rcx), %rcx */
	PUT(0x48, 0x89, 0x0a);                             /* mov %rcx, (%rdx) */
	PUT(0x5a, 0x59, 0x58);                             /* pop %rdx, %rcx, %rax */
	PUT(0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0);        /* lea 128(%rsp), %rsp */
}

static void put_distance(struct build *build, uintptr_t target)
{
	put_number(build, target - ((uintptr_t)build->at + 4), 4);
}

static void put_jump(struct build *build, uintptr_t target)
{
	build->jumps[build->n_jumps].field = build->at;
	build->jumps[build->n_jumps++].target = target;
	put_number(build, 0, 4);
}

static const char *put_branch(struct build *build, const struct decode_insn *insn)
{
	const unsigned char *old = (const unsigned char *)insn->addr;

	if (old[0] >= 0x70 && old[0] <= 0x7f)
		PUT(0x0f, (unsigned char)(old[0] + 0x10));
	else if (old[0] == 0x0f && (old[1] & 0xf0) == 0x80)
		PUT(0x0f, old[1]);
	else
		return "a branch that is not Jcc";
	put_jump(build, insn->target);
	return NULL;
}

static const char *put_insn(struct build *build, const struct decode_insn *insn)
{
	unsigned char *start = build->at;

	switch (insn->flow) {
	case DECODE_JUMPS:
		PUT(0xe9);
		if (code_leaves(insn))
			put_distance(build, insn->target);
		else
			put_jump(build, insn->target);
		return NULL;
	case DECODE_BRANCHES:
		return put_branch(build, insn);
	case DECODE_CALLS:
		PUT(0xe8);
		put_distance(build, insn->target);
		return NULL;
	case DECODE_JUMPS_ANYWHERE:
		return "a jump whose target is unknown";
	case DECODE_GOES_ON:
	case DECODE_RETURNS:
		break;
	}
	put(build, (const void *)insn->addr, insn->length);
	if (insn->of_ip) {
		int32_t distance;

		memcpy(&distance, start + insn->displacement_at, 4);
		distance = (int32_t)(distance + (intptr_t)(insn->addr - (uintptr_t)start));
		memcpy(start + insn->displacement_at, &distance, 4);
	}
	return NULL;
}

static const char *put_all(struct build *build)
{
	const struct code *code = build->code;
	const char *problem = NULL;

	for (size_t i = 0; i < code->n && problem == NULL; i++) {
		const struct decode_insn *insn = &code->insns[i];

		if ((size_t)(build->at - room) + 128 > sizeof(room))
			return "no room left";
		build->starts[i] = build->at;
		if (insn->access != DECODE_NONE && !insn->of_ip && !insn->is_string)
			put_recorder(build, insn, i);
		problem = put_insn(build, insn);
		if (problem == NULL && insn->flow != DECODE_JUMPS && insn->flow != DECODE_RETURNS &&
		    code_at(code, insn->addr + insn->length) != insn + 1)
			problem = "instructions that overlap";
	}
	return problem;
}

const char *code_rewrite(const struct code *code, void (**fn)(void))
{
	static struct build build;
	const char *problem;

	if (mprotect(room, sizeof(room), PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		return "no memory that can be written and run";
	memset(&build, 0, sizeof(build));
	build.code = code;
	build.at = room;
	problem = put_all(&build);
	for (size_t i = 0; i < build.n_jumps && problem == NULL; i++) {
		const struct decode_insn *target = code_at(code, build.jumps[i].target);
		int32_t distance;

		if (target == NULL)
			return "a jump out of the routine";
		distance =
			(int32_t)(build.starts[target - code->insns] - (build.jumps[i].field + 4));
		memcpy(build.jumps[i].field, &distance, 4);
	}
	*fn = (void (*)(void))(uintptr_t)build.starts[code_at(code, code->entry) - code->insns];
	next_record = records;
	return problem;
}

const struct code_record *code_records(size_t *n)
{
	*n = (size_t)(next_record - records);
	next_record = records;
	return records;
}
