/* SPDX-License-Identifier: BSD-3-Clause */
/* refuse_each.c - let each call of libc fail in turn, and look at what is left */
#include "cmocka_all.h"
#include "leaks.h"
#include "refusal.h"
#include "tool.h"

static bool is_among(int value, const int *values)
{
	for (; values != NULL && *values != 0; values++)
		if (value == *values)
			return true;
	return false;
}

/* valgrind makes and merges mappings of its own. */
static size_t count_mappings(void)
{
	return t_with_valgrind() ? 0 : t_count_mappings();
}

static const char *attempt_once(const struct t_attempt *attempt, unsigned nth, int error,
				const int *others)
{
	size_t mappings = count_mappings(), descriptors = t_count_descriptors();
	const char *name;
	int result;

	if (attempt->prepare != NULL)
		attempt->prepare();
	t_refuse(nth, error);
	result = attempt->run();
	name = t_refuse_no_more();
	if (result != 0 && (name == NULL || (result != -error && !is_among(result, others))))
		fail_msg("%s: the result is %d, call %u (%s) was refused with error %d",
			 attempt->name, result, nth, name != NULL ? name : "none", error);
	if (attempt->finish != NULL)
		attempt->finish(result, name);
	if (count_mappings() != mappings || t_count_descriptors() != descriptors)
		fail_msg("%s: %zu mappings and %zu descriptors have become %zu and %zu, call %u "
			 "(%s) was refused",
			 attempt->name, mappings, descriptors, count_mappings(),
			 t_count_descriptors(), nth, name != NULL ? name : "none");
	return name;
}

unsigned t_refuse_each(const struct t_attempt *attempt, int error, const int *others)
{
	unsigned nth = 1;

	/* What is set up at the first use stays. */
	(void)attempt_once(attempt, 0, error, others);
	while (attempt_once(attempt, nth, error, others) != NULL)
		nth++;
	return nth - 1;
}
