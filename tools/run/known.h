/* SPDX-License-Identifier: BSD-3-Clause */
/* known.h - code whose handler of SIGBUS is known to recover */
#ifndef MCSAFE_TOOLS_RUN_KNOWN_H
#define MCSAFE_TOOLS_RUN_KNOWN_H

#include <stdbool.h>
#include <sys/types.h>

/* What to do with processes that have a handler of SIGBUS. */
enum handlers {
	HANDLERS_KNOWN, /* leave alone those whose handler is known to recover */
	HANDLERS_ALL,   /* leave alone all that have a handler */
	HANDLERS_NONE,  /* leave none alone */
};

/* Whether a process (0: this one) executes such code. */
bool known_to_recover(pid_t pid);

#endif /* MCSAFE_TOOLS_RUN_KNOWN_H */
