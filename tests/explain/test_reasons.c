/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_reasons.c - every reason is made to happen, and is asked for in several ways
 *
 * Each test is one kind of scene (scene.c). For each way, a child makes the scene, lets a copy fail
 * there, and compares the explanation with what the scene has done.
 */
#include "run.h"

#include <errno.h>
#include <ftw.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "huge_pages.h"
#include "scene.h"
#include "tool.h"

#define SKIPPED 77

/* The directory of all scenes. */
static char base[] = "/tmp/mcsafe-explain-XXXXXX";

struct trial {
	const struct scene_kind *kind;
	struct scene scene;
	struct mcsafe_fault fault;
	struct mcsafe_explanation explanation;
	bool has_proc;
};

/* ---- what must come out ---------------------------------------------------------------------- */

/* Without /proc: the record, and nothing else. */
static void check_record_only(const struct trial *trial)
{
	const struct mcsafe_explanation *e = &trial->explanation;

	CHECK_EQ(e->reason,
		 trial->kind->needs_no_proc ? trial->kind->reason : MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e->error, mcsafe_fault_errno(&trial->fault));
	CHECK_EQ(e->memory, MCSAFE_MEMORY_UNKNOWN);
	CHECK_EQ(e->offset, -1);
	CHECK_EQ(e->file_size, -1);
	CHECK_EQ(e->flags, 0u);
	CHECK_STR_EQ(e->path, "");
}

static void check_text(const struct trial *trial)
{
	char line[18000];
	int n = mcsafe_explain_text(&trial->explanation, line, sizeof(line));
	const char *reason = strstr(line, ": ");

	CHECK_EQ(n, (int)strlen(line));
	for (const char *next = reason; next != NULL; next = strstr(next + 1, ": "))
		reason = next;
	CHECK(reason != NULL);
	if (reason != NULL)
		CHECK_STR_EQ(reason + 2, trial->kind->text);
	for (const char *c = line; *c != '\0'; c++)
		CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_all(const struct trial *trial)
{
	const struct mcsafe_explanation *e = &trial->explanation;
	const struct scene *scene = &trial->scene;

	CHECK_STR_EQ(mcsafe_reason_name(e->reason), mcsafe_reason_name(trial->kind->reason));
	CHECK_EQ(e->error, trial->kind->error);
	CHECK_EQ(e->side, trial->kind->side);
	CHECK_EQ(e->memory, trial->kind->memory);
	CHECK_STR_EQ(e->path, scene->path);
	CHECK_EQ(e->flags, scene->flags);
	CHECK_EQ(e->offset, scene->offset);
	CHECK_EQ(e->file_size, scene->file_size);
	CHECK_PTR_EQ(e->addr, scene->at);
	CHECK_EQ(e->len, scene->len);
	for (size_t i = 0; i < T_LENGTH(e->reserved); i++)
		CHECK_PTR_EQ(e->reserved[i], NULL);
	check_text(trial);
}

static void check(const struct trial *trial)
{
	if (trial->has_proc)
		check_all(trial);
	else
		check_record_only(trial);
}

/* ---- the ways -------------------------------------------------------------------------------- */

/* All bytes of the result must be written, and errno must be kept. */
static void explain(struct trial *trial)
{
	memset(&trial->explanation, 0xa5, sizeof(trial->explanation));
	errno = ENOTTY;
	CHECK_EQ(mcsafe_explain(&trial->fault, &trial->explanation), 0);
	CHECK_EQ(errno, ENOTTY);
	check(trial);
}

static void *explain_here(void *trial)
{
	explain(trial);
	return NULL;
}

/* The least stack that a thread may have, of which the result is not a part. */
static void explain_in_thread(struct trial *trial)
{
	pthread_attr_t attr;
	pthread_t thread;

	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_create(&thread, &attr, explain_here, trial), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void explain_in_fork(struct trial *trial)
{
	pid_t pid = fork();
	int status;

	CHECK_GE(pid, 0);
	if (pid == 0) {
		explain(trial);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

#define MANY 2000

static void explain_among_many(struct trial *trial)
{
	unsigned char *many = mmap(NULL, 2 * MANY * T_PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(many != MAP_FAILED);
	for (size_t i = 0; i < MANY; i++)
		CHECK_EQ(mprotect(many + 2 * i * T_PAGE, T_PAGE, PROT_READ), 0);
	explain(trial);
}

/* Before Linux 6.11, ioctl(2) of /proc/self/maps gives ENOTTY. */
static void refuse_ioctl(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = T_LENGTH(code), .filter = code};

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void explain_by_text(struct trial *trial)
{
	refuse_ioctl();
	explain_among_many(trial);
}

/* The directory of all scenes has no /proc in it. */
static void explain_without_proc(struct trial *trial)
{
	if (geteuid() != 0)
		return;
	CHECK_EQ(chroot(base), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_NE(access("/proc", F_OK), 0);
	trial->has_proc = false;
	explain(trial);
}

static const struct {
	const char *name;
	void (*explain)(struct trial *);
} ways[] = {
	{"plain", explain},        {"thread", explain_in_thread},
	{"fork", explain_in_fork}, {"many", explain_among_many},
	{"text", explain_by_text}, {"no_proc", explain_without_proc},
};

/* ---- a trial --------------------------------------------------------------------------------- */

static void let_fail(struct trial *trial)
{
	static unsigned char good[64];
	bool is_write = trial->kind->side == MCSAFE_SIDE_DESTINATION;
	size_t left;

	if (trial->scene.imitated != MCSAFE_CAUSE_NONE) {
		trial->fault = (struct mcsafe_fault){.cause = trial->scene.imitated,
						     .side = trial->kind->side,
						     .addr = trial->scene.at};
		return;
	}
	CHECK_EQ(mcsafe_install(), 0);
	left = is_write ? mcsafe_memcpy(trial->scene.at, good, 32, &trial->fault)
			: mcsafe_memcpy(good, trial->scene.at, 32, &trial->fault);
	CHECK_EQ(left, 32u);
}

static const char *make_trial(struct trial *trial, const struct scene_kind *kind, const char *way)
{
	static char dir[256];

	snprintf(dir, sizeof(dir), "%s/%s-%s", base, kind->name, way);
	CHECK_EQ(mkdir(dir, 0700), 0);
	*trial = (struct trial){.kind = kind, .has_proc = true};
	trial->scene.dir = dir;
	return kind->make(&trial->scene);
}

struct order {
	const struct scene_kind *kind;
	size_t way;
};

static void run_trial(void *arg)
{
	static struct trial trial;
	const struct order *order = arg;
	const char *why = make_trial(&trial, order->kind, ways[order->way].name);

	if (why != NULL) {
		fprintf(stderr, "%s: %s\n", order->kind->name, why);
		_exit(SKIPPED);
	}
	let_fail(&trial);
	ways[order->way].explain(&trial);
}

static void test_reason_is_told_in_every_way(void **state)
{
	struct order order = {.kind = *state};

	for (order.way = 0; order.way < T_LENGTH(ways); order.way++) {
		int status = t_in_child(run_trial, &order);

		if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
			t_skip("%s cannot be made here", order.kind->name);
		if (status != 0)
			print_error("%s, %s:\n", order.kind->name, ways[order.way].name);
		t_expect_exit(status, order.kind->name, __FILE__, __LINE__);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

#define KINDS 32

int main(void)
{
	static struct CMUnitTest tests[KINDS];
	int result;

	if (t_with_valgrind())
		t_skip_all("a filter for system calls stops valgrind");
	CHECK(scene_n_kinds > 0 && scene_n_kinds <= KINDS);
	CHECK(mkdtemp(base) != NULL);
	for (size_t i = 0; i < scene_n_kinds; i++)
		tests[i] = (struct CMUnitTest){.name = scene_kinds[i].name,
					       .test_func = test_reason_is_told_in_every_way,
					       .initial_state = (void *)(uintptr_t)&scene_kinds[i]};
	/* For the scene that uses one. It says so if there is none. */
	(void)t_reserve_huge_pages(1);
	result = t_run("explain.reasons", tests, scene_n_kinds);
	CHECK_EQ(nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
	return result;
}
