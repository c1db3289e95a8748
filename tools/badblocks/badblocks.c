/* SPDX-License-Identifier: BSD-3-Clause */
/* badblocks.c - mcsafe badblocks: which parts of a file or device are known to be bad */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/badblocks.h>

#include "badblocks/cxl.h"
#include "common/files.h"
#include "common/json.h"
#include "common/ranges.h"
#include "common/size.h"
#include "common/target.h"
#include "common/tool.h"
#include "common/usage.h"

int mcsafe_badblocks_main(int argc, char **argv);

struct options {
	const char *path, *save;
	const char **load, **cxl_files;
	size_t nload, ncxl;
	uint64_t block;
	struct cxl cxl;
	bool no_ask, json;
};

enum { KEY_LOAD = 256, KEY_CXL, KEY_OF, KEY_BASE, KEY_NO_ASK, KEY_SAVE, KEY_JSON };

static const struct argp_option options[] = {
	{"load", KEY_LOAD, "FILE", 0, "Add a saved list; - is standard input", 0},
	{"cxl", KEY_CXL, "FILE", 0, "Add what cxl list --media-errors has written; - likewise", 0},
	{"of", KEY_OF, "NAME", 0, "Of --cxl, take only this region or memdev", 0},
	{"base", KEY_BASE, "BYTES", 0, "Where the file or device begins in what --cxl counts", 0},
	{"no-ask", KEY_NO_ASK, NULL, 0, "Do not ask the kernel", 0},
	{"blocks", 'b', "BYTES", 0, "Write the numbers of blocks of this size, as badblocks(8)", 0},
	{"save", KEY_SAVE, "FILE", 0, "Write the list to a file instead", 0},
	{"json", KEY_JSON, NULL, 0, "Write JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'b':
		if (!size_read(arg, &o->block) || o->block == 0)
			usage_error("--blocks: \"%s\" is no number of bytes above 0", arg);
		break;
	case KEY_LOAD:
		o->load[o->nload++] = arg;
		break;
	case KEY_CXL:
		o->cxl_files[o->ncxl++] = arg;
		break;
	case KEY_OF:
		o->cxl.of = arg;
		break;
	case KEY_BASE:
		if (!size_read(arg, &o->cxl.base))
			usage_error("--base: \"%s\" is no number of bytes", arg);
		break;
	case KEY_NO_ASK:
		o->no_ask = true;
		break;
	case KEY_SAVE:
		o->save = arg;
		break;
	case KEY_JSON:
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->path != NULL)
			usage_error("only one file or device");
		o->path = arg;
		break;
	case ARGP_KEY_END:
		if (o->path == NULL && o->nload == 0 && o->ncxl == 0)
			usage_error("which file or device, or which list?");
		if (o->json && o->block != 0)
			usage_error("--json and --blocks exclude each other");
		if (o->save != NULL && (o->json || o->block != 0))
			usage_error("--save writes a list: not with --json or --blocks");
		if (o->ncxl == 0 && (o->cxl.of != NULL || o->cxl.base != 0))
			usage_error("--of and --base are for --cxl");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* O_NONBLOCK: a FIFO must not make the command wait. */
static int open_path(const char *path, const char *shown)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0)
		tool_fail("%s: %s", shown, strerror(errno));
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode))
		tool_fail("%s: neither a file, a block device nor a device-dax node", shown);
	return fd;
}

/* Ask the kernel. What it does not answer is an error, unless there is another list. */
static void ask(const struct options *o, struct mcsafe_badblocks *bad,
		struct mcsafe_badblocks_answer *answer)
{
	char *shown = text_visible(o->path);
	int fd = open_path(o->path, shown);

	if (mcsafe_badblocks_ask(bad, fd, answer) != 0) {
		if (o->nload == 0 && o->ncxl == 0)
			tool_fail("%s: %s", shown, target_not_asked(answer->error));
		tool_warn("%s: %s", shown, target_not_asked(answer->error));
	} else if (answer->error == EOVERFLOW) {
		tool_warn("%s: the kernel has cut its list off: there may be more bad ranges",
			  shown);
	}
	close(fd);
	free(shown);
}

/* Write each block that a bad range is in, once. */
static void write_blocks(const struct mcsafe_badblocks *bad, uint64_t size)
{
	struct mcsafe_range range;
	uint64_t next = 0; /* the first block that was not written */

	for (size_t at = 0; mcsafe_badblocks_next(bad, at, SIZE_MAX, &range);
	     at = range.start + range.len) {
		uint64_t first = range.start / size, last = (range.start + range.len - 1) / size;

		for (uint64_t block = first < next ? next : first; block <= last; block++)
			/* tool_end() tells. */
			if (printf("%" PRIu64 "\n", block) < 0)
				return;
		next = last + 1;
	}
}

static void write_json(const struct options *o, const struct mcsafe_badblocks *bad,
		       const struct mcsafe_badblocks_answer *answer, bool is_asked)
{
	static const char *const states[] = {
		[MCSAFE_BADBLOCKS_NONE] = "none",
		[MCSAFE_BADBLOCKS_FOUND] = "found",
		[MCSAFE_BADBLOCKS_NOT_ASKED] = "no answer",
	};
	struct json_object *all = json_object_new_object();

	json_add_text(all, "file", o->path);
	json_add_text(all, "kernel", is_asked ? states[answer->state] : "not asked");
	json_add_text(all, "kernel_error",
		      is_asked && answer->error != 0 ? strerrorname_np(answer->error) : NULL);
	json_add_size(all, "bad_bytes", mcsafe_badblocks_bytes(bad));
	json_add_ranges(all, "bad", bad);
	json_write(all);
}

int mcsafe_badblocks_main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"[FILE|DEVICE]",
		"Tell which parts of a file or device are known to be bad. Nothing is read from "
		"them.",
		NULL,
		NULL,
		NULL,
	};
	struct options o = {.load = tool_alloc((size_t)argc, sizeof(*o.load)),
			    .cxl_files = tool_alloc((size_t)argc, sizeof(*o.cxl_files))};
	struct mcsafe_badblocks_answer answer = {0};
	struct mcsafe_badblocks *bad;
	bool is_asked;
	size_t count;

	usage_parse(&argp, argc, argv, 0, &o);
	files_keep_apart("--save", o.save, "the file that the list is about", o.path);
	is_asked = o.path != NULL && !o.no_ask;
	bad = ranges_create();
	if (is_asked)
		ask(&o, bad, &answer);
	for (size_t i = 0; i < o.nload; i++)
		ranges_load(bad, o.load[i]);
	for (size_t i = 0; i < o.ncxl; i++)
		cxl_load(bad, o.cxl_files[i], &o.cxl);
	if (o.json)
		write_json(&o, bad, &answer, is_asked);
	else if (o.block != 0)
		write_blocks(bad, o.block);
	else
		ranges_save(bad, o.save != NULL ? o.save : "-");
	count = mcsafe_badblocks_count(bad);
	mcsafe_badblocks_destroy(bad);
	free(o.load);
	free(o.cxl_files);
	free(o.cxl.found);
	return tool_end(count > 0 ? STATUS_LOST : STATUS_FINE);
}
