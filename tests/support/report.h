/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - what the kernel says about a bad access, learnt without the library */
#ifndef MCSAFE_TESTS_REPORT_H
#define MCSAFE_TESTS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

struct t_report {
	int signo; /* 0: the access went through */
	int code;
	unsigned lsb;   /* si_addr_lsb where it means something, else 0 */
	bool exact;     /* si_addr is the address of the byte; if not, si_addr is addr */
	uintptr_t addr; /* of a report that is not exact */
};

/* Loads or stores the byte at addr (a store makes it 0) under a handler of its own. */
struct t_report t_probe(uintptr_t addr, enum mcsafe_side access);

bool t_report_equal(const struct t_report *a, const struct t_report *b);

/* The cause and the extent that a record of this report must have: the table of fault.h. */
enum mcsafe_cause t_report_cause(const struct t_report *report);
size_t t_report_extent(const struct t_report *report);

#endif /* MCSAFE_TESTS_REPORT_H */
