/* SPDX-License-Identifier: BSD-3-Clause */
/* lab.h - what the programs of the lab share: machine checks, signals, memory, reports */
#ifndef MCSAFE_TESTS_VM_LAB_H
#define MCSAFE_TESTS_VM_LAB_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"

#define LINE ((size_t)64)

#define FILL 0xee /* lab_pattern() never gives this value */

/* ---- report.c: lines for the host, see lab.py ---------------------------------------------- */

/* A wrong result. The program reports it at once, and its exit status is a failure. */
void lab_check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something that the test itself needs failed. The program reports it and ends. */
void lab_need(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A measurement, which the scenario's table must expect. */
void lab_fact(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * Pass the kernel's messages since the last call on to the host, and return how many contain
 * `text`.
 */
unsigned lab_kernel_log(const char *text);
/* A result as text: a number of bytes, or the name of the error. Valid until the next call. */
const char *lab_count(ssize_t got);
int lab_status(void);

/* ---- machine.c: machine checks, served by machine_check.py --------------------------------- */

struct lab_target {
	const void *at;
	uint64_t physical;
};

struct lab_events {
	unsigned injected; /* machine checks raised */
	unsigned touched;  /* later reads of a consumed line that did not even fault */
};

uint64_t lab_physical(const void *address);
struct lab_target lab_target(const void *address);
/*
 * mode is "load", "approach", "insn" or "race": see machine_check.py. insns are the instructions to
 * watch.
 */
void lab_arm(const char *mode, const char *event, const struct lab_target *targets,
	     size_t n_targets, const uintptr_t *insns, size_t n_insns);
/* Raises machine checks in the kernel's own copies, until disarmed. */
void lab_arm_kernel(const char *event, uint64_t physical);
void lab_raise_now(const char *event, uint64_t physical);
struct lab_events lab_disarm(void);

/* ---- signals.c: a handler in front of libmcsafe's, which notes every signal ----------------- */

#define LAB_SIGNALS_MAX 16

struct lab_signal {
	int signo;
	int code;
	unsigned lsb;
	uintptr_t addr;
	uintptr_t ip;
};

struct lab_signals {
	unsigned n; /* may be more than were noted */
	struct lab_signal noted[LAB_SIGNALS_MAX];
};

extern struct lab_signals lab_signals;

/* Calls mcsafe_install(), then installs the handler on top. The handler passes every signal on. */
void lab_install(void);
void lab_forget_signals(void);

/* ---- engines.c: the library's assembly routines and their rows ------------------------------ */

struct mcsafe__routine;

/* One of the members copy, set and flush is used: see asm/routines.h. */
struct lab_engine {
	const char *name;
	size_t (*copy)(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
	size_t (*set)(void *dst, int c, size_t n, struct mcsafe_fault *fault);
	size_t (*flush)(const void *addr, size_t n, struct mcsafe_fault *fault);
	const struct mcsafe__routine *is;
};

extern const struct lab_engine lab_engines[];
extern const size_t lab_n_engines;
#define LAB_BROKEN_ENGINES 1 /* the last engines, which are wrong on purpose */

const struct lab_engine *lab_engine(const char *name);
/* Whether the guest's processor can run it. */
bool lab_can_run(const struct lab_engine *engine);
/*
 * Finds an engine's rows of a kind, MCSAFE_ROW_*. Stores their instructions, and returns their
 * number.
 */
size_t lab_rows(const struct lab_engine *engine, unsigned kind, uintptr_t *insns, size_t room);
/* The same for the function that begins at `start`. */
size_t lab_rows_from(uintptr_t start, unsigned kind, uintptr_t *insns, size_t room);
/* The same for the whole library. */
size_t lab_all_rows(unsigned kind, uintptr_t *insns, size_t room);
#define LAB_ROWS_MAX 1024
/* The engine that an instruction belongs to; NULL: no known engine. */
const struct lab_engine *lab_engine_of(uintptr_t insn);
/* Copy, set or flush with one engine, with the fault record of the public function. */
size_t lab_run(const struct lab_engine *engine, void *dst, const void *src, size_t n,
	       struct mcsafe_fault *fault);
#define LAB_SET 0xa5 /* the value that lab_run() sets memory to; lab_pattern() never gives it */

/* ---- accesses.c: the routines for single words and for scans, and their rows ----------------- */

struct mcsafe__routine; /* asm/routines.h */

struct lab_access {
	const char *name;
	void (*routine)(void);
	/*
	 * Scans n bytes from `at` on, or accesses the word of that size there. Stores in *done how
	 * many bytes it could scan. `same` is a good copy of these bytes.
	 */
	enum mcsafe_cause (*run)(unsigned char *at, const unsigned char *same, size_t n,
				 size_t *done, struct mcsafe_fault *fault);
	size_t size; /* size of the word; 0: a scan */
	bool stores, loads;
	const struct mcsafe__routine *is; /* NULL: every processor can run it */
};

extern const struct lab_access lab_accesses[];
extern const size_t lab_n_accesses;

/* Whether this processor can run it. */
bool lab_access_can_run(const struct lab_access *access);

/* The access that an instruction belongs to; NULL: no known one. */
const struct lab_access *lab_access_of(uintptr_t insn);

/* ---- row_checks.c: what every row must do when it meets poison ------------------------------ */

void lab_check_row_fault(uintptr_t insn, enum mcsafe_side side, const struct mcsafe_fault *fault);
/* Exactly one machine check and one signal, and no further access to the line. */
void lab_check_row_consumed(uintptr_t insn, struct lab_events events);
/* Exactly one signal at this row, after that number of pages were lost. */
void lab_check_row_lost(uintptr_t insn, unsigned pages);

/* ---- symbols.c ----------------------------------------------------------------------------- */

struct lab_function {
	const char *name;
	uintptr_t start;
};

struct lab_function lab_function_of(uintptr_t insn);
/* "function+0x10". */
const char *lab_insn_name(uintptr_t insn);

/* ---- memory.c ------------------------------------------------------------------------------ */

unsigned char lab_pattern(size_t i);
void lab_fill_pattern(unsigned char *to, size_t from, size_t n);
bool lab_is_pattern(const unsigned char *at, size_t from, size_t n);
bool lab_is_fill(const unsigned char *at, size_t n);
/* Anonymous memory of small pages, all of them present. */
unsigned char *lab_pages(size_t n);
/* MADV_HWPOISON: the page is lost from now on, without a machine check. */
void lab_lose_page(unsigned char *page);
long lab_meminfo(const char *field);

/* ---- mapping.c: memory of every kind -------------------------------------------------------- */

#define LAB_MAPPING_SIZE (3 * T_HUGE)
#define LAB_MAPPING_LINE \
 (T_HUGE + 5 * T_PAGE + 31 * LINE) /* offset of the poisoned line in a mapping */

struct lab_mapping {
	unsigned char *base; /* holds lab_pattern(), from 0 on */
	int fd;              /* -1: there is no file */
	bool pmem;
};

/* By name: see the table in mapping.c. */
struct lab_mapping lab_mapping(const char *name);
/* Map the same file a second time. */
unsigned char *lab_mapping_again(const struct lab_mapping *mapping);
/* Unmap it, and remove the file. */
void lab_mapping_remove(const struct lab_mapping *mapping);
/* lab_is_pattern(), and quicker for a part of a mapping, because its pattern is made once. */
bool lab_is_right(const unsigned char *at, size_t from, size_t n);
/* pwrite() of the pattern to a file. */
ssize_t lab_write_right(int fd, size_t from, size_t n);
/* The content at `from` of a mapping or a file: "reads", "reads old data", "reads zeros", ... */
const char *lab_contents(const unsigned char *at, size_t from, size_t n);
/* Copy out of a mapping: mcsafe_memcpy(). Returns the content, or the signal code and extent. */
const char *lab_outcome(const unsigned char *src, size_t from, size_t n);
const char *lab_store_outcome(unsigned char *dst, size_t n);
const char *lab_pread_outcome(int fd, size_t from, size_t n);
const char *lab_code_name(const struct mcsafe_fault *fault);

/* ---- badblocks.c: the bad ranges that the NVDIMM's driver knows ----------------------------- */

#define LAB_SECTOR ((size_t)512)
/*
 * From this address on the lab's firmware does not clear, until lab_take_back() is called:
 * nvdimm.asl.
 */
#define LAB_WORN   (((uint64_t)1 << 32) + (384u << 20))

uint64_t lab_region_start(void);
/* The sector of the block device, or of the device-dax node, that holds a physical address. */
uint64_t lab_pmem_sector(uint64_t physical);
/* The physical address of a byte of the block device. */
uint64_t lab_pmem_physical(uint64_t place);
/* Where on its block device a page of a file is, in bytes. */
uint64_t lab_place_on_disk(int fd, size_t page);
/* ndctl inject-error. Returns when the kernel knows of the error. */
void lab_inject(uint64_t physical, unsigned sectors);
/* Removes an injected error from the firmware. The kernel still knows it. */
void lab_take_back(uint64_t physical, unsigned sectors);
/* The 4 KiB block that holds a physical address: "none", "all 8 sectors", or which ones are bad. */
const char *lab_bad_blocks_at(uint64_t physical);
/* Wait until there are some. The kernel notes them in the background. */
void lab_wait_bad_blocks(uint64_t physical);
/* All ranges of a registry as "START+LENGTH", in 512-byte sectors from `from`, or "nothing". */
const char *lab_bad_sectors(const struct mcsafe_badblocks *badblocks, size_t from);
/* "found 0", "not asked EACCES": the answer as text. */
const char *lab_answer(const struct mcsafe_badblocks_answer *answer);

/* ---- with_ndctl.c: a program that is linked as users do it: a static one has no libndctl ---- */

/* Runs it in a process of its own: "ask ...", "repair ...". Its facts count for the scenario. */
void lab_with_ndctl(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Checks that the program exists. Without the program the scenario ends, skipped. */
void lab_need_with_ndctl(void);

/* ---- programs ------------------------------------------------------------------------------ */

int lab_program_accesses(int argc, char **argv);
int lab_program_chained(int argc, char **argv);
int lab_program_device_repair(int argc, char **argv);
int lab_program_flushcache(int argc, char **argv);
int lab_program_holes(int argc, char **argv);
int lab_program_injected(int argc, char **argv);
int lab_program_kind(int argc, char **argv);
int lab_program_known(int argc, char **argv);
int lab_program_lists(int argc, char **argv);
int lab_program_noripv(int argc, char **argv);
int lab_program_notice(int argc, char **argv);
int lab_program_notice_at_row(int argc, char **argv);
int lab_program_plain(int argc, char **argv);
int lab_program_pmem_crash(int argc, char **argv);
int lab_program_pmem_disk(int argc, char **argv);
int lab_program_pmem_files(int argc, char **argv);
int lab_program_pmem_huge(int argc, char **argv);
int lab_program_pmem_injected(int argc, char **argv);
int lab_program_pmem_killed(int argc, char **argv);
int lab_program_pmem_worn(int argc, char **argv);
int lab_program_race(int argc, char **argv);
int lab_program_rep_movs(int argc, char **argv);
int lab_program_rep_movs_moved(int argc, char **argv);
int lab_program_repair(int argc, char **argv);
int lab_program_routines(int argc, char **argv);
int lab_program_rows(int argc, char **argv);
int lab_program_scrub(int argc, char **argv);
int lab_program_shield(int argc, char **argv);
int lab_program_side_by_side(int argc, char **argv);
int lab_program_strings(int argc, char **argv);
int lab_program_tool_copy(int argc, char **argv);
int lab_program_tool_info(int argc, char **argv);
int lab_program_tool_scrub(int argc, char **argv);
int lab_program_twice(int argc, char **argv);
int lab_program_with_ndctl(int argc, char **argv);

#endif /* MCSAFE_TESTS_VM_LAB_H */
