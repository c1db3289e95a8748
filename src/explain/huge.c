/* SPDX-License-Identifier: BSD-3-Clause */
/* huge.c - why there was no huge page: the pool of the machine, and the limits of cgroups */
#include "huge.h"

#include <stddef.h>
#include <string.h>

#include "base/reader.h"
#include "mounts.h"
#include "numbers.h"

#define KIB UINT64_C(1024)

/* ---- the pool -------------------------------------------------------------------------------- */

/* /sys/kernel/mm/hugepages/hugepages-2048kB/NAME (Documentation/admin-guide/mm/hugetlbpage.rst) */
static bool pool_value(uint64_t page_size, const char *value_name, uint64_t *value)
{
	char name[128], *end = mcsafe__append(name, "/sys/kernel/mm/hugepages/hugepages-");

	end = mcsafe__append_number(end, page_size / KIB, 10);
	(void)mcsafe__append(mcsafe__append(end, "kB/"), value_name);
	return mcsafe__read_number(name, value);
}

/* Reserved pages are free, but belong to other mappings: a mapping with reserved pages of its own
 * does not fail. */
bool mcsafe__huge_none_free(uint64_t page_size)
{
	uint64_t free_pages, reserved;

	return pool_value(page_size, "free_hugepages", &free_pages) &&
	       pool_value(page_size, "resv_hugepages", &reserved) && free_pages <= reserved;
}

/* ---- the cgroup ------------------------------------------------------------------------------ */

#define GROUP_ROOM MCSAFE__MOUNT_ROOM /* for longer names the limits are not known */

/* Where the limits of this process are. The second version of cgroups has one hierarchy; in the
 * first version the controller hugetlb is in a hierarchy of its own choice. */
struct group {
	bool is_v1;
	size_t mount_len;         /* bytes of dir that are the mount point */
	char path[GROUP_ROOM];    /* as in /proc/self/cgroup */
	char dir[2 * GROUP_ROOM]; /* the directory of the group */
};

/* Lines of /proc/self/cgroup: "5:hugetlb:/path" in the first version, "0::/path" in the second. A
 * controller that has a hierarchy of the first version is not in the second. */
__attribute__((noinline)) static bool read_group(struct group *group)
{
	struct mcsafe__reader r;
	char id[16], controllers[128], *path = group->dir; /* dir is not known yet */
	bool found = false;

	if (!mcsafe__reader_open(&r, "/proc/self/cgroup"))
		return false;
	while (!group->is_v1 && mcsafe__word(&r, id, sizeof(id), ":") == ':' &&
	       mcsafe__word(&r, controllers, sizeof(controllers), ":") == ':' &&
	       mcsafe__word(&r, path, GROUP_ROOM, "") == '\n') {
		group->is_v1 = mcsafe__list_has(controllers, "hugetlb");
		if (path[0] != '/' || (!group->is_v1 && controllers[0] != '\0'))
			continue;
		memcpy(group->path, path, GROUP_ROOM);
		found = true;
	}
	mcsafe__reader_close(&r);
	return found;
}

/* The group's path below the root of a mount; NULL: the mount does not show the group. */
static const char *below(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (strcmp(root, "/") == 0)
		return path;
	if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n;
}

/* Names with blanks are escaped in that file. They are not looked for. */
static bool is_mount_of(const struct group *group, const struct mcsafe__mount *mount)
{
	if (mount->point[0] != '/' || strchr(mount->point, '\\') != NULL)
		return false;
	if (!group->is_v1)
		return strcmp(mount->type, "cgroup2") == 0;
	return strcmp(mount->type, "cgroup") == 0 && mcsafe__list_has(mount->options, "hugetlb");
}

static bool use_mount(struct group *group, const struct mcsafe__mount *mount)
{
	const char *rest = below(group->path, mount->root);

	if (!is_mount_of(group, mount) || rest == NULL)
		return false;
	group->mount_len = strlen(mount->point);
	(void)mcsafe__append(mcsafe__append(group->dir, mount->point), rest);
	return true;
}

/* `mount` is only room: no function has two large buffers. */
__attribute__((noinline)) static bool find_mount(struct group *group, struct mcsafe__mount *mount)
{
	struct mcsafe__reader r;
	bool found = false;

	if (!mcsafe__reader_open(&r, "/proc/self/mountinfo"))
		return false;
	while (!found && mcsafe__mount_read(&r, mount))
		found = use_mount(group, mount);
	mcsafe__reader_close(&r);
	return found;
}

/* "hugetlb.2MB.NAME" of the group (Documentation/admin-guide/cgroup-v2.rst) */
static bool group_value(const struct group *group, uint64_t page_size, const char *value_name,
			uint64_t *value)
{
	static const struct {
		uint64_t size;
		const char *name;
	} units[] = {{KIB * KIB * KIB, "GB."}, {KIB * KIB, "MB."}, {KIB, "KB."}};
	char name[2 * GROUP_ROOM + 64], *end = mcsafe__append(name, group->dir);
	size_t unit = 0;

	while (page_size < units[unit].size)
		unit++;
	end = mcsafe__append_number(mcsafe__append(end, "/hugetlb."), page_size / units[unit].size,
				    10);
	(void)mcsafe__append(mcsafe__append(end, units[unit].name), value_name);
	return mcsafe__read_number(name, value);
}

/* The root of a hierarchy has no limit. */
static bool is_at_limit(const struct group *group, uint64_t page_size)
{
	const char *limit_name = group->is_v1 ? "limit_in_bytes" : "max";
	const char *used_name = group->is_v1 ? "usage_in_bytes" : "current";
	uint64_t limit, used;

	return group_value(group, page_size, limit_name, &limit) &&
	       group_value(group, page_size, used_name, &used) && limit != UINT64_MAX &&
	       used + page_size > limit;
}

bool mcsafe__huge_over_limit(uint64_t page_size)
{
	struct group group = {.is_v1 = false};
	struct mcsafe__mount mount;

	if (page_size < KIB || !read_group(&group) || !find_mount(&group, &mount))
		return false;
	for (;;) {
		char *last = strrchr(group.dir + group.mount_len, '/');

		if (is_at_limit(&group, page_size))
			return true;
		if (last == NULL)
			return false;
		*last = '\0';
	}
}
