/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_attributes.c - what is read of a mapping and given to another, whatever the kernel can do
 *
 * Not every kernel and processor has protection keys, names and NUMA. Therefore the linker replaces
 * the calls that read and give attributes (--wrap). What the kernel of this machine does with them
 * is in test_repair.c.
 */
#include "pmem/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kept_fd.h"
#include "run.h"

#define AT ((void *)0x10000)

/* ---- the kernel ------------------------------------------------------------------------------ */

/* Otherwise it is not the library that calls, but a runtime of the compiler. */
static bool looking, giving;

static const char *smaps; /* NULL: there is no /proc */
static const void *looked_at;

static struct {
	int error; /* of get_mempolicy(2) */
	int mode;
	unsigned long first, last; /* words of the nodes */
} policy;

/* The calls of mcsafe__attributes_give(), one word each. */
static char calls[512];
static const char *refused; /* the call that fails */

int __real_mcsafe__fd_open(int directory, const char *path, int flags, struct mcsafe__file_id *id);
int __wrap_mcsafe__fd_open(int directory, const char *path, int flags, struct mcsafe__file_id *id);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __real_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice);
int __real_mlock2(const void *at, size_t n, unsigned flags);
int __wrap_mlock2(const void *at, size_t n, unsigned flags);
int __real_mprotect(void *at, size_t n, int prot);
int __wrap_mprotect(void *at, size_t n, int prot);
int __real_pkey_mprotect(void *at, size_t n, int prot, int pkey);
int __wrap_pkey_mprotect(void *at, size_t n, int prot, int pkey);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, void *kind, void *at, size_t n, const char *name);

int __wrap_mcsafe__fd_open(int directory, const char *path, int flags, struct mcsafe__file_id *id)
{
	int fd;

	if (!looking)
		return __real_mcsafe__fd_open(directory, path, flags, id);
	assert_string_equal(path, "/proc/self/smaps");
	assert_int_equal(flags, O_RDONLY);
	if (smaps == NULL)
		return -ENOENT;
	fd = memfd_create("smaps", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, smaps, strlen(smaps), 0), strlen(smaps));
	return fd;
}

static int called(const void *at, size_t n, const char *name, int value)
{
	size_t used = strlen(calls);

	assert_ptr_equal(at, AT);
	assert_int_equal(n, T_PAGE);
	snprintf(calls + used, sizeof(calls) - used, "%s:%d ", name, value);
	if (refused == NULL || strcmp(name, refused) != 0)
		return 0;
	errno = EAGAIN;
	return -1;
}

#define WORDS (sizeof(((struct mcsafe__attributes *)NULL)->nodes) / sizeof(long))

/* Like syscall(2) with all arguments that it can have. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	unsigned long *nodes = (unsigned long *)b;

	if (looking && number == SYS_get_mempolicy) {
		assert_int_equal(c, MCSAFE__NODES_MAX + 1);
		assert_ptr_equal((void *)d, looked_at);
		assert_int_equal(e, MPOL_F_ADDR);
		if (policy.error != 0) {
			errno = policy.error;
			return -1;
		}
		*(int *)a = policy.mode;
		nodes[0] = policy.first;
		nodes[WORDS - 1] = policy.last;
		return 0;
	}
	if (giving && number == SYS_mbind) {
		nodes = (unsigned long *)d;
		assert_int_equal(nodes[0], policy.first);
		assert_int_equal(nodes[WORDS - 1], policy.last);
		assert_int_equal(e, MCSAFE__NODES_MAX + 1);
		assert_int_equal(f, 0);
		return called((void *)a, (size_t)b, "mbind", (int)c);
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

int __wrap_madvise(void *at, size_t n, int advice)
{
	return giving ? called(at, n, "madvise", advice) : __real_madvise(at, n, advice);
}

int __wrap_mlock2(const void *at, size_t n, unsigned flags)
{
	return giving ? called(at, n, "mlock2", (int)flags) : __real_mlock2(at, n, flags);
}

int __wrap_mprotect(void *at, size_t n, int prot)
{
	return giving ? called(at, n, "mprotect", prot) : __real_mprotect(at, n, prot);
}

int __wrap_pkey_mprotect(void *at, size_t n, int prot, int pkey)
{
	return giving ? called(at, n, "pkey_mprotect", prot * 100 + pkey)
		      : __real_pkey_mprotect(at, n, prot, pkey);
}

/* Like prctl(2) with all arguments that it can have. */
int __wrap_prctl(int option, void *kind, void *at, size_t n, const char *name)
{
	if (!giving)
		return __real_prctl(option, kind, at, n, name);
	assert_int_equal(option, PR_SET_VMA);
	assert_int_equal((int)(intptr_t)kind, PR_SET_VMA_ANON_NAME);
	return called(at, n, name, 0);
}

/* ---- read ------------------------------------------------------------------------------------ */

#define BEFORE "8000-9000 r-xp 00000000 08:01 7 /lib/a b\nSize: 4 kB\nVmFlags: rd ex mr mw me\n"
#define AFTER  "30000-31000 rw-p 00000000 00:00 0 \nSize: 4 kB\nVmFlags: rd wr mr mw me ac\n"

static bool look(const char *text, const void *at, size_t n, struct mcsafe__attributes *found)
{
	bool result;

	smaps = text;
	looked_at = at;
	looking = true;
	result = mcsafe__attributes_of(at, n, found);
	looking = false;
	return result;
}

/* The attributes of the mapping with this first line and these flags. */
static struct mcsafe__attributes read_them(const char *line, const char *flags)
{
	static char text[1024];
	struct mcsafe__attributes found;

	snprintf(text, sizeof(text), "%s10000-20000 %s\nSize: 64 kB\nVmFlags: %s\n%s", BEFORE, line,
		 flags, AFTER);
	assert_true(look(text, AT, T_PAGE, &found));
	return found;
}

#define ANONYMOUS "rw-p 00000000 00:00 0"

static void test_names_of_anonymous_memory_are_read(void **state)
{
	static const struct {
		const char *path, *name;
		bool private_anonymous;
	} cases[] = {
		{"", "", true},
		{" ", "", true},
		{"                   [anon:pool]", "pool", true},
		{"  [anon:a b]", "a b", true},
		{" [anon:x]", "x", true},
		{" [anon:]]", "]", true},
		{" [anon:]", "", true},
		{" [anon]", "", true},
		{" [anon:x]y", "", true}, /* not a name */
		{" [heap]", "", false},
		{" /dev/zero (deleted)", "", false},
		{" /tmp/[anon:x]", "", false},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct mcsafe__attributes found;
		char line[128];

		snprintf(line, sizeof(line), "%s%s", ANONYMOUS, cases[i].path);
		found = read_them(line, "rd wr mr mw me ac");
		assert_string_equal(found.name, cases[i].name);
		assert_int_equal(found.private_anonymous, cases[i].private_anonymous);
		assert_true(found.complete);
		/* Shared memory has a name too, but cannot be exchanged. */
		line[3] = 's';
		assert_false(read_them(line, "rd wr").private_anonymous);
	}
}

static void test_flags_are_read(void **state)
{
	static const struct {
		const char *flag;
		int advice;
	} advices[] = {
		{"rr", MADV_RANDOM},    {"sr", MADV_SEQUENTIAL}, {"dc", MADV_DONTFORK},
		{"dd", MADV_DONTDUMP},  {"wf", MADV_WIPEONFORK}, {"hg", MADV_HUGEPAGE},
		{"mg", MADV_MERGEABLE}, {"nh", MADV_NOHUGEPAGE},
	};
	struct mcsafe__attributes found;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(advices); i++) {
		found = read_them(ANONYMOUS, advices[i].flag);
		assert_int_equal(found.n_advice, 1);
		assert_int_equal(found.advice[0], advices[i].advice);
		assert_int_equal(found.prot, PROT_NONE);
		assert_true(found.complete && !found.locked && !found.locked_on_fault);
	}
	found = read_them(ANONYMOUS, "rd mr mw me ac nr sd gu");
	assert_int_equal(found.prot, PROT_READ);
	assert_int_equal(found.n_advice, 0);
	assert_true(found.complete);
	assert_int_equal(read_them(ANONYMOUS, "wr").prot, PROT_WRITE);
	assert_int_equal(read_them(ANONYMOUS, "rd wr").prot, PROT_READ | PROT_WRITE);
	found = read_them(ANONYMOUS, "rd lo");
	assert_true(found.locked && !found.locked_on_fault);
	found = read_them(ANONYMOUS, "rd lo lf");
	assert_true(found.locked && found.locked_on_fault);
	/* Executable, shared, of a pager, and of a future kernel. */
	assert_false(read_them(ANONYMOUS, "rd ex").complete);
	assert_false(read_them(ANONYMOUS, "rd sh").complete);
	assert_false(read_them(ANONYMOUS, "rd um").complete);
	assert_false(read_them(ANONYMOUS, "rd zz").complete);
	assert_int_equal(read_them(ANONYMOUS "\nProtectionKey:         5", "rd").pkey, 5);
	assert_int_equal(read_them(ANONYMOUS, "rd").pkey, 0);
}

static void test_the_range_must_lie_in_one_mapping(void **state)
{
	static const char text[] =
		BEFORE "10000-20000 " ANONYMOUS "\nVmFlags: rd\n20000-21000 " ANONYMOUS
		       "\nVmFlags: wr\n" AFTER;
	static const struct {
		uintptr_t at;
		size_t n;
		int prot; /* -1: none is found */
	} cases[] = {
		{0x10000, T_PAGE, PROT_READ},
		{0x10000, 0x10000, PROT_READ},
		{0x1f000, T_PAGE, PROT_READ},
		{0x1ffff, 1, PROT_READ},
		{0x20000, T_PAGE, PROT_WRITE},
		{0x8000, T_PAGE, PROT_READ},
		{0x30fff, 1, PROT_READ | PROT_WRITE},
		/* In more than one. */
		{0x10000, 0x10001, -1},
		{0x1ffff, 2, -1},
		/* Before, between and past them. */
		{0x7fff, 1, -1},
		{0x9000, T_PAGE, -1},
		{0xffff, 1, -1},
		{0x21000, T_PAGE, -1},
		{0x31000, 1, -1},
	};
	struct mcsafe__attributes found;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++)
		if (look(text, (void *)cases[i].at, cases[i].n, &found)
			    ? found.prot != cases[i].prot
			    : cases[i].prot != -1)
			fail_msg("case %zu: %#zx", i, (size_t)cases[i].at);
	assert_false(look(BEFORE, AT, T_PAGE, &found));
	assert_false(look(NULL, AT, T_PAGE, &found));
}

static void test_a_mapping_without_flags_is_not_known(void **state)
{
	static const char *const texts[] = {
		"",
		"10000-20000 " ANONYMOUS " \n",
		"10000-20000 " ANONYMOUS " \nSize: 8 kB\n",
		/* The flags of the next mapping are not its own. */
		"10000-20000 " ANONYMOUS "\nSize: 4 kB\n" AFTER,
		/* Not the first line of a mapping. */
		"10000-20000\nVmFlags: rd \n",
		"10000-20000 rwxp",
		"10000-20000 rw\nVmFlags: rd \n",
		"10000-20000 \nVmFlags: rd \n",
		"10000 20000 " ANONYMOUS " \nVmFlags: rd \n",
		"10000\nVmFlags: rd \n",
		"none\nVmFlags: rd \n",
	};
	struct mcsafe__attributes found;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(texts); i++)
		if (look(texts[i], AT, T_PAGE, &found))
			fail_msg("text %zu has no flags", i);
}

/* ---- give ------------------------------------------------------------------------------------ */

static const char *given(const struct mcsafe__attributes *attributes, const char *that_fails)
{
	int err;

	calls[0] = '\0';
	refused = that_fails;
	giving = true;
	err = mcsafe__attributes_give(AT, T_PAGE, attributes);
	giving = false;
	assert_int_equal(err, that_fails == NULL || strcmp(that_fails, "pool") == 0 ? 0 : -EAGAIN);
	return calls;
}

/* The protection comes last: then the memory may not be accessible any more. */
static void test_all_that_was_read_is_given(void **state)
{
	struct mcsafe__attributes found;

	(void)state;
	found = read_them(ANONYMOUS "   [anon:pool]", "rd dd lo lf dc");
	assert_string_equal(given(&found, NULL),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	/* The kernel may keep no names. */
	assert_string_equal(given(&found, "pool"),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	assert_string_equal(given(&found, "madvise"), "madvise:16 ");
	assert_string_equal(given(&found, "mlock2"), "madvise:16 madvise:10 mlock2:1 ");
	assert_string_equal(given(&found, "mprotect"),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	found = read_them(ANONYMOUS "\nProtectionKey: 5", "rd wr lo");
	assert_string_equal(given(&found, NULL), "mlock2:0 pkey_mprotect:305 ");
	assert_string_equal(given(&found, "pkey_mprotect"), "mlock2:0 pkey_mprotect:305 ");
	found = read_them(ANONYMOUS, "rd wr");
	assert_string_equal(given(&found, NULL), "mprotect:3 ");
}

static const char *given_policy(const struct mcsafe__attributes *attributes, int result)
{
	int err;

	calls[0] = '\0';
	refused = result != 0 ? "mbind" : NULL;
	giving = true;
	err = mcsafe__attributes_give_policy(AT, T_PAGE, attributes);
	giving = false;
	assert_int_equal(err, result);
	return calls;
}

static void test_a_policy_that_was_read_is_given(void **state)
{
	struct mcsafe__attributes found;

	(void)state;
	policy.mode = MPOL_INTERLEAVE | MPOL_F_STATIC_NODES;
	policy.first = 5;
	policy.last = 1ul << 63;
	found = read_them(ANONYMOUS, "rd");
	assert_true(found.complete);
	assert_string_equal(given_policy(&found, 0), "mbind:32771 ");
	assert_string_equal(given_policy(&found, -EAGAIN), "mbind:32771 ");
	/* There are no policies, or we cannot know of one. */
	policy.error = ENOSYS;
	found = read_them(ANONYMOUS, "rd");
	assert_true(found.complete);
	assert_string_equal(given_policy(&found, 0), "");
	policy.error = EPERM;
	assert_true(read_them(ANONYMOUS, "rd").complete);
	policy.error = EINVAL;
	assert_false(read_them(ANONYMOUS, "rd").complete);
	memset(&policy, 0, sizeof(policy));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_anonymous_memory_are_read),
		cmocka_unit_test(test_flags_are_read),
		cmocka_unit_test(test_the_range_must_lie_in_one_mapping),
		cmocka_unit_test(test_a_mapping_without_flags_is_not_known),
		cmocka_unit_test(test_all_that_was_read_is_given),
		cmocka_unit_test(test_a_policy_that_was_read_is_given),
	};

	return t_run("pmem.attributes", tests, T_LENGTH(tests));
}
