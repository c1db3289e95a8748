/* SPDX-License-Identifier: BSD-3-Clause */
/* machine.c - asks the host for machine checks, over the serial port; see machine_check.py */
#include "lab.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bit 63 of an entry of pagemap(5): the page is in memory; bits 0-54: its frame. */
uint64_t lab_physical(const void *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	ssize_t size;

	(void)*(const volatile unsigned char *)address; /* so that it is mapped */
	size = pread(fd, &entry, sizeof(entry),
		     (off_t)((uintptr_t)address / T_PAGE * sizeof(entry)));
	lab_need(size == sizeof(entry) && entry >> 63, "no page is mapped at %p", address);
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * T_PAGE + (uintptr_t)address % T_PAGE;
}

struct lab_target lab_target(const void *address)
{
	return (struct lab_target){.at = address, .physical = lab_physical(address)};
}

static void ask(const char *request, char *answer, size_t room)
{
	static int port = -1;
	size_t n = 0;

	if (port == -1)
		port = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	lab_need(port != -1, "no /dev/ttyS1");
	fflush(stdout);
	lab_need(write(port, request, strlen(request)) == (ssize_t)strlen(request), "cannot ask");
	do
		lab_need(n + 1 < room && read(port, answer + n, 1) == 1, "no answer to %s",
			 request);
	while (answer[n++] != '\n');
	answer[n - 1] = '\0';
}

static void ask_ok(const char *request)
{
	char answer[64];

	ask(request, answer, sizeof(answer));
	lab_need(strcmp(answer, "ok") == 0, "%s was answered by %s", request, answer);
}

static size_t append_list(char *request, size_t length, size_t room, const uintptr_t *list,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		length += (size_t)snprintf(request + length, room - length, "%s%" PRIxPTR,
					   i ? "," : "", list[i]);
		lab_need(length < room, "the request is too long");
	}
	return length;
}

void lab_arm(const char *mode, const char *event, const struct lab_target *targets,
	     size_t n_targets, const uintptr_t *insns, size_t n_insns)
{
	char request[8192];
	size_t n = (size_t)snprintf(request, sizeof(request), "@arm %s %s at=", mode, event);

	for (size_t i = 0; i < n_targets; i++)
		n += (size_t)snprintf(request + n, sizeof(request) - n, "%s%" PRIxPTR ":%" PRIx64,
				      i ? "," : "", (uintptr_t)targets[i].at, targets[i].physical);
	n += (size_t)snprintf(request + n, sizeof(request) - n, " insn=");
	n = append_list(request, n, sizeof(request) - 1, insns, n_insns);
	snprintf(request + n, sizeof(request) - n, "\n");
	ask_ok(request);
}

static uintptr_t kernel_symbol(const char *wanted)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	uintptr_t address, found = 0;
	char name[256];

	lab_need(symbols != NULL, "no /proc/kallsyms");
	while (!found && fscanf(symbols, "%" SCNxPTR " %*c %255s%*[^\n]", &address, name) == 2)
		if (strcmp(name, wanted) == 0)
			found = address;
	fclose(symbols);
	lab_need(found != 0, "the kernel has no %s", wanted);
	return found;
}

void lab_arm_kernel(const char *event, uint64_t physical)
{
	static uintptr_t string, fragile, base;
	char request[256];

	if (!base) {
		string = kernel_symbol("copy_mc_enhanced_fast_string");
		fragile = kernel_symbol("copy_mc_fragile");
		base = kernel_symbol("page_offset_base");
	}
	snprintf(request, sizeof(request),
		 "@arm kernel %s at=0:%" PRIx64 " entry=%" PRIxPTR ",%" PRIxPTR
		 " page_offset_base=%" PRIxPTR "\n",
		 event, physical, string, fragile, base);
	ask_ok(request);
}

void lab_raise_now(const char *event, uint64_t physical)
{
	char request[128];

	snprintf(request, sizeof(request), "@arm now %s at=0:%" PRIx64 "\n", event, physical);
	ask_ok(request);
}

struct lab_events lab_disarm(void)
{
	struct lab_events events;
	char answer[64];

	ask("@disarm\n", answer, sizeof(answer));
	lab_need(sscanf(answer, "injected=%u touched=%u", &events.injected, &events.touched) == 2,
		 "disarm was answered by %s", answer);
	return events;
}
