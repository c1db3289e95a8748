/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kv_recover.c - a store of keys and values that loses a record to poison, and continues
 *
 * The store is a log in a mapped file. Each block of the log holds one record. To set a key, the
 * store appends a record. A block is also the unit of repair, so one bad place costs one record. An
 * index in memory names the latest record of each key, and each record names the record before it.
 *
 * The program fills a store and makes one block fail. Then it looks up the key of that block. The
 * store reports which record is lost, and returns the previous value. It repairs the block by
 * writing that value into it. Then the program sets new values, opens the store again, and checks
 * everything.
 *
 *	kv_recover [hwpoison | uffd]
 *
 * The argument says how the block fails. The default is the first way that the machine allows. Exit
 * status: 0 the store has lost that one record and nothing else; 1 it has lost something else; 2
 * wrong usage; 77 this machine cannot make the block fail.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "poison.h"

#define EXIT_USAGE  2
#define EXIT_CANNOT 77

#define BLOCK    ((size_t)4096)
#define BLOCKS   64u
#define KEYS     8u
#define NO_BLOCK UINT32_MAX
#define MAGIC    UINT32_C(0x6b766c67)

struct record {
	uint64_t sum; /* of all following members */
	uint32_t magic;
	uint32_t key;
	uint32_t before; /* the block with the previous value, or NO_BLOCK */
	uint32_t reserved;
	char value[BLOCK - 24];
};
_Static_assert(sizeof(struct record) == BLOCK, "a record is a block");

struct store {
	struct mcsafe_pmem *pmem;
	uint32_t end; /* the first free block */
	uint32_t latest[KEYS];
	uint32_t before[BLOCKS]; /* from the records, in case one of them is lost */
	unsigned lost;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "kv_recover: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(EXIT_FAILURE);
}

/* ---- the store ---------------------------------------------------------------------------- */

/* FNV-1a. If the machine stops while a record is written, the record does not match its sum. */
static uint64_t sum_of(const struct record *record)
{
	const unsigned char *at = (const unsigned char *)&record->magic;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(*record) - sizeof(record->sum); i++)
		sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static bool is_whole(const struct record *record)
{
	return record->magic == MAGIC && record->key < KEYS && record->sum == sum_of(record);
}

static off_t offset_of(uint32_t block)
{
	return (off_t)block * (off_t)BLOCK;
}

static void make_record(struct record *record, uint32_t key, uint32_t before, const char *value)
{
	memset(record, 0, sizeof(*record));
	record->magic = MAGIC;
	record->key = key;
	record->before = before;
	snprintf(record->value, sizeof(record->value), "%s", value);
	record->sum = sum_of(record);
}

static void note(struct store *store, uint32_t block, const struct record *record)
{
	store->before[block] = record->before;
	store->latest[record->key] = block;
}

/* Returns 0; -EIO and a fault if the block is bad; or -ENODATA if there is no record. */
static int read_record(struct store *store, uint32_t block, struct record *record,
		       struct mcsafe_fault *fault)
{
	ssize_t got = mcsafe_pmem_pread(store->pmem, record, BLOCK, offset_of(block), fault);

	if (got < 0)
		return (int)got;
	if (got != (ssize_t)BLOCK)
		return -EIO;
	return is_whole(record) ? 0 : -ENODATA;
}

/* The log ends at the first block that can be read and has no record. It may have bad blocks. */
static void open_store(struct store *store, int fd)
{
	struct record record;
	int err = mcsafe_pmem_open_fd(&store->pmem, fd, MCSAFE_PMEM_WRITE);

	if (err != 0)
		die("the store cannot be opened", err);
	store->lost = 0;
	memset(store->latest, 0xff, sizeof(store->latest));
	for (store->end = 0; store->end < BLOCKS; store->end++) {
		err = read_record(store, store->end, &record, NULL);
		if (err == -ENODATA)
			break;
		if (err == 0)
			note(store, store->end, &record);
		else
			store->lost++;
	}
}

static void put(struct store *store, uint32_t key, const char *value)
{
	struct record record;
	ssize_t put;
	int err;

	if (store->end == BLOCKS)
		die("the store", ENOSPC);
	make_record(&record, key, store->latest[key], value);
	put = mcsafe_pmem_pwrite(store->pmem, &record, BLOCK, offset_of(store->end), NULL);
	/* If the free block is bad, the new record repairs it. */
	if (put != (ssize_t)BLOCK)
		put = mcsafe_pmem_repair(store->pmem, &record, BLOCK, offset_of(store->end));
	if (put != (ssize_t)BLOCK)
		die("a record cannot be written", put < 0 ? (int)put : EIO);
	err = mcsafe_pmem_persist(store->pmem, offset_of(store->end), BLOCK);
	if (err != 0)
		die("a record is not durable", err);
	note(store, store->end++, &record);
}

/* What was lost, and why, in one line. */
static void report(uint32_t block, uint32_t key, const struct mcsafe_fault *fault)
{
	static struct mcsafe_explanation explanation;
	char why[512] = "the record does not match its sum";

	if (fault->cause != MCSAFE_CAUSE_NONE && mcsafe_explain(fault, &explanation) == 0)
		mcsafe_explain_text(&explanation, why, sizeof(why));
	printf("lost: block %u, the latest record of key %u: %s\n", block, key, why);
}

/* The latest record of a key is in a bad block: replace it by the previous value. */
static void recover(struct store *store, uint32_t key, struct record *record)
{
	uint32_t block = store->latest[key], before = store->before[block];
	char value[sizeof(record->value)] = "";
	ssize_t put;

	store->lost++;
	if (before != NO_BLOCK && read_record(store, before, record, NULL) == 0)
		memcpy(value, record->value, sizeof(value));
	make_record(record, key, before, value);
	put = mcsafe_pmem_repair(store->pmem, record, BLOCK, offset_of(block));
	if (put != (ssize_t)BLOCK)
		die("the block cannot be repaired", put < 0 ? (int)put : EIO);
	printf("repaired: block %u, with \"%s\" from block %u\n", block, value, before);
}

/* Returns the value of a key, or "" if the key has none. */
static const char *get(struct store *store, uint32_t key)
{
	static struct record record;
	struct mcsafe_fault fault = {0};

	if (store->latest[key] == NO_BLOCK)
		return "";
	if (read_record(store, store->latest[key], &record, &fault) != 0) {
		report(store->latest[key], key, &fault);
		recover(store, key, &record);
	}
	return record.value;
}

/* ---- a life of the store ------------------------------------------------------------------- */

static void set_all(struct store *store, const char *round)
{
	char value[64];

	for (uint32_t key = 0; key < KEYS; key++) {
		snprintf(value, sizeof(value), "%s value of key %u", round, key);
		put(store, key, value);
	}
}

/* Counts keys without the value of this round; the key `but` must have that of round `other`. */
static unsigned count_wrong(struct store *store, const char *round, uint32_t but, const char *other)
{
	unsigned wrong = 0;
	char value[64];

	for (uint32_t key = 0; key < KEYS; key++) {
		snprintf(value, sizeof(value), "%s value of key %u", key == but ? other : round,
			 key);
		wrong += strcmp(get(store, key), value) != 0;
	}
	return wrong;
}

/* Makes a block fail, in the wanted way, or in any way if `wanted` is NULL. */
static void spoil(const struct store *store, int fd, uint32_t block, const char *wanted)
{
	static const enum poison_kind kinds[] = {POISON_HWPOISON, POISON_UFFD};
	char why[256] = "no such kind of failure";
	bool known = wanted == NULL;
	struct mcsafe_pmem_info info;
	struct mapping mapping;

	mcsafe_pmem_get_info(store->pmem, &info);
	mapping = (struct mapping){.fd = fd, .start = info.base, .size = info.size};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (wanted != NULL && strcmp(wanted, poison_kind_name(kinds[i])) != 0)
			continue;
		known = true;
		if (poison_inject(kinds[i], &mapping, block * BLOCK, BLOCK, why, sizeof(why)) ==
		    0) {
			printf("made bad: block %u; %s\n", block, poison_kind_means(kinds[i]));
			return;
		}
	}
	fprintf(stderr, "kv_recover: %s\n", why);
	exit(known ? EXIT_CANNOT : EXIT_USAGE);
}

int main(int argc, char **argv)
{
	const uint32_t victim = 5;
	struct store store;
	unsigned wrong, lost;
	int fd;

	if (argc > 2) {
		fprintf(stderr, "usage: kv_recover [hwpoison | uffd]\n");
		return EXIT_USAGE;
	}
	fd = memfd_create("kv_recover", MFD_CLOEXEC);
	if (fd == -1 || ftruncate(fd, (off_t)(BLOCKS * BLOCK)) == -1 || mcsafe_install() != 0)
		die("libmcsafe or memory is not available", errno);

	open_store(&store, fd);
	set_all(&store, "first");
	set_all(&store, "second");
	spoil(&store, fd, store.latest[victim], argv[1]);

	wrong = count_wrong(&store, "second", victim, "first");
	lost = store.lost;
	printf("after the loss: %u records lost, %u values wrong\n", lost, wrong);

	put(&store, victim, "third value of key 5");
	mcsafe_pmem_close(store.pmem);
	open_store(&store, fd);
	wrong += count_wrong(&store, "second", victim, "third");
	printf("opened again: %u records, %u lost, %u values wrong\n", store.end, store.lost,
	       wrong);
	wrong += store.end != 2 * KEYS + 1;
	lost += store.lost;
	mcsafe_pmem_close(store.pmem);
	close(fd);
	return lost == 1 && wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
