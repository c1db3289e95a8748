/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lmdb_shield.c - walk through an LMDB database, and survive its damage
 *
 *	lmdb_shield [--plain] [--cut BYTES] DIRECTORY
 *
 * LMDB reads its database through a mapping of data.mdb. If another process truncates the file, or
 * the disk fails, the program dies of SIGBUS. Under a shield LMDB finds zeros, which are no page of
 * its own. Either it returns MDB_CORRUPTED, or an assertion of LMDB fails. The program has LMDB
 * call a function instead of abort(3), and leaves the walk from there. The values that LMDB keeps
 * in pages of their own read as zeros, without an error: only the shield knows. lmdb_rescue.c finds
 * more of a damaged database. This program shows how code stays alive that cannot be left.
 *
 * --cut truncates the file after the first key, as another process might. --plain opens no shield.
 *
 * Exit status: 0, all keys were read; 1, usage or an error; 74 (EX_IOERR), a part of the database
 * is lost, whatever LMDB says.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <lmdb.h>

#include "losses.h"

static char path[4096]; /* of data.mdb */
static jmp_buf failed;
static char assertion[400];

/* LMDB calls this in ordinary code, from the function that the walk has called. With MDB_NOLOCK and
 * a read-only transaction there is no lock to give back. */
static void on_assertion(MDB_env *env, const char *message)
{
	(void)env;
	snprintf(assertion, sizeof(assertion), "%s", message);
	longjmp(failed, 1);
}

struct walk {
	MDB_env *env;
	MDB_txn *txn;
	MDB_cursor *cursor;
	size_t keys;
	unsigned long long sum; /* of all bytes of values */
};

static int begin(struct walk *walk)
{
	MDB_dbi dbi;
	int rc = mdb_txn_begin(walk->env, NULL, MDB_RDONLY, &walk->txn);

	if (rc == MDB_SUCCESS)
		rc = mdb_dbi_open(walk->txn, NULL, 0, &dbi);
	return rc == MDB_SUCCESS ? mdb_cursor_open(walk->txn, dbi, &walk->cursor) : rc;
}

static int step(struct walk *walk, MDB_cursor_op op)
{
	MDB_val key, value;
	int rc = mdb_cursor_get(walk->cursor, &key, &value, op);

	if (rc != MDB_SUCCESS)
		return rc;
	walk->keys++;
	for (size_t i = 0; i < value.mv_size; i++)
		walk->sum += ((const unsigned char *)value.mv_data)[i];
	return MDB_SUCCESS;
}

/* Read what is left. MDB_NOTFOUND: up to the end of the database. */
static int go_on(struct walk *walk)
{
	int rc;

	if (setjmp(failed) != 0)
		return MDB_PANIC;
	while ((rc = step(walk, MDB_NEXT)) == MDB_SUCCESS)
		;
	return rc;
}

static const char *what_ended(int rc)
{
	if (assertion[0] != '\0')
		return assertion;
	return rc == MDB_NOTFOUND ? "the end" : mdb_strerror(rc);
}

static int run(struct walk *walk, bool plain, long cut)
{
	struct mcsafe_shield *shield = NULL;
	int rc;

	if (!plain && !shield_mapping_of(path, &shield)) {
		fprintf(stderr, "%s: the mapping cannot be shielded\n", path);
		return EXIT_FAILURE;
	}
	rc = begin(walk);
	if (rc == MDB_SUCCESS)
		rc = step(walk, MDB_FIRST);
	if (cut >= 0 && truncate(path, cut) != 0)
		perror(path);
	if (rc == MDB_SUCCESS)
		rc = go_on(walk);
	printf("%zu keys, the sum of the values is %llu\n", walk->keys, walk->sum);
	fprintf(stderr, "LMDB: %s\n", what_ended(rc));
	if (close_and_tell(shield) != 0)
		return EX_IOERR;
	return rc == MDB_NOTFOUND ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* After a failed assertion neither cursor nor transaction may be used. The end of the process frees
 * both. */
int main(int argc, char **argv)
{
	struct walk walk = {0};
	bool plain = false;
	long cut = -1;
	int at = 1, rc;

	if (at < argc && strcmp(argv[at], "--plain") == 0) {
		plain = true;
		at++;
	}
	if (at + 1 < argc && strcmp(argv[at], "--cut") == 0) {
		cut = strtol(argv[at + 1], NULL, 10);
		at += 2;
	}
	if (argc - at != 1) {
		fprintf(stderr, "usage: %s [--plain] [--cut BYTES] DIRECTORY\n", argv[0]);
		return EXIT_FAILURE;
	}
	snprintf(path, sizeof(path), "%s/data.mdb", argv[at]);
	rc = mdb_env_create(&walk.env);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_assert(walk.env, on_assertion);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_open(walk.env, argv[at], MDB_RDONLY | MDB_NOLOCK, 0);
	if (rc != MDB_SUCCESS) {
		fprintf(stderr, "%s: %s\n", argv[at], mdb_strerror(rc));
		return EXIT_FAILURE;
	}
	return run(&walk, plain, cut);
}
