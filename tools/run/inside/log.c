/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - tell the command what was lost */
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "run/inside/inside.h"

struct shared *inside_shared;

/* ---- the command ----------------------------------------------------------------------------- */

struct address {
	unsigned long pid, fd, device, inode;
};

static bool is_file(int fd, const struct address *address)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == address->device &&
	       st.st_ino == address->inode && st.st_size >= (off_t)sizeof(struct shared);
}

static bool map(int fd, const struct address *address)
{
	void *at;

	if (!is_file(fd, address))
		return false;
	at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return false;
	inside_shared = at;
	if (inside_shared->magic == SHARED_MAGIC && inside_shared->size == sizeof(struct shared))
		return true;
	munmap(at, sizeof(struct shared));
	inside_shared = NULL;
	return false;
}

/* Many programs close all descriptors before they start others. Then the command's own is opened,
 * which a process of another user may not do. */
void inside_find_command(void)
{
	const char *text = getenv(SHARED_VARIABLE);
	struct address address;
	char path[64], *end = NULL;
	int fd;

	if (text == NULL)
		return;
	address.pid = strtoul(text, &end, 10);
	address.fd = strtoul(end, &end, 10);
	address.device = strtoul(end, &end, 10);
	address.inode = strtoul(end, &end, 10);
	if (*end != '\0' || map((int)address.fd, &address))
		return;
	snprintf(path, sizeof(path), "/proc/%lu/fd/%lu", address.pid, address.fd);
	fd = mcsafe__above_standard(open(path, O_RDWR | O_CLOEXEC));
	if (fd < 0)
		return;
	(void)map(fd, &address);
	close(fd);
}

static void wake_command(void)
{
	atomic_fetch_add(&inside_shared->changes, 1);
	syscall(SYS_futex, &inside_shared->changes, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void inside_stop(void)
{
	const struct timespec limit = {.tv_sec = 10};

	atomic_store(&inside_shared->has_stopped, 1);
	wake_command();
	/* The command kills parents first, so that none sees its child end and goes on. The limit
	 * is for a command that is gone. */
	nanosleep(&limit, NULL);
	for (;;)
		kill(getpid(), SIGKILL);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool is_same(const struct shared_file *one, const struct lost_file *other)
{
	return atomic_load(&one->is_complete) && one->inode == other->inode &&
	       one->device == other->device && one->is_memory == other->is_memory &&
	       strcmp(one->path, other->path) == 0;
}

static uint32_t begun(const _Atomic uint32_t *count, uint32_t room)
{
	uint32_t n = atomic_load(count);

	return n < room ? n : room;
}

/* Begin a new entry. Its number, or UINT32_MAX: there is no room. */
static uint32_t begin(_Atomic uint32_t *count, uint32_t room)
{
	/* It cannot wrap around: it is not increased any more when there is no room. */
	if (atomic_load(count) >= room)
		return UINT32_MAX;
	uint32_t number = atomic_fetch_add(count, 1);

	return number < room ? number : UINT32_MAX;
}

uint32_t inside_add_file(const struct lost_file *file)
{
	struct shared_file *new;
	uint32_t number;

	for (number = 0; number < begun(&inside_shared->files, SHARED_FILES); number++)
		if (is_same(&inside_shared->file[number], file))
			return number;
	number = begin(&inside_shared->files, SHARED_FILES);
	if (number == UINT32_MAX)
		return number;
	new = &inside_shared->file[number];
	new->is_deleted = file->is_deleted;
	new->is_memory = file->is_memory;
	new->inode = file->inode;
	new->device = file->device;
	snprintf(new->path, sizeof(new->path), "%s", file->path);
	atomic_store(&new->is_complete, 1);
	return number;
}

void inside_add_range(uint32_t file, const struct lost_range *range)
{
	struct shared_range *last = inside_process->last;
	uint32_t number;

	if (last != NULL && last->file == file && lost_continues(&last->range, range)) {
		last->range.length += range->length;
		return;
	}
	number = file != UINT32_MAX ? begin(&inside_shared->ranges, SHARED_RANGES) : file;
	if (number == UINT32_MAX) {
		atomic_store(&inside_shared->has_no_room, 1);
		return;
	}
	last = &inside_shared->range[number];
	last->file = file;
	last->range = *range;
	atomic_store(&last->is_complete, 1);
	inside_process->last = last;
}

void inside_tell(enum told told, int error, uint64_t at)
{
	struct shared_note *note;
	uint32_t number;

	if (inside_process->told & (1u << told))
		return;
	inside_process->told |= 1u << told;
	number = begin(&inside_shared->notes, SHARED_NOTES);
	if (number == UINT32_MAX)
		return;
	note = &inside_shared->note[number];
	note->told = told;
	note->error = error;
	note->at = at;
	note->pid = getpid();
	proc_name(0, note->process);
	atomic_store(&note->is_complete, 1);
}

bool inside_is_mirrored(uint32_t file)
{
	uint32_t first = 0;

	if (!inside_shared->has_mirror || file == UINT32_MAX || inside_shared->file[file].is_memory)
		return false;
	if (atomic_compare_exchange_strong(&inside_shared->mirrored, &first, file + 1))
		return true;
	/* Two processes may have added one file at the same time. */
	return inside_shared->file[first - 1].inode == inside_shared->file[file].inode &&
	       inside_shared->file[first - 1].device == inside_shared->file[file].device;
}
