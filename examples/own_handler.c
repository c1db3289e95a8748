/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * own_handler.c - a host that owns SIGBUS and SIGSEGV, and installs nothing of libmcsafe
 *
 *	own_handler [--crash]
 *
 * The host is a small language runtime. Its scripts read a page of the runtime now and then, which
 * protects that page to stop them: the fault is how it gets hold of a script. Its handler asks
 * mcsafe_handle_signal() first: a copy that met bad memory goes on. Then it looks whether the fault
 * is one of its own. Everything else is a bug, which it reports before it dies, with --crash, of the
 * true signal.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define PAGE ((size_t)4096)

/* ---- the host, as it was before it had libmcsafe, but for one line ------------------------- */

static char *stop_page;
static sigjmp_buf in_script;
static volatile sig_atomic_t script_runs;

static void say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

/* NOLINTNEXTLINE(bugprone-signal-handler): siglongjmp(3) out of a fault of our own is safe */
static void on_signal(int signo, siginfo_t *si, void *context)
{
	if (mcsafe_handle_signal(signo, si, context))
		return;

	if (signo == SIGSEGV && si->si_code > 0 && script_runs && si->si_addr == stop_page)
		siglongjmp(in_script, 1);

	say("own_handler: a bug of the host itself\n");
	/* The fault comes again when this returns, and kills with its true siginfo and core. */
	signal(signo, SIG_DFL);
}

static int set_up_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	/* ONSTACK: a script may have used up its stack. There is no need for NODEFER: a copy is not
	 * resumed by a jump out of the handler, but by its return. */
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0;
}

static const char *run_script(void)
{
	if (sigsetjmp(in_script, 1) != 0) {
		script_runs = 0;
		return "the script was stopped";
	}
	script_runs = 1;
	(void)*(volatile char *)stop_page;
	script_runs = 0;
	return "the script came to its end";
}

static int stop_scripts(int stop)
{
	return mprotect(stop_page, PAGE, stop ? PROT_NONE : PROT_READ) == 0;
}

/* ---- a mapped file that may lose its end --------------------------------------------------- */

static const char *map_half_a_file(void)
{
	FILE *file = tmpfile();
	const char *map;

	if (file == NULL || ftruncate(fileno(file), PAGE) != 0)
		return NULL;
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fileno(file), 0);
	return map != MAP_FAILED ? map : NULL;
}

int main(int argc, char *argv[])
{
	static char copy[2 * PAGE];
	struct mcsafe_fault fault;
	const char *map = map_half_a_file();
	size_t left;

	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--crash") != 0)) {
		fprintf(stderr, "usage: own_handler [--crash]\n");
		return 2;
	}
	/* An alternate stack, and both signals unblocked. */
	stop_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == NULL || stop_page == MAP_FAILED || !set_up_signals() ||
	    mcsafe_thread_prepare() != 0) {
		perror("own_handler");
		return 1;
	}

	for (int round = 1; round <= 2; round++) {
		if (!stop_scripts(1))
			return 1;
		printf("%s\n", run_script());
		left = mcsafe_memcpy(copy, map, sizeof(copy), &fault);
		printf("the copy: %zu bytes, %zu lost: %s\n", sizeof(copy) - left, left,
		       mcsafe_cause_name(fault.cause));
		if (!stop_scripts(0))
			return 1;
		printf("%s\n", run_script());
	}
	printf("the handler of libmcsafe is %s\n",
	       mcsafe_installed() ? "installed" : "not installed");
	fflush(stdout);
	if (argc == 2)
		copy[0] = *(const volatile char *)(map + PAGE); /* without protection */
	return mcsafe_installed() ? 1 : 0;
}
