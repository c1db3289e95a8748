/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield.c - ordinary loads and stores go on where memory of a shield really fails
 *
 * The arguments are a kind of memory and the faults. Each fault is made in fresh memory, with each
 * filling of stand-ins, and with one and several threads. All of these must give the same results,
 * so each result is reported once.
 */
#include "shield_lab.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS       4
#define HUGE_PAGES    48u
#define MIRROR_OFFSET (3 * T_PAGE) /* where the mirror has the bytes of the shield's start */
#define BYTE          0xb7

static const char *const fills[] = {"zeros", "a byte", "a mirror"};

/* One way to run a fault. */
struct variant {
	const struct lab_shield_fault *fault;
	enum mcsafe_shield_fill fill;
	unsigned threads;
};

static struct lab_shielded memory;
static struct mcsafe_shield *shield;
static int mirror;

/* ---- what a stand-in must hold --------------------------------------------------------------- */

/* Differs from lab_pattern() and from the old data in the highest bit. */
static const unsigned char *mirror_bytes(void)
{
	static unsigned char bytes[LAB_MAPPING_SIZE];
	static bool made;

	for (size_t i = 0; !made && i < LAB_MAPPING_SIZE; i++)
		bytes[i] = lab_pattern(i) | 0x80;
	made = true;
	return bytes;
}

static void make_mirror(void)
{
	mirror = memfd_create("mirror", MFD_CLOEXEC);
	lab_need(mirror != -1 && pwrite(mirror, mirror_bytes(), LAB_MAPPING_SIZE, MIRROR_OFFSET) ==
					 (ssize_t)LAB_MAPPING_SIZE,
		 "no mirror");
}

static unsigned char stand_in_byte(const struct variant *variant, size_t at)
{
	static const unsigned char bytes[] = {0, BYTE};

	return variant->fill == MCSAFE_SHIELD_MIRROR ? mirror_bytes()[at] : bytes[variant->fill];
}

static bool is_stand_in(const struct variant *variant, struct mcsafe_range range)
{
	const unsigned char *at = memory.mapping.base + range.start;

	if (variant->fill == MCSAFE_SHIELD_MIRROR)
		return memcmp(at, mirror_bytes() + range.start, range.len) == 0;
	return at[0] == stand_in_byte(variant, range.start) &&
	       memcmp(at, at + 1, range.len - 1) == 0;
}

/* ---- report: what must be the same in all variants ------------------------------------------- */

#define RESULTS_MAX 48

static struct result {
	const struct lab_shield_fault *fault;
	const char *what;
	char value[96];
} results[RESULTS_MAX];

static struct result *result_of(const struct lab_shield_fault *fault, const char *what)
{
	for (size_t i = 0; i < T_LENGTH(results); i++) {
		if (results[i].fault == fault && strcmp(results[i].what, what) == 0)
			return &results[i];
		if (results[i].fault == NULL) {
			results[i].what = what;
			return &results[i];
		}
	}
	lab_need(false, "too many results");
	return NULL;
}

static void result(const struct variant *variant, const char *what, const char *value)
{
	struct result *known = result_of(variant->fault, what);
	char key[128];

	if (known->fault != NULL) {
		lab_check(strcmp(known->value, value) == 0,
			  "%s, %s, %u threads: %s: %s, and in another variant %s",
			  variant->fault->title, fills[variant->fill], variant->threads, what,
			  value, known->value);
		return;
	}
	known->fault = variant->fault;
	snprintf(known->value, sizeof(known->value), "%s", value);
	snprintf(key, sizeof(key), "%s: %s", variant->fault->title, what);
	lab_fact(key, "%s", value);
}

/* One thread gets the same signals each time. A run past the end is filled in several steps. */
static void result_signals(const struct variant *variant)
{
	char value[32];

	snprintf(value, sizeof(value), "%u", lab_signals.n);
	if (variant->fill == MCSAFE_SHIELD_ZERO)
		result(variant, "signals", value);
	else if (strcmp(result_of(variant->fault, "signals")->value, value) != 0)
		result(variant, "signals if a stand-in is filled", value);
}

/* ---- the threads ----------------------------------------------------------------------------- */

struct walker {
	pthread_t thread;
	const struct variant *variant;
	unsigned number;
};

static unsigned ready;

static void wait_for_others(const struct walker *walker)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < walker->variant->threads)
		sched_yield();
}

static void pin(unsigned processor)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(processor, &processors);
	lab_need(sched_setaffinity(0, sizeof(processors), &processors) == 0, "sched_setaffinity");
}

static void access_bad(const struct variant *variant)
{
	unsigned char *at = memory.mapping.base + LAB_SHIELD_BYTE;

	if (variant->fault->by_store)
		*(volatile unsigned char *)at = stand_in_byte(variant, LAB_SHIELD_BYTE);
	else
		(void)lab_shield_load(at);
}

/* Ordinary code that reads each page. */
static void *walk(void *arg)
{
	const struct walker *walker = arg;

	if (walker->variant->fault->checks > 1)
		pin(walker->number);
	wait_for_others(walker);
	if (walker->variant->fault->checks > 1)
		access_bad(walker->variant);
	for (size_t page = 0; page < LAB_MAPPING_SIZE; page += T_PAGE)
		if (page == LAB_SHIELD_PAGE)
			access_bad(walker->variant);
		else
			(void)*(const volatile unsigned char *)(memory.mapping.base + page);
	return NULL;
}

static void walk_all(const struct variant *variant)
{
	struct walker walkers[THREADS];
	struct lab_events events;

	ready = 0;
	for (unsigned i = 0; i < variant->threads; i++) {
		walkers[i].variant = variant;
		walkers[i].number = i;
		lab_need(pthread_create(&walkers[i].thread, NULL, walk, &walkers[i]) == 0,
			 "no thread");
	}
	for (unsigned i = 0; i < variant->threads; i++)
		pthread_join(walkers[i].thread, NULL);
	if (variant->fault->checks == 0)
		return;
	events = lab_disarm();
	lab_check(events.injected == variant->fault->checks, "%u machine checks", events.injected);
}

/* ---- what the library says ------------------------------------------------------------------- */

static size_t told; /* bytes, by on_loss */

static void note_loss(const struct mcsafe_range *lost, void *arg)
{
	(void)arg;
	__atomic_add_fetch(&told, lost->len, __ATOMIC_SEQ_CST);
}

/* The stand-ins as "page 7, pages 10-20". Stores how many bytes they have. */
static const char *list(size_t *bytes)
{
	static char text[96];
	struct mcsafe_range lost;
	size_t n = 0;

	*bytes = 0;
	snprintf(text, sizeof(text), "none");
	for (size_t at = 0; n < sizeof(text) && mcsafe_shield_next(shield, at, &lost);
	     at = lost.start + lost.len) {
		size_t first = lost.start / T_PAGE, last = (lost.start + lost.len) / T_PAGE - 1;
		const char *comma = n != 0 ? ", " : "";

		if (first == last)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%spage %zu", comma,
					      first);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%spages %zu-%zu", comma,
					      first, last);
		*bytes += lost.len;
	}
	return text;
}

/* Stand-ins hold what they must, and the rest of the mapping is right. */
static void check_contents(const struct variant *variant)
{
	struct mcsafe_range lost = {0, 0};
	size_t at = 0;

	while (at < LAB_MAPPING_SIZE) {
		bool more = mcsafe_shield_next(shield, at, &lost);
		size_t end = more ? lost.start : LAB_MAPPING_SIZE;

		lab_check(lab_is_right(memory.mapping.base + at, at, end - at),
			  "%s, %s, %u threads: wrong bytes between %zu and %zu",
			  variant->fault->title, fills[variant->fill], variant->threads, at, end);
		if (!more)
			return;
		lab_check(is_stand_in(variant, lost), "%s, %s, %u threads: wrong stand-in at %zu",
			  variant->fault->title, fills[variant->fill], variant->threads,
			  lost.start);
		at = lost.start + lost.len;
	}
}

/* The count, the list, the function and the statistics agree. */
static void check_told(const struct variant *variant, const struct mcsafe_stats *before)
{
	size_t listed, lost = mcsafe_shield_lost(shield);
	const char *stand_ins = list(&listed);
	struct mcsafe_stats after;

	mcsafe_stats_get(&after);
	result(variant, "stand-ins", stand_ins);
	lab_check(lost == listed && told == listed &&
			  (after.shields - before->shields) * T_PAGE == listed,
		  "%s, %s, %u threads: %zu bytes are listed, %zu counted, %zu told, %llu pages in "
		  "the statistics",
		  variant->fault->title, fills[variant->fill], variant->threads, listed, lost, told,
		  after.shields - before->shields);
	lab_check(after.passed_on == before->passed_on, "%s: a signal was passed on",
		  variant->fault->title);
	if (variant->threads == 1)
		result_signals(variant);
}

/* ---- restore --------------------------------------------------------------------------------- */

/* What the memory that had the stand-ins holds now. */
static const char *contents_now(const struct variant *variant, struct mcsafe_range range)
{
	struct mcsafe_range lost;

	if (mcsafe_shield_next(shield, range.start, &lost) && lost.start < range.start + range.len)
		return is_stand_in(variant, lost) ? "the stand-in" : "something else";
	return lab_contents(memory.mapping.base + range.start, range.start, range.len);
}

static void restore(const struct variant *variant, struct mcsafe_range range, const char *when)
{
	int err = mcsafe_shield_restore(shield, 0, LAB_MAPPING_SIZE);
	char text[96];

	snprintf(text, sizeof(text), "%s, %s", err == 0 ? "ok" : strerrorname_np(-err),
		 contents_now(variant, range));
	result(variant, when, text);
}

static void restore_and_repair(const struct variant *variant)
{
	struct mcsafe_range range;
	const char *how;

	if (!mcsafe_shield_next(shield, 0, &range)) {
		(void)variant->fault->repair(&memory);
		return;
	}
	if (memory.mapping.pmem && variant->fault->checks != 0)
		lab_wait_bad_blocks(memory.physical);
	restore(variant, range, "restored");
	how = variant->fault->repair(&memory);
	if (how == NULL)
		return;
	result(variant, "repair", how);
	restore(variant, range, "restored after it");
}

/* ---- one variant ----------------------------------------------------------------------------- */

static void open_memory(const struct variant *variant)
{
	struct mcsafe_shield_options options = {
		.size = sizeof(options),
		.fill = variant->fill,
		.on_loss = note_loss,
	};
	int err;

	memory.mapping = lab_mapping(memory.kind);
	memory.physical = lab_physical(memory.mapping.base + LAB_SHIELD_BYTE);
	if (memory.mapping.fd != -1) {
		/* Otherwise a bad block also fails the pages that are read ahead with it. */
		lab_need(madvise(memory.mapping.base, LAB_MAPPING_SIZE, MADV_RANDOM) == 0,
			 "MADV_RANDOM");
		options.flags = MCSAFE_SHIELD_FILE;
		options.file_fd = memory.mapping.fd;
	}
	if (variant->fill == MCSAFE_SHIELD_BYTE)
		options.byte = BYTE;
	if (variant->fill == MCSAFE_SHIELD_MIRROR) {
		options.mirror_fd = mirror;
		options.mirror_offset = MIRROR_OFFSET;
	}
	err = mcsafe_shield_open(&shield, memory.mapping.base, LAB_MAPPING_SIZE, &options);
	lab_need(err == 0, "mcsafe_shield_open: %s", err != 0 ? strerrorname_np(-err) : "");
	told = 0;
}

static void close_memory(void)
{
	lab_need(mcsafe_shield_close(shield) == 0, "mcsafe_shield_close");
	lab_mapping_remove(&memory.mapping);
}

static void run(const struct variant *variant)
{
	struct mcsafe_stats before;

	open_memory(variant);
	mcsafe_stats_get(&before);
	lab_forget_signals();
	variant->fault->make(&memory);
	walk_all(variant);
	check_told(variant, &before);
	check_contents(variant);
	restore_and_repair(variant);
	close_memory();
	lab_kernel_log("");
}

/* Several threads meet each fault with one filling, and machine checks with each. */
static void run_fault(const struct lab_shield_fault *fault)
{
	const unsigned several = fault->checks > 1 ? fault->checks : THREADS;

	for (int fill = MCSAFE_SHIELD_ZERO; fill <= MCSAFE_SHIELD_MIRROR; fill++) {
		struct variant variant = {fault, (enum mcsafe_shield_fill)fill, 1};

		if (fault->checks <= 1)
			run(&variant);
		variant.threads = several;
		if (fault->checks != 0 || fill == MCSAFE_SHIELD_MIRROR)
			run(&variant);
	}
}

/* Each huge page that is lost is missing afterwards. */
static void reserve_huge_pages(void)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r+e");
	unsigned pages = 0;

	lab_need(file != NULL && fprintf(file, "%u\n", HUGE_PAGES) > 0, "no nr_hugepages");
	rewind(file);
	lab_need(fscanf(file, "%u", &pages) == 1 && pages == HUGE_PAGES, "%u huge pages", pages);
	fclose(file);
}

int lab_program_shield(int argc, char **argv)
{
	lab_need(argc > 2, "the arguments must be a kind of memory, and faults");
	memory.kind = argv[1];
	if (strncmp(memory.kind, "huge", 4) == 0)
		reserve_huge_pages();
	make_mirror();
	lab_install();
	lab_kernel_log("");
	for (int i = 2; i < argc; i++)
		run_fault(lab_shield_fault(argv[i]));
	return lab_status();
}
