/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - mcsafe copy: copy all that can be read of a file or device */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/json.h"
#include "common/progress.h"
#include "common/range.h"
#include "common/size.h"
#include "common/tool.h"
#include "common/usage.h"
#include "copy/rescue.h"

#define INTERVAL 30 /* seconds: what is done twice if the process is killed */

int mcsafe_copy_main(int argc, char **argv);

enum { KEY_FILL = 256, KEY_METHOD, KEY_SPARSE, KEY_INTERVAL };

struct options {
	struct range range;
	enum source_way way;
	const char *source, *image, *map;
	unsigned retries, interval;
	unsigned char fill;
	bool has_fill, sparse, force, json;
};

static unsigned count(const char *text, const char *option)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n > 1000000)
		tool_fail("%s: \"%s\" is no number from 0 to 1000000", option, text);
	return (unsigned)n;
}

static error_t parse_end(const struct options *o)
{
	if (o->image == NULL)
		usage_error("%s missing", o->source == NULL ? "SRC and DST are" : "DST is");
	if (o->sparse && o->has_fill)
		usage_error("--fill and --sparse exclude each other");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'm':
		o->map = arg;
		return 0;
	case 'r':
		o->retries = count(arg, "--retry");
		return 0;
	case 'o':
		o->range.offset = range_number(arg, "--offset");
		return 0;
	case 'l':
		o->range.length = range_number(arg, "--length");
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case KEY_FILL:
		o->fill = range_byte(arg);
		o->has_fill = true;
		return 0;
	case KEY_SPARSE:
		o->sparse = true;
		return 0;
	case KEY_METHOD:
		o->way = range_way(arg);
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case KEY_INTERVAL:
		o->interval = count(arg, "--map-interval");
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			usage_error("there are more names than SRC and DST");
		*(state->arg_num == 0 ? &o->source : &o->image) = arg;
		return 0;
	case ARGP_KEY_END:
		return parse_end(o);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- before the copy ------------------------------------------------------------------------- */

static void on_signal(int signo)
{
	rescue_stop = signo;
}

static void catch_signals(void)
{
	tool_catch_end(on_signal);
	/* A limit of the size of files is told as an error of the write. */
	signal(SIGXFSZ, SIG_IGN);
}

static void refuse_image_as_map(const struct options *o)
{
	enum overlap overlap = files_overlap(o->map, o->image);

	if (overlap == OVERLAP_SAME)
		tool_fail("%s is the map file and DST", o->map);
	if (overlap == OVERLAP_PART)
		tool_fail("the map file %s has bytes in common with %s", o->map, o->image);
}

static void refuse_map_path(const struct options *o, const struct source *source)
{
	enum overlap overlap;
	struct stat map;

	refuse_image_as_map(o);
	if (stat(o->map, &map) != 0)
		return;
	if (!S_ISREG(map.st_mode))
		tool_fail("%s is no file, so it cannot be the map file", o->map);
	overlap = overlap_of(&source->stat, &map);
	if (overlap == OVERLAP_SAME)
		tool_fail("%s is the map file and SRC", o->map);
	if (overlap == OVERLAP_PART)
		tool_fail("the map file %s has bytes in common with %s", o->map, o->source);
}

/* Where the image must end at least: the map has finished parts up to there. */
static uint64_t finished_end(const struct map *map)
{
	uint64_t end = 0;

	for (size_t i = 0; i < map->count; i++)
		if (map->blocks[i].status == MAP_FINISHED)
			end = map->blocks[i].start + map->blocks[i].len;
	return end;
}

/*
 * Which part of the source is copied. If the map goes on past the end of a file, the file has
 * shrunk since, and the rest counts as lost, as if the file had shrunk during one single run.
 */
static void choose_part(struct rescue *r, const struct options *o)
{
	uint64_t size = r->source->size;

	if (map_end(&r->map) > size) {
		if (!S_ISREG(r->source->stat.st_mode))
			tool_fail("%s ends at %" PRIu64 ", but the map file %s at %" PRIu64
				  "; it belongs to another device",
				  o->source, size, o->map, map_end(&r->map));
		size = map_end(&r->map);
	}
	r->start = o->range.offset;
	r->end = range_end(&o->range, size, o->source);
	/* Add what the map lacks, and keep what it has. */
	if (map_end(&r->map) < size)
		map_set(&r->map, map_end(&r->map), size - map_end(&r->map), MAP_NOT_TRIED);
	if (r->map.count > 0 && r->map.blocks[0].start > 0)
		map_set(&r->map, 0, r->map.blocks[0].start, MAP_NOT_TRIED);
}

/*
 * Whether the map says that DST holds a part of SRC already. A map can come from elsewhere: that of
 * mcsafe run --map has what was lost, and is done.
 */
static bool has_begun(const struct map *map)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->blocks[i].status == MAP_FINISHED ||
		    (map->blocks[i].status == MAP_BAD && map->stage != MAP_DONE))
			return true;
	return false;
}

static char *command_line(int argc, char **argv)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (to == NULL)
		tool_fail("no memory");
	for (int i = 0; i < argc; i++)
		fprintf(to, "%s%s", i > 0 ? " " : "", argv[i]);
	if (fclose(to) != 0)
		tool_fail("no memory");
	return text;
}

/* ---- after the copy -------------------------------------------------------------------------- */

static const char *const result_names[] = {
	[RESCUE_DONE] = "done",
	[RESCUE_STOPPED] = "stopped",
	[RESCUE_AWAY] = "source-away",
	[RESCUE_FULL] = "destination-failed",
};

static uint64_t not_tried(const struct rescue *r)
{
	return map_bytes(&r->map, r->start, r->end, MAP_NOT_TRIED) +
	       map_bytes(&r->map, r->start, r->end, MAP_NOT_TRIMMED) +
	       map_bytes(&r->map, r->start, r->end, MAP_NOT_SCRAPED);
}

static void tell_json(const struct rescue *r, const struct losses *losses, const char *change,
		      enum rescue_result result)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "source", r->source->path);
	json_add_text(object, "destination", r->image->path);
	json_add_text(object, "result", result_names[result]);
	json_add_size(object, "start", r->start);
	json_add_size(object, "length", r->end - r->start);
	json_add_size(object, "copied", map_bytes(&r->map, r->start, r->end, MAP_FINISHED));
	json_add_size(object, "lost", losses->bytes);
	json_add_size(object, "not_tried", not_tried(r));
	json_add_text(object, "change", change[0] != '\0' ? change : NULL);
	json_object_object_add(object, "ranges", losses_json(losses));
	json_write(object);
}

static void tell(const struct rescue *r, const struct losses *losses, const char *change,
		 enum rescue_result result)
{
	char rest[SIZE_TEXT], whole[SIZE_TEXT];

	if (losses->count > 0) {
		tool_warn("%s: %" PRIu64 " of %" PRIu64 " bytes are lost:", r->source->path,
			  losses->bytes, r->end - r->start);
		losses_print(losses, stderr);
	}
	if (change[0] != '\0')
		tool_warn("%s: %s", r->source->path, change);
	if (result != RESCUE_DONE)
		tool_warn("%s of %s are not copied; %s", size_text(not_tried(r), rest),
			  size_text(r->end - r->start, whole),
			  r->map_path != NULL ? "the same command continues"
					      : "with --map FILE the copy could be continued");
}

/* Die of the signal, so that the shell knows. */
static void die_of(int signo)
{
	signal(signo, SIG_DFL);
	raise(signo);
}

static enum status end(struct rescue *r, const struct options *o, enum rescue_result result)
{
	struct losses losses = {0};
	char change[256] = "";
	enum status status = STATUS_FINE;

	losses_of_map(&losses, &r->map, r->start, r->end, &r->found);
	(void)source_has_changed(r->source, change);
	if (o->json)
		tell_json(r, &losses, change, result);
	else
		tell(r, &losses, change, result);
	if (result != RESCUE_DONE)
		status = STATUS_ERROR;
	else if (losses.count > 0)
		status = STATUS_LOST;
	losses_free(&losses);
	return status;
}

struct work {
	struct rescue *rescue;
	const struct options *options;
};

/* The map file could not be written. */
static void end_failed(void *arg)
{
	const struct work *work = arg;

	progress_end();
	if (access(work->rescue->map_path, F_OK) != 0)
		work->rescue->map_path = NULL; /* nothing to continue from */
	end(work->rescue, work->options, RESCUE_FULL);
}

static const struct argp_option option_list[] = {
	{"map", 'm', "FILE", 0, "Keep a map file of ddrescue(1), and continue where it ends", 0},
	{"map-interval", KEY_INTERVAL, "SECONDS", 0,
	 "How often the map file is written; default: 30; 0: after each piece", 0},
	{"retry", 'r', "N", 0, "Try up to N times to read again what is known to be bad", 0},
	{"offset", 'o', "OFFSET", 0, "Begin at this byte of SRC and of DST", 0},
	{"length", 'l', "BYTES", 0, "Copy this many bytes", 0},
	{"fill", KEY_FILL, "BYTE", 0, "Write this byte for each lost one; default: 0", 0},
	{"sparse", KEY_SPARSE, NULL, 0, "Leave holes in DST where SRC is lost", 0},
	{"method", KEY_METHOD, "auto|map|read", 0, "How SRC is read", 0},
	{"force", 'f', NULL, 0, "Overwrite DST", 0},
	{"json", 'j', NULL, 0, "Tell the result as JSON, on standard output", 0},
	{0},
};

int mcsafe_copy_main(int argc, char **argv)
{
	static const struct argp argp = {
		option_list,
		parse,
		"SRC DST",
		"Copy all that can be read of SRC to DST."
		"\vSRC is a file, a block device or a device-dax node. "
		"Exit status: 0 fine, 1 error, 74 bytes of SRC were lost.",
		NULL,
		NULL,
		NULL,
	};
	struct options o = {.range = RANGE_ALL, .interval = INTERVAL};
	struct source source;
	struct image image;
	struct rescue rescue = {.source = &source, .image = &image};
	struct work work = {.rescue = &rescue, .options = &o};
	enum rescue_result result;
	enum status status;
	char *command;
	bool resume;

	usage_parse(&argp, argc, argv, 0, &o);
	command = command_line(argc, argv);
	source_open(&source, o.source, o.way);
	if (o.map != NULL)
		refuse_map_path(&o, &source);
	resume = o.map != NULL && map_load(&rescue.map, o.map);
	choose_part(&rescue, &o);
	files_check(o.map);
	image_open(&image, o.image, &source, resume, o.force || has_begun(&rescue.map),
		   finished_end(&rescue.map));
	/* A link that led nowhere may lead to the new file now. */
	if (o.map != NULL)
		refuse_image_as_map(&o);
	if (image.is_device && image.size < rescue.end)
		tool_fail("%s has %" PRIu64 " bytes, but %" PRIu64 " are needed", o.image,
			  image.size, rescue.end);
	rescue.map_path = o.map;
	rescue.command = command;
	rescue.interval = o.interval;
	rescue.retries = o.retries;
	rescue.fill = o.fill;
	rescue.sparse = o.sparse;
	rescue.refill = resume && (o.has_fill || o.sparse);
	catch_signals();
	tool_tell_before_failure(end_failed, &work);
	result = rescue_run(&rescue);
	tool_tell_before_failure(NULL, NULL);
	status = end(&rescue, &o, result);
	losses_free(&rescue.found);
	map_free(&rescue.map);
	free(command);
	source_close(&source);
	if (close(image.fd) != 0) {
		tool_warn("%s: %s", o.image, strerror(errno));
		status = STATUS_ERROR;
	}
	if (result == RESCUE_STOPPED) {
		tool_end(status);
		die_of(rescue_stop);
	}
	return tool_end(status);
}
