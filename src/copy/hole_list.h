/* SPDX-License-Identifier: BSD-3-Clause */
/* hole_list.h - the list of holes that a copy past bad memory gives its caller */
#ifndef MCSAFE_SRC_COPY_HOLE_LIST_H
#define MCSAFE_SRC_COPY_HOLE_LIST_H

#include <stddef.h>

#include <mcsafe/copy.h>

struct mcsafe__hole_list {
	struct mcsafe_range *holes; /* of the caller */
	size_t room;                /* how many ranges fit in */
	size_t found;               /* how many there are; may be more than that */
	struct mcsafe_range last;   /* the last one found, whether it fits in or not */
};

/* Add a hole, which must begin at the end of the last one or after it. Holes that touch
 * become one. */
static inline void mcsafe__hole_list_add(struct mcsafe__hole_list *list, size_t start, size_t len)
{
	if (list->found != 0 && list->last.start + list->last.len == start) {
		list->last.len += len;
	} else {
		list->found++;
		list->last = (struct mcsafe_range){start, len};
	}
	if (list->found <= list->room)
		list->holes[list->found - 1] = list->last;
}

#endif /* MCSAFE_SRC_COPY_HOLE_LIST_H */
