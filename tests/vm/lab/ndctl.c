/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ndctl.c - a separate program in the guest, linked with the shared library
 *
 * The lab's main program is static and cannot open libndctl. This one asks for the bad blocks of a
 * device-dax node and repairs the node. The main program raises the machine checks before that.
 */
#include "lab.h"
#include "watched_open.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/dax0.0"

static unsigned char buffer[16 * T_PAGE];

/* ---- asking ---------------------------------------------------------------------------------- */

static const char *who_read(unsigned who)
{
	static const char *const names[] = {"nobody", "libmcsafe", "libndctl",
					    "libndctl, then libmcsafe"};

	return who < T_LENGTH(names) ? names[who] : "somebody else";
}

/*
 * Asks while some libraries cannot read the list. The fact has the answer, the ranges, and who read
 * the list.
 */
static void ask(const char *when, const char *how, unsigned refused, int fd, size_t from)
{
	struct mcsafe_badblocks_answer answer;
	struct mcsafe_badblocks *badblocks;
	char key[128];
	int err;

	lab_need(mcsafe_badblocks_create(&badblocks) == 0, "no memory");
	watched_open_begin(refused);
	err = mcsafe_badblocks_ask(badblocks, fd, &answer);
	snprintf(key, sizeof(key), "%s: %s", when, how);
	lab_fact(key, "%s, opened by %s: %s", lab_answer(&answer), who_read(watched_open_end()),
		 lab_bad_sectors(badblocks, from));
	lab_check(err == -answer.error, "result %d", err);
	mcsafe_badblocks_destroy(badblocks);
}

/* Finds the number after a name in the JSON text at *text. Moves *text to the number. */
static bool number_after(const char **text, const char *name, size_t *number)
{
	const char *found = strstr(*text, name);

	if (found == NULL)
		return false;
	*text = found + strlen(name);
	*number = strtoul(*text, NULL, 10);
	return true;
}

/* The answer of ndctl, which does not know libmcsafe. */
static void ask_ndctl(const char *when, size_t from)
{
	static char json[16384];
	struct mcsafe_badblocks *badblocks;
	size_t start, len;
	const char *at = json;
	char key[128];
	/* NOLINTNEXTLINE(cert-env33-c): ndctl is a program, and the guest is our own. */
	FILE *list = popen("ndctl list -N -M -n namespace0.0", "re");

	lab_need(list != NULL && mcsafe_badblocks_create(&badblocks) == 0, "popen");
	json[fread(json, 1, sizeof(json) - 1, list)] = '\0';
	lab_need(pclose(list) == 0 && strstr(json, "\"devdax\"") != NULL, "ndctl list fails");
	while (number_after(&at, "\"offset\":", &start) && number_after(&at, "\"length\":", &len))
		lab_need(mcsafe_badblocks_add(badblocks, start * LAB_SECTOR, len * LAB_SECTOR) == 0,
			 "mcsafe_badblocks_add");
	snprintf(key, sizeof(key), "%s: ndctl list", when);
	lab_fact(key, "%s", lab_bad_sectors(badblocks, from));
	mcsafe_badblocks_destroy(badblocks);
}

/* ask WHEN FROM */
static int program_ask(const char *when, size_t from)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	lab_need(fd != -1, "cannot open " DEVICE);
	ask(when, "with libndctl", 0, fd, from);
	ask(when, "the list kept from libmcsafe", LIBMCSAFE, fd, from);
	ask(when, "kept from libndctl", LIBNDCTL, fd, from);
	ask(when, "kept from both", LIBMCSAFE | LIBNDCTL, fd, from);
	ask_ndctl(when, from);
	close(fd);
	return lab_status();
}

/* ---- repair ---------------------------------------------------------------------------------- */

static struct mcsafe_pmem *pmem;

static void fact(const char *when, const char *what, const char *value)
{
	char key[128];

	snprintf(key, sizeof(key), "%s: %s", when, what);
	lab_fact(key, "%s", value);
}

static void read_fact(const char *when, const char *what, size_t from, size_t n)
{
	ssize_t got = mcsafe_pmem_pread(pmem, buffer, n, (off_t)from, NULL);

	fact(when, what, got == (ssize_t)n ? lab_contents(buffer, from, n) : lab_count(got));
}

static void known_fact(const char *when, const char *what, size_t from)
{
	fact(when, what, lab_bad_sectors(mcsafe_pmem_badblocks(pmem), from));
}

/* The kernel's list for the device, asked again into a separate registry. */
static void listed_fact(const char *when, const char *what, size_t from)
{
	struct mcsafe_pmem *fresh;

	lab_need(mcsafe_pmem_open(&fresh, DEVICE, 0) == 0, "cannot open it again");
	fact(when, what, lab_bad_sectors(mcsafe_pmem_badblocks(fresh), from));
	mcsafe_pmem_close(fresh);
}

static void repair_fact(const char *when, const char *what, size_t n, size_t from)
{
	fact(when, what, lab_count(mcsafe_pmem_repair(pmem, NULL, n, (off_t)from)));
}

static void open_device(void)
{
	struct mcsafe_pmem_info info;

	lab_install();
	lab_need(mcsafe_pmem_open(&pmem, DEVICE, MCSAFE_PMEM_WRITE) == 0, "cannot open " DEVICE);
	mcsafe_pmem_get_info(pmem, &info);
	lab_check(info.align == T_PAGE && info.page_size == T_HUGE, "alignment %zu of %zu",
		  info.align, info.page_size);
}

/* repair WHEN T_PAGE: T_PAGE is bad, all of it or a part */
static int program_repair(const char *when, size_t page)
{
	open_device();
	known_fact(when, "known when opened", page);
	read_fact(when, "mcsafe_pmem_pread()", page, T_PAGE);
	repair_fact(when, "repair of 512 bytes", LAB_SECTOR, page);
	lab_need(rename("/dev/ndctl0", "/dev/hidden") == 0, "no /dev/ndctl0");
	repair_fact(when, "repair without /dev/ndctl0", T_PAGE, page);
	lab_need(rename("/dev/hidden", "/dev/ndctl0") == 0, "rename");
	known_fact(when, "known after that", page);
	read_fact(when, "mcsafe_pmem_pread() after that", page, T_PAGE);

	repair_fact(when, "repair", T_PAGE, page);
	known_fact(when, "known after it", page);
	listed_fact(when, "known when opened anew", page);
	read_fact(when, "mcsafe_pmem_pread() after it", page, T_PAGE);
	lab_fill_pattern(buffer, page, T_PAGE);
	fact(when, "mcsafe_pmem_pwrite() after it",
	     lab_count(mcsafe_pmem_pwrite(pmem, buffer, T_PAGE, (off_t)page, NULL)));
	mcsafe_pmem_close(pmem);
	return lab_status();
}

/* worn WHEN T_PAGE: pages whose second half the firmware does not clear */
static int program_worn(const char *when, size_t page)
{
	const size_t n = 4 * T_PAGE;

	open_device();
	known_fact(when, "known when opened", page);
	repair_fact(when, "repair", n, page);
	known_fact(when, "known after it", page);
	listed_fact(when, "known when opened anew", page);
	repair_fact(when, "repair of the rest", n / 2, page + n / 2);
	known_fact(when, "known after that", page);
	read_fact(when, "the first half", page, n / 2);
	read_fact(when, "the second half", page + n / 2, n / 2);
	mcsafe_pmem_close(pmem);
	return lab_status();
}

int main(int argc, char **argv)
{
	if (!getenv("MCSAFE_GUEST")) {
		fprintf(stderr,
			"this writes to persistent memory: run it in a guest, as the lab does\n");
		return EXIT_FAILURE;
	}
	if (argc == 4 && strcmp(argv[1], "ask") == 0)
		return program_ask(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "repair") == 0)
		return program_repair(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "worn") == 0)
		return program_worn(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "pmem-killed") == 0)
		return lab_program_pmem_killed(argc - 1, argv + 1);
	fprintf(stderr, "no such program\n");
	return EXIT_FAILURE;
}
