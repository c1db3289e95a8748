/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mapping.c - what is mapped at an address of a process, and which file that is
 *
 * With --preload this runs in a signal handler, under a lock. So it allocates nothing, what is
 * large is not on the stack, and snprintf(3) converts numbers and texts only.
 */
#include "run/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/page.h"
#include "base/reader.h"
#include "run/proc.h"

#define PROC_PATH (PATH_MAX + 64)

/* The path of a file of a process in /proc. */
static void name_file(char name[PROC_PATH], pid_t pid, const char *file, const char *more)
{
	char process[PROC_PID];

	proc_pid(process, pid);
	snprintf(name, PROC_PATH, "/proc/%s/%s%s", process, file, more);
}

/* ---- the text of /proc/PID/maps and smaps ---------------------------------------------------- */

/* A line is longer than a path can be. The rest of a longer one is left out. */
static struct {
	struct mcsafe__reader reader;
	char text[PATH_MAX + 512];
} lines;

static bool next_line(void)
{
	size_t n = 0;
	int c;

	while ((c = mcsafe__reader_next(&lines.reader)) != -1 && c != '\n')
		if (n < sizeof(lines.text) - 1)
			lines.text[n++] = (char)c;
	lines.text[n] = '\0';
	return c != -1;
}

static bool open_lines(pid_t pid, const char *file)
{
	static char name[PROC_PATH];

	name_file(name, pid, file, "");
	return mcsafe__reader_open(&lines.reader, name);
}

/* Read a number, and pass over the character that follows it. */
static uint64_t take_number(const char **at, int base, char follows, bool *good)
{
	char *end;
	uint64_t value = strtoul(*at, &end, base);

	*good = *good && end != *at && *end == follows;
	*at = *end != '\0' ? end + 1 : end;
	return value;
}

/* Read a line "start-end perms offset major:minor inode path". */
static bool read_line(const char *line, struct mapping *mapping)
{
	const char *at = line, *perms;
	uint64_t start, end, offset, inode, major, minor;
	bool good = true;

	start = take_number(&at, 16, '-', &good);
	end = take_number(&at, 16, ' ', &good);
	perms = at;
	good = good && strlen(perms) > 5;
	at += good ? 5 : 0;
	offset = take_number(&at, 16, ' ', &good);
	major = take_number(&at, 16, ':', &good);
	minor = take_number(&at, 16, ' ', &good);
	inode = take_number(&at, 10, ' ', &good);
	if (!good)
		return false;
	mapping->vma = (struct mcsafe__vma){
		.start = start,
		.end = end,
		.offset = offset,
		.inode = inode,
		.device = makedev((unsigned)major, (unsigned)minor),
		.page = MCSAFE__PAGE,
		.prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
			(perms[2] == 'x' ? PROT_EXEC : 0),
		.is_shared = perms[3] == 's',
	};
	at += strspn(at, " ");
	snprintf(mapping->path, sizeof(mapping->path), "%s", at);
	return true;
}

/* Before Linux 6.11. smaps says how large a page is, maps does not. */
static int find_in_text(pid_t pid, uintptr_t addr, struct mapping *mapping)
{
	static const char name[] = "KernelPageSize:";
	bool found = false;

	if (!open_lines(pid, "smaps"))
		return errno;
	while (!found && next_line())
		found = read_line(lines.text, mapping) && addr >= mapping->vma.start &&
			addr < mapping->vma.end;
	while (found && next_line())
		if (strncmp(lines.text, name, sizeof(name) - 1) == 0) {
			mapping->vma.page = strtoul(lines.text + sizeof(name) - 1, NULL, 10) * 1024;
			break;
		}
	mcsafe__reader_close(&lines.reader);
	return found ? 0 : ENOENT;
}

/* ---- one mapping ----------------------------------------------------------------------------- */

static void name_link(char name[PROC_PATH], pid_t pid, const struct mapping *mapping)
{
	char range[40];

	snprintf(range, sizeof(range), "%lx-%lx", mapping->vma.start, mapping->vma.end);
	name_file(name, pid, "map_files/", range);
}

/* In the text, a newline is \012. The link has the path itself. */
static void read_link(pid_t pid, struct mapping *mapping)
{
	static char link[PROC_PATH];
	ssize_t n;

	name_link(link, pid, mapping);
	n = readlink(link, mapping->path, sizeof(mapping->path) - 1);
	if (n > 0)
		mapping->path[n] = '\0';
}

static void take_suffix(struct mapping *mapping)
{
	static const char suffix[] = " (deleted)";
	size_t n = strlen(mapping->path), length = sizeof(suffix) - 1;

	mapping->is_deleted = n > length && strcmp(mapping->path + n - length, suffix) == 0;
	if (mapping->is_deleted)
		mapping->path[n - length] = '\0';
}

int mapping_find(pid_t pid, uintptr_t addr, struct mapping *mapping)
{
	static char name[PROC_PATH];
	int fd, err;

	name_file(name, pid, "maps", "");
	fd = mcsafe__above_standard(open(name, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return errno;
	err = mcsafe__vma_ask(fd, addr, &mapping->vma, mapping->path, sizeof(mapping->path));
	close(fd);
	if (err != 0 && err != ENOENT) {
		err = find_in_text(pid, addr, mapping);
		if (err == 0 && mapping->vma.inode != 0)
			read_link(pid, mapping);
	}
	if (err != 0)
		return err;
	if (mapping->vma.page < MCSAFE__PAGE)
		mapping->vma.page = MCSAFE__PAGE;
	take_suffix(mapping);
	return 0;
}

bool mapping_is_private_memory(const struct mapping *mapping)
{
	/* Private huge pages have an internal file of this name. */
	return mapping->vma.inode == 0 ||
	       (!mapping->vma.is_shared && strcmp(mapping->path, "/anon_hugepage") == 0);
}

/* ---- its file -------------------------------------------------------------------------------- */

/* On these file systems, stat(2) and /proc/PID/maps give different devices for a file. */
static bool has_two_devices(const char *name)
{
	struct statfs fs;

	return statfs(name, &fs) == 0 && ((unsigned)fs.f_type == BTRFS_SUPER_MAGIC ||
					  (unsigned)fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

static bool is_file(const struct mapping *mapping, const char *name, struct stat *st)
{
	return stat(name, st) == 0 && st->st_ino == mapping->vma.inode &&
	       (st->st_dev == mapping->vma.device || has_two_devices(name));
}

/* getdents64(2) */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* A file without a name may still be open in the process. */
static bool find_descriptor(pid_t pid, const struct mapping *mapping, char name[PROC_PATH],
			    struct stat *st)
{
	static _Alignas(struct entry) char entries[4096];
	const struct entry *entry;
	bool found = false;
	long n = 0;
	int fd;

	name_file(name, pid, "fd", "");
	fd = mcsafe__above_standard(open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return false;
	while (!found && (n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
		for (long at = 0; !found && at < n; at += entry->size) {
			entry = (const void *)(entries + at);
			name_file(name, pid, "fd/", entry->name);
			found = entry->name[0] != '.' && is_file(mapping, name, st);
		}
	close(fd);
	return found;
}

/* Find a name in /proc that leads to the file: proc_pid_map_files(5) leads there always, but needs
 * a capability. */
static bool find_file(pid_t pid, const struct mapping *mapping, char name[PROC_PATH],
		      struct stat *st)
{
	name_link(name, pid, mapping);
	if (stat(name, st) == 0)
		return true;
	name_file(name, pid, "root", mapping->path);
	if (mapping->path[0] == '/' && is_file(mapping, name, st))
		return true;
	return find_descriptor(pid, mapping, name, st);
}

void mapping_ask_file(pid_t pid, const struct mapping *mapping, struct mapped_file *file)
{
	static char name[PROC_PATH];
	struct statfs fs;
	struct stat st;

	*file = (struct mapped_file){.size = -1};
	if (!find_file(pid, mapping, name, &st))
		return;
	if (S_ISREG(st.st_mode))
		file->size = st.st_size;
	if (statfs(name, &fs) == 0) {
		file->is_full = fs.f_blocks != 0 && fs.f_bavail == 0;
		file->is_huge = (unsigned)fs.f_type == HUGETLBFS_MAGIC;
	}
}

/* ---- code ------------------------------------------------------------------------------------ */

/* Call fn for each mapping with code of a file, until it returns true. */
static bool any_code(pid_t pid, bool (*fn)(const struct mapping *code, void *arg), void *arg)
{
	static struct mapping code;
	bool found = false;

	if (!open_lines(pid, "maps"))
		return false;
	while (!found && next_line())
		found = read_line(lines.text, &code) && (code.vma.prot & PROT_EXEC) &&
			code.vma.inode != 0 && fn(&code, arg);
	mcsafe__reader_close(&lines.reader);
	return found;
}

static bool is_same_file(const struct mapping *code, void *arg)
{
	const struct mapping *mapping = arg;

	return code->vma.inode == mapping->vma.inode && code->vma.device == mapping->vma.device;
}

bool mapping_is_executed(pid_t pid, const struct mapping *mapping)
{
	return any_code(pid, is_same_file, (void *)(uintptr_t)mapping);
}

struct code_search {
	pid_t pid;
	bool (*fn)(const char *path, const char *name);
};

static bool pass_code(const struct mapping *code, void *arg)
{
	const struct code_search *search = arg;
	static char name[PROC_PATH];
	struct stat st;

	return find_file(search->pid, code, name, &st) && search->fn(name, code->path);
}

bool mapping_any_code(pid_t pid, bool (*fn)(const char *path, const char *name))
{
	struct code_search search = {pid, fn};

	return any_code(pid, pass_code, &search);
}
