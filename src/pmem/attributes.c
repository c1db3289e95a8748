/* SPDX-License-Identifier: BSD-3-Clause */
/* attributes.c - read the attributes of a mapping in /proc/self/smaps, and give them to another */
#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kept_fd.h"

/* glibc has no functions for them. The kernel takes one off this number of bits (mm/mempolicy.c,
 * get_nodes()). */
#define NODE_BITS (MCSAFE__NODES_MAX + 1ul)

/* ---- read ------------------------------------------------------------------------------------ */

/* VmFlags of proc(5), and the advice of madvise(2) that sets the flag. */
static const struct {
	char flag[3];
	int advice;
} advices[] = {
	{"rr", MADV_RANDOM},    {"sr", MADV_SEQUENTIAL}, {"dc", MADV_DONTFORK},
	{"dd", MADV_DONTDUMP},  {"wf", MADV_WIPEONFORK}, {"hg", MADV_HUGEPAGE},
	{"mg", MADV_MERGEABLE}, {"nh", MADV_NOHUGEPAGE},
};

/* Flags that say nothing that a new mapping does not have, or that does not matter for it: may be
 * read, written, executed; is accounted, is not; soft-dirty; has held guard pages (the repair
 * replaces them). */
static const char without_meaning[][3] = {"mr", "mw", "me", "ac", "nr", "sd", "gu"};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool take_advice(struct mcsafe__attributes *to, const char *flag)
{
	for (size_t i = 0; i < LENGTH(advices); i++) {
		if (strcmp(flag, advices[i].flag) != 0)
			continue;
		to->advice[to->n_advice++] = advices[i].advice;
		return true;
	}
	return false;
}

static bool has_no_meaning(const char *flag)
{
	for (size_t i = 0; i < LENGTH(without_meaning); i++)
		if (strcmp(flag, without_meaning[i]) == 0)
			return true;
	return false;
}

static void take_flag(struct mcsafe__attributes *to, const char *flag)
{
	if (strcmp(flag, "rd") == 0)
		to->prot |= PROT_READ;
	else if (strcmp(flag, "wr") == 0)
		to->prot |= PROT_WRITE;
	else if (strcmp(flag, "lo") == 0)
		to->locked = true;
	else if (strcmp(flag, "lf") == 0)
		to->locked_on_fault = true;
	else if (!take_advice(to, flag) && !has_no_meaning(flag))
		to->complete = false;
}

static void take_flags(struct mcsafe__attributes *to, char *flags)
{
	char *rest;

	for (char *flag = strtok_r(flags, " \n", &rest); flag != NULL;
	     flag = strtok_r(NULL, " \n", &rest))
		take_flag(to, flag);
}

/* The first line of a mapping: start-end perms offset device inode path. */
struct head {
	unsigned long start, end;
	bool is_private;
	const char *path; /* the rest of the line; empty if there is none */
};

#define PERMS strlen("rwxp")

static const char *skip_word(const char *at)
{
	at += strspn(at, " ");
	return at + strcspn(at, " \n");
}

static bool is_head(const char *line, struct head *head)
{
	char *at;

	head->start = strtoul(line, &at, 16);
	if (at == line || *at != '-')
		return false;
	head->end = strtoul(at + 1, &at, 16);
	if (*at != ' ' || strlen(at) <= PERMS)
		return false;
	head->is_private = at[PERMS] == 'p';
	head->path = skip_word(skip_word(skip_word(at + 1 + PERMS)));
	head->path += strspn(head->path, " ");
	return true;
}

static void take_head(struct mcsafe__attributes *to, const struct head *head)
{
	size_t len = strcspn(head->path, "\n");

	to->private_anonymous = head->is_private &&
				(len == 0 || strncmp(head->path, "[anon", strlen("[anon")) == 0);
	if (to->private_anonymous && len > strlen("[anon:]") && head->path[len - 1] == ']')
		snprintf(to->name, sizeof(to->name), "%.*s", (int)(len - strlen("[anon:]")),
			 head->path + strlen("[anon:"));
}

/* Read on to the flags of the mapping. */
static bool take_lines(struct mcsafe__attributes *to, FILE *smaps, char **line, size_t *room)
{
	struct head head;

	while (getline(line, room, smaps) > 0 && !is_head(*line, &head)) {
		if (strncmp(*line, "ProtectionKey:", strlen("ProtectionKey:")) == 0)
			to->pkey = (int)strtol(*line + strlen("ProtectionKey:"), NULL, 10);
		if (strncmp(*line, "VmFlags:", strlen("VmFlags:")) != 0)
			continue;
		take_flags(to, *line + strlen("VmFlags:"));
		return true;
	}
	return false;
}

static bool find(struct mcsafe__attributes *to, FILE *smaps, uintptr_t at, size_t n)
{
	char *line = NULL;
	size_t room = 0;
	struct head head;
	bool found = false;

	while (!found && getline(&line, &room, smaps) > 0) {
		if (!is_head(line, &head) || at < head.start || at >= head.end)
			continue;
		if (n > head.end - at)
			break;
		take_head(to, &head);
		found = take_lines(to, smaps, &line, &room);
		if (!found)
			break;
	}
	free(line);
	return found;
}

/*
 * ENOSYS: the kernel has no NUMA. EPERM: a sandbox refuses the call, like that of Docker, which
 * also refuses mbind(2). After another error there may be a policy, but we cannot tell which.
 */
static void take_policy(struct mcsafe__attributes *to, const void *at)
{
	if (syscall(SYS_get_mempolicy, &to->policy, to->nodes, NODE_BITS, at,
		    (unsigned long)MPOL_F_ADDR) != 0) {
		to->policy = MPOL_DEFAULT;
		if (errno != ENOSYS && errno != EPERM)
			to->complete = false;
	}
}

/* fopen(3) would take the number of a standard descriptor that the program has closed. */
static FILE *open_smaps(void)
{
	int fd = mcsafe__fd_open(AT_FDCWD, "/proc/self/smaps", O_RDONLY, NULL);
	FILE *smaps = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (smaps == NULL && fd >= 0)
		close(fd);
	return smaps;
}

bool mcsafe__attributes_of(const void *at, size_t n, struct mcsafe__attributes *attributes)
{
	FILE *smaps = open_smaps();
	bool found;

	*attributes = (struct mcsafe__attributes){.complete = true};
	if (smaps == NULL)
		return false;
	found = find(attributes, smaps, (uintptr_t)at, n);
	fclose(smaps);
	if (found)
		take_policy(attributes, at);
	return found;
}

/* ---- give ------------------------------------------------------------------------------------ */

int mcsafe__attributes_give_policy(void *at, size_t n, const struct mcsafe__attributes *attributes)
{
	if (attributes->policy == MPOL_DEFAULT)
		return 0;
	return syscall(SYS_mbind, at, n, (long)attributes->policy, attributes->nodes, NODE_BITS,
		       0ul) == 0
		       ? 0
		       : -errno;
}

int mcsafe__attributes_give(void *at, size_t n, const struct mcsafe__attributes *attributes)
{
	for (unsigned i = 0; i < attributes->n_advice; i++)
		if (madvise(at, n, attributes->advice[i]) != 0)
			return -errno;
	if (attributes->locked &&
	    mlock2(at, n, attributes->locked_on_fault ? MLOCK_ONFAULT : 0) != 0)
		return -errno;
	/* Only for people: it does not matter if the kernel keeps no names. */
	if (*attributes->name != '\0')
		(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, n, attributes->name);
	/* The last: from now on the memory may not be accessible. */
	if ((attributes->pkey != 0 ? pkey_mprotect(at, n, attributes->prot, attributes->pkey)
				   : mprotect(at, n, attributes->prot)) != 0)
		return -errno;
	return 0;
}
