/* SPDX-License-Identifier: BSD-3-Clause */
/* cat.c - mcsafe cat: write all that can be read of a file to standard output */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/losses.h"
#include "common/overlap.h"
#include "common/range.h"
#include "common/source.h"
#include "common/tool.h"
#include "common/usage.h"

#define ROOM ((size_t)256 << 10) /* fits into the second cache, with what the kernel writes */

int mcsafe_cat_main(int argc, char **argv);

enum { KEY_FILL = 256, KEY_METHOD };

struct options {
	struct range range;
	enum source_way way;
	const char *file;
	unsigned char fill;
	bool skip;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o':
		o->range.offset = range_number(arg, "--offset");
		return 0;
	case 'l':
		o->range.length = range_number(arg, "--length");
		return 0;
	case 's':
		o->skip = true;
		return 0;
	case KEY_FILL:
		o->fill = range_byte(arg);
		return 0;
	case KEY_METHOD:
		o->way = range_way(arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			usage_error("only one FILE can be read");
		o->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (o->file == NULL)
			usage_error("FILE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The reader of a pipe has gone. The shell expects the death that cat(1) dies. */
static _Noreturn void end_by_closed_pipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
	/* Only if SIGPIPE is blocked. */
	_exit(STATUS_ERROR);
}

/* Whether the last byte that was written has ended a line. */
static bool line_has_ended = true;

static void put(const char *bytes, size_t n)
{
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t put;

	if (n > 0)
		line_has_ended = bytes[n - 1] == '\n';
	for (; n > 0; n -= (size_t)put, bytes += put) {
		put = write(STDOUT_FILENO, bytes, n);
		if (put >= 0)
			continue;
		put = 0;
		if (errno == EPIPE)
			end_by_closed_pipe();
		/* Whoever shares standard output may have set O_NONBLOCK. */
		if (errno == EAGAIN)
			(void)poll(&ready, 1, -1);
		else if (errno != EINTR)
			tool_fail("standard output: %s", strerror(errno));
	}
}

static void put_many(char *buffer, unsigned char byte, uint64_t n)
{
	memset(buffer, byte, n < ROOM ? (size_t)n : ROOM);
	while (n > 0) {
		size_t part = n < ROOM ? (size_t)n : ROOM;

		put(buffer, part);
		n -= part;
	}
}

/* On a terminal, do not begin a message in the middle of a line of the file. */
static void end_line(void)
{
	if (!line_has_ended && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	line_has_ended = true;
}

/* A file that is read and written at once would grow for ever. */
static void refuse_own_output(const struct source *source)
{
	struct stat out;
	enum overlap overlap;

	if (fstat(STDOUT_FILENO, &out) != 0 || (!S_ISREG(out.st_mode) && !S_ISBLK(out.st_mode)))
		return;
	overlap = overlap_of(&source->stat, &out);
	if (overlap != OVERLAP_NONE)
		tool_fail("%s %s standard output", source->path,
			  overlap == OVERLAP_SAME ? "is" : "has bytes in common with");
}

/* Write all of it. Returns false if the rest could not be read. */
static bool write_all(const struct options *o, struct source *source, uint64_t end,
		      struct losses *losses)
{
	char *buffer = tool_alloc(ROOM, 1);
	struct piece piece = {0};

	for (uint64_t at = o->range.offset; at < end; at += piece.len) {
		source_read(source, buffer, ROOM, at, end - at, &piece);
		if (piece.kind == PIECE_AWAY) {
			end_line();
			tool_warn("%s: offset %" PRIu64 ": %s", source->path, at, piece.text);
			break;
		}
		if (piece.kind == PIECE_DATA)
			put(buffer, (size_t)piece.len);
		else if (piece.kind == PIECE_HOLE)
			put_many(buffer, 0, piece.len);
		else if (!o->skip)
			put_many(buffer, o->fill, piece.len);
		if (piece.kind == PIECE_LOST)
			losses_add(losses, at, piece.len, piece.reason, piece.text);
	}
	free(buffer);
	return piece.kind != PIECE_AWAY;
}

int mcsafe_cat_main(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{"offset", 'o', "OFFSET", 0, "Begin at this byte of FILE", 0},
		{"length", 'l', "BYTES", 0, "Write this many bytes", 0},
		{"fill", KEY_FILL, "BYTE", 0, "Write this byte for each lost one; default: 0", 0},
		{"skip", 's', NULL, 0, "Write nothing for lost bytes", 0},
		{"method", KEY_METHOD, "auto|map|read", 0, "How FILE is read", 0},
		{0},
	};
	static const struct argp argp = {
		list,
		parse,
		"FILE",
		"Write all that can be read of FILE to standard output."
		"\vFILE is a file, a block device or a device-dax node. "
		"Exit status: 0 fine, 1 error, 74 bytes of FILE were lost.",
		NULL,
		NULL,
		NULL,
	};
	struct options o = {.range = RANGE_ALL};
	struct losses losses = {0};
	struct source source;
	char text[256];
	uint64_t end;
	enum status status;

	usage_parse(&argp, argc, argv, 0, &o);
	source_open(&source, o.file, o.way);
	refuse_own_output(&source);
	end = range_end(&o.range, source.size, o.file);
	status = write_all(&o, &source, end, &losses) ? STATUS_FINE : STATUS_ERROR;
	if (losses.count > 0) {
		if (status == STATUS_FINE)
			status = STATUS_LOST;
		end_line();
		tool_warn("%s: %" PRIu64 " bytes are lost:", o.file, losses.bytes);
		losses_print(&losses, stderr);
	}
	if (source_has_changed(&source, text)) {
		end_line();
		tool_warn("%s: %s", o.file, text);
	}
	losses_free(&losses);
	source_close(&source);
	return tool_end(status);
}
