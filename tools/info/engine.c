/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.c - which engine copies, which others could, and whether a fault is survived */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>
#include <mcsafe/engine.h>
#include <mcsafe/handler.h>
#include <mcsafe/version.h>

#include "common/json.h"
#include "common/tool.h"
#include "info/items.h"

#define GROUP "libmcsafe"

static void add_engine(struct items *items)
{
	const char *wanted = getenv("MCSAFE_ENGINE");
	char *shown = wanted != NULL ? text_visible(wanted) : NULL;
	int error = mcsafe_install();

	if (error == -EINVAL || error == -ENOTSUP) {
		unsetenv("MCSAFE_ENGINE");
		if (mcsafe_install() == 0)
			items_add(items, GROUP, "engine", ITEM_NO, "unset MCSAFE_ENGINE",
				  "MCSAFE_ENGINE=%s %s; without it: %s", shown,
				  error == -EINVAL ? "names no engine"
						   : "cannot be run by this processor, or is not "
						     "safe on it",
				  mcsafe_engine_name());
	} else if (error == 0 && wanted != NULL && *wanted != '\0') {
		items_add(items, GROUP, "engine", ITEM_VALUE, NULL, "%s, because of MCSAFE_ENGINE",
			  mcsafe_engine_name());
	} else if (error == 0) {
		items_add(items, GROUP, "engine", ITEM_VALUE, NULL,
			  "%s, the first in order that is a default on this processor",
			  mcsafe_engine_name());
	} else {
		items_add(items, GROUP, "engine", ITEM_UNKNOWN, NULL, "mcsafe_install(3): %s",
			  strerror(-error));
	}
	free(shown);
}

/* Choose each of them, and go back. */
static void add_engines(struct items *items)
{
	char *names = tool_copy_text(mcsafe_engine_names()), *rest = names, *name;
	char *can = tool_copy_text(""), *cannot = tool_copy_text("");
	char *before = tool_copy_text(mcsafe_engine_name());

	while ((name = strsep(&rest, " ")) != NULL) {
		char **list = mcsafe_engine_set(name) == 0 ? &can : &cannot, *longer;

		if (asprintf(&longer, "%s%s%s", *list, **list != '\0' ? " " : "", name) < 0)
			tool_fail("no memory");
		free(*list);
		*list = longer;
	}
	if (mcsafe_engine_set(before) != 0)
		tool_fail("the engine %s cannot be chosen again", before);
	items_add(items, GROUP, "engines possible", ITEM_VALUE, NULL, "%s", can);
	items_add(items, GROUP, "engines refused", ITEM_VALUE, NULL, "%s",
		  *cannot != '\0' ? cannot : "none");
	free(before);
	free(names);
	free(can);
	free(cannot);
}

/* Read the second page of a file that has one. */
static void add_recovery(struct items *items)
{
	static const char name[] = "recovery from a truncated file";
	struct mcsafe_fault fault = {0};
	char byte;
	int fd = memfd_create("mcsafe-info", MFD_CLOEXEC);
	void *map;
	bool ok;

	map = fd >= 0 && ftruncate(fd, 4096) == 0 ? mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0)
						  : MAP_FAILED;
	if (map == MAP_FAILED) {
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "memfd_create(2): %s",
			  strerror(errno));
	} else if (!info_can_fault()) {
		items_add(items, GROUP, name, ITEM_NO, NULL, "no handler can be installed");
	} else {
		ok = mcsafe_memcpy(&byte, (char *)map + 4096, 1, &fault) == 1;
		items_add(items, GROUP, name, ok ? ITEM_YES : ITEM_NO, NULL, "tried: %s",
			  ok ? "the copy stopped" : "no fault");
	}
	if (map != MAP_FAILED)
		munmap(map, 8192);
	if (fd >= 0)
		close(fd);
}

void info_engine(struct items *items)
{
	items_add(items, GROUP, "version", ITEM_VALUE, NULL, "%s", mcsafe_version());
	add_engine(items);
	add_engines(items);
	add_recovery(items);
}
