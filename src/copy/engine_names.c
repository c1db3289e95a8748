/* SPDX-License-Identifier: BSD-3-Clause */
/* engine_names.c - ask for an engine by its name, in the program or in the environment */
#include <mcsafe/engine.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "engine.h"
#include "handler/install_hook.h"

/* As in mcsafe__engines[]; the test "copy.engine" holds them together. */
static const char names[] = "avx512_erms avx512 avx2 avx2_erms sse2 erms word";

const char *mcsafe_engine_names(void)
{
	return names;
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
		err == -ENOTSUP ? "not for this processor" : "no such engine", names);
}

/*
 * What MCSAFE_ENGINE in the environment asks for, the first time that this is called. Returns 0, or
 * -errno of mcsafe_engine_set() after a line on standard error that lists the names. Chooses an
 * engine if nothing else has.
 */
static int use_engine_of_environment(void)
{
	static atomic_bool done;
	const char *name;
	int err;

	if (atomic_load(&done))
		return 0;
	/* Not of a program that runs with more rights than who set its environment. */
	name = secure_getenv("MCSAFE_ENGINE");
	err = name != NULL && *name != '\0' ? mcsafe_engine_set(name) : 0;
	if (err != 0)
		complain(name, err);
	else
		atomic_store(&done, true);
	mcsafe__engine(); /* chosen now, no copy has to */
	return err;
}

int (*const mcsafe__install_hook)(void) = use_engine_of_environment;
