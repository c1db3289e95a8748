/* SPDX-License-Identifier: BSD-3-Clause */
/* broken.c - what each check must find in which function of broken.S and broken_searches.S */
#include "broken.h"

#include "base/cpu.h"
#include "run.h"

#define BREAKS(name, part, said, needs_)                                                          \
 {                                                                                                \
  {"broken_" #name, broken_##name, T_COPIES, T_RECORD_ROUTINE, 0, {.needs = needs_}}, part, said, \
 }

void broken_good(void);
void broken_fenced(void);
void broken_not_fenced_at_fault(void);
void broken_last_byte(void);
void broken_before(void);
void broken_count_high(void);
void broken_count_low(void);
void broken_record(void);
void broken_again(void);
void broken_outside(void);
void broken_past(void);
void broken_crossing(void);
void broken_crossing_mask(void);
void broken_wide_mask(void);
void broken_rbx(void);
void broken_r15_at_fault(void);
void broken_stack_at_fault(void);
void broken_direction(void);
void broken_direction_at_fault(void);
void broken_mxcsr_at_fault(void);
void broken_ymm(void);
void broken_ymm_at_fault(void);
void broken_zmm_at_fault(void);
void broken_held(void);
void broken_held_and_lost(void);
void broken_again_8(void);
void broken_again_7(void);

const struct broken broken[] = {
	BREAKS(good, RIGHT, NULL, 0),
	BREAKS(good, ROWS, NULL, 0),
	BREAKS(good, LINES, NULL, 0),
	BREAKS(fenced, LINES, NULL, 0),
	BREAKS(not_fenced_at_fault, LINES, "it may return without SFENCE", 0),
	BREAKS(last_byte, RIGHT, "a byte is wrong", 0),
	BREAKS(last_byte, LINES, "a wrong copy", 0),
	BREAKS(before, RIGHT, "a byte outside the destination was written", 0),
	BREAKS(before, LINES, "a store outside the destination", 0),
	BREAKS(count_high, ROWS, "a byte that counts as copied is wrong", 0),
	BREAKS(count_low, ROWS, "more bytes are left than were requested", 0),
	BREAKS(record, ROWS, "the record does not describe the last fault", 0),
	BREAKS(again, ROWS, "after the row an access other than a store failed", 0),
	BREAKS(held, ROWS, NULL, 0),
	BREAKS(held_and_lost, ROWS, "good bytes do not count as copied", 0),
	BREAKS(again_8, ROWS, NULL, 0),
	BREAKS(again_7, ROWS, "good bytes do not count as copied", 0),
	BREAKS(outside, LINES, "a load outside the lines of the source", 0),
	BREAKS(past, LINES, "a load outside the lines of the source", 0),
	BREAKS(crossing, LINES, "a load crosses a line", 0),
	BREAKS(crossing_mask, LINES, "crosses a line", MCSAFE__CPU_AVX512BW),
	BREAKS(wide_mask, LINES, "a store outside the destination", MCSAFE__CPU_AVX512BW),
	BREAKS(rbx, RIGHT, "rbx", 0),
	BREAKS(r15_at_fault, ROWS, "r15", 0),
	BREAKS(stack_at_fault, ROWS, "the caller's stack", 0),
	BREAKS(direction, RIGHT, "direction flag", 0),
	BREAKS(direction_at_fault, ROWS, "direction flag", 0),
	BREAKS(mxcsr_at_fault, ROWS, "MXCSR", 0),
	/* These need XINUSE, which only processors with AVX-512 can read. */
	BREAKS(ymm, RIGHT, "upper halves of YMM", MCSAFE__CPU_AVX512BW),
	BREAKS(ymm_at_fault, ROWS, "upper halves of YMM", MCSAFE__CPU_AVX512BW),
	BREAKS(zmm_at_fault, ROWS, "upper halves", MCSAFE__CPU_AVX512BW),
};

const size_t broken_n = T_LENGTH(broken);

/* ---- scans ---------------------------------------------------------------------------------- */

mcsafe__scan_fn broken_scan_good;
mcsafe__scan_fn broken_scan_count;
mcsafe__scan_fn broken_scan_rbx;
mcsafe__scan_fn broken_scan_outside;
mcsafe__scan_fn broken_scan_past;
mcsafe__scan_fn broken_scan_past_answer;
mcsafe__scan_fn broken_scan_crossing;
mcsafe__scan_fn broken_scan_stores;
mcsafe__scan_fn broken_scan_count_high;
mcsafe__scan_fn broken_scan_again;
mcsafe__scan_fn broken_scan_no_record;
mcsafe__scan_fn broken_scan_no_cause;
mcsafe__scan_fn broken_scan_direction_at_fault;

#define BREAKS_SCAN(name, part, said)                                                           \
 {                                                                                              \
  {"broken_scan_" #name, (void (*)(void))broken_scan_##name, false, false, {.grain = 1}}, part, \
	  said,                                                                                 \
 }

const struct broken_scan broken_scans[] = {
	BREAKS_SCAN(good, RIGHT, NULL),
	BREAKS_SCAN(good, ROWS, NULL),
	BREAKS_SCAN(good, LINES, NULL),
	BREAKS_SCAN(count, RIGHT, "a wrong answer"),
	BREAKS_SCAN(rbx, RIGHT, "rbx"),
	BREAKS_SCAN(outside, LINES, "a load outside the lines of the operand"),
	BREAKS_SCAN(past, LINES, "a load outside the lines of the operand"),
	BREAKS_SCAN(past_answer, LINES, "a load of a line past the answer"),
	BREAKS_SCAN(crossing, LINES, "a load crosses a line"),
	BREAKS_SCAN(stores, LINES, "a store past the result"),
	BREAKS_SCAN(count_high, ROWS, "not the bytes before those that were lost"),
	BREAKS_SCAN(again, ROWS, "the operand was read again"),
	BREAKS_SCAN(no_record, ROWS, "the record is of another fault"),
	BREAKS_SCAN(no_cause, ROWS, "it has not failed"),
	BREAKS_SCAN(direction_at_fault, ROWS, "direction flag"),
};

const size_t broken_scans_n = T_LENGTH(broken_scans);

/* ---- comparisons ---------------------------------------------------------------------------- */

mcsafe__compare_fn broken_compare_good;
mcsafe__compare_fn broken_compare_count;
mcsafe__compare_fn broken_compare_rbx;
mcsafe__compare_fn broken_compare_outside;
mcsafe__compare_fn broken_compare_past_answer;
mcsafe__compare_fn broken_compare_crossing;
mcsafe__compare_fn broken_compare_stores;
mcsafe__compare_fn broken_compare_count_high;
mcsafe__compare_fn broken_compare_again;
mcsafe__compare_fn broken_compare_other_operand;
mcsafe__compare_fn broken_compare_no_record;
mcsafe__compare_fn broken_compare_direction_at_fault;

#define BREAKS_COMPARE(name, part, said)                                             \
 {                                                                                   \
  {"broken_compare_" #name, broken_compare_##name, false, {.grain = 1}}, part, said, \
 }

const struct broken_comparison broken_comparisons[] = {
	BREAKS_COMPARE(good, RIGHT, NULL),
	BREAKS_COMPARE(good, ROWS, NULL),
	BREAKS_COMPARE(good, LINES, NULL),
	BREAKS_COMPARE(count, RIGHT, "a wrong answer"),
	BREAKS_COMPARE(rbx, RIGHT, "rbx"),
	BREAKS_COMPARE(outside, LINES, "a load outside the lines of the operands"),
	BREAKS_COMPARE(past_answer, LINES, "a load far past the difference"),
	BREAKS_COMPARE(crossing, LINES, "a load crosses a line"),
	BREAKS_COMPARE(stores, LINES, "a store past the result"),
	BREAKS_COMPARE(count_high, ROWS, "not the bytes before those that were lost"),
	BREAKS_COMPARE(again, ROWS, "too many signals"),
	BREAKS_COMPARE(other_operand, ROWS, "another operand has failed"),
	BREAKS_COMPARE(no_record, ROWS, "the record is of another fault"),
	BREAKS_COMPARE(direction_at_fault, ROWS, "direction flag"),
};

const size_t broken_comparisons_n = T_LENGTH(broken_comparisons);
