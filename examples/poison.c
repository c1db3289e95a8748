/* SPDX-License-Identifier: BSD-3-Clause */
/* poison.c - make one page of a mapping fail, in the strongest way that the machine allows */
#include "poison.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

/* Linux 6.6; the headers of Debian 12 are older. */
#ifndef UFFDIO_POISON
# define UFFD_FEATURE_POISON (UINT64_C(1) << 14)
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
# define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

const char *poison_kind_name(enum poison_kind kind)
{
	static const char *const names[POISON_KINDS] = {"hwpoison", "uffd", "truncate"};

	return names[kind];
}

const char *poison_kind_means(enum poison_kind kind)
{
	static const char *const means[POISON_KINDS] = {
		"madvise(MADV_HWPOISON): the kernel has taken the page of memory out of use",
		"ioctl(UFFDIO_POISON): a poison marker in the page table",
		"ftruncate(): the file ends before the page",
	};

	return means[kind];
}

/* A reason that is more exact than the text of the errno value. */
struct cause {
	int error;
	const char *text;
};

static int refuse(const char *call, int error, const struct cause *causes, char *why,
		  size_t why_size)
{
	while (causes->text != NULL && causes->error != error)
		causes++;
	if (causes->text != NULL)
		snprintf(why, why_size, "%s: %s (%s)", call, strerror(error), causes->text);
	else
		snprintf(why, why_size, "%s: %s", call, strerror(error));
	return error;
}

/*
 * A child injects the poison, because the caller of madvise() may be killed. Since Linux 6.11 the
 * injection counts as consumption: the kernel sends SIGBUS to the caller at once if the page is
 * dirty (memory_failure() with MF_ACTION_REQUIRED). The child shares the page, and the kernel
 * unmaps the page from the parent in any case.
 */
static int hwpoison(const struct mapping *mapping, size_t offset, size_t page, char *why,
		    size_t why_size)
{
	static const struct cause causes[] = {
		{EPERM, "it needs CAP_SYS_ADMIN"},
		{EINVAL, "the kernel is built without CONFIG_MEMORY_FAILURE"},
		{0, NULL},
	};
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGBUS, SIG_DFL);
		prctl(PR_SET_DUMPABLE, 0); /* no core file for a death that is expected */
		_exit(madvise(mapping->start + offset, page, MADV_HWPOISON) == 0 ? 0 : errno);
	}
	if (child == -1)
		return refuse("fork()", errno, causes, why, why_size);
	if (waitpid(child, &status, 0) == -1)
		return refuse("waitpid()", errno, causes, why, why_size);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return refuse("madvise(MADV_HWPOISON)", WEXITSTATUS(status), causes, why, why_size);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGBUS) {
		snprintf(why, why_size, "the process that injects it was killed: %s",
			 strsignal(WTERMSIG(status)));
		return ECHILD;
	}
	return 0;
}

/* The entry of the page table must be empty. The marker stays when the descriptor is closed. */
static int mark(int uffd, unsigned char *start, size_t page, const char **call)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_POISON};
	struct uffdio_register area = {.range = {(uintptr_t)start, page},
				       .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_poison poison = {.range = area.range};

	*call = "ioctl(UFFDIO_API) with UFFD_FEATURE_POISON";
	if (ioctl(uffd, UFFDIO_API, &api) == -1)
		return errno;
	*call = "ioctl(UFFDIO_REGISTER)";
	if (ioctl(uffd, UFFDIO_REGISTER, &area) == -1)
		return errno;
	*call = "madvise(MADV_DONTNEED)";
	if (madvise(start, page, MADV_DONTNEED) == -1)
		return errno;
	*call = "ioctl(UFFDIO_POISON)";
	return ioctl(uffd, UFFDIO_POISON, &poison) == -1 ? errno : 0;
}

static int uffd_poison(const struct mapping *mapping, size_t offset, size_t page, char *why,
		       size_t why_size)
{
	static const struct cause causes[] = {
		{EPERM, "forbidden to this process, by a sandbox for example"},
		{ENOSYS, "the kernel is built without CONFIG_USERFAULTFD"},
		{EINVAL, "it needs Linux 6.6"},
		{0, NULL},
	};
	const char *call = "userfaultfd()";
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	int error;

	if (uffd == -1)
		return refuse(call, errno, causes, why, why_size);
	error = mark(uffd, mapping->start + offset, page, &call);
	close(uffd);
	return error == 0 ? 0 : refuse(call, error, causes, why, why_size);
}

static int cut(const struct mapping *mapping, size_t offset, char *why, size_t why_size)
{
	static const struct cause causes[] = {{0, NULL}};

	if (ftruncate(mapping->fd, (off_t)offset) == -1)
		return refuse("ftruncate()", errno, causes, why, why_size);
	return 0;
}

int poison_inject(enum poison_kind kind, const struct mapping *mapping, size_t offset, size_t page,
		  char *why, size_t why_size)
{
	switch (kind) {
	case POISON_HWPOISON:
		return hwpoison(mapping, offset, page, why, why_size);
	case POISON_UFFD:
		return uffd_poison(mapping, offset, page, why, why_size);
	default:
		return cut(mapping, offset, why, why_size);
	}
}
