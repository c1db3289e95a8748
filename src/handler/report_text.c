/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report_text.c - the text of a report
 *
 * Runs in the child of report.c: alone, but with the locks as other threads have left them. So it
 * allocates nothing and uses no stdio. Each line is written as soon as it is complete: the next one
 * may be what goes wrong.
 */
#include "report.h"

#include <fcntl.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/report.h>

#include "fault.h"

struct text {
	char line[640]; /* a path of 255, a name of 127, and some numbers */
	size_t n;
};

static void put(struct text *t, const char *s)
{
	while (*s != '\0' && t->n < sizeof(t->line) - 1)
		t->line[t->n++] = *s++;
}

static void put_number(struct text *t, unsigned long value, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	put(t, &digits[i]);
}

static void put_hex(struct text *t, unsigned long value)
{
	put(t, "0x");
	put_number(t, value, 16);
}

static void put_decimal(struct text *t, long value)
{
	if (value < 0)
		put(t, "-");
	put_number(t, value < 0 ? -(unsigned long)value : (unsigned long)value, 10);
}

static void end_line(struct text *t)
{
	size_t done = 0;

	t->line[t->n++] = '\n';
	while (done < t->n) {
		ssize_t n = write(mcsafe__report_setup.fd, t->line + done, t->n - done);

		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	t->n = 0;
}

struct code_name {
	int signo, code; /* signo 0: of any signal */
	const char *name;
};

static void put_code(struct text *t, int signo, int code)
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
			put(t, names[i].name);
			return;
		}
	put(t, "si_code ");
	put_decimal(t, code);
}

static void put_place(struct text *t, unsigned long addr)
{
	struct mcsafe__mapping mapping;

	if (!mcsafe__mapping_of(addr, &mapping)) {
		put(t, "not mapped");
		return;
	}
	put(t, mapping.path[0] != '\0' ? mapping.path : "anonymous memory");
	put(t, " + ");
	put_hex(t, addr - mapping.start + mapping.offset);
	put(t, " (");
	put(t, mapping.perms);
	put(t, ")");
}

static void write_sent(struct text *t, const siginfo_t *si)
{
	put(t, "  cause:       sent, ");
	put_code(t, si->si_signo, si->si_code);
	put(t, ", by process ");
	put_decimal(t, si->si_pid);
	put(t, " of user ");
	put_decimal(t, (long)si->si_uid);
	end_line(t);
}

static void write_fault(struct text *t, int signo, const siginfo_t *si)
{
	unsigned lsb =
		signo == SIGBUS && si->si_code == BUS_MCEERR_AR ? (unsigned)si->si_addr_lsb : 0;
	const struct mcsafe__landing landing = {
		.addr = (uintptr_t)si->si_addr,
		.facts = mcsafe__facts_pack(signo, si->si_code, lsb, 0),
	};
	struct mcsafe_fault fault;

	mcsafe__fault_from_landing(&fault, &landing, NULL);
	put(t, "  cause:       ");
	put(t, mcsafe_cause_name(fault.cause));
	put(t, ", ");
	put_code(t, signo, si->si_code);
	end_line(t);

	put(t, "  address:     ");
	if (si->si_code == SI_KERNEL)
		put(t, "not told by the kernel");
	else
		put_hex(t, (unsigned long)si->si_addr);
	end_line(t);
	if (fault.extent != 0) {
		put(t, "  extent:      ");
		put_number(t, fault.extent, 10);
		put(t, " bytes");
		end_line(t);
	}
	if (si->si_code != SI_KERNEL) {
		put(t, "  mapping:     ");
		put_place(t, (unsigned long)si->si_addr);
		end_line(t);
	}
}

/* The name is that of the thread that dies; a child inherits it. */
static void write_thread(struct text *t, const struct mcsafe__death *death)
{
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	char name[32];
	ssize_t n = fd >= 0 ? read(fd, name, sizeof(name) - 1) : 0;

	put(t, "  thread:      ");
	put_decimal(t, death->tid);
	put(t, " of process ");
	put_decimal(t, death->pid);
	if (n > 1) {
		name[n - 1] = '\0'; /* the end of line */
		put(t, ", ");
		put(t, name);
	}
	end_line(t);
}

static int write_frame(const struct mcsafe__frame *frame, void *arg)
{
	struct text *t = arg;

	put(t, "    #");
	put_number(t, frame->number, 10);
	put(t, frame->number < 10 ? "  " : " ");
	put_hex(t, frame->ip);
	put(t, " ");
	if (frame->name != NULL) {
		put(t, frame->name);
		put(t, " + ");
		put_hex(t, frame->offset);
		put(t, ", ");
	}
	put_place(t, frame->ip);
	end_line(t);
	return 1;
}

void mcsafe__report_write(const struct mcsafe__death *death)
{
	const ucontext_t *uc = death->ctx;
	unsigned long ip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];
	struct text t = {.n = 0};

	put(&t, "mcsafe: ");
	put(&t, death->signo == SIGBUS ? "SIGBUS" : "SIGSEGV");
	put(&t, " is about to kill process ");
	put_decimal(&t, death->pid);
	end_line(&t);
	if (death->si->si_code <= 0)
		write_sent(&t, death->si);
	else
		write_fault(&t, death->signo, death->si);
	put(&t, "  instruction: ");
	put_hex(&t, ip);
	put(&t, ", ");
	put_place(&t, ip);
	end_line(&t);
	write_thread(&t, death);
	if (mcsafe__report_setup.flags & MCSAFE_REPORT_NO_BACKTRACE)
		return;
	put(&t, "  backtrace:");
	end_line(&t);
	if (mcsafe__backtrace(death->ctx, 1, write_frame, &t) != 0) {
		put(&t, "    none: built without libunwind");
		end_line(&t);
	}
}
