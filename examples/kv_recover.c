/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kv_recover.c - a store of keys and values that loses a record to poison, and goes on
 *
 * The store is a log in a mapped file: a record in each block, appended when a key is set. A block
 * is what can be repaired at once, so that one bad place costs one record. An index in memory says
 * which record of a key is the latest, and each record says which one came before.
 *
 * The program fills a store and makes a block of it fail. The next look at its key meets that: the
 * store says which record is lost, returns the value before, and puts that into the block, which
 * repairs it. New values are set, the store is opened anew, and everything is checked.
 *
 *	kv_recover [hwpoison | uffd]
 *
 * Without an argument the block fails by the first of these that the machine allows. Exit status: 0
 * the store has lost that one record and nothing else; 1 not so; 2 wrong usage; 77 the block cannot
 * be made to fail.
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
	uint64_t sum; /* of all that follows */
	uint32_t magic;
	uint32_t key;
	uint32_t before; /* the block with the value before, or NO_BLOCK */
	uint32_t reserved;
	char value[BLOCK - 24];
};
_Static_assert(sizeof(struct record) == BLOCK, "a record is a block");

struct store {
	struct mcsafe_pmem *pmem;
	uint32_t end; /* the first free block */
	uint32_t latest[KEYS];
	uint32_t before[BLOCKS]; /* what the records say, in case one is lost */
	unsigned lost;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "kv_recover: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(EXIT_FAILURE);
}

/* ---- the store ---------------------------------------------------------------------------- */

/* FNV-1a. A record that was written in part when the machine stopped does not have its sum. */
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

/* 0, or -EIO: the record is bad; or -ENODATA: there is none. */
static int read_record(struct store *store, uint32_t block, struct record *record)
{
	ssize_t got = mcsafe_pmem_pread(store->pmem, record, BLOCK, offset_of(block), NULL);

	if (got < 0)
		return (int)got;
	if (got != (ssize_t)BLOCK)
		return -EIO;
	return is_whole(record) ? 0 : -ENODATA;
}

/* The log ends at the first block that can be read and holds no record. */
static void open_store(struct store *store, int fd)
{
	struct record record;
	int err = mcsafe_pmem_open_fd(&store->pmem, fd, MCSAFE_PMEM_WRITE);

	if (err != 0)
		die("the store cannot be opened", err);
	store->lost = 0;
	memset(store->latest, 0xff, sizeof(store->latest));
	for (store->end = 0; store->end < BLOCKS; store->end++) {
		err = read_record(store, store->end, &record);
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
	/* A free block that is bad is repaired by what is to be in it. */
	if (put != (ssize_t)BLOCK)
		put = mcsafe_pmem_repair(store->pmem, &record, BLOCK, offset_of(store->end));
	if (put != (ssize_t)BLOCK)
		die("a record cannot be written", put < 0 ? (int)put : EIO);
	err = mcsafe_pmem_persist(store->pmem, offset_of(store->end), BLOCK);
	if (err != 0)
		die("a record is not durable", err);
	note(store, store->end++, &record);
}

/* The record of a key in a bad block: put the value before in its place, and say so. */
static void recover(struct store *store, uint32_t key, struct record *record)
{
	uint32_t block = store->latest[key], before = store->before[block];
	char value[sizeof(record->value)] = "";
	ssize_t put;

	printf("lost: block %u, the latest record of key %u\n", block, key);
	store->lost++;
	if (before != NO_BLOCK && read_record(store, before, record) == 0)
		memcpy(value, record->value, sizeof(value));
	make_record(record, key, before, value);
	put = mcsafe_pmem_repair(store->pmem, record, BLOCK, offset_of(block));
	if (put != (ssize_t)BLOCK)
		die("the block cannot be repaired", put < 0 ? (int)put : EIO);
	printf("repaired: block %u, with \"%s\" from block %u\n", block, value, before);
}

/* The value of a key; "" if it has none. */
static const char *get(struct store *store, uint32_t key)
{
	static struct record record;

	if (store->latest[key] == NO_BLOCK)
		return "";
	if (read_record(store, store->latest[key], &record) != 0)
		recover(store, key, &record);
	return record.value;
}

/* ---- what is done with it ------------------------------------------------------------------ */

static void set_all(struct store *store, const char *round)
{
	char value[64];

	for (uint32_t key = 0; key < KEYS; key++) {
		snprintf(value, sizeof(value), "%s value of key %u", round, key);
		put(store, key, value);
	}
}

/* How many keys do not have the value of that round; `but` has that of another. */
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

/* Make a block fail: by that kind, or by any if it is NULL. */
static void spoil(const struct store *store, int fd, uint32_t block, const char *wanted)
{
	static const enum poison_kind kinds[] = {POISON_HWPOISON, POISON_UFFD};
	char why[256] = "there is no such kind";
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
		die("libmcsafe or memory cannot be had", errno);

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
