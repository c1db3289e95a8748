/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.c - mcsafe repair: write new data where a file or device is bad */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/json.h"
#include "common/overlap.h"
#include "common/progress.h"
#include "common/ranges.h"
#include "common/size.h"
#include "common/target.h"
#include "common/tool.h"
#include "common/usage.h"
#include "repair/plan.h"

int mcsafe_repair_main(int argc, char **argv);

#define LINE ((size_t)64) /* bytes in a cache line */

struct options {
	const char *path, *mirror, *save;
	const char **load;
	struct mcsafe_range *ranges;
	size_t nload, nranges;
	bool zero, punch, no_ask, dry_run, yes, json;
};

enum { KEY_FROM = 256, KEY_ZERO, KEY_RANGE, KEY_LOAD, KEY_NO_ASK, KEY_PUNCH, KEY_SAVE, KEY_JSON };

static const struct argp_option options[] = {
	{"from", KEY_FROM, "MIRROR", 0, "Take the data from a good copy", 0},
	{"zero", KEY_ZERO, NULL, 0, "Write zeros: the old data stay lost", 0},
	{"range", KEY_RANGE, "START+LENGTH", 0,
	 "Repair this range, and not all that is known to be bad", 0},
	{"load", KEY_LOAD, "FILE", 0, "Repair the ranges of a saved list too", 0},
	{"no-ask", KEY_NO_ASK, NULL, 0, "Do not ask the kernel for its list of bad blocks", 0},
	{"punch", KEY_PUNCH, NULL, 0,
	 "If writing does not help, punch a hole for the page into a file on a disk", 0},
	{"dry-run", 'n', NULL, 0, "Show what would be done, and do nothing", 0},
	{"yes", 'y', NULL, 0, "Do not ask", 0},
	{"save", KEY_SAVE, "FILE", 0, "Write to a file what is bad still", 0},
	{"json", KEY_JSON, NULL, 0, "Write JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case KEY_FROM:
		o->mirror = arg;
		break;
	case KEY_ZERO:
		o->zero = true;
		break;
	case KEY_RANGE:
		if (!range_read(arg, &o->ranges[o->nranges++]))
			usage_error("--range: \"%s\" is not START+LENGTH in bytes", arg);
		break;
	case KEY_LOAD:
		o->load[o->nload++] = arg;
		break;
	case KEY_NO_ASK:
		o->no_ask = true;
		break;
	case KEY_PUNCH:
		o->punch = true;
		break;
	case 'n':
		o->dry_run = true;
		break;
	case 'y':
		o->yes = true;
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
		if (o->path == NULL)
			usage_error("which file or device?");
		if ((o->mirror != NULL) == o->zero)
			usage_error("what is to be written: either --from or --zero");
		if (o->json && !o->yes && !o->dry_run)
			usage_error("--json needs --yes or --dry-run: it asks nothing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The page cache of a mounted file system would write its old data over a repair. */
static void refuse_device_in_use(const char *path)
{
	struct stat status;
	char *shown;
	int fd;

	if (stat(path, &status) != 0 || !S_ISBLK(status.st_mode))
		return;
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	shown = text_visible(path);
	if (fd < 0 && errno == EBUSY)
		tool_fail("%s: the device is in use: unmount it, or repair the file on it", shown);
	free(shown);
	if (fd >= 0)
		close(fd);
}

static void refuse_same_file(const struct options *o)
{
	struct stat one, other;
	enum overlap overlap;

	if (stat(o->path, &one) != 0 || stat(o->mirror, &other) != 0)
		return; /* target_open() tells */
	overlap = overlap_of(&one, &other);
	if (overlap == OVERLAP_SAME)
		tool_fail("%s is not a mirror: it is the file itself", o->mirror);
	if (overlap == OVERLAP_PART)
		tool_fail("%s is not a mirror: it has bytes in common with %s", o->mirror, o->path);
}

/*
 * Add a range to the plan, in whole cache lines: that is what a memory error loses, and reads leave
 * out as much around a known bad range (pmem.h).
 */
static void plan_range(struct plan *plan, const struct mcsafe_range *range)
{
	size_t start = range->start & ~(LINE - 1),
	       end = (range->start + range->len + LINE - 1) & ~(LINE - 1);

	if (end > plan->target->size)
		end = plan->target->size;
	ranges_add(plan->bad, start, end - start);
}

/* Fill the plan: what the options name, or all that is known. */
static void choose(const struct options *o, struct plan *plan)
{
	struct target *target = plan->target;
	struct mcsafe_badblocks *known = mcsafe_pmem_badblocks(target->pmem);
	struct mcsafe_range range;
	size_t cut;

	for (size_t i = 0; i < o->nload; i++)
		ranges_load(known, o->load[i]);
	cut = ranges_cut(known, target->size);
	if (cut > 0)
		tool_warn("%s: %zu bad bytes of the lists are past its end", target->shown, cut);
	for (size_t i = 0; i < o->nranges; i++) {
		range = o->ranges[i];
		if (range.start + range.len > target->size)
			tool_fail("%s: it has only %zu bytes: --range=%zu+%zu", target->shown,
				  target->size, range.start, range.len);
		plan_range(plan, &range);
		/* Its bytes are not read then. */
		ranges_add(known, range.start, range.len);
	}
	if (o->nranges > 0)
		return;
	for (size_t at = 0; mcsafe_badblocks_next(known, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		plan_range(plan, &range);
}

static void tell_plan(const struct options *o, const struct plan *plan)
{
	struct mcsafe_range range;
	char text[RANGE_TEXT], size[SIZE_TEXT];
	char *mirror = o->mirror != NULL ? text_visible(o->mirror) : NULL;

	printf("%s: %zu bad range%s, %s\n", plan->target->shown, mcsafe_badblocks_count(plan->bad),
	       mcsafe_badblocks_count(plan->bad) == 1 ? "" : "s",
	       size_text(mcsafe_badblocks_bytes(plan->bad), size));
	for (size_t at = 0; mcsafe_badblocks_next(plan->bad, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		printf("  %s: %s%s\n", range_text(&range, text),
		       mirror != NULL ? "data of " : "zeros", mirror != NULL ? mirror : "");
	free(mirror);
}

static bool is_answered_yes(void)
{
	char *line = NULL;
	size_t room = 0;
	bool yes;

	if (!isatty(STDIN_FILENO))
		tool_fail("standard input is no terminal, so nobody can be asked: --yes");
	fputs("Write there? [y/N] ", stdout);
	fflush(stdout);
	yes = getline(&line, &room, stdin) > 0 && (line[0] == 'y' || line[0] == 'Y');
	free(line);
	return yes;
}

static void tell(const struct plan *plan)
{
	struct mcsafe_range range;
	char text[RANGE_TEXT];

	for (size_t at = 0; mcsafe_badblocks_next(plan->repaired, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		printf("repaired: %s\n", range_text(&range, text));
	for (size_t i = 0; i < plan->nrefused; i++)
		printf("not repaired: %s: %s\n", range_text(&plan->refused[i].range, text),
		       plan->refused[i].reason);
}

static void tell_json(const struct options *o, const struct plan *plan)
{
	struct json_object *all = json_object_new_object(), *refused = json_object_new_array();

	for (size_t i = 0; i < plan->nrefused; i++) {
		struct json_object *one = json_object_new_object();

		json_add_size(one, "start", plan->refused[i].range.start);
		json_add_size(one, "length", plan->refused[i].range.len);
		json_add_text(one, "reason", plan->refused[i].reason);
		json_object_array_add(refused, one);
	}
	json_add_text(all, "file", o->path);
	json_add_text(all, "mirror", o->mirror);
	json_add_size(all, "size", plan->target->size);
	json_add_size(all, "align", plan->target->align);
	json_add_bool(all, "dry_run", o->dry_run);
	json_add_ranges(all, "bad", plan->bad);
	json_add_ranges(all, "repaired", plan->repaired);
	json_add(all, "not_repaired", refused);
	json_write(all);
}

static void begin(const struct options *o, struct plan *plan)
{
	int flags = (o->dry_run ? 0 : MCSAFE_PMEM_WRITE) | (o->punch ? MCSAFE_PMEM_PUNCH : 0) |
		    (o->no_ask ? MCSAFE_PMEM_NO_ASK : 0);

	files_keep_apart("--save", o->save, "what is repaired", o->path);
	files_keep_apart("--save", o->save, "the mirror", o->mirror);
	files_check(o->save != NULL && strcmp(o->save, "-") != 0 ? o->save : NULL);
	if (o->mirror != NULL)
		refuse_same_file(o);
	refuse_device_in_use(o->path);
	target_open(plan->target, o->path, flags);
	if (o->mirror != NULL)
		target_open(plan->mirror, o->mirror, 0);
	plan->bad = ranges_create();
	plan->repaired = ranges_create();
	choose(o, plan);
}

static int finish(const struct options *o, const struct plan *plan)
{
	if (o->json)
		tell_json(o, plan);
	else
		tell(plan);
	if (o->save != NULL)
		ranges_save(mcsafe_pmem_badblocks(plan->target->pmem), o->save);
	return tool_end(plan->nrefused > 0 ? STATUS_LOST : STATUS_FINE);
}

int mcsafe_repair_main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "FILE|DEVICE", "Write new data where a file or device is bad.",
		NULL,    NULL,  NULL,
	};
	struct options o = {.load = tool_alloc((size_t)argc, sizeof(*o.load)),
			    .ranges = tool_alloc((size_t)argc, sizeof(*o.ranges))};
	struct target target = {0}, mirror = {0};
	struct plan plan = {.target = &target};
	int status;

	usage_parse(&argp, argc, argv, 0, &o);
	plan.mirror = o.mirror != NULL ? &mirror : NULL;
	begin(&o, &plan);
	if (!o.json)
		tell_plan(&o, &plan);
	if (o.dry_run || mcsafe_badblocks_count(plan.bad) == 0 || o.yes || is_answered_yes()) {
		if (!o.dry_run) {
			progress_begin(0, !o.json);
			plan_run(&plan);
			progress_end();
		}
		status = finish(&o, &plan);
	} else {
		tool_warn("nothing was written");
		status = STATUS_ERROR;
	}
	free(plan.refused);
	mcsafe_badblocks_destroy(plan.bad);
	mcsafe_badblocks_destroy(plan.repaired);
	target_close(&target);
	if (plan.mirror != NULL)
		target_close(&mirror);
	free(o.load);
	free(o.ranges);
	return status;
}
