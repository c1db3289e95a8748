/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_names.c - select an engine by its name, in the program or in the environment */
#include <mcsafe/engine.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "handler/install_hook.h"
#include "route.h"

/* Each name after a blank, in the order of mcsafe__engines[]. */
static const char names[] =
#define ENGINE(name, ...) " " #name
#include "asm/engines.def"
	;

const char *mcsafe_engine_names(void)
{
	return names + 1;
}

int mcsafe_engine_set(const char *name)
{
	if (name == NULL) {
		mcsafe__engine_use(NULL);
		return 0;
	}
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		if (strcmp(name, mcsafe__engines[i].name) != 0)
			continue;
		if (!mcsafe__engine_is_possible(&mcsafe__engines[i]))
			return -ENOTSUP;
		mcsafe__engine_use(&mcsafe__engines[i]);
		return 0;
	}
	return -EINVAL;
}

static void complain(const char *name, int err)
{
	char shown[256]; /* a longer one is cut off */

	(void)mcsafe__escape(shown, sizeof(shown), name);
	fprintf(stderr, "mcsafe: MCSAFE_ENGINE=%s: %s; the engines are: %s\n", shown,
		err == -ENOTSUP ? "not for this processor" : "no such engine",
		mcsafe_engine_names());
}

/*
 * Select the engine that MCSAFE_ENGINE in the environment names, until this has succeeded once.
 * Then choose an engine if there is none. Returns 0, or -errno of mcsafe_engine_set(). If there is
 * an error, a line on standard error lists the names.
 */
static int use_engine_of_environment(void)
{
	static atomic_bool done;
	const char *name;
	int err;

	if (atomic_load(&done))
		return 0;
	/* Not if the program has more privileges than the user who set the environment. */
	name = secure_getenv("MCSAFE_ENGINE");
	err = name != NULL && *name != '\0' ? mcsafe_engine_set(name) : 0;
	if (err != 0)
		complain(name, err);
	else
		atomic_store(&done, true);
	mcsafe__engine(); /* so that no copy needs to choose */
	return err;
}

int (*const mcsafe__install_hook)(void) = use_engine_of_environment;
