/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sqlite_shield.c - query a SQLite database through a memory map, and survive its damage
 *
 *	sqlite_shield [--plain] [--cut BYTES] DATABASE SQL
 *
 * With PRAGMA mmap_size, SQLite reads the database file through a mapping. If another process
 * truncates the file, or the disk fails, SQLite dies of SIGBUS. Its B-tree cannot be left in the
 * midst of a query. With a shield it finds zeros, which it takes for a corrupt database.
 *
 * --cut truncates the file after the first row, as another process might. --plain opens no shield.
 *
 * Exit status: 0, all rows were read; 1, usage or an error; 74 (EX_IOERR), a part of the database
 * is lost, whatever SQLite says: the rows may be wrong.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sqlite3.h>

#include "losses.h"

static void print_row(sqlite3_stmt *statement)
{
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		const unsigned char *text = sqlite3_column_text(statement, i);

		printf("%s%s", i == 0 ? "" : "|", text != NULL ? (const char *)text : "");
	}
	putchar('\n');
}

/* Read the rows that are left. SQLITE_DONE, or why it ended. */
static int read_rows(sqlite3_stmt *statement)
{
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		print_row(statement);
	return rc;
}

/* Run the query. SQLite maps the file for its first row. */
static int query(sqlite3_stmt *statement, const char *path, bool plain, long cut)
{
	struct mcsafe_shield *shield = NULL;
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW) {
		if (!plain && !shield_mapping_of(path, &shield)) {
			fprintf(stderr, "%s: the mapping cannot be shielded\n", path);
			return EXIT_FAILURE;
		}
		print_row(statement);
		if (cut >= 0 && truncate(path, cut) != 0)
			perror(path);
		rc = read_rows(statement);
	}
	fprintf(stderr, "SQLite: %s\n", sqlite3_errstr(rc));
	if (close_and_tell(shield) != 0)
		return EX_IOERR;
	return rc == SQLITE_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Open the database, and prepare the query. */
static sqlite3_stmt *prepare(sqlite3 **db, const char *path, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_exec(*db, "PRAGMA mmap_size = 1073741824", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(*db, sql, -1, &statement, NULL) != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(*db));
	return statement;
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement;
	bool plain = false;
	long cut = -1;
	int at = 1, status = EXIT_FAILURE;

	if (at < argc && strcmp(argv[at], "--plain") == 0) {
		plain = true;
		at++;
	}
	if (at + 1 < argc && strcmp(argv[at], "--cut") == 0) {
		cut = strtol(argv[at + 1], NULL, 10);
		at += 2;
	}
	if (argc - at != 2) {
		fprintf(stderr, "usage: %s [--plain] [--cut BYTES] DATABASE SQL\n", argv[0]);
		return EXIT_FAILURE;
	}
	statement = prepare(&db, argv[at], argv[at + 1]);
	if (statement != NULL)
		status = query(statement, argv[at], plain, cut);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return status;
}
