/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.c - one run of the program under test, with a limit of time */
#include "inject/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"

#define SECOND INT64_C(1000000000) /* nanoseconds */

static sigset_t waited, original;

/* A directory for the trace, and for a name of the library without blanks: LD_PRELOAD is a list. */
struct scratch {
	char *directory, *trace, *library;
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

void trial_prepare(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;

	sigemptyset(&waited);
	sigaddset(&waited, SIGCHLD);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		/* While a signal is blocked, the kernel keeps it although it is ignored. */
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&waited, ends[i]);
	sigprocmask(SIG_BLOCK, &waited, &original);
}

static char *join(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		tool_fail("no memory");
	return path;
}

static void make_scratch(struct scratch *scratch, const char *library)
{
	const char *place = getenv("TMPDIR");

	if (place == NULL || *place == '\0' || strpbrk(place, " :$") != NULL)
		place = "/tmp";
	scratch->directory = join(place, "mcsafe-inject.XXXXXX");
	if (mkdtemp(scratch->directory) == NULL)
		tool_fail("%s: %s", scratch->directory, strerror(errno));
	scratch->trace = join(scratch->directory, "trace");
	scratch->library = join(scratch->directory, "libmcsafe-inject.so.0");
	if (strchr(library, '/') != NULL && symlink(library, scratch->library) != 0)
		tool_fail("%s: %s", scratch->library, strerror(errno));
}

static void remove_scratch(const struct scratch *scratch)
{
	unlink(scratch->trace);
	unlink(scratch->library);
	rmdir(scratch->directory);
	free(scratch->trace);
	free(scratch->library);
	free(scratch->directory);
}

static FILE *make_file(void)
{
	FILE *file = tmpfile();

	if (file == NULL || fcntl(fileno(file), F_SETFD, FD_CLOEXEC) != 0)
		tool_fail("a temporary file: %s", strerror(errno));
	return file;
}

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		_exit(STATUS_ERROR);
}

/* In the child: become the program. Only the number of an error goes to `told`. */
static _Noreturn void become(const struct trial *trial, const struct trial_settings *settings,
			     const struct scratch *scratch, const char *schedule, int told)
{
	/* Many crashes on purpose should leave no cores. */
	struct rlimit none;
	const char *others = getenv("LD_PRELOAD");
	const char *own =
		strchr(settings->library, '/') != NULL ? scratch->library : settings->library;
	char *list;
	int input, error;

	setpgid(0, 0);
	if (getrlimit(RLIMIT_CORE, &none) == 0) {
		none.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &none);
	}
	if (asprintf(&list, "%s%s%s", own, others != NULL ? ":" : "",
		     others != NULL ? others : "") < 0)
		_exit(STATUS_ERROR);
	set("LD_PRELOAD", list);
	set("MCSAFE_INJECT", schedule);
	set("MCSAFE_INJECT_TRACE", scratch->trace);
	input = open(settings->input != NULL ? settings->input : "/dev/null", O_RDONLY);
	if (input >= 0 && dup2(input, STDIN_FILENO) >= 0 &&
	    dup2(fileno(trial->output), STDOUT_FILENO) >= 0 &&
	    dup2(fileno(trial->errors), STDERR_FILENO) >= 0) {
		if (input > STDERR_FILENO)
			close(input);
		sigprocmask(SIG_SETMASK, &original, NULL);
		execvp(settings->argv[0], settings->argv);
	}
	error = errno;
	if (write(told, &error, sizeof(error)) < 0)
		_exit(STATUS_ERROR + 1);
	_exit(STATUS_ERROR);
}

static pid_t start(const struct trial *trial, const struct trial_settings *settings,
		   const struct scratch *scratch, const char *schedule)
{
	int told[2], error;
	pid_t child;

	if (pipe2(told, O_CLOEXEC) != 0)
		tool_fail("a pipe: %s", strerror(errno));
	fflush(stdout);
	child = fork();
	if (child < 0)
		tool_fail("a process: %s", strerror(errno));
	if (child == 0)
		become(trial, settings, scratch, schedule, told[1]);
	setpgid(child, child); /* so that the group exists before it is killed */
	close(told[1]);
	if (read(told[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(child, NULL, 0);
		remove_scratch(scratch);
		tool_fail("%s: %s", settings->argv[0], strerror(error));
	}
	close(told[0]);
	return child;
}

/* Wait for the end of the program, which stays a zombie. */
static void wait_for(struct trial *trial, pid_t child, int64_t limit)
{
	for (;;) {
		siginfo_t ended = {0};
		int64_t left = limit - now();
		struct timespec time = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
		int signal;

		if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
		    ended.si_pid == child)
			return;
		if (left <= 0) {
			trial->hung = true;
			return;
		}
		signal = sigtimedwait(&waited, NULL, &time);
		if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) {
			trial->interrupted = true;
			return;
		}
	}
}

void trial_run(struct trial *trial, const struct trial_settings *settings, const char *schedule)
{
	struct scratch scratch;
	int64_t began = now();
	int status;
	pid_t child;

	*trial = (struct trial){.status = -1};
	trial->output = make_file();
	trial->errors = make_file();
	make_scratch(&scratch, settings->library);
	child = start(trial, settings, &scratch, schedule);
	wait_for(trial, child, began + (int64_t)(settings->timeout * (double)SECOND));
	trial->seconds = (double)(now() - began) / (double)SECOND;
	/* The number of the group is not used again before the zombie is waited for. */
	kill(-child, SIGKILL);
	waitpid(child, &status, 0);
	if (!trial->hung && !trial->interrupted) {
		trial->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		trial->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	trace_read(&trial->trace, scratch.trace);
	remove_scratch(&scratch);
}

void trial_close(struct trial *trial)
{
	if (trial->output != NULL)
		fclose(trial->output);
	if (trial->errors != NULL)
		fclose(trial->errors);
	trial->output = trial->errors = NULL;
}

void trial_free(struct trial *trial)
{
	trial_close(trial);
	trace_free(&trial->trace);
	*trial = (struct trial){0};
}

bool trial_same(FILE *one, FILE *other)
{
	int a, b;

	rewind(one);
	rewind(other);
	do {
		a = getc(one);
		b = getc(other);
	} while (a == b && a != EOF);
	return a == b;
}
