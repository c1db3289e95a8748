/* SPDX-License-Identifier: BSD-3-Clause */
/* kernel.c - what the kernel does with memory errors, and what it lets a program do */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "info/items.h"

#define GROUP "kernel"
#define PAGE  4096

/* For headers older than Linux 6.6, 6.13 and 5.14. */
#ifndef UFFD_FEATURE_POISON
# define UFFD_FEATURE_POISON ((uint64_t)1 << 14)
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
# define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif
#ifndef MADV_GUARD_INSTALL
# define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_READ
# define MADV_POPULATE_READ 22
#endif

static void add_memory_failure(struct items *items)
{
	char *recovery = item_line("/proc/sys/vm/memory_failure_recovery"),
	     *early = item_line("/proc/sys/vm/memory_failure_early_kill");

	if (recovery != NULL)
		items_add(items, GROUP, "CONFIG_MEMORY_FAILURE", ITEM_YES, NULL,
			  "vm.memory_failure_recovery is there");
	/* Without other files there, a missing file says nothing. */
	else if (access("/proc/sys/vm/overcommit_memory", F_OK) == 0)
		items_add(items, GROUP, "CONFIG_MEMORY_FAILURE", ITEM_NO,
			  "use a kernel with it: others do not report poison as poison",
			  "vm.memory_failure_recovery is not there");
	else
		items_add(items, GROUP, "CONFIG_MEMORY_FAILURE", ITEM_UNKNOWN, "mount /proc",
			  "/proc/sys/vm cannot be read");
	if (recovery != NULL)
		items_add(
			items, GROUP, "vm.memory_failure_recovery",
			strcmp(recovery, "0") != 0 ? ITEM_YES : ITEM_NO,
			strcmp(recovery, "0") != 0
				? NULL
				: "every memory error panics: sysctl vm.memory_failure_recovery=1",
			"%s", recovery);
	if (early != NULL)
		items_add(items, GROUP, "vm.memory_failure_early_kill", ITEM_VALUE, NULL, "%s: %s",
			  early,
			  strcmp(early, "0") == 0
				  ? "only programs that ask for it hear of lost memory early"
				  : "all programs that map lost memory hear of it early");
	free(recovery);
	free(early);
}

static void add_corrupted(struct items *items)
{
	char *value = item_field("/proc/meminfo", "HardwareCorrupted");

	if (value == NULL)
		items_add(items, GROUP, "memory taken out of use", ITEM_UNKNOWN, NULL,
			  "/proc/meminfo does not tell");
	else
		items_add(items, GROUP, "memory taken out of use", ITEM_VALUE, NULL, "%s", value);
	free(value);
}

/* Read a byte that must fault, and say what the fault was. */
static void add_trial(struct items *items, const char *name, const char *page)
{
	struct mcsafe_fault fault = {0};
	char byte;

	if (!info_can_fault())
		items_add(items, GROUP, name, ITEM_YES, NULL, "how it is reported was not tried");
	else if (mcsafe_memcpy(&byte, page, 1, &fault) == 1)
		items_add(items, GROUP, name, ITEM_YES, NULL, "tried: reported as %s",
			  mcsafe_cause_name(fault.cause));
	else
		items_add(items, GROUP, name, ITEM_NO, NULL, "tried: no fault");
}

static void add_poison_of(struct items *items, int fd, char *page)
{
	static const char name[] = "UFFDIO_POISON";
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_POISON};
	struct uffdio_register area = {.range = {(uintptr_t)page, PAGE},
				       .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_poison poison = {.range = {(uintptr_t)page, PAGE}};

	if (ioctl(fd, UFFDIO_API, &api) != 0)
		items_add(items, GROUP, name, ITEM_NO,
			  "Linux 6.6 and later have it; tests of poison need it", "%s",
			  strerror(errno));
	else if (ioctl(fd, UFFDIO_REGISTER, &area) != 0 || ioctl(fd, UFFDIO_POISON, &poison) != 0)
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "ioctl_userfaultfd(2): %s",
			  strerror(errno));
	else
		add_trial(items, name, page);
}

static void add_poison(struct items *items, char *page)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0) {
		items_add(items, GROUP, "UFFDIO_POISON", errno == EPERM ? ITEM_UNKNOWN : ITEM_NO,
			  errno == EPERM ? "let the seccomp(2) filter allow userfaultfd(2)"
					 : "Linux 6.6 and later have it; tests of poison need it",
			  "userfaultfd(2): %s", strerror(errno));
		return;
	}
	add_poison_of(items, fd, page);
	close(fd);
}

static void add_guard_regions(struct items *items, char *page)
{
	static const char name[] = "guard regions (MADV_GUARD_INSTALL)";

	if (madvise(page, PAGE, MADV_GUARD_INSTALL) == 0)
		add_trial(items, name, page);
	else if (errno == EINVAL)
		items_add(items, GROUP, name, ITEM_NO, "Linux 6.13 and later have them",
			  "madvise(2): %s", strerror(errno));
	else
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "madvise(2): %s",
			  strerror(errno));
}

static void add_populate(struct items *items, char *page)
{
	static const char name[] = "MADV_POPULATE_READ";

	if (madvise(page, PAGE, MADV_POPULATE_READ) == 0)
		items_add(items, GROUP, name, ITEM_YES, NULL, "tried");
	else if (errno == EINVAL)
		items_add(items, GROUP, name, ITEM_NO,
			  "Linux 5.14 and later have it; a scrub finds known poison without a "
			  "signal by it",
			  "madvise(2): %s", strerror(errno));
	else
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "madvise(2): %s",
			  strerror(errno));
}

/* struct procmap_query of linux/fs.h (Documentation/filesystems/proc.rst), which headers older than
 * Linux 6.11 lack: here its members up to the address, and room for the others. */
struct map_query {
	uint64_t size, flags, addr;
	uint64_t others[10];
};

_Static_assert(sizeof(struct map_query) == 104, "as in the kernel");

static void add_map_query(struct items *items)
{
	static const char name[] = "PROCMAP_QUERY";
	struct map_query query = {.size = sizeof(query), .addr = (uintptr_t)&query};
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		items_add(items, GROUP, name, ITEM_UNKNOWN, "mount /proc", "/proc/self/maps: %s",
			  strerror(errno));
		return;
	}
	if (ioctl(fd, _IOWR('f', 17, struct map_query), &query) == 0)
		items_add(items, GROUP, name, ITEM_YES, NULL, "tried");
	else if (errno == ENOTTY)
		items_add(items, GROUP, name, ITEM_NO,
			  "Linux 6.11 and later have it; explanations are slower without it", "%s",
			  "");
	else
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "ioctl(2): %s", strerror(errno));
	close(fd);
}

void info_kernel(struct items *items)
{
	struct utsname name;
	char *pages = mmap(NULL, (size_t)3 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (uname(&name) == 0)
		items_add(items, GROUP, "release", ITEM_VALUE, NULL, "%s", name.release);
	add_memory_failure(items);
	add_corrupted(items);
	if (pages != MAP_FAILED) {
		add_poison(items, pages);
		add_guard_regions(items, pages + PAGE);
		add_populate(items, pages + (size_t)2 * PAGE);
		munmap(pages, (size_t)3 * PAGE);
	}
	add_map_query(items);
}
