/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.c - the counts of this process, as numbers and as text */
#include <mcsafe/stats.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/text.h"

_Static_assert(MCSAFE_STATS_CAUSES == MCSAFE__CAUSES && MCSAFE_STATS_SIDES == MCSAFE__SIDES,
	       "one count for each counter");
_Static_assert(MCSAFE_CAUSE_UNKNOWN < MCSAFE__CAUSES, "causes have room");
_Static_assert(MCSAFE_SIDE_DESTINATION < MCSAFE__SIDES, "sides have room");

static unsigned long long value_of(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void mcsafe_stats_get(struct mcsafe_stats *stats)
{
	const struct mcsafe__counters *counters = &mcsafe__counters;

	memset(stats, 0, sizeof(*stats));
	for (size_t cause = 0; cause < MCSAFE__CAUSES; cause++)
		for (size_t side = 0; side < MCSAFE__SIDES; side++)
			stats->landed[cause][side] = value_of(&counters->landed[cause][side]);
	stats->guards = value_of(&counters->guards);
	stats->shields = value_of(&counters->shields);
	stats->notices = value_of(&counters->notices);
	stats->passed_on = value_of(&counters->passed_on);
	stats->refused = value_of(&counters->refused);
	stats->known_bad = value_of(&counters->known_bad);
	stats->ranges_noted = value_of(&counters->ranges_noted);
	stats->repairs = value_of(&counters->repairs);
	stats->carried = value_of(&counters->carried);
	stats->no_stand_in = value_of(&counters->no_stand_in);
	stats->near_limit = value_of(&counters->near_limit);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The metrics that are one number. */
static const struct {
	const char *name, *help;
	size_t offset; /* in struct mcsafe_stats */
} metrics[] = {
	{"guards_total", "Faults that have left the body of a guard.",
	 offsetof(struct mcsafe_stats, guards)},
	{"shields_total", "Pages that a stand-in has replaced.",
	 offsetof(struct mcsafe_stats, shields)},
	{"notices_total", "Notices of lost memory that were taken.",
	 offsetof(struct mcsafe_stats, notices)},
	{"signals_passed_on_total", "Signals that were not the library's.",
	 offsetof(struct mcsafe_stats, passed_on)},
	{"refused_total", "Calls that were refused because their range wraps around.",
	 offsetof(struct mcsafe_stats, refused)},
	{"known_bad_total", "Accesses that stopped before memory that is known to be bad.",
	 offsetof(struct mcsafe_stats, known_bad)},
	{"ranges_noted_total", "Ranges that faults have added to a registry.",
	 offsetof(struct mcsafe_stats, ranges_noted)},
	{"repairs_total", "Repairs that repaired at least one byte.",
	 offsetof(struct mcsafe_stats, repairs)},
	{"carried_total", "Pages that a stand-in has replaced with the bytes of the file.",
	 offsetof(struct mcsafe_stats, carried)},
	{"no_stand_in_total", "Stand-ins that the kernel has refused.",
	 offsetof(struct mcsafe_stats, no_stand_in)},
	{"near_limit_total", "Stand-ins that were mapped when few mappings were left.",
	 offsetof(struct mcsafe_stats, near_limit)},
};

/* Write what is in the text. 0, or -errno. */
static int flush(struct mcsafe__text *text)
{
	size_t done = 0;

	while (done < text->n) {
		ssize_t n = write(text->fd, text->line + done, text->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	text->n = 0;
	return 0;
}

static void put_value(struct mcsafe__text *text, unsigned long long value)
{
	mcsafe__put(text, " ");
	mcsafe__put_number(text, (unsigned long)value, 10);
	mcsafe__put(text, "\n");
}

static void put_head(struct mcsafe__text *text, const char *name, const char *help)
{
	mcsafe__put(text, "# HELP mcsafe_");
	mcsafe__put(text, name);
	mcsafe__put(text, " ");
	mcsafe__put(text, help);
	mcsafe__put(text, "\n# TYPE mcsafe_");
	mcsafe__put(text, name);
	mcsafe__put(text, " counter\n");
}

static void put_faults(struct mcsafe__text *text, const struct mcsafe_stats *stats)
{
	static const char *const sides[] = {
		[MCSAFE_SIDE_SOURCE] = "source", [MCSAFE_SIDE_DESTINATION] = "destination"};

	put_head(text, "faults_total", "Faults of accesses that have a row.");
	for (int cause = MCSAFE_CAUSE_POISON; cause <= MCSAFE_CAUSE_UNKNOWN; cause++)
		for (int side = MCSAFE_SIDE_SOURCE; side <= MCSAFE_SIDE_DESTINATION; side++) {
			mcsafe__put(text, "mcsafe_faults_total{cause=\"");
			mcsafe__put(text, mcsafe_cause_name((enum mcsafe_cause)cause));
			mcsafe__put(text, "\",side=\"");
			mcsafe__put(text, sides[side]);
			mcsafe__put(text, "\"}");
			put_value(text, stats->landed[cause][side]);
		}
}

int mcsafe_stats_write(int fd)
{
	MCSAFE__KEEP_ERRNO();
	struct mcsafe__text text = {.fd = fd};
	struct mcsafe_stats stats;
	int err;

	mcsafe_stats_get(&stats);
	put_faults(&text, &stats);
	err = flush(&text);
	for (size_t i = 0; err == 0 && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const char *value = (const char *)&stats + metrics[i].offset;

		put_head(&text, metrics[i].name, metrics[i].help);
		mcsafe__put(&text, "mcsafe_");
		mcsafe__put(&text, metrics[i].name);
		put_value(&text, *(const unsigned long long *)(const void *)value);
	}
	return err != 0 ? err : flush(&text);
}
