/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * faulty.c - system calls of mcsafe that fail where a test wants it
 *
 * The program mcsafe_faulty is mcsafe, linked so that some system calls come here first. The
 * environment says what happens. Without it, all calls are as usual.
 *
 *   FAULTY_FILE=PATH       the source, for the next variables
 *   FAULTY_BAD=A+N,A+N...  bytes that cannot be read. Whole pages, if the file is mapped
 *   FAULTY_KIND=WORD       how a mapping fails there: eof, guard, protect, or poison where the
 *                          kernel can simulate it, and otherwise another kind; default: none
 *   FAULTY_ERRNO=N         how pread(2) fails there; default: EIO
 *   FAULTY_WHOLE=1         pread(2) fails if any byte is bad; otherwise it stops at the first one
 *   FAULTY_SHORT=N         pread(2) of the source returns at most N bytes
 *   FAULTY_GONE=A          pread(2) of the source fails with ENODEV from this offset on
 *   FAULTY_RESIZE=N:SIZE   before step N, the source gets this size
 *   FAULTY_HEAL=N          before step N, all bytes become good again
 *   FAULTY_SIGNAL=N:SIGNO  before step N, the process gets this signal
 *   FAULTY_FULL=A          pwrite(2) fails with ENOSPC from this offset on
 *   FAULTY_SYNC=N          the Nth fdatasync(2) fails with EIO
 *   FAULTY_RENAME=N        the Nth rename(2) fails with ENOSPC
 *   FAULTY_CLOCK=MS        CLOCK_MONOTONIC goes on by so many milliseconds with each look at it
 *   FAULTY_LOG=PATH        gets a line for each pread(2) of the source and each step, and at the
 *                          end a line with the number of faults in the mapping
 *
 * The steps are the calls that change files, counted from 1: pwrite(2), ftruncate(2), fallocate(2),
 * fdatasync(2), fsync(2), rename(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/stats.h>

#define RANGES 256

void *__real_mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t offset);
int __real_ftruncate(int fd, off_t size);
int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_clock_gettime(clockid_t clock, struct timespec *time);

void *__wrap_mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

static struct {
	bool is_read;
	struct stat file;
	const char *path;
	struct {
		uint64_t start, end;
	} bad[RANGES];
	size_t nbad;
	int error;
	char *mapped;
	uint64_t steps, syncs, renames;
} faulty;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "faulty: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

/* The environment is read at the first call. */
static void read_it(void)
{
	const char *bad = getenv("FAULTY_BAD");

	if (faulty.is_read)
		return;
	faulty.is_read = true;
	faulty.path = getenv("FAULTY_FILE");
	if (faulty.path != NULL && stat(faulty.path, &faulty.file) != 0)
		wrong(faulty.path);
	faulty.error = (int)number("FAULTY_ERRNO", EIO);
	while (bad != NULL && *bad != '\0') {
		char *end;
		uint64_t start = strtoull(bad, &end, 0), len = strtoull(end + 1, &end, 0);

		if (faulty.nbad == RANGES || (*end != ',' && *end != '\0'))
			wrong("FAULTY_BAD");
		faulty.bad[faulty.nbad].start = start;
		faulty.bad[faulty.nbad++].end = start + len;
		bad = *end == ',' ? end + 1 : end;
	}
}

static void write_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void write_line(const char *format, ...)
{
	const char *path = getenv("FAULTY_LOG");
	char line[128];
	va_list args;
	int fd, n;

	if (path == NULL)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		wrong(path);
	close(fd);
}

static bool is_source(int fd)
{
	struct stat now;

	read_it();
	return faulty.path != NULL && fd >= 0 && fstat(fd, &now) == 0 &&
	       now.st_dev == faulty.file.st_dev && now.st_ino == faulty.file.st_ino;
}

static void heal(void)
{
	for (size_t i = 0; i < faulty.nbad; i++)
		if (faulty.mapped != NULL &&
		    mcsafe_inject_clear(faulty.mapped + faulty.bad[i].start,
					faulty.bad[i].end - faulty.bad[i].start) != 0)
			wrong("mcsafe_inject_clear");
	faulty.nbad = 0;
}

/* "N:VALUE" of the environment, if this is step N. */
static bool is_now(const char *name, uint64_t *value)
{
	const char *text = getenv(name);
	char *end;

	if (text == NULL || strtoull(text, &end, 0) != faulty.steps)
		return false;
	*value = *end == ':' ? strtoull(end + 1, NULL, 0) : 0;
	return true;
}

static void step(const char *name, uint64_t offset, uint64_t n)
{
	uint64_t value;

	read_it();
	faulty.steps++;
	write_line("step %s %" PRIu64 " %" PRIu64 "\n", name, offset, n);
	if (is_now("FAULTY_RESIZE", &value) && truncate(faulty.path, (off_t)value) != 0)
		wrong("truncate");
	if (is_now("FAULTY_HEAL", &value))
		heal();
	if (is_now("FAULTY_SIGNAL", &value))
		raise((int)value);
}

static enum mcsafe_inject_kind kind(void)
{
	const char *name = getenv("FAULTY_KIND");

	/* Old kernels have no simulated poison. Any other bad memory serves there. */
	if (name != NULL && strcmp(name, "poison") == 0)
		return MCSAFE_INJECT_AUTO;
	for (int k = MCSAFE_INJECT_POISON; name != NULL && k <= MCSAFE_INJECT_EOF; k++)
		if (strcmp(name, mcsafe_inject_kind_name((enum mcsafe_inject_kind)k)) == 0)
			return (enum mcsafe_inject_kind)k;
	return MCSAFE_INJECT_NONE;
}

void *__wrap_mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	char *base = __real_mmap(addr, n, prot, flags, fd, offset);
	int error = errno;

	if (base == MAP_FAILED || !is_source(fd) || kind() == MCSAFE_INJECT_NONE) {
		errno = error;
		return base;
	}
	faulty.mapped = base;
	for (size_t i = 0; i < faulty.nbad; i++)
		if (mcsafe_inject(base + faulty.bad[i].start,
				  faulty.bad[i].end - faulty.bad[i].start, kind()) != 0)
			wrong(mcsafe_inject_reason());
	errno = error;
	return base;
}

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	uint64_t start = (uint64_t)offset, end = start + n;
	ssize_t got;

	if (!is_source(fd))
		return __real_pread(fd, buf, n, offset);
	if (n > number("FAULTY_SHORT", n))
		end = start + number("FAULTY_SHORT", n);
	if (start >= number("FAULTY_GONE", UINT64_MAX)) {
		errno = ENODEV;
		return -1;
	}
	for (size_t i = 0; i < faulty.nbad; i++) {
		if (faulty.bad[i].end <= start || faulty.bad[i].start >= end)
			continue;
		if (faulty.bad[i].start <= start || getenv("FAULTY_WHOLE") != NULL) {
			write_line("bad %" PRIu64 " %zu\n", start, n);
			errno = faulty.error;
			return -1;
		}
		end = faulty.bad[i].start;
	}
	got = __real_pread(fd, buf, (size_t)(end - start), offset);
	write_line("read %" PRIu64 " %zd\n", start, got);
	return got;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	uint64_t full = number("FAULTY_FULL", INT64_MAX);

	step("pwrite", (uint64_t)offset, n);
	if ((uint64_t)offset >= full) {
		errno = ENOSPC;
		return -1;
	}
	if (n > full - (uint64_t)offset)
		n = (size_t)(full - (uint64_t)offset);
	return __real_pwrite(fd, buf, n, offset);
}

int __wrap_ftruncate(int fd, off_t size)
{
	step("ftruncate", (uint64_t)size, 0);
	return __real_ftruncate(fd, size);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	step("fallocate", (uint64_t)offset, (uint64_t)len);
	return __real_fallocate(fd, mode, offset, len);
}

int __wrap_fdatasync(int fd)
{
	step("fdatasync", 0, 0);
	if (++faulty.syncs == number("FAULTY_SYNC", 0)) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
	step("fsync", 0, 0);
	return __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
	step("rename", 0, 0);
	if (++faulty.renames == number("FAULTY_RENAME", 0)) {
		errno = ENOSPC;
		return -1;
	}
	return __real_rename(from, to);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	static uint64_t now;
	uint64_t each = number("FAULTY_CLOCK", 0);

	if (each == 0 || clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, time);
	now += each;
	time->tv_sec = (time_t)(now / 1000);
	time->tv_nsec = (long)(now % 1000) * 1000000;
	return 0;
}

/* A test that is killed takes its copies with it. */
__attribute__((constructor)) static void die_with_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		wrong("prctl");
}

__attribute__((destructor)) static void write_faults(void)
{
	unsigned long long faults = 0;
	struct mcsafe_stats stats;

	mcsafe_stats_get(&stats);
	for (int cause = 0; cause < MCSAFE_STATS_CAUSES; cause++)
		faults += stats.landed[cause][MCSAFE_SIDE_SOURCE];
	write_line("faults %llu\n", faults);
}
