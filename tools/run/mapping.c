/* SPDX-License-Identifier: BSD-3-Clause */
/* mapping.c - what is mapped at an address of another process, and which file that is */
#include "run/mapping.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/page.h"

#define PROC_PATH (PATH_MAX + 64)

/* ---- the text of /proc/PID/maps and smaps ---------------------------------------------------- */

/* Read a line "start-end perms offset major:minor inode path". */
static bool read_line(char *line, struct mapping *mapping)
{
	unsigned long start, end, offset, inode;
	unsigned major, minor;
	char perms[5];
	int used = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers */
	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, perms, &offset, &major,
		   &minor, &inode, &used) < 7 ||
	    used == 0)
		return false;
	mapping->vma = (struct mcsafe__vma){
		.start = start,
		.end = end,
		.offset = offset,
		.inode = inode,
		.device = makedev(major, minor),
		.page = MCSAFE__PAGE,
		.prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
			(perms[2] == 'x' ? PROT_EXEC : 0),
		.is_shared = perms[3] == 's',
	};
	line[strcspn(line, "\n")] = '\0';
	snprintf(mapping->path, sizeof(mapping->path), "%s", line + used);
	return true;
}

/* Before Linux 6.11. smaps says how large a page is, maps does not. */
static int find_in_text(pid_t pid, uintptr_t addr, struct mapping *mapping)
{
	char path[64], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (smaps == NULL)
		return errno;
	while (!found && getline(&line, &room, smaps) > 0)
		found = read_line(line, mapping) && addr >= mapping->vma.start &&
			addr < mapping->vma.end;
	while (found && getline(&line, &room, smaps) > 0) {
		static const char name[] = "KernelPageSize:";

		if (strncmp(line, name, sizeof(name) - 1) == 0) {
			mapping->vma.page = strtoul(line + sizeof(name) - 1, NULL, 10) * 1024;
			break;
		}
	}
	free(line);
	fclose(smaps);
	return found ? 0 : ENOENT;
}

/* ---- one mapping ----------------------------------------------------------------------------- */

static void name_link(char name[PROC_PATH], pid_t pid, const struct mapping *mapping)
{
	snprintf(name, PROC_PATH, "/proc/%d/map_files/%lx-%lx", pid, mapping->vma.start,
		 mapping->vma.end);
}

/* In the text, a newline is \012. The link has the path itself. */
static void read_link(pid_t pid, struct mapping *mapping)
{
	char link[PROC_PATH];
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
	char name[64];
	int fd, err;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
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

/* A file without a name may still be open in the process. */
static bool find_descriptor(pid_t pid, const struct mapping *mapping, char name[PROC_PATH],
			    struct stat *st)
{
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(name, PROC_PATH, "/proc/%d/fd", pid);
	dir = opendir(name);
	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		snprintf(name, PROC_PATH, "/proc/%d/fd/%s", pid, entry->d_name);
		found = entry->d_name[0] != '.' && is_file(mapping, name, st);
	}
	closedir(dir);
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
	snprintf(name, PROC_PATH, "/proc/%d/root%s", pid, mapping->path);
	if (mapping->path[0] == '/' && is_file(mapping, name, st))
		return true;
	return find_descriptor(pid, mapping, name, st);
}

void mapping_ask_file(pid_t pid, const struct mapping *mapping, struct mapped_file *file)
{
	char name[PROC_PATH];
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
	char path[64], *line = NULL;
	size_t room = 0;
	struct mapping code;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return false;
	while (!found && getline(&line, &room, maps) > 0)
		found = read_line(line, &code) && (code.vma.prot & PROT_EXEC) &&
			code.vma.inode != 0 && fn(&code, arg);
	free(line);
	fclose(maps);
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
	char name[PROC_PATH];
	struct stat st;

	return find_file(search->pid, code, name, &st) && search->fn(name, code->path);
}

bool mapping_any_code(pid_t pid, bool (*fn)(const char *path, const char *name))
{
	struct code_search search = {pid, fn};

	return any_code(pid, pass_code, &search);
}
