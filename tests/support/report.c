/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - what the kernel says about a bad access, learnt without the library */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "run.h"
#include "touch.h"

static sigjmp_buf resume;
static siginfo_t caught;

static void on_signal(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)ctx;
	caught = *si;
	siglongjmp(resume, 1);
}

struct t_report t_probe(uintptr_t addr, enum mcsafe_side access)
{
	struct sigaction action, old_bus, old_segv;
	struct t_report report;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGBUS, &action, &old_bus), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &old_segv), 0);

	memset(&report, 0, sizeof(report));
	if (sigsetjmp(resume, 1) == 0) {
		if (access == MCSAFE_SIDE_SOURCE)
			t_read_byte((const void *)addr);
		else
			t_write_byte((void *)addr);
	} else {
		report.signo = caught.si_signo;
		report.code = caught.si_code;
		if (report.signo == SIGBUS && report.code == BUS_MCEERR_AR)
			report.lsb = (unsigned)caught.si_addr_lsb;
		report.exact = (uintptr_t)caught.si_addr == addr;
		report.addr = report.exact ? 0 : (uintptr_t)caught.si_addr;
	}

	assert_int_equal(sigaction(SIGBUS, &old_bus, NULL), 0);
	assert_int_equal(sigaction(SIGSEGV, &old_segv, NULL), 0);
	return report;
}

bool t_report_equal(const struct t_report *a, const struct t_report *b)
{
	return a->signo == b->signo && a->code == b->code && a->lsb == b->lsb &&
	       a->exact == b->exact && a->addr == b->addr;
}

enum mcsafe_cause t_report_cause(const struct t_report *report)
{
	static const struct {
		int signo;
		int code;
		enum mcsafe_cause cause;
	} causes[] = {
		{SIGBUS, BUS_MCEERR_AR, MCSAFE_CAUSE_POISON},
		{SIGBUS, BUS_ADRERR, MCSAFE_CAUSE_IO},
		{SIGBUS, BUS_OBJERR, MCSAFE_CAUSE_IO},
		{SIGSEGV, SEGV_MAPERR, MCSAFE_CAUSE_UNMAPPED},
		{SIGSEGV, SEGV_ACCERR, MCSAFE_CAUSE_PROTECTED},
		{SIGSEGV, SEGV_PKUERR, MCSAFE_CAUSE_PKEY},
		{SIGSEGV, SI_KERNEL, MCSAFE_CAUSE_ADDRESS},
	};

	for (size_t i = 0; i < T_LENGTH(causes); i++)
		if (causes[i].signo == report->signo && causes[i].code == report->code)
			return causes[i].cause;
	return MCSAFE_CAUSE_UNKNOWN;
}

size_t t_report_extent(const struct t_report *report)
{
	if (t_report_cause(report) != MCSAFE_CAUSE_POISON || report->lsb == 0 || report->lsb > 63)
		return 0;
	return (size_t)1 << report->lsb;
}
