/* SPDX-License-Identifier: BSD-3-Clause */
/* signals.c - signals that mcsafe run itself gets */
#include "run/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "run/events.h"
#include "run/tasks.h"

static const int passed[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
			     SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};

static volatile sig_atomic_t program_id;

/* The terminal sends with SI_KERNEL, and kill(2) with SI_USER: sigaction(2). */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	if (info->si_code <= 0 && program_id > 0 && info->si_pid != program_id)
		kill((pid_t)program_id, signal);
	errno = error;
}

void signals_begin(pid_t program)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART}, old;

	program_id = program;
	action.sa_sigaction = pass_on;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		/* What is ignored, as under nohup(1), the program ignores too. */
		if (sigaction(passed[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(passed[i], &action, NULL);
	/* A report to a pipe that nobody reads must not change the exit status. */
	signal(SIGPIPE, SIG_IGN);
}

void signals_end(void)
{
	program_id = 0;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (passed[i] != SIGTSTP && passed[i] != SIGCONT)
			signal(passed[i], SIG_IGN);
	signal(SIGTSTP, SIG_DFL);
	signal(SIGTTOU, SIG_DFL);
}

/* Whether the process group has threads, and all of them have stopped. */
struct group {
	pid_t id;
	bool has_stopped, runs;
};

static void look(struct task *task, void *arg)
{
	struct group *group = arg;

	if (getpgid(task->tid) != group->id)
		return;
	if (task->is_in_stop)
		group->has_stopped = true;
	else
		group->runs = true;
}

static void wake(struct task *task, void *arg)
{
	const struct group *group = arg;

	if (task->is_in_stop && getpgid(task->tid) == group->id)
		kill(tasks_pid(task), SIGCONT);
}

void signals_stop_by(int number)
{
	struct sigaction action = {.sa_handler = SIG_DFL}, old;

	if (number == SIGSTOP) {
		raise(number);
		return;
	}
	sigaction(number, &action, &old);
	raise(number);
	sigaction(number, &old, NULL);
}

void signals_stop_together(int number)
{
	struct group group = {.id = getpgrp()};

	tasks_each(look, &group);
	if (!group.has_stopped || group.runs || events_ready())
		return;
	signals_stop_by(number);
	/* SIGCONT may have been sent to this process alone. */
	if (!events_ready())
		tasks_each(wake, &group);
}

void signals_die(int number)
{
	sigset_t set;

	/* The program has written its core dump, if there is one. */
	prctl(PR_SET_DUMPABLE, 0);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	/* A signal that does not end this process does not end the program either. */
	_exit(128 + number);
}
