/* SPDX-License-Identifier: BSD-3-Clause */
/* region.h - the memory of an argument: of an mcsafe.mmap, or of any buffer */
#ifndef MCSAFE_PYTHON_REGION_H
#define MCSAFE_PYTHON_REGION_H

#include "map.h"

struct region {
	char *data;
	size_t size;
	struct map *map; /* NULL: another buffer */
	Py_buffer view;
};

/* functions.c. region_open() returns whether it has succeeded; if not, an error is set. */
bool region_open(struct region *region, const struct state *state, PyObject *object, bool writable);
void region_close(struct region *region);

#endif /* MCSAFE_PYTHON_REGION_H */
