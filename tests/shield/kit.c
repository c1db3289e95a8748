/* SPDX-License-Identifier: BSD-3-Clause */
/* kit.c - what the tests of shields share */
#include "kit.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "touch.h"

int s_make_file(unsigned char first)
{
	static unsigned char page[T_PAGE];
	int fd = memfd_create("shield", MFD_CLOEXEC);

	CHECK(fd >= 0);
	for (size_t i = 0; i < S_PAGES; i++) {
		memset(page, (int)(first + i), sizeof(page));
		CHECK_EQ(write(fd, page, sizeof(page)), T_PAGE);
	}
	return fd;
}

unsigned char *s_map_file(int fd, int prot, int flags)
{
	unsigned char *map = mmap(NULL, S_PAGES * T_PAGE, prot, flags, fd, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	return map;
}

struct s_file s_open_file(void)
{
	struct s_file file = {.fd = s_make_file(1)};

	file.map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(mcsafe_install(), 0);
	return file;
}

void s_cut(const struct s_file *file, size_t pages)
{
	CHECK_EQ(ftruncate(file->fd, (off_t)(pages * T_PAGE)), 0);
}

unsigned char s_load(const unsigned char *at)
{
	unsigned char byte;

	__asm__ volatile("movb %1, %0" : "=q"(byte) : "m"(*at));
	return byte;
}

void s_check_page(const unsigned char *page, unsigned char byte)
{
	for (size_t i = 0; i < T_PAGE; i++)
		CHECK_EQ(s_load(page + i), byte);
}

void s_store(unsigned char *at, unsigned char byte)
{
	__asm__ volatile("movb %1, %0" : "=m"(*at) : "q"(byte));
}

struct mcsafe_shield *s_shield_with(void *base, size_t len, struct mcsafe_shield_options with)
{
	struct mcsafe_shield *shield = NULL;

	with.size = sizeof(with);
	CHECK_EQ(mcsafe_shield_open(&shield, base, len, &with), 0);
	return shield;
}

struct mcsafe_shield *s_shield_of(const struct s_file *file)
{
	return s_shield_with(
		file->map, S_PAGES * T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file->fd});
}

/* The stand-ins are pages [first, end), and no others. */
void s_check_lost(const struct mcsafe_shield *shield, size_t first, size_t end)
{
	struct mcsafe_range range = {77, 77};

	CHECK_EQ(mcsafe_shield_next(shield, 0, &range), first < end);
	if (first >= end)
		return;
	CHECK_EQ(range.start, first * T_PAGE);
	CHECK_EQ(range.len, (end - first) * T_PAGE);
	CHECK(!mcsafe_shield_next(shield, end * T_PAGE, &range));
}

void s_refuse(int number, unsigned index, uint32_t value, uint32_t error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(offsetof(struct seccomp_data, args) + 8 * index)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {T_LENGTH(code), code};

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* What a test expects to reach the previous handler. */
sigjmp_buf s_passed_on;
siginfo_t s_passed;

static void on_passed(int signo, siginfo_t *si, void *context)
{
	(void)signo;
	(void)context;
	s_passed = *si;
	siglongjmp(s_passed_on, 1);
}

/* Install before libmcsafe. */
void s_watch(void)
{
	t_set_action(SIGBUS, on_passed, SA_SIGINFO, 0);
	t_set_action(SIGSEGV, on_passed, SA_SIGINFO, 0);
	CHECK_EQ(mcsafe_install(), 0);
}

/* The signal that an access raises; 0: it succeeds. */
int s_signal_of(const unsigned char *at)
{
	if (sigsetjmp(s_passed_on, 1) != 0)
		return s_passed.si_signo;
	t_read_byte(at);
	return 0;
}

int s_signal_of_store(const unsigned char *at)
{
	if (sigsetjmp(s_passed_on, 1) != 0)
		return s_passed.si_signo;
	t_write_byte(at);
	return 0;
}

int s_lock_of_another(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fcntl(fd, F_GETLK, &lock) == 0 ? lock.l_type : 99);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}
