/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.c - mcsafe scrub: read all of a file or device, and tell which ranges are bad */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mcsafe/explain.h>
#include <mcsafe/pmem.h>

#include "common/files.h"
#include "common/json.h"
#include "common/progress.h"
#include "common/ranges.h"
#include "common/size.h"
#include "common/target.h"
#include "common/tool.h"
#include "common/usage.h"
#include "scrub/state.h"

int mcsafe_scrub_main(int argc, char **argv);

/* A state is written that often, in seconds: a scrub that is killed loses no more. */
#define STATE_INTERVAL 10

struct options {
	const char *path, *save, *resume;
	const char **load;
	size_t nload;
	uint64_t rate;
	bool recheck, no_ask, json, quiet;
};

struct work {
	const struct options *options;
	struct target target;
	struct scrub_state state; /* `unread`: I/O errors that may pass */
	struct mcsafe_scrub_progress progress;
	bool is_stateless; /* the state could not be written */
	time_t written;    /* when the state was written, on CLOCK_MONOTONIC */
};

enum { KEY_SAVE = 256, KEY_RESUME, KEY_LOAD, KEY_RECHECK, KEY_NO_ASK, KEY_JSON };

static const struct argp_option options[] = {
	{"rate", 'r', "BYTES", 0, "Read at most so many bytes in a second", 0},
	{"save", KEY_SAVE, "FILE", 0, "Write the bad ranges to a file; - is standard output", 0},
	{"resume", KEY_RESUME, "FILE", 0,
	 "Continue where the state in this file ends, and write the state to it", 0},
	{"load", KEY_LOAD, "FILE", 0, "Add bad ranges that are known: they are not read", 0},
	{"recheck", KEY_RECHECK, NULL, 0, "Read known bad ranges too", 0},
	{"no-ask", KEY_NO_ASK, NULL, 0, "Do not ask the kernel for its list of bad blocks", 0},
	{"json", KEY_JSON, NULL, 0, "Write the result as JSON", 0},
	{"quiet", 'q', NULL, 0, "Show no progress", 0},
	{0},
};

static volatile sig_atomic_t is_told_to_end;

static void on_signal(int signo)
{
	(void)signo;
	is_told_to_end = 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'r':
		if (!size_read(arg, &o->rate) || o->rate == 0)
			usage_error("--rate: \"%s\" is no number of bytes above 0", arg);
		break;
	case 'q':
		o->quiet = true;
		break;
	case KEY_SAVE:
		o->save = arg;
		break;
	case KEY_RESUME:
		o->resume = arg;
		break;
	case KEY_LOAD:
		o->load[o->nload++] = arg;
		break;
	case KEY_RECHECK:
		o->recheck = true;
		break;
	case KEY_NO_ASK:
		o->no_ask = true;
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
		if (o->json && o->save != NULL && strcmp(o->save, "-") == 0)
			usage_error("--json and --save=- both want standard output");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void write_state(struct work *work)
{
	if (work->options->resume == NULL)
		return;
	work->state.offset = work->progress.offset;
	scrub_state_write(&work->state, work->options->resume);
	work->written = now();
}

static int on_progress(const struct mcsafe_scrub_progress *progress, void *arg)
{
	struct work *work = arg;

	work->progress = *progress;
	progress_show(progress->offset, progress->bad + progress->failed);
	if (now() - work->written >= STATE_INTERVAL)
		write_state(work);
	return is_told_to_end;
}

/* Tell of a range at once: a scrub can take days. */
static int on_found(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	static struct mcsafe_explanation explanation;
	struct work *work = arg;
	char text[RANGE_TEXT], why[512] = "the kernel knows that it is poisoned";

	if (fault->signo != 0 && mcsafe_explain(fault, &explanation) == 0)
		(void)mcsafe_explain_text(&explanation, why, sizeof(why));
	if (!work->options->json && !work->options->quiet)
		tool_warn("%s: %s cannot be read: %s", work->target.shown, range_text(bad, text),
			  why);
	if (fault->cause == MCSAFE_CAUSE_IO)
		ranges_add(work->state.unread, bad->start, bad->len);
	return MCSAFE_SCRUB_DECIDE;
}

/* What is in the registry is not counted as unread. */
static void forget_bad(struct work *work)
{
	struct mcsafe_range range;

	for (size_t at = 0; mcsafe_badblocks_next(work->state.bad, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		if (mcsafe_badblocks_clear(work->state.unread, range.start, range.len) != 0)
			tool_fail("no memory for a list of bad ranges");
}

static void begin(struct work *work)
{
	const struct options *o = work->options;
	struct mcsafe_badblocks *bad;

	files_keep_apart("--save", o->save, "what is read", o->path);
	files_keep_apart("--resume", o->resume, "what is read", o->path);
	files_keep_apart("--save", o->save, "the state of --resume", o->resume);
	files_check(o->save != NULL && strcmp(o->save, "-") != 0 ? o->save : NULL);
	files_check(o->resume);
	target_open(&work->target, o->path, o->no_ask ? MCSAFE_PMEM_NO_ASK : 0);
	bad = mcsafe_pmem_badblocks(work->target.pmem);
	work->state = (struct scrub_state){
		.bad = bad, .unread = ranges_create(), .size = work->target.size};
	for (size_t i = 0; i < o->nload; i++)
		ranges_load(bad, o->load[i]);
	if (o->resume != NULL)
		scrub_state_read(&work->state, o->resume);
	ranges_cut(bad, work->target.size);
	work->progress.offset = work->state.offset;
	work->written = now();
	tool_catch_end(on_signal);
}

static void list(const struct mcsafe_badblocks *bad, const char *what)
{
	struct mcsafe_range range;
	char text[RANGE_TEXT], size[SIZE_TEXT];

	for (size_t at = 0; mcsafe_badblocks_next(bad, at, SIZE_MAX, &range);
	     at = range.start + range.len)
		printf("  %s (%s): %s\n", range_text(&range, text), size_text(range.len, size),
		       what);
}

static void tell(const struct work *work, bool complete)
{
	const struct mcsafe_badblocks *bad = work->state.bad;
	char done[SIZE_TEXT], all[SIZE_TEXT], lost[SIZE_TEXT], part[SIZE_TEXT];

	printf("%s: %s of %s checked, %s bad, %s unreadable for now\n", work->target.shown,
	       size_text(work->progress.offset, done), size_text(work->target.size, all),
	       size_text(mcsafe_badblocks_bytes(bad), lost),
	       size_text(mcsafe_badblocks_bytes(work->state.unread), part));
	list(bad, "bad");
	list(work->state.unread, "an I/O error that may pass");
	if (work->progress.readable > 0)
		printf("  %s of the known bad ranges can be read\n",
		       size_text(work->progress.readable, part));
	if (!complete && work->is_stateless)
		printf("  stopped; the file of --resume is as it was\n");
	else if (!complete && work->options->resume != NULL)
		printf("  stopped; the state is in the file of --resume\n");
	else if (!complete)
		printf("  stopped; --resume would keep the state\n");
}

static void tell_json(const struct work *work, bool complete)
{
	const struct mcsafe_badblocks *bad = work->state.bad;
	struct json_object *all = json_object_new_object();

	json_add_text(all, "file", work->target.path);
	json_add_size(all, "size", work->target.size);
	json_add_size(all, "offset", work->progress.offset);
	json_add_bool(all, "complete", complete);
	json_add_size(all, "bad_bytes", mcsafe_badblocks_bytes(bad));
	json_add_size(all, "unread_bytes", mcsafe_badblocks_bytes(work->state.unread));
	json_add_size(all, "readable_bytes", work->progress.readable);
	json_add_ranges(all, "bad", bad);
	json_add_ranges(all, "unread", work->state.unread);
	json_write(all);
}

static void tell_all(const struct work *work, bool complete)
{
	if (work->options->json)
		tell_json(work, complete);
	else
		tell(work, complete);
}

/* The state could not be written. */
static void tell_failed(void *arg)
{
	struct work *work = arg;

	progress_end();
	forget_bad(work);
	work->is_stateless = true;
	tell_all(work, false);
}

static int finish(struct work *work, int result)
{
	const struct options *o = work->options;
	const struct mcsafe_badblocks *bad = work->state.bad;
	bool complete = result == 0;
	enum status status = STATUS_ERROR;
	int ended;

	progress_end();
	if (result == -EFAULT)
		tool_warn("%s: the memory at byte %zu is not mapped or not readable",
			  work->target.shown, work->progress.offset);
	else if (result != 0 && result != -ECANCELED)
		tool_warn("%s: %s", work->target.shown, strerror(-result));
	forget_bad(work);
	if (complete)
		status = mcsafe_badblocks_bytes(bad) > 0 ||
					 mcsafe_badblocks_bytes(work->state.unread) > 0
				 ? STATUS_LOST
				 : STATUS_FINE;
	tool_tell_before_failure(NULL, NULL);
	tell_all(work, complete);
	if (o->save != NULL)
		ranges_save(bad, o->save);
	ended = tool_end(status);
	/* If nobody has got the result, the state still has it. */
	if (!complete || (ended == STATUS_ERROR && o->save == NULL))
		write_state(work);
	else if (o->resume != NULL)
		scrub_state_remove(o->resume);
	return ended;
}

int mcsafe_scrub_main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"FILE|DEVICE",
		"Read all of a file or device, to find bad ranges before they are needed.",
		NULL,
		NULL,
		NULL,
	};
	struct options o = {.load = tool_alloc((size_t)argc, sizeof(*o.load))};
	struct work work = {.options = &o};
	struct mcsafe_scrub_options how = {
		.progress = on_progress, .found = on_found, .arg = &work};
	int result, status;

	usage_parse(&argp, argc, argv, 0, &o);
	begin(&work);
	how.rate = o.rate;
	how.start = work.state.offset;
	how.recheck = o.recheck;
	progress_begin(work.target.size, !o.quiet && !o.json);
	tool_tell_before_failure(tell_failed, &work);
	result = mcsafe_pmem_scrub(work.target.pmem, &how, &work.progress);
	status = finish(&work, result);
	mcsafe_badblocks_destroy(work.state.unread);
	target_close(&work.target);
	free(o.load);
	return status;
}
