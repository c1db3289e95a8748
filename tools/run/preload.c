/* SPDX-License-Identifier: BSD-3-Clause */
/* preload.c - mcsafe run --preload: help processes from inside, without ptrace(2) */
#include "run/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"
#include "run/loads.h"
#include "run/lost.h"
#include "run/shared.h"
#include "run/signals.h"
#include "run/stand_in.h"
#include "run/start.h"

static struct shared *shared;

/* ---- what cannot be helped ------------------------------------------------------------------- */

static void refuse(const char *program)
{
	char path[PATH_MAX];
	const char *why;

	/* execve(2) tells why. */
	if (!start_find_program(program, path))
		return;
	why = loads_not(path, sizeof(path));
	if (why == NULL && start_gains_privileges(path))
		why = "execve(2) gives it privileges (setuid, setgid or capabilities)";
	if (why != NULL)
		tool_fail("%s: %s, so --preload cannot help it", path, why);
}

/* ---- the library ----------------------------------------------------------------------------- */

/* A link to the library, if its path has what separates the names in LD_PRELOAD, or begins a name
 * of the loader's own. */
static char directory[64], link_to_library[128];

static void remove_link(void)
{
	if (directory[0] == '\0')
		return;
	unlink(link_to_library);
	rmdir(directory);
	directory[0] = '\0';
}

static const char *name_library(const char *path)
{
	const char *place = getenv("TMPDIR");

	if (strpbrk(path, " :$") == NULL)
		return path;
	if (place == NULL || *place != '/' || strpbrk(place, " :$") != NULL || strlen(place) > 32)
		place = "/tmp";
	snprintf(directory, sizeof(directory), "%s/mcsafe-run.XXXXXX", place);
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0 || atexit(remove_link) != 0)
		tool_fail("%s: %s", directory, strerror(errno));
	snprintf(link_to_library, sizeof(link_to_library), "%s/" SHARED_LIBRARY, directory);
	if (symlink(path, link_to_library) != 0)
		tool_fail("%s: %s", link_to_library, strerror(errno));
	return link_to_library;
}

/* Find the library where an installation and a build directory have it, seen from this program. */
static void find_library(char path[PATH_MAX])
{
	static const char *const places[] = {"../" MCSAFE_LIBDIR "/mcsafe", "../lib/mcsafe", "."};
	char self[PATH_MAX], place[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		tool_fail("/proc is not mounted, so " SHARED_LIBRARY " cannot be found");
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(place, sizeof(place), "%s/%s/" SHARED_LIBRARY, self, places[i]);
		if (realpath(place, path) != NULL)
			return;
	}
	tool_fail("%s/%s/" SHARED_LIBRARY ": %s", self, places[0], strerror(ENOENT));
}

static void set_environment(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		tool_fail("%s: %s", name, strerror(errno));
}

static void preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *list;

	if (asprintf(&list, "%s%s%s", library, others != NULL && *others != '\0' ? ":" : "",
		     others != NULL ? others : "") < 0)
		tool_fail("no memory");
	set_environment("LD_PRELOAD", list);
	free(list);
}

/* ---- the shared memory ----------------------------------------------------------------------- */

/* Programs use low numbers for their own files, as "exec 3>file" of shells. */
static int move_up(int fd)
{
	static const int numbers[] = {900, 200, 50};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int higher = fcntl(fd, F_DUPFD, numbers[i]);

		if (higher < 0)
			continue;
		close(fd);
		return higher;
	}
	fcntl(fd, F_SETFD, 0);
	return fd;
}

static void name_mirror(void)
{
	struct stat st;

	if (stand_in_options.mirror == NULL)
		return;
	if (realpath(stand_in_options.mirror, shared->mirror) == NULL ||
	    fstat(stand_in_options.mirror_fd, &st) != 0)
		tool_fail("%s: %s", stand_in_options.mirror, strerror(errno));
	shared->has_mirror = true;
	shared->mirror_device = st.st_dev;
	shared->mirror_inode = st.st_ino;
}

static void share(void)
{
	int fd = memfd_create("mcsafe run", MFD_CLOEXEC);
	struct stat st;
	char text[128];
	void *at;

	if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0 || fstat(fd, &st) != 0)
		tool_fail("memfd_create: %s", strerror(errno));
	at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		tool_fail("mmap: %s", strerror(errno));
	/* Any process that gets the variable may write its losses, as another user too. */
	shared = at;
	shared->magic = SHARED_MAGIC;
	shared->size = sizeof(struct shared);
	shared->handlers = stand_in_options.handlers;
	shared->stops = stand_in_options.stops;
	name_mirror();
	fd = move_up(fd);
	snprintf(text, sizeof(text), "%d %d %lu %lu", getpid(), fd, st.st_dev, st.st_ino);
	set_environment(SHARED_VARIABLE, text);
}

void preload_begin(const char *program)
{
	char library[PATH_MAX];

	refuse(program);
	find_library(library);
	share();
	preload(name_library(library));
	/* What a daemon leaves behind becomes a child of this process. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		tool_fail("prctl: %s", strerror(errno));
}

/* ---- children -------------------------------------------------------------------------------- */

/* A shell that becomes mcsafe run by exec leaves it those that it has in the background. */
static struct {
	pid_t *at;
	size_t count;
} others;

/* The children of this process, all of which are of one thread. NULL: the kernel does not tell. */
static FILE *open_children(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	return fopen(path, "re");
}

static bool next_child(FILE *children, pid_t *pid)
{
	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers */
	return fscanf(children, "%d", pid) == 1;
}

static bool is_other(pid_t pid)
{
	for (size_t i = 0; i < others.count; i++)
		if (others.at[i] == pid)
			return true;
	return false;
}

/* Remember those that are not the program. */
static void find_others(pid_t program)
{
	FILE *children = open_children();
	pid_t pid;

	while (children != NULL && next_child(children, &pid))
		others.count += pid != program;
	if (others.count == 0) {
		if (children != NULL)
			fclose(children);
		return;
	}
	others.at = tool_alloc(others.count, sizeof(pid_t));
	others.count = 0;
	rewind(children);
	while (next_child(children, &pid))
		if (pid != program)
			others.at[others.count++] = pid;
	fclose(children);
}

/* Call fn for each child that the program has left. Returns whether there is one. */
static bool each_child(void (*fn)(pid_t pid))
{
	FILE *children = open_children();
	bool found = false;
	pid_t pid;

	while (children != NULL && next_child(children, &pid)) {
		if (is_other(pid))
			continue;
		found = true;
		if (fn != NULL)
			fn(pid);
	}
	if (children != NULL)
		fclose(children);
	return found;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void note_change(int signal)
{
	(void)signal;
	atomic_fetch_add(&shared->changes, 1);
}

static void wait_for_change(uint32_t seen, bool soon)
{
	const struct timespec limit = {.tv_nsec = 1000000};

	syscall(SYS_futex, &shared->changes, FUTEX_WAIT, seen, soon ? &limit : NULL, NULL, 0);
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
}

/* The program has been stopped by job control. If it is in the group of the command, the shell must
 * see that. */
static void stop_too(pid_t program, int number)
{
	siginfo_t info = {0};

	if (getpgid(program) != getpgrp())
		return;
	signals_stop_by(number);
	/* SIGCONT may have been sent to this process alone. */
	if (waitid(P_PID, (id_t)program, &info, WCONTINUED | WNOHANG) == 0 && info.si_pid == 0)
		kill(program, SIGCONT);
}

/* Take all that children have to tell. False: there are no more. */
static bool take_events(pid_t program, int *result, bool *has_ended)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0) {
		if (pid != program)
			continue;
		if (WIFSTOPPED(status)) {
			stop_too(program, WSTOPSIG(status));
			continue;
		}
		*result = status;
		*has_ended = true;
	}
	return pid == 0;
}

int preload_run(pid_t program)
{
	struct sigaction action = {.sa_handler = note_change, .sa_flags = SA_RESTART};
	bool has_ended = false, stops;
	int result = 0;
	uint32_t seen;

	find_others(program);
	sigemptyset(&action.sa_mask);
	sigaction(SIGCHLD, &action, NULL);
	for (;;) {
		seen = atomic_load(&shared->changes);
		stops = atomic_load(&shared->has_stopped) != 0;
		/* Their children become those of this process, and are killed in the next round. */
		if (stops)
			each_child(kill_child);
		if (!take_events(program, &result, &has_ended))
			break;
		if (has_ended && others.count > 0 && !each_child(NULL))
			break;
		wait_for_change(seen, stops);
	}
	signal(SIGCHLD, SIG_DFL);
	remove_link();
	return result;
}

/* ---- the report ------------------------------------------------------------------------------ */

/* The program can write anything to the shared memory. */
static bool is_text(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

static uint32_t count_of(const _Atomic uint32_t *count, uint32_t room)
{
	uint32_t n = atomic_load(count);

	return n < room ? n : room;
}

static void add_range(const struct shared_range *entry)
{
	struct lost_range range = entry->range;
	const struct shared_file *file;
	struct lost_file lost = {0};

	if (!atomic_load(&entry->is_complete) ||
	    entry->file >= count_of(&shared->files, SHARED_FILES))
		return;
	file = &shared->file[entry->file];
	if (!atomic_load(&file->is_complete) || !is_text(file->path, sizeof(file->path)) ||
	    !is_text(range.process, sizeof(range.process)) ||
	    (unsigned)range.access > LOST_UNKNOWN || (unsigned)range.fill > LOST_NOTHING ||
	    range.length == 0 || range.start + range.length < range.start)
		return;
	lost.path = tool_copy_text(file->path);
	lost.is_deleted = file->is_deleted != 0;
	lost.is_memory = file->is_memory != 0;
	lost.inode = file->inode;
	lost.device = file->device;
	lost_add(&lost, &range);
	free(lost.path);
}

static void add_note(const struct shared_note *note)
{
	if (!atomic_load(&note->is_complete) || !is_text(note->process, sizeof(note->process)) ||
	    (unsigned)note->told >= TOLD_COUNT)
		return;
	if (note->told == TOLD_MIRROR)
		lost_note("%s: at offset %llu: %s", stand_in_options.mirror,
			  (unsigned long long)note->at, strerror(note->error));
	else
		told_tell(note->told, note->process, note->pid, note->error);
}

void preload_collect(const char *program)
{
	if (atomic_load(&shared->started) == 0)
		lost_note("%s ran without protection: its loader has not loaded " SHARED_LIBRARY,
			  program);
	for (uint32_t i = 0; i < count_of(&shared->ranges, SHARED_RANGES); i++)
		add_range(&shared->range[i]);
	for (uint32_t i = 0; i < count_of(&shared->notes, SHARED_NOTES); i++)
		add_note(&shared->note[i]);
	if (atomic_load(&shared->has_no_room) != 0)
		lost_note("more was lost than is told: there is room for %d files and %d ranges",
			  SHARED_FILES, SHARED_RANGES);
}
