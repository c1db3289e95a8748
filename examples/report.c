/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - print the report of poisoned_read, as text for people and as JSON for programs */
#include "report.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

static const char *signal_name(int signo)
{
	switch (signo) {
	case SIGBUS:
		return "SIGBUS";
	case SIGSEGV:
		return "SIGSEGV";
	default:
		return "none";
	}
}

static const char *code_name(int signo, int code)
{
	static const struct {
		int signo;
		int code;
		const char *name;
	} names[] = {
		{SIGBUS, BUS_ADRALN, "BUS_ADRALN"},    {SIGBUS, BUS_ADRERR, "BUS_ADRERR"},
		{SIGBUS, BUS_OBJERR, "BUS_OBJERR"},    {SIGBUS, BUS_MCEERR_AR, "BUS_MCEERR_AR"},
		{SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"}, {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"},
		{SIGSEGV, SEGV_BNDERR, "SEGV_BNDERR"}, {SIGSEGV, SEGV_PKUERR, "SEGV_PKUERR"},
		{SIGBUS, SI_KERNEL, "SI_KERNEL"},      {SIGSEGV, SI_KERNEL, "SI_KERNEL"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].signo == signo && names[i].code == code)
			return names[i].name;
	return signo == 0 ? "none" : "unknown";
}

static const char *side_name(enum mcsafe_side side)
{
	switch (side) {
	case MCSAFE_SIDE_SOURCE:
		return "source";
	case MCSAFE_SIDE_DESTINATION:
		return "destination";
	default:
		return "none";
	}
}

static const char *error_name(const struct mcsafe_fault *fault)
{
	const char *name = strerrorname_np(mcsafe_fault_errno(fault));

	return name != NULL ? name : "unknown";
}

static size_t copied(const struct report *report)
{
	return report->length - report->remaining;
}

bool report_survived(const struct report *report)
{
	return report->remaining != 0 && copied(report) == report->expected &&
	       report->fault.side == MCSAFE_SIDE_SOURCE && report->prefix_right &&
	       report->rest_untouched;
}

/* ---- text -------------------------------------------------------------------------------- */

static void text_setting(const struct report *report, FILE *out)
{
	if (report->path == NULL)
		fprintf(out, "file        made for this run; each byte depends on its offset\n");
	else
		fprintf(out, "file        %s; a private copy of it is read, so the file is safe\n",
			report->path);
	for (int kind = 0; kind < POISON_KINDS; kind++)
		if (report->refused[kind][0] != '\0')
			fprintf(out, "impossible  %s: %s\n",
				poison_kind_name((enum poison_kind)kind), report->refused[kind]);
	fprintf(out, "poison      %s, %s\n", poison_kind_name(report->kind),
		poison_kind_means(report->kind));
	fprintf(out, "            at file offset %" PRIu64 ", %zu bytes\n", report->poison,
		report->poison_size);
	if (report->kind == POISON_HWPOISON)
		fprintf(out, "            the machine cannot use that page until it restarts\n");
	fprintf(out, "copy        %zu bytes from file offset %" PRIu64 "\n\n", report->length,
		report->offset);
}

static void text_fault(const struct report *report, FILE *out)
{
	const struct mcsafe_fault *fault = &report->fault;

	fprintf(out, "explained   %s\n", report->explained);
	fprintf(out, "cause       %s (%s)\n", mcsafe_cause_name(fault->cause), error_name(fault));
	fprintf(out, "side        %s\n", side_name(fault->side));
	fprintf(out, "signal      %s, %s\n", signal_name(fault->signo),
		code_name(fault->signo, fault->code));
	fprintf(out, "address     %p", fault->addr);
	if (report->fault_in_file)
		fprintf(out, ", file offset %" PRIu64 "\n", report->fault_at);
	else
		fprintf(out, ", not in the mapping of the file\n");
	if (fault->extent == 0)
		fprintf(out, "extent      unknown\n");
	else
		fprintf(out, "extent      %zu bytes are lost, from address %p\n", fault->extent,
			(void *)((uintptr_t)fault->addr & ~(uintptr_t)(fault->extent - 1)));
}

void report_text(const struct report *report, FILE *out)
{
	text_setting(report, out);
	fprintf(out, "copied      %zu bytes\n", copied(report));
	fprintf(out, "remaining   %zu bytes\n", report->remaining);
	if (report->remaining != 0)
		text_fault(report, out);
	fprintf(out, "prefix      %s: %zu good bytes before the poison, compared with %s\n",
		report->prefix_right && copied(report) == report->expected ? "right" : "WRONG",
		report->expected, report->path != NULL ? "pread(2)" : "pread(2) and the pattern");
	fprintf(out, "rest        %s\n\n",
		report->rest_untouched ? "untouched, to the last byte" : "WRITTEN TO");
	fprintf(out, "%s\n",
		report_survived(report) ? "The copy survived, and every promise was kept."
					: "FAILED: the copy did not keep its promises.");
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void json_string(const char *string, FILE *out)
{
	putc('"', out);
	for (const unsigned char *c = (const unsigned char *)string; *c != '\0'; c++) {
		if (*c < 0x20)
			fprintf(out, "\\u%04x", *c);
		else
			fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	}
	putc('"', out);
}

static void json_refused(const struct report *report, FILE *out)
{
	const char *separator = "";

	fprintf(out, "\"not_possible\":{");
	for (int kind = 0; kind < POISON_KINDS; kind++) {
		if (report->refused[kind][0] == '\0')
			continue;
		fprintf(out, "%s\"%s\":", separator, poison_kind_name((enum poison_kind)kind));
		json_string(report->refused[kind], out);
		separator = ",";
	}
	fprintf(out, "}");
}

static void json_fault(const struct report *report, FILE *out)
{
	const struct mcsafe_fault *fault = &report->fault;

	fprintf(out, "\"cause\":\"%s\",\"errno\":\"%s\",\"side\":\"%s\",",
		mcsafe_cause_name(fault->cause), error_name(fault), side_name(fault->side));
	fprintf(out, "\"signal\":\"%s\",\"code\":\"%s\",\"address\":\"0x%" PRIxPTR "\",",
		signal_name(fault->signo), code_name(fault->signo, fault->code),
		(uintptr_t)fault->addr);
	if (report->fault_in_file)
		fprintf(out, "\"address_file_offset\":%" PRIu64 ",", report->fault_at);
	else
		fprintf(out, "\"address_file_offset\":null,");
	fprintf(out, "\"extent\":%zu,\"explained\":", fault->extent);
	json_string(report->explained, out);
}

void report_json(const struct report *report, FILE *out)
{
	fprintf(out, "{\"file\":");
	if (report->path != NULL)
		json_string(report->path, out);
	else
		fprintf(out, "null");
	fprintf(out, ",\"kind\":\"%s\",", poison_kind_name(report->kind));
	json_refused(report, out);
	fprintf(out,
		",\"poison_offset\":%" PRIu64 ",\"poison_size\":%zu,\"offset\":%" PRIu64
		",\"length\":%zu,\"copied\":%zu,\"remaining\":%zu,\"fault\":",
		report->poison, report->poison_size, report->offset, report->length, copied(report),
		report->remaining);
	if (report->remaining != 0) {
		fprintf(out, "{");
		json_fault(report, out);
		fprintf(out, "}");
	} else {
		fprintf(out, "null");
	}
	fprintf(out, ",\"prefix_right\":%s,\"rest_untouched\":%s,\"survived\":%s}\n",
		report->prefix_right ? "true" : "false", report->rest_untouched ? "true" : "false",
		report_survived(report) ? "true" : "false");
}
