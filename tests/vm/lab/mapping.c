/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mapping.c - memory of every kind, and the results of reading it
 *
 * The regions of the kit are anonymous memory or a memfd, in small pages, and any process can make
 * them bad. Here the memory is of every kind, and machine checks make it bad.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* How the content gets there. */
enum filling {
	BY_STORES,   /* stored through the mapping */
	BY_WRITE,    /* written to the file beforehand, and synced */
	OLD_BY_WRITE /* other data was written and synced, and the right data is stored over it */
};

static const struct memory_type {
	const char *name;
	const char *path; /* NULL: anonymous; "" memfd */
	int map_flags;
	int advice;
	size_t offset; /* offset of the mapping from a multiple of 2 MiB; prevents huge pages */
	enum filling filling;
	bool pmem;
} types[] = {
	{"anonymous", NULL, MAP_PRIVATE | MAP_ANONYMOUS, MADV_NOHUGEPAGE, 0, BY_STORES, false},
	{"anonymous-shared", NULL, MAP_SHARED | MAP_ANONYMOUS, 0, 0, BY_STORES, false},
	{"thp", NULL, MAP_PRIVATE | MAP_ANONYMOUS, MADV_HUGEPAGE, 0, BY_STORES, false},
	{"hugetlb", NULL, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, 0, 0, BY_STORES, false},
	{"hugetlbfs", "/mnt/huge/lab", MAP_SHARED, 0, 0, BY_STORES, false},
	{"hugetlbfs-private", "/mnt/huge/lab", MAP_PRIVATE, 0, 0, BY_STORES, false},
	{"tmpfs", "/tmp/lab", MAP_SHARED, 0, 0, BY_STORES, false},
	{"small-tmpfs", "/mnt/small/lab", MAP_SHARED, 0, 0, BY_STORES, false},
	{"small-tmpfs-private", "/mnt/small/lab", MAP_PRIVATE, 0, 0, BY_WRITE, false},
	{"memfd", "", MAP_SHARED, 0, 0, BY_STORES, false},
	{"memfd-private", "", MAP_PRIVATE, 0, 0, BY_WRITE, false},
	{"clean", "/mnt/ext4/lab", MAP_SHARED, 0, 0, BY_WRITE, false},
	{"dirty", "/mnt/ext4/lab", MAP_SHARED, 0, 0, OLD_BY_WRITE, false},
	{"copied", "/mnt/ext4/lab", MAP_PRIVATE, 0, 0, OLD_BY_WRITE, false},
	{"xfs-clean", "/mnt/pmem/lab", MAP_SHARED, 0, 0, BY_WRITE, false},
	{"xfs-dirty", "/mnt/pmem/lab", MAP_SHARED, 0, 0, OLD_BY_WRITE, false},
	{"xfs-copied", "/mnt/pmem/lab", MAP_PRIVATE, 0, 0, OLD_BY_WRITE, false},
	{"dax-4k", "/mnt/pmem/lab", MAP_SHARED_VALIDATE | MAP_SYNC, 0, T_PAGE, BY_WRITE, true},
	{"dax-2m", "/mnt/pmem/lab", MAP_SHARED_VALIDATE | MAP_SYNC, 0, 0, BY_WRITE, true},
	{"dax-private", "/mnt/pmem/lab", MAP_PRIVATE, 0, 0, BY_WRITE, true},
	{"devdax", "/dev/dax0.0", MAP_SHARED, 0, 0, BY_STORES, true},
};

static const struct memory_type *current;

/* Differs from lab_pattern() in every byte, and from FILL. */
static unsigned char old_pattern(size_t i)
{
	return lab_pattern(i) ^ 0x2a;
}

static unsigned char *map(int fd)
{
	unsigned char *room = mmap(NULL, LAB_MAPPING_SIZE + 2 * T_HUGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *base;

	lab_need(room != MAP_FAILED, "no address space");
	base = room + (T_HUGE - (uintptr_t)room % T_HUGE) + current->offset;
	lab_need(mmap(base, LAB_MAPPING_SIZE, PROT_READ | PROT_WRITE,
		      current->map_flags | MAP_FIXED, fd, 0) == base,
		 "cannot map memory of kind %s", current->name);
	if (current->advice)
		lab_need(madvise(base, LAB_MAPPING_SIZE, current->advice) == 0, "madvise");
	return base;
}

/* The content of a whole mapping. It is made once: the emulator is slow. */
static const unsigned char *right_bytes(void)
{
	static unsigned char bytes[LAB_MAPPING_SIZE];
	static bool made;

	if (!made)
		lab_fill_pattern(bytes, 0, LAB_MAPPING_SIZE);
	made = true;
	return bytes;
}

static const unsigned char *old_bytes(void)
{
	static unsigned char bytes[LAB_MAPPING_SIZE];
	static bool made;

	for (size_t i = 0; !made && i < LAB_MAPPING_SIZE; i++)
		bytes[i] = old_pattern(i);
	made = true;
	return bytes;
}

static void write_file(int fd)
{
	const unsigned char *bytes = current->filling == BY_WRITE ? right_bytes() : old_bytes();

	/*
	 * If a file is written in larger pieces, newer kernels use larger blocks of the page cache.
	 * Then it depends on the other threads whether the kernel can split a clean one.
	 */
	const size_t piece =
		current->filling == BY_WRITE && !current->pmem ? T_PAGE : LAB_MAPPING_SIZE;

	for (size_t at = 0; at < LAB_MAPPING_SIZE; at += piece)
		lab_need(pwrite(fd, bytes + at, piece, (off_t)at) == (ssize_t)piece, "pwrite");
	lab_need(fsync(fd) == 0, "fsync");
}

/* The file of an earlier scenario may have an error that fsync(2) has yet to tell. */
static int create(const char *path)
{
	(void)unlink(path);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int open_type(void)
{
	bool device = strncmp(current->path, "/dev/", 5) == 0;
	int fd;

	if (device)
		fd = open(current->path, O_RDWR | O_CLOEXEC);
	else if (!*current->path)
		fd = memfd_create("lab", MFD_CLOEXEC);
	else
		fd = create(current->path);
	lab_need(fd != -1, "cannot open %s", current->path);
	if (current->pmem && !device)
		lab_need(fallocate(fd, 0, 0, LAB_MAPPING_SIZE) == 0, "fallocate");
	else if (!device)
		lab_need(ftruncate(fd, LAB_MAPPING_SIZE) == 0, "ftruncate");
	if (current->filling != BY_STORES)
		write_file(fd);
	return fd;
}

struct lab_mapping lab_mapping(const char *name)
{
	struct lab_mapping mapping = {.fd = -1};

	for (size_t i = 0; i < T_LENGTH(types); i++)
		if (strcmp(types[i].name, name) == 0)
			current = &types[i];
	lab_need(current != NULL, "no memory of kind %s", name);
	mapping.pmem = current->pmem;
	if (current->path)
		mapping.fd = open_type();
	mapping.base = map(mapping.fd);
	if (current->filling != BY_WRITE)
		memcpy(mapping.base, right_bytes(), LAB_MAPPING_SIZE);
	lab_need(lab_is_right(mapping.base, 0, LAB_MAPPING_SIZE),
		 "the memory does not have the pattern");
	if (current->advice == MADV_HUGEPAGE)
		lab_need(lab_meminfo("AnonHugePages") >= (long)(LAB_MAPPING_SIZE / 1024),
			 "no transparent huge pages");
	return mapping;
}

void lab_mapping_remove(const struct lab_mapping *mapping)
{
	lab_need(munmap(mapping->base, LAB_MAPPING_SIZE) == 0, "munmap");
	if (mapping->fd == -1)
		return;
	close(mapping->fd);
	if (*current->path != '\0' && strncmp(current->path, "/dev/", 5) != 0)
		lab_need(unlink(current->path) == 0, "unlink %s", current->path);
}

unsigned char *lab_mapping_again(const struct lab_mapping *mapping)
{
	return map(mapping->fd);
}

bool lab_is_right(const unsigned char *at, size_t from, size_t n)
{
	if (from + n > LAB_MAPPING_SIZE) /* of a device */
		return lab_is_pattern(at, from, n);
	return memcmp(at, right_bytes() + from, n) == 0;
}

static bool is_old(const unsigned char *at, size_t from, size_t n)
{
	if (from + n <= LAB_MAPPING_SIZE)
		return memcmp(at, old_bytes() + from, n) == 0;
	for (size_t i = 0; i < n; i++)
		if (at[i] != old_pattern(from + i))
			return false;
	return true;
}

ssize_t lab_write_right(int fd, size_t from, size_t n)
{
	return pwrite(fd, right_bytes() + from, n, (off_t)from);
}

static bool right_or_old(const unsigned char *at, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != lab_pattern(from + i) && at[i] != old_pattern(from + i))
			return false;
	return true;
}

static bool is_zeros(const unsigned char *at, size_t n)
{
	return at[0] == 0 && memcmp(at, at + 1, n - 1) == 0;
}

/* How many bytes are right, if all bytes after them are zeros. Otherwise 0. */
static size_t right_before_zeros(const unsigned char *at, size_t from, size_t n)
{
	size_t zeros = 0, right;

	while (zeros < n && at[n - 1 - zeros] == 0)
		zeros++;
	right = (n - zeros + LINE - 1) / LINE * LINE; /* the pattern also has zeros */
	return right < n && lab_is_pattern(at, from, right) ? right : 0;
}

const char *lab_contents(const unsigned char *at, size_t from, size_t n)
{
	static char text[64];
	size_t right;

	if (lab_is_right(at, from, n))
		return "reads";
	if (is_old(at, from, n))
		return "reads old data";
	if (is_zeros(at, n))
		return "reads zeros";
	if (right_or_old(at, from, n))
		return "reads, in part old data";
	right = right_before_zeros(at, from, n);
	if (!right)
		return "reads something else";
	snprintf(text, sizeof(text), "reads %zu bytes, then zeros", right);
	return text;
}

const char *lab_code_name(const struct mcsafe_fault *fault)
{
	static char text[64];

	if (fault->signo == SIGBUS && fault->code == BUS_MCEERR_AR)
		return "BUS_MCEERR_AR";
	if (fault->signo == SIGBUS && fault->code == BUS_ADRERR)
		return "BUS_ADRERR";
	if (fault->signo == SIGBUS && fault->code == SI_KERNEL)
		return "SIGBUS SI_KERNEL";
	snprintf(text, sizeof(text), "signal %d code %d", fault->signo, fault->code);
	return text;
}

static const char *in_words(size_t left, const struct mcsafe_fault *fault, const char *success)
{
	static char text[128];

	if (!left)
		return success;
	snprintf(text, sizeof(text), "%s %zu", lab_code_name(fault), fault->extent);
	return text;
}

const char *lab_outcome(const unsigned char *src, size_t from, size_t n)
{
	unsigned char *dst = malloc(n);
	struct mcsafe_fault fault = {.signo = 0};
	size_t left;
	const char *words;

	if (dst == NULL)
		return "no memory";
	left = mcsafe_memcpy(dst, src, n, &fault);
	words = in_words(left, &fault, lab_contents(dst, from, n));
	free(dst);
	return words;
}

const char *lab_store_outcome(unsigned char *dst, size_t n)
{
	struct mcsafe_fault fault = {.signo = 0};
	size_t left = mcsafe_memset(dst, FILL, n, &fault);

	return in_words(left, &fault, "stores");
}

const char *lab_pread_outcome(int fd, size_t from, size_t n)
{
	static char text[64];
	unsigned char *buffer = malloc(n);
	ssize_t got;
	const char *words = text;

	lab_need(buffer != NULL, "no memory");
	memset(buffer, FILL, n);
	got = pread(fd, buffer, n, (off_t)from);
	if (got == (ssize_t)n)
		words = lab_contents(buffer, from, n);
	else if (got < 0)
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
	else
		snprintf(text, sizeof(text), "%zd of %zu bytes", got, n);
	free(buffer);
	return words;
}
