/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lmdb_rescue.c - read what can be read of an LMDB environment whose data.mdb is damaged
 *
 *	lmdb_rescue [--inject PAGE] DIRECTORY <KEYS
 *
 * LMDB follows pointers in a mapped file. If a page of the file is missing or poisoned, mdb_dump
 * dies of SIGBUS. In this program each call that reads the map runs in a guard. First the program
 * walks the database from both ends, up to the damage. Then it reads keys from standard input, one
 * a line. It looks up each key, and prints its value or reports that it is lost. --inject makes a
 * page of the map fail first, and does not change the file.
 *
 * Why it is safe to leave LMDB in the middle of a call:
 *   - A fault can occur only where LMDB touches the map. LMDB takes locks and allocates memory, but
 *     does not touch the map while it does so. MDB_NOLOCK leaves out the table of readers and its
 *     lock. So nobody may write to the environment. (Put a damaged environment aside in any case.)
 *   - A read-only transaction does not change the map, so no change of the map is left half done.
 *     The cursor, which is in memory, can be left half changed. After a fault the program gives up
 *     the cursor and its transaction. LMDB frees both without reading the map or the position of
 *     the cursor, so nothing leaks. If a transaction faults while it begins, the program abandons
 *     it, with the memory that LMDB allocated for it.
 *   - LMDB is C, and there is no frame of another language between it and the guard, so nothing
 *     needs to be unwound. The program gives LMDB no callback, such as with mdb_set_compare(), that
 *     could hold a lock at a fault.
 *   - The environment itself stays in use. To close it at the end unmaps the file and reads
 *     nothing.
 * LMDB returns pointers into the map. The program copies values with mcsafe_memcpy(), because a
 * value can be lost while its key is not.
 *
 * All faults are in the one file that the user named, and there may be thousands of them. So a loss
 * is told by its cause and by the number of the page, in which the tools of LMDB count, and not by
 * mcsafe_explain_text(), which would ask the kernel for the same file each time.
 *
 * Exit status: 0 nothing is lost; 1 something is lost; 2 wrong usage; 3 the environment cannot be
 * read at all; 77 this machine cannot make the page fail.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <lmdb.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

enum { EXIT_LOST = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3, EXIT_CANNOT = 77 };

#define PAGE     4096u
#define KEY_MAX  511 /* the limit of LMDB in its default build */
#define NO_FAULT 0

static struct {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char *map; /* of data.mdb */
	size_t size;
} db;

static bool anything_lost;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "lmdb_rescue: %s: %s\n", what, why);
	exit(EXIT_UNREADABLE);
}

static void need(int rc, const char *what)
{
	if (rc != MDB_SUCCESS)
		die(what, mdb_strerror(rc));
}

/* ---- the map --------------------------------------------------------------------------------- */

/*
 * LMDB does not say where it has mapped data.mdb. /proc/self/maps does. Compare device and inode:
 * START-END PERMISSIONS OFFSET MAJOR:MINOR INODE PATH
 */
static bool is_map_of(const char *line, const struct stat *file)
{
	char *rest;
	uintptr_t start = strtoul(line, &rest, 16), end = strtoul(rest + 1, &rest, 16);
	unsigned dev_major, dev_minor;

	rest = strchr(rest + 1, ' '); /* after the permissions */
	if (rest == NULL)
		return false;
	(void)strtoul(rest, &rest, 16);
	dev_major = (unsigned)strtoul(rest, &rest, 16);
	dev_minor = (unsigned)strtoul(rest + 1, &rest, 16);
	if (makedev(dev_major, dev_minor) != file->st_dev ||
	    strtoul(rest, NULL, 10) != file->st_ino)
		return false;
	db.map = (char *)start;
	db.size = end - start;
	return true;
}

static void find_map(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096 + 128];
	struct stat file;
	mdb_filehandle_t fd;
	bool found = false;

	need(mdb_env_get_fd(db.env, &fd), "mdb_env_get_fd");
	if (maps == NULL || fstat(fd, &file) != 0)
		die("/proc/self/maps", strerror(errno));
	while (!found && fgets(line, sizeof(line), maps) != NULL)
		found = is_map_of(line, &file);
	fclose(maps);
	if (!found)
		die("data.mdb", "not mapped");
}

/* ---- calls of LMDB that may fault ------------------------------------------------------------ */

static void begin(void *arg)
{
	int *rc = arg;

	*rc = mdb_txn_begin(db.env, NULL, MDB_RDONLY, &db.txn);
	if (*rc == MDB_SUCCESS)
		*rc = mdb_dbi_open(db.txn, NULL, 0, &db.dbi);
}

static void begin_or_die(void)
{
	struct mcsafe_fault fault;
	int rc = MDB_SUCCESS;

	if (mcsafe_call(db.map, db.size, begin, &rc, &fault) != NO_FAULT)
		die("the pages that describe the database", mcsafe_cause_name(fault.cause));
	need(rc, "mdb_txn_begin");
}

struct step {
	MDB_cursor *cursor;
	MDB_cursor_op op;
	MDB_val key, value;
	int rc;
};

static void take_step(void *arg)
{
	struct step *step = arg;

	step->rc = mdb_cursor_get(step->cursor, &step->key, &step->value, step->op);
}

static void look_up(void *arg)
{
	struct step *step = arg;

	step->rc = mdb_get(db.txn, db.dbi, &step->key, &step->value);
}

/* ---- walk, and look up ----------------------------------------------------------------------- */

static void print_fault(const struct mcsafe_fault *fault)
{
	printf("%s at page %zu\n", mcsafe_cause_name(fault->cause),
	       (size_t)((char *)fault->addr - db.map) / PAGE);
}

/* Walks from one end to the other, or to the first page that cannot be read. */
static void walk(const char *name, MDB_cursor_op first, MDB_cursor_op next)
{
	struct step step = {.op = first, .rc = MDB_SUCCESS};
	struct mcsafe_fault fault;
	size_t keys = 0;
	int err;

	begin_or_die();
	need(mdb_cursor_open(db.txn, db.dbi, &step.cursor), "mdb_cursor_open");
	while ((err = mcsafe_call(db.map, db.size, take_step, &step, &fault)) == NO_FAULT &&
	       step.rc == MDB_SUCCESS) {
		step.op = next;
		keys++;
	}
	printf("%s: %zu keys, then ", name, keys);
	if (err != NO_FAULT) {
		anything_lost = true;
		print_fault(&fault);
	} else if (step.rc == MDB_NOTFOUND) {
		printf("the end\n");
	} else {
		anything_lost = true;
		printf("%s\n", mdb_strerror(step.rc));
	}
	mdb_cursor_close(step.cursor);
	mdb_txn_abort(db.txn);
}

/* The value is in the map, so copying it may fault. */
static void print_value(const char *key, const MDB_val *value)
{
	char *copy = malloc(value->mv_size + 1);
	struct mcsafe_fault fault;
	size_t left;

	if (copy == NULL)
		die(key, strerror(ENOMEM));
	left = mcsafe_memcpy(copy, value->mv_data, value->mv_size, &fault);
	if (left == 0) {
		printf("found: %s=%.*s\n", key, (int)value->mv_size, copy);
	} else {
		anything_lost = true;
		printf("part: %s, %zu of %zu bytes, then ", key, value->mv_size - left,
		       value->mv_size);
		print_fault(&fault);
	}
	free(copy);
}

static void rescue(char *key)
{
	struct step step = {.key = {.mv_size = strlen(key), .mv_data = key}, .rc = MDB_SUCCESS};
	struct mcsafe_fault fault;

	begin_or_die();
	if (mcsafe_call(db.map, db.size, look_up, &step, &fault) != NO_FAULT) {
		anything_lost = true;
		printf("lost: %s, ", key);
		print_fault(&fault);
	} else if (step.rc == MDB_SUCCESS) {
		print_value(key, &step.value);
	} else {
		anything_lost = true;
		printf("lost: %s, %s\n", key, mdb_strerror(step.rc));
	}
	mdb_txn_abort(db.txn);
}

/* ---- the command line ------------------------------------------------------------------------ */

static void inject(const char *text)
{
	char *end;
	size_t page = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || page >= db.size / PAGE) {
		fprintf(stderr, "lmdb_rescue: \"%s\" is not a page of the map\n", text);
		exit(EXIT_USAGE);
	}
	if (mcsafe_inject(db.map + page * PAGE, PAGE, MCSAFE_INJECT_AUTO) != 0) {
		fprintf(stderr, "lmdb_rescue: %s\n", mcsafe_inject_reason());
		exit(EXIT_CANNOT);
	}
}

int main(int argc, char **argv)
{
	const char *page = argc == 4 && strcmp(argv[1], "--inject") == 0 ? argv[2] : NULL;
	char key[KEY_MAX + 2];

	if (argc != 2 && page == NULL) {
		fprintf(stderr, "usage: lmdb_rescue [--inject PAGE] DIRECTORY <KEYS\n");
		return EXIT_USAGE;
	}
	if (mcsafe_install() != 0)
		die("mcsafe_install", "it failed");
	need(mdb_env_create(&db.env), "mdb_env_create");
	need(mdb_env_open(db.env, argv[argc - 1], MDB_RDONLY | MDB_NOLOCK, 0), argv[argc - 1]);
	find_map();
	if (page != NULL)
		inject(page);

	walk("forward", MDB_FIRST, MDB_NEXT);
	walk("backward", MDB_LAST, MDB_PREV);
	while (fgets(key, sizeof(key), stdin) != NULL) {
		key[strcspn(key, "\n")] = '\0';
		rescue(key);
	}

	if (page != NULL)
		mcsafe_inject_clear(db.map, db.size / PAGE * PAGE);
	mdb_env_close(db.env);
	if (ferror(stdin) || fflush(stdout) != 0)
		die("standard input or output", "it failed");
	return anything_lost ? EXIT_LOST : EXIT_SUCCESS;
}
