/* SPDX-License-Identifier: BSD-3-Clause */
/* decode.c - map a file, let a page of it fail, and decode it under a shield */
#include "decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "losses.h"
#include "poison.h"

#define PAGE        ((size_t)4096)
#define EXIT_CANNOT 77

static const char *name;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", name, what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Copy the file to memory with a descriptor, and map that. Returns the size of the file. */
static size_t map_copy(const char *path, struct mapping *mapping)
{
	FILE *from = fopen(path, "re");
	struct stat status;
	size_t size;

	if (from == NULL || fstat(fileno(from), &status) != 0)
		die(path);
	size = (size_t)status.st_size;
	mapping->size = (size + PAGE - 1) / PAGE * PAGE;
	mapping->fd = memfd_create("decode", MFD_CLOEXEC);
	if (mapping->fd < 0 || ftruncate(mapping->fd, status.st_size) != 0)
		die("memory");
	mapping->start =
		mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_SHARED, mapping->fd, 0);
	if (mapping->start == MAP_FAILED)
		die(path);
	if (fread(mapping->start, 1, size, from) != size)
		die(path);
	fclose(from);
	return size;
}

/* In the strongest way that harms no memory of the machine. */
static void lose(const struct mapping *mapping, size_t offset)
{
	static const enum poison_kind kinds[] = {POISON_UFFD, POISON_TRUNCATE};
	char why[256] = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (poison_inject(kinds[i], mapping, offset / PAGE * PAGE, PAGE, why,
				  sizeof(why)) == 0)
			return;
	fprintf(stderr, "%s: SKIP: %s\n", name, why);
	exit(EXIT_CANNOT);
}

static struct mcsafe_shield *put_shield(const struct mapping *mapping)
{
	struct mcsafe_shield_options options = {
		.size = sizeof(options), .flags = MCSAFE_SHIELD_FILE, .file_fd = mapping->fd};
	struct mcsafe_shield *shield = NULL;
	int err = mcsafe_install();

	if (err == 0)
		err = mcsafe_shield_open(&shield, mapping->start, mapping->size, &options);
	errno = -err;
	if (err != 0)
		die("the mapping cannot be shielded");
	return shield;
}

int decode_main(int argc, char **argv, decode_fn *decode)
{
	struct mcsafe_shield *shield = NULL;
	struct mapping mapping;
	struct input input;
	bool plain = false;
	const char *at_text = NULL;
	size_t offset = 0;
	int at = 1, status;

	name = argv[0];
	if (at < argc && strcmp(argv[at], "--plain") == 0) {
		plain = true;
		at++;
	}
	if (at + 1 < argc && strcmp(argv[at], "--lose") == 0) {
		at_text = argv[at + 1];
		offset = strtoul(at_text, NULL, 10);
		at += 2;
	}
	if (argc - at != 1) {
		fprintf(stderr, "usage: %s [--plain] [--lose OFFSET] FILE\n", name);
		return EXIT_FAILURE;
	}
	input.size = map_copy(argv[at], &mapping);
	input.bytes = mapping.start;
	if (at_text != NULL && offset >= input.size) {
		fprintf(stderr, "%s: %s: offset %zu is not in the file, which has %zu bytes\n",
			name, argv[at], offset, input.size);
		return EXIT_FAILURE;
	}
	if (!plain)
		shield = put_shield(&mapping);
	if (at_text != NULL)
		lose(&mapping, offset);
	status = decode(&input);
	return close_and_tell(shield) != 0 ? EX_IOERR : status;
}
