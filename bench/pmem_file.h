/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem_file.h - a file whose every page is mapped before it is measured */
#ifndef MCSAFE_BENCH_PMEM_FILE_H
#define MCSAFE_BENCH_PMEM_FILE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

#define PMEM_STEP ((size_t)1 << 20) /* bytes of the buffer */

/* Returns a file without a name. */
static inline int pmem_file_make(size_t size, const unsigned char *buffer)
{
	char path[] = "/tmp/mcsafe-bench-XXXXXX";
	int file = mkstemp(path);

	need(file >= 0 && unlink(path) == 0, "mkstemp");
	for (size_t at = 0; at < size; at += PMEM_STEP)
		need(pwrite(file, buffer, PMEM_STEP, (off_t)at) == (ssize_t)PMEM_STEP, "pwrite");
	return file;
}

/* Maps the file, and reads its first bytes once: the first timed read must be like the others. */
static inline struct mcsafe_pmem *pmem_file_map(int file, unsigned char *buffer, size_t n)
{
	struct mcsafe_pmem *pmem = NULL;

	errno = -mcsafe_pmem_open_fd(&pmem, file, MCSAFE_PMEM_WRITE);
	need(errno == 0, "mcsafe_pmem_open_fd");
	for (size_t at = 0; at < n; at += PMEM_STEP)
		need(mcsafe_pmem_pread(pmem, buffer, PMEM_STEP, (off_t)at, NULL) ==
			     (ssize_t)PMEM_STEP,
		     "mcsafe_pmem_pread");
	return pmem;
}

#endif /* MCSAFE_BENCH_PMEM_FILE_H */
