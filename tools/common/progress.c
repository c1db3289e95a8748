/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - one line on standard error that tells how far a long command has come */
#include "common/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/size.h"

#define TENTH 100000000 /* nanoseconds */
#define LINE  160       /* bytes, more than all words together */

static struct {
	bool shown, wanted;
	uint64_t total;
	int64_t began, last; /* nanoseconds of CLOCK_MONOTONIC */
} line;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

void progress_begin(uint64_t total, bool wanted)
{
	line.shown = false;
	line.wanted = wanted && isatty(STDERR_FILENO);
	line.total = total;
	line.began = now();
	line.last = line.began;
}

/* What is left out where a terminal is too narrow for all. Each level leaves out more. */
enum left_out { NOTHING, THE_RATE, THE_TOTAL, LEVELS };

/* Returns the length of the line. It always fits into `to`. */
static int write_line(char to[LINE], uint64_t done, uint64_t lost, uint64_t each_second,
		      enum left_out out)
{
	char text[SIZE_TEXT];
	int n = snprintf(to, LINE, "%s", size_text(done, text));

	if (line.total > 0 && out < THE_TOTAL)
		n += snprintf(to + n, LINE - (size_t)n, " of %s", size_text(line.total, text));
	if (line.total > 0)
		n += snprintf(to + n, LINE - (size_t)n, " (%u %%)",
			      (unsigned)((double)done * 100 / (double)line.total));
	if (out < THE_RATE)
		n += snprintf(to + n, LINE - (size_t)n, ", %s/s", size_text(each_second, text));
	if (lost > 0)
		n += snprintf(to + n, LINE - (size_t)n, ", %s lost", size_text(lost, text));
	return n;
}

void progress_show(uint64_t done, uint64_t lost)
{
	char text[LINE];
	int64_t time;
	uint64_t each_second;
	int room;

	if (!line.wanted)
		return;
	time = now();
	if (time - line.last < TENTH)
		return;
	line.last = time;
	each_second = (uint64_t)((double)done * 1e9 / (double)(time - line.began));
	/* A full line would begin a new one on some terminals. */
	room = columns() - 1;
	for (enum left_out out = NOTHING; out < LEVELS; out++)
		if (write_line(text, done, lost, each_second, out) <= room)
			break;
	fprintf(stderr, "\r\033[K%.*s", room, text);
	fflush(stderr);
	line.shown = true;
}

void progress_hide(void)
{
	if (!line.shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	line.shown = false;
}

void progress_end(void)
{
	progress_hide();
	line.wanted = false;
}
