/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.c - one copy between two regions, and everything that must be true of it */
#include "trial.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/fault.h>

#include "asm/layout.h"
#include "landing/extable.h"
#include "oracle.h"
#include "pattern.h"
#include "run.h"
#include "witness.h"

#define LINE      64
#define UNWRITTEN 0xa5 /* every byte of a record has this value before the call */

/* A trial while it runs. */
struct run {
	const struct t_trial *trial;
	unsigned char *dst;
	const unsigned char *src;
	struct t_outcome expected;
	size_t left;
	struct mcsafe_fault record;
};

static _Thread_local char complaint[256];

#define COMPLAIN(...) (snprintf(complaint, sizeof(complaint), __VA_ARGS__), complaint)

static uintptr_t start_of(const struct t_region *region, ptrdiff_t distance)
{
	return (uintptr_t)region->bad - (uintptr_t)distance;
}

/* access: what is done to the region. */
static struct t_operand operand_of(const struct t_region *region, ptrdiff_t distance,
				   enum mcsafe_side access)
{
	struct t_operand operand = {.addr = start_of(region, distance)};

	if (region->kind->sides & T_SIDE(access)) {
		operand.bad = (uintptr_t)region->bad;
		operand.bad_end = (uintptr_t)region->bad_end;
	}
	if (operand.addr >= (uintptr_t)region->good &&
	    operand.addr < (uintptr_t)region->readable_end)
		operand.image = region->image + (operand.addr - (uintptr_t)region->good);
	return operand;
}

/* The processor checks a write-back as a load (asm/x86_64/flush.inc). */
static enum mcsafe_side access_to_dst(const struct t_trial *trial)
{
	return trial->copy->work == T_FLUSHES ? MCSAFE_SIDE_SOURCE : MCSAFE_SIDE_DESTINATION;
}

static unsigned char constant_bytes[16 * T_PAGE];

static void make_constant_bytes(void)
{
	memset(constant_bytes, T_SET_TO, sizeof(constant_bytes));
}

/* In place of the source that a copy has: all bytes are the same. */
static struct t_operand constant(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_constant_bytes);
	return (struct t_operand){.image = constant_bytes};
}

static struct t_outcome ask_oracle(const struct t_trial *trial)
{
	struct t_operand dst = operand_of(trial->dst, trial->dst_distance, access_to_dst(trial));
	struct t_operand src;

	switch (trial->copy->work) {
	case T_COPIES:
		src = operand_of(trial->src, trial->src_distance, MCSAFE_SIDE_SOURCE);
		break;
	case T_SETS:
		src = constant();
		break;
	case T_FLUSHES: /* leaves every byte as it is */
		src = (struct t_operand){.image = dst.image};
		break;
	}
	return t_oracle(&dst, &src, trial->n);
}

/* ---- the memory -------------------------------------------------------------------------- */

/* The part of a region's readable bytes that [addr - margin, addr + n + margin) covers. */
static const char *check_window(const struct t_region *region, uintptr_t addr, size_t n,
				size_t margin, const char *what)
{
	uintptr_t low = (uintptr_t)region->good, high = (uintptr_t)region->readable_end;
	const unsigned char *actual, *image;
	size_t size;

	if (addr > low && addr - low > margin)
		low = addr - margin;
	if (addr < high && n < high - addr && margin < high - addr - n)
		high = addr + n + margin;
	if (low >= high)
		return NULL;
	size = high - low;
	actual = region->good + (low - (uintptr_t)region->good);
	image = region->image + (low - (uintptr_t)region->good);
	if (memcmp(actual, image, size) == 0)
		return NULL;
	for (size_t i = 0; i < size; i++)
		if (actual[i] != image[i])
			return COMPLAIN("%s byte %td is 0x%02x, must be 0x%02x", what,
					(ptrdiff_t)(low + i - addr), actual[i], image[i]);
	return NULL;
}

static const char *check_memory(const struct run *run)
{
	const struct t_trial *trial = run->trial;
	const char *bad =
		check_window(trial->dst, (uintptr_t)run->dst, trial->n, T_RED_ZONE, "destination");

	if (bad == NULL && trial->copy->work == T_COPIES)
		bad = check_window(trial->src, (uintptr_t)run->src, trial->n, 0, "source");
	return bad;
}

static void restore_image(const struct run *run, size_t from, size_t to)
{
	struct t_region *region = run->trial->dst;

	if (run->trial->copy->work == T_FLUSHES)
		return;
	for (size_t i = from; i < to; i++) {
		size_t at = (size_t)(run->dst + i - region->good);

		region->image[at] = t_fill(at);
	}
}

/* Restores only what may have been written. t_region_verify() finds other damage. */
static void restore_memory(const struct run *run, size_t reached)
{
	struct t_region *region = run->trial->dst;

	if (reached != 0 && run->trial->copy->work != T_FLUSHES)
		memcpy(run->dst, region->image + (run->dst - region->good), reached);
}

/* ---- the record -------------------------------------------------------------------------- */

static const char *check_unwritten(const struct run *run)
{
	const unsigned char *bytes = (const unsigned char *)&run->record;

	for (size_t i = 0; i < sizeof(run->record); i++)
		if (bytes[i] != UNWRITTEN)
			return COMPLAIN("the record was written to");
	return NULL;
}

static uintptr_t reported_addr(const struct run *run, const struct t_report *report)
{
	if (!report->exact)
		return report->addr;
	if (run->trial->copy->work == T_FLUSHES)
		return run->expected.addr & ~(uintptr_t)(LINE - 1);
	return run->expected.addr;
}

static const char *check_fault(const struct run *run, const struct t_report *report)
{
	const struct mcsafe_fault *fault = &run->record;
	enum mcsafe_cause cause = t_report_cause(report);
	uintptr_t addr = reported_addr(run, report);

	if (cause == MCSAFE_CAUSE_ADDRESS)
		addr = run->expected.addr;
	if (fault->signo != report->signo || fault->code != report->code)
		return COMPLAIN("record: signal %d code %d, must be %d and %d", fault->signo,
				fault->code, report->signo, report->code);
	if (fault->cause != cause)
		return COMPLAIN("record: cause %s, must be %s", mcsafe_cause_name(fault->cause),
				mcsafe_cause_name(cause));
	if (fault->side != run->expected.side)
		return COMPLAIN("record: side %d, must be %d", (int)fault->side,
				(int)run->expected.side);
	if ((uintptr_t)fault->addr != addr)
		return COMPLAIN("record: addr %p, must be %#" PRIxPTR, fault->addr, addr);
	if (fault->extent != t_report_extent(report))
		return COMPLAIN("record: extent %zu, must be %zu", fault->extent,
				t_report_extent(report));
	for (size_t i = 0; i < T_LENGTH(fault->reserved); i++)
		if (fault->reserved[i] != NULL)
			return COMPLAIN("record: reserved[%zu] is not NULL", i);
	return NULL;
}

static uintptr_t ip_of(const struct run *run)
{
	return run->trial->copy->record != T_RECORD_NONE ? (uintptr_t)run->record.ip : 0;
}

static const char *check_ip(const struct run *run)
{
	const struct mcsafe_row *row = mcsafe__extable_find(ip_of(run));

	if (row == NULL)
		return COMPLAIN("record: no row for the instruction");
	if (!(row->kind & (uint32_t)run->expected.side))
		return COMPLAIN("record: the instruction is a row of the other side");
	if (t_copy_is_engine(run->trial->copy) && t_engine_of(ip_of(run)) != run->trial->copy)
		return COMPLAIN("record: the instruction is not in this routine");
	return NULL;
}

static const char *check_record(const struct run *run)
{
	const struct t_report *report;
	const char *bad;

	if (run->expected.side == MCSAFE_SIDE_NONE || run->trial->copy->record == T_RECORD_NONE)
		return check_unwritten(run);
	if (run->expected.side == MCSAFE_SIDE_SOURCE)
		report = t_region_report(run->trial->src, MCSAFE_SIDE_SOURCE);
	else
		report = t_region_report(run->trial->dst, access_to_dst(run->trial));
	bad = check_fault(run, report);
	return bad != NULL ? bad : check_ip(run);
}

/* ---- the signals ------------------------------------------------------------------------- */

/* A row for both sides does not tell the side. It counts as the side that is expected. */
static bool is_at_row_of(const struct t_sighting *sighting, enum mcsafe_side side,
			 enum mcsafe_side expected)
{
	const struct mcsafe_row *row = mcsafe__extable_find(sighting->ip);

	if (row != NULL && row->kind == MCSAFE_ROW_BOTH)
		return side == expected;
	return row != NULL && row->kind == (uint32_t)side;
}

static unsigned sightings_of(const struct run *run, enum mcsafe_side side)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t_witness.n; i++)
		n += is_at_row_of(&t_witness.seen[i], side, run->expected.side);
	return n;
}

/* C6: a lost byte of the source is read once. After a write fault a second look is allowed. */
static const char *check_sightings(const struct run *run)
{
	unsigned loads, stores;

	if (t_witness.n > T_WITNESS_ROOM)
		return COMPLAIN("%u signals for one copy", t_witness.n);
	loads = sightings_of(run, MCSAFE_SIDE_SOURCE);
	stores = sightings_of(run, MCSAFE_SIDE_DESTINATION);
	if (loads + stores != t_witness.n)
		return COMPLAIN("a signal at an instruction without a row");
	switch (run->expected.side) {
	case MCSAFE_SIDE_NONE:
		return t_witness.n == 0 ? NULL : COMPLAIN("memory outside was touched");
	case MCSAFE_SIDE_SOURCE:
		if (loads != 1 || stores != 0)
			return COMPLAIN("%u loads and %u stores failed for a bad source", loads,
					stores);
		break;
	case MCSAFE_SIDE_DESTINATION:
		if (loads > 1 || stores == 0)
			return COMPLAIN("%u loads and %u stores failed for a bad destination",
					loads, stores);
		break;
	}
	if (ip_of(run) != 0 && ip_of(run) != t_witness.seen[t_witness.n - 1].ip)
		return COMPLAIN("record: not the instruction that failed last");
	return NULL;
}

/* ------------------------------------------------------------------------------------------ */

static const char *check_count(struct run *run)
{
	size_t n = run->trial->n, done = n - run->left;
	size_t slack = run->trial->machine_check ? run->trial->copy->shortfall : 0;

	if (run->left > n)
		return COMPLAIN("%zu bytes left of %zu", run->left, n);
	if (done > run->expected.done || run->expected.done - done > slack)
		return COMPLAIN("%zu bytes left, must be %zu", run->left, n - run->expected.done);
	/* The copy may stop before the bad byte. That many bytes less must be there. */
	restore_image(run, done, run->expected.done);
	run->expected.done = done;
	return NULL;
}

static const char *check_state(const struct run *run)
{
	unsigned damage = t_state_damage(run->trial->state);

	return damage == 0 ? NULL : COMPLAIN("%s was changed", t_state_damage_name(damage));
}

static void call(struct run *run)
{
	const struct t_trial *trial = run->trial;
	uint64_t args[4];

	t_copy_arguments(trial->copy, args, run->dst, run->src, trial->n, &run->record);
	memset(&run->record, UNWRITTEN, sizeof(run->record));
	t_witness.n = 0;
	run->left = t_state_call(trial->state, trial->copy->fn, args[0], args[1], args[2], args[3]);
}

static const char *check(struct run *run)
{
	const char *bad = check_count(run);

	if (bad == NULL)
		bad = check_memory(run);
	if (bad == NULL)
		bad = check_record(run);
	if (bad == NULL && run->trial->witnessed)
		bad = check_sightings(run);
	if (bad == NULL)
		bad = check_state(run);
	return bad;
}

const char *t_trial_run(const struct t_trial *trial, size_t *left)
{
	struct run run = {
		.trial = trial,
		.src = (const unsigned char *)start_of(trial->src, trial->src_distance),
		.dst = (unsigned char *)start_of(trial->dst, trial->dst_distance),
		.expected = ask_oracle(trial),
	};
	size_t reached = run.expected.done;
	const char *bad;

	call(&run);
	if (left != NULL)
		*left = run.left;
	bad = check(&run);
	restore_image(&run, 0, reached);
	restore_memory(&run, reached);
	return bad;
}

void t_trial_describe(const struct t_trial *trial, char *text, size_t size)
{
	snprintf(text, size,
		 "%s: source %s, %td bytes before the bad page; destination %s, %td bytes before "
		 "the bad page; length %zu",
		 trial->copy->name, trial->src->kind->name, trial->src_distance,
		 trial->dst->kind->name, trial->dst_distance, trial->n);
}

size_t t_trial_check(const struct t_trial *trial)
{
	size_t left;
	const char *bad = t_trial_run(trial, &left);

	if (bad != NULL) {
		char text[256];

		t_trial_describe(trial, text, sizeof(text));
		fail_msg("%s: %s", text, bad);
	}
	return left;
}
