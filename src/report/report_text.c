/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report_text.c - write the text of a report
 *
 * Runs in the child of child.c. The child has one thread, but other threads of the parent may have
 * left locks held. Therefore this file allocates nothing and uses no stdio. It writes each line as
 * soon as the line is complete, since the next line may go wrong.
 */
#include "report.h"

#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include <mcsafe/report.h>

#include "base/maps.h"
#include "base/text.h"
#include "base/trap.h"
#include "explain/explain.h"
#include "landing/fault.h"

struct code_name {
	int signo, code; /* signo 0: any signal */
	const char *name;
};

static void put_code(struct mcsafe__text *t, int signo, int code)
{
	static const struct code_name names[] = {
		{SIGBUS, BUS_ADRALN, "BUS_ADRALN"},
		{SIGBUS, BUS_ADRERR, "BUS_ADRERR"},
		{SIGBUS, BUS_OBJERR, "BUS_OBJERR"},
		{SIGBUS, BUS_MCEERR_AR, "BUS_MCEERR_AR"},
		{SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"},
		{SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"},
		{SIGSEGV, SEGV_PKUERR, "SEGV_PKUERR"},
		{0, SI_KERNEL, "SI_KERNEL"},
		{0, SI_USER, "SI_USER"},
		{0, SI_QUEUE, "SI_QUEUE"},
		{0, SI_TKILL, "SI_TKILL"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((names[i].signo == signo || names[i].signo == 0) && names[i].code == code) {
			mcsafe__put(t, names[i].name);
			return;
		}
	mcsafe__put(t, "si_code ");
	mcsafe__put_decimal(t, code);
}

static void put_place(struct mcsafe__text *t, unsigned long addr)
{
	struct mcsafe__mapping mapping;

	switch (mcsafe__mapping_find(addr, &mapping)) {
	case MCSAFE__MAPPED_UNKNOWN:
		mcsafe__put(t, "unknown: /proc/self/maps cannot be read");
		return;
	case MCSAFE__NOT_MAPPED:
		mcsafe__put(t, "not mapped");
		return;
	case MCSAFE__MAPPED:
		break;
	}
	if (mapping.path[0] != '\0')
		mcsafe__put_outside(t, mapping.path);
	else
		mcsafe__put(t, "anonymous memory");
	mcsafe__put(t, " + ");
	mcsafe__put_hex(t, addr - mapping.start + mapping.offset);
	mcsafe__put(t, " (");
	mcsafe__put(t, mapping.perms);
	mcsafe__put(t, ")");
}

static void write_sent(struct mcsafe__text *t, const siginfo_t *si)
{
	mcsafe__put(t, "  cause:       sent, ");
	put_code(t, si->si_signo, si->si_code);
	mcsafe__put(t, ", by process ");
	mcsafe__put_decimal(t, si->si_pid);
	mcsafe__put(t, " of user ");
	mcsafe__put_decimal(t, (long)si->si_uid);
	mcsafe__end_line(t);
}

static struct mcsafe_fault fault_of(int signo, const siginfo_t *si)
{
	unsigned lsb =
		signo == SIGBUS && si->si_code == BUS_MCEERR_AR ? (unsigned)si->si_addr_lsb : 0;
	const struct mcsafe__landing landing = {
		.addr = (uintptr_t)si->si_addr,
		.facts = mcsafe__facts_pack(signo, si->si_code, lsb, 0),
	};
	struct mcsafe_fault fault;

	mcsafe__fault_from_landing(&fault, &landing, NULL);
	return fault;
}

static void write_fault(struct mcsafe__text *t, int signo, const siginfo_t *si)
{
	const struct mcsafe_fault fault = fault_of(signo, si);

	mcsafe__put(t, "  cause:       ");
	mcsafe__put(t, mcsafe_cause_name(fault.cause));
	mcsafe__put(t, ", ");
	put_code(t, signo, si->si_code);
	mcsafe__end_line(t);

	mcsafe__put(t, "  address:     ");
	if (si->si_code == SI_KERNEL)
		mcsafe__put(t, "not told by the kernel");
	else
		mcsafe__put_hex(t, (unsigned long)si->si_addr);
	mcsafe__end_line(t);
	if (fault.extent != 0) {
		mcsafe__put(t, "  extent:      ");
		mcsafe__put_number(t, fault.extent, 10);
		mcsafe__put(t, " bytes");
		mcsafe__end_line(t);
	}
	if (si->si_code != SI_KERNEL) {
		mcsafe__put(t, "  mapping:     ");
		put_place(t, (unsigned long)si->si_addr);
		mcsafe__end_line(t);
	}
}

/* A machine check does not say what the access was. */
static enum mcsafe_side side_of(const ucontext_t *uc)
{
	if (uc->uc_mcontext.gregs[REG_TRAPNO] != MCSAFE__TRAP_PAGE_FAULT)
		return MCSAFE_SIDE_NONE;
	return uc->uc_mcontext.gregs[REG_ERR] & MCSAFE__PAGE_FAULT_WRITE ? MCSAFE_SIDE_DESTINATION
									 : MCSAFE_SIDE_SOURCE;
}

#define REASON_SIZE 1024 /* fits into a line of base/text.h with its heading */

/* The place and the reason. With a long path, the line of the mapping must do for the place. */
__attribute__((noinline)) static void put_explained(struct mcsafe__text *t,
						    const struct mcsafe_explanation *explanation)
{
	char line[REASON_SIZE];

	if (mcsafe_explain_text(explanation, line, sizeof(line)) >= (int)sizeof(line))
		mcsafe__explain_reason(explanation, line, sizeof(line));
	mcsafe__put(t, line);
}

/* What the kernel says beyond the signal. It asks file systems, so it comes late in the report. */
__attribute__((noinline)) static void write_reason(struct mcsafe__text *t,
						   const struct mcsafe__death *death)
{
	struct mcsafe_fault fault = fault_of(death->signo, death->si);
	struct mcsafe_explanation explanation;

	fault.side = side_of(death->ctx);
	if (mcsafe_explain(&fault, &explanation) != 0 ||
	    explanation.reason == MCSAFE_REASON_UNKNOWN)
		return;
	mcsafe__put(t, "  reason:      ");
	put_explained(t, &explanation);
	mcsafe__end_line(t);
}

#define THREAD_NAME_SIZE 16 /* with the 0 at its end (PR_GET_NAME) */

/* The child inherits the name of the dying thread, so it can ask for its own. It needs no /proc. */
static void write_thread(struct mcsafe__text *t, const struct mcsafe__death *death)
{
	char name[THREAD_NAME_SIZE] = "";

	mcsafe__put(t, "  thread:      ");
	mcsafe__put_decimal(t, death->tid);
	mcsafe__put(t, " of process ");
	mcsafe__put_decimal(t, death->pid);
	if (prctl(PR_GET_NAME, name, 0, 0, 0) == 0 && name[0] != '\0') {
		mcsafe__put(t, ", ");
		mcsafe__put_outside(t, name);
	}
	mcsafe__end_line(t);
}

static bool write_frame(const struct mcsafe__frame *frame, void *arg)
{
	struct mcsafe__text *t = arg;

	mcsafe__put(t, "    #");
	mcsafe__put_number(t, frame->number, 10);
	mcsafe__put(t, frame->number < 10 ? "  " : " ");
	mcsafe__put_hex(t, frame->ip);
	mcsafe__put(t, " ");
	if (frame->name != NULL) {
		mcsafe__put_outside(t, frame->name);
		mcsafe__put(t, " + ");
		mcsafe__put_hex(t, frame->offset);
		mcsafe__put(t, ", ");
	}
	put_place(t, frame->ip);
	mcsafe__end_line(t);
	return true;
}

void mcsafe__report_write(const void *arg)
{
	const struct mcsafe__death *death = arg;
	const ucontext_t *uc = death->ctx;
	unsigned long ip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];
	struct mcsafe__text t = {.fd = mcsafe__report_setup.child.fd};

	mcsafe__put(&t, "mcsafe: ");
	mcsafe__put(&t, death->signo == SIGBUS ? "SIGBUS" : "SIGSEGV");
	mcsafe__put(&t, " is about to kill process ");
	mcsafe__put_decimal(&t, death->pid);
	mcsafe__end_line(&t);
	if (death->si->si_code <= 0)
		write_sent(&t, death->si);
	else
		write_fault(&t, death->signo, death->si);
	mcsafe__put(&t, "  instruction: ");
	mcsafe__put_hex(&t, ip);
	mcsafe__put(&t, ", ");
	put_place(&t, ip);
	mcsafe__end_line(&t);
	write_thread(&t, death);
	if (death->si->si_code > 0)
		write_reason(&t, death);
	if (mcsafe__report_setup.flags & MCSAFE_REPORT_NO_BACKTRACE)
		return;
	mcsafe__put(&t, "  backtrace:");
	mcsafe__end_line(&t);
	t.fd = mcsafe__close_others(t.fd);
	if (mcsafe__backtrace(death->ctx, true, write_frame, &t) != 0) {
		mcsafe__put(&t, "    none: built without libunwind");
		mcsafe__end_line(&t);
	}
}
