/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Keep my own handler of SIGBUS" */
#include "frame.h"

#include <setjmp.h>

static sigjmp_buf out;

/* What the handler of the program did before libmcsafe. */
static void my_handler(int signo, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	siglongjmp(out, signo);
}

#include "lines.inc"

int main(int argc, char **argv)
{
	static char copy[2 * PAGE];
	struct sigaction action;
	volatile unsigned char *map = map_shrunk_file(argv[argc - 1]);

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	NEED(sigaction(SIGBUS, &action, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
	NEED(memcpy_mcsafe(copy, (const void *)map, 2 * PAGE) == PAGE && is_good(copy, PAGE));
	/* A fault of the program itself reaches its own handler. */
	if (sigsetjmp(out, 1) == 0) {
		(void)map[PAGE];
		return 1;
	}
	NEED(mcsafe_installed() == 0);
	return 0;
}
