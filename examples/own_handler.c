/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * own_handler.c - a program that keeps its own handler of SIGBUS and SIGSEGV
 *
 *	own_handler [--crash]
 *
 * The program is a small language runtime, and does not call mcsafe_install(). Its scripts read a
 * certain page from time to time. To stop a script, the runtime protects this page, so that the
 * script faults. The runtime's handler calls mcsafe_handle_signal() first, which recovers a copy
 * that met bad memory. Then the handler checks whether a script has faulted on the page. Every
 * other fault is a bug. The handler reports the bug, and the program dies of the original signal.
 * --crash causes such a bug at the end.
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

/* ---- the runtime: only one line of it is for libmcsafe ------------------------------------- */

static char *stop_page;
static sigjmp_buf in_script;
static volatile sig_atomic_t script_runs;

static void say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

/* NOLINTNEXTLINE(bugprone-signal-handler): run_script() faults where siglongjmp(3) is safe */
static void on_signal(int signo, siginfo_t *si, void *context)
{
	if (mcsafe_handle_signal(signo, si, context))
		return;

	if (signo == SIGSEGV && si->si_code > 0 && script_runs && si->si_addr == stop_page)
		siglongjmp(in_script, 1);

	say("own_handler: a bug of the program itself\n");
	/* After the return the fault occurs again, and kills with its own siginfo and core file. */
	signal(signo, SIG_DFL);
}

static int set_up_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	/* SA_ONSTACK: a script may have used up its stack. SA_NODEFER is not needed, because
	 * libmcsafe resumes a copy by returning from the handler, and not by a jump out of it. */
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

/* ---- a mapped file that is shorter than its mapping ---------------------------------------- */

static const char *map_half_a_file(void)
{
	FILE *file = tmpfile();
	const char *map;

	if (file == NULL || ftruncate(fileno(file), PAGE) != 0)
		return NULL;
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fileno(file), 0);
	return map != MAP_FAILED ? map : NULL;
}

/* In ordinary code, after the fault. */
static const char *reason_of(const struct mcsafe_fault *fault)
{
	static struct mcsafe_explanation explanation;

	if (mcsafe_explain(fault, &explanation) != 0)
		return "nothing";
	return mcsafe_reason_name(explanation.reason);
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
	stop_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == NULL || stop_page == MAP_FAILED || !set_up_signals() ||
	    mcsafe_thread_prepare() != 0) { /* an alternate stack, and both signals unblocked */
		perror("own_handler");
		return 1;
	}

	for (int round = 1; round <= 2; round++) {
		if (!stop_scripts(1))
			return 1;
		printf("%s\n", run_script());
		left = mcsafe_memcpy(copy, map, sizeof(copy), &fault);
		printf("the copy: %zu bytes, %zu lost: %s\n", sizeof(copy) - left, left,
		       reason_of(&fault));
		if (!stop_scripts(0))
			return 1;
		printf("%s\n", run_script());
	}
	printf("the handler of libmcsafe is %s\n",
	       mcsafe_installed() ? "installed" : "not installed");
	fflush(stdout);
	if (argc == 2)
		copy[0] = *(const volatile char *)(map + PAGE); /* a plain access: it faults */
	return mcsafe_installed() ? 1 : 0;
}
