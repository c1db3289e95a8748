/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - one line on standard error that tells how far a long command has come */
#include "common/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/size.h"

#define TENTH 100000000 /* nanoseconds */

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

void progress_show(uint64_t done, uint64_t lost)
{
	char text[160], part[SIZE_TEXT], whole[SIZE_TEXT], rate[SIZE_TEXT], gone[SIZE_TEXT];
	int64_t time;
	uint64_t each_second;
	int n, room;

	if (!line.wanted)
		return;
	time = now();
	if (time - line.last < TENTH)
		return;
	line.last = time;
	each_second = (uint64_t)((double)done * 1e9 / (double)(time - line.began));
	n = snprintf(text, sizeof(text), "%s", size_text(done, part));
	if (line.total > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " of %s (%u %%)",
			      size_text(line.total, whole),
			      (unsigned)((double)done * 100 / (double)line.total));
	n += snprintf(text + n, sizeof(text) - (size_t)n, ", %s/s", size_text(each_second, rate));
	if (lost > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %s lost",
			      size_text(lost, gone));
	/* A full line would begin a new one on some terminals. */
	room = columns() - 1;
	fprintf(stderr, "\r\033[K%.*s", n < room ? n : room, text);
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
