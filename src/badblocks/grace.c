/* SPDX-License-Identifier: BSD-3-Clause */
/* grace.c - the writer's part: retire objects, and free those that no reader holds */
#include "grace.h"

#include <stdbool.h>
#include <stdlib.h>

_Static_assert(MCSAFE__STRIPES == 16, "a bit of `idle` for each");

#define ALL_SLOTS ((1u << MCSAFE__STRIPES) - 1)

static void free_all(struct mcsafe__retired *list)
{
	while (list != NULL) {
		struct mcsafe__retired *next = list->next;

		free(list);
		list = next;
	}
}

void mcsafe__grace_retire(struct mcsafe__grace *grace, struct mcsafe__retired *object)
{
	object->next = grace->fresh;
	grace->fresh = object;
}

/* True once every slot's counter of the other turn has been seen at 0. */
static bool others_have_left(struct mcsafe__grace *grace)
{
	unsigned other = 1 - atomic_load_explicit(&grace->turn, memory_order_relaxed);

	for (unsigned i = 0; i < MCSAFE__STRIPES; i++)
		if (atomic_load(&grace->slots[i].readers[other]) == 0)
			grace->idle |= 1u << i;
	return grace->idle == ALL_SLOTS;
}

/* In two steps, one for each turn. A late reader may have loaded the turn before it changed, and so
 * count itself in for the turn that has passed. */
static void step(struct mcsafe__grace *grace)
{
	if (!grace->turn_passed && others_have_left(grace)) {
		atomic_store(&grace->turn, 1 - atomic_load(&grace->turn));
		grace->turn_passed = 1;
		grace->idle = 0;
	}
	if (grace->turn_passed && others_have_left(grace)) {
		free_all(grace->waiting);
		grace->waiting = NULL;
	}
}

void mcsafe__grace_reclaim(struct mcsafe__grace *grace)
{
	if (grace->waiting != NULL)
		step(grace);
	if (grace->waiting == NULL && grace->fresh != NULL) {
		grace->waiting = grace->fresh;
		grace->fresh = NULL;
		grace->turn_passed = 0;
		grace->idle = 0;
		step(grace);
	}
}

void mcsafe__grace_end(struct mcsafe__grace *grace)
{
	free_all(grace->waiting);
	free_all(grace->fresh);
}
