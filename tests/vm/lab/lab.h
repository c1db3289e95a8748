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

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define LINE ((size_t)64)

#define FILL 0xee /* lab_pattern() never gives it */

/* ---- report.c: lines for the host, see lab.py ---------------------------------------------- */

/* A wrong result: said at once, and the exit status of the program. */
void lab_check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the test itself needs failed: said, and the program ends. */
void lab_need(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A measurement, which the scenario's table has to expect. */
void lab_fact(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Pass the kernel's messages since the last call on to the host; return how many hold `text`. */
unsigned lab_kernel_log(const char *text);
/* A result in words: bytes, or the name of the error; valid until the next call. */
const char *lab_count(ssize_t got);
int lab_status(void);

/* ---- machine.c: machine checks, served by machine_check.py --------------------------------- */

struct lab_target {
	const void *at;
	uint64_t physical;
};

struct lab_events {
	unsigned injected; /* machine checks raised */
	unsigned touched;  /* reads of a consumed line after that which did not even fault */
};

uint64_t lab_physical(const void *address);
struct lab_target lab_target(const void *address);
/* mode "load", "approach", "insn" or "race", see machine_check.py; insns are where to look. */
void lab_arm(const char *mode, const char *event, const struct lab_target *targets,
	     size_t n_targets, const uintptr_t *insns, size_t n_insns);
/* In the kernel's own copies, until disarmed. */
void lab_arm_kernel(const char *event, uint64_t physical);
void lab_raise_now(const char *event, uint64_t physical);
struct lab_events lab_disarm(void);

/* ---- signals.c: a handler in front of libmcsafe's, which takes notes ------------------------ */

#define LAB_SIGNALS_MAX 16

struct lab_signal {
	int signo;
	int code;
	unsigned lsb;
	uintptr_t addr;
	uintptr_t ip;
};

struct lab_signals {
	unsigned n; /* may exceed what is noted */
	struct lab_signal noted[LAB_SIGNALS_MAX];
};

extern struct lab_signals lab_signals;

/* mcsafe_install(), and the handler on top; it passes everything on. */
void lab_install(void);
void lab_forget_signals(void);

/* ---- engines.c: the library's assembly routines and their rows ------------------------------ */

struct mcsafe__landing;

/* C5: a copy falls short of a poisoned line by less than this, unless REP MOVSB met the line. */
#define LAB_SHORTFALL ((size_t)8)

/* One of copy, set and flush; see src/copy/engine.h. */
struct lab_engine {
	const char *name;
	size_t (*copy)(void *dst, const void *src, size_t n, struct mcsafe__landing *landing);
	size_t (*set)(void *dst, int c, size_t n, struct mcsafe__landing *landing);
	size_t (*flush)(const void *addr, size_t n, struct mcsafe__landing *landing);
	size_t step;    /* this routine falls short of a poisoned line by less than this (C5) */
	unsigned needs; /* MCSAFE__CPU_* */
};

extern const struct lab_engine lab_engines[];
extern const size_t lab_n_engines;
#define LAB_BROKEN_ENGINES 1 /* the last ones, wrong on purpose */

const struct lab_engine *lab_engine(const char *name);
/* Whether the guest's processor can. */
bool lab_can_run(const struct lab_engine *engine);
/* The rows of an engine that are of a kind, MCSAFE_ROW_*: their instructions; returns how many. */
size_t lab_rows(const struct lab_engine *engine, unsigned kind, uintptr_t *insns, size_t room);
/* Those of the function that begins at `start`. */
size_t lab_rows_from(uintptr_t start, unsigned kind, uintptr_t *insns, size_t room);
/* The rows of the whole library. */
size_t lab_all_rows(unsigned kind, uintptr_t *insns, size_t room);
#define LAB_ROWS_MAX 512
/* The engine that an instruction is of; NULL: none that is known. */
const struct lab_engine *lab_engine_of(uintptr_t insn);
/* Copy, set or flush with one engine, with the fault record of the public function. */
size_t lab_run(const struct lab_engine *engine, void *dst, const void *src, size_t n,
	       struct mcsafe_fault *fault);
#define LAB_SET 0xa5 /* what it sets memory to: lab_pattern() never gives it, nor is it FILL */

/* ---- accesses.c: the routines for single words and for scans, and their rows ----------------- */

struct lab_access {
	const char *name;
	void (*routine)(void);
	/*
	 * Look at n bytes from `at` on, or access the word of that size there; `done` bytes could be
	 * looked at. `same`: a copy of them that is good.
	 */
	enum mcsafe_cause (*run)(unsigned char *at, const unsigned char *same, size_t n,
				 size_t *done, struct mcsafe_fault *fault);
	size_t size; /* of the word; 0: a scan */
	bool stores, loads;
};

extern const struct lab_access lab_accesses[];
extern const size_t lab_n_accesses;

/* The one that an instruction is of; NULL: none that is known. */
const struct lab_access *lab_access_of(uintptr_t insn);

/* ---- row_checks.c: what every row has to do about poison ------------------------------------ */

void lab_check_row_fault(uintptr_t insn, enum mcsafe_side side, const struct mcsafe_fault *fault);
/* One machine check, one signal, and the line is left alone. */
void lab_check_row_consumed(uintptr_t insn, struct lab_events events);
/* A signal at this row, after so many pages were lost. */
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
/* Anonymous memory of small pages, all there. */
unsigned char *lab_pages(size_t n);
/* MADV_HWPOISON: the page is lost from now on, without any machine check. */
void lab_lose_page(unsigned char *page);
long lab_meminfo(const char *field);

/* ---- region.c: memory of every kind -------------------------------------------------------- */

#define LAB_REGION_SIZE (3 * T_HUGE)
#define LAB_REGION_LINE (T_HUGE + 5 * T_PAGE + 31 * LINE) /* the poisoned one, in a region */

struct lab_region {
	unsigned char *base; /* holds lab_pattern() from 0 on */
	int fd;              /* -1: there is no file */
	bool pmem;
};

/* By name: anonymous, thp, hugetlb, hugetlbfs, tmpfs, memfd, clean, dirty, dax-4k, dax-2m, devdax. */
struct lab_region lab_region(const char *name);
/* Map the same file once more. */
unsigned char *lab_region_again(const struct lab_region *region);
/* What stands at `from` of a region, or a file: "reads", "reads old data", "reads zeros", ... */
const char *lab_contents(const unsigned char *at, size_t from, size_t n);
/* Copy out of a region with mcsafe_memcpy(): contents, or signal code and extent. */
const char *lab_outcome(const unsigned char *src, size_t from, size_t n);
const char *lab_store_outcome(unsigned char *dst, size_t n);
const char *lab_pread_outcome(int fd, size_t from, size_t n);
const char *lab_code_name(const struct mcsafe_fault *fault);

/* ---- badblocks.c: what the NVDIMM's driver knows to be bad ---------------------------------- */

#define LAB_SECTOR ((size_t)512)
/* From here on the lab's firmware refuses to clear, until something is taken back: nvdimm.asl. */
#define LAB_WORN   (((uint64_t)1 << 32) + (384u << 20))

uint64_t lab_region_start(void);
/* The sector of the block device, or of the device-dax node, that a physical address is in. */
uint64_t lab_pmem_sector(uint64_t physical);
/* ndctl inject-error; returns when the kernel knows of it. */
void lab_inject(uint64_t physical, unsigned sectors);
/* And the other way: the firmware forgets it, the kernel does not. */
void lab_take_back(uint64_t physical, unsigned sectors);
/* Of the 4 KiB block that a physical address is in: "none", "all 8 sectors", or which. */
const char *lab_bad_blocks_at(uint64_t physical);
/* Wait until there are some: the kernel notes them in the background. */
void lab_wait_bad_blocks(uint64_t physical);
/* All ranges of a registry as "START+LENGTH", in 512-byte sectors from `from`; or "nothing". */
const char *lab_bad_sectors(const struct mcsafe_badblocks *badblocks, size_t from);
/* "found 0", "not asked EACCES". */
const char *lab_answer(const struct mcsafe_badblocks_answer *answer);

/* ---- with_ndctl.c: a program that is linked as users do it, since a static one has no libndctl -- */

/* Run it in a process of its own: "ask ...", "repair ...". Its facts are those of the scenario. */
void lab_with_ndctl(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The program is there; if not the scenario ends, skipped. */
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
int lab_program_repair(int argc, char **argv);
int lab_program_routines(int argc, char **argv);
int lab_program_rows(int argc, char **argv);
int lab_program_scrub(int argc, char **argv);
int lab_program_side_by_side(int argc, char **argv);
int lab_program_strings(int argc, char **argv);
int lab_program_twice(int argc, char **argv);
int lab_program_with_ndctl(int argc, char **argv);

#endif /* MCSAFE_TESTS_VM_LAB_H */
