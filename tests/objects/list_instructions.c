/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list_instructions.c - what libcapstone knows about machine code, for disassembly.py
 *
 * Reads lines "ADDRESS CODE", both in hexadecimal. For each instruction it writes a line "ADDRESS
 * END ACCESS NEEDS...". For an instruction that it does not know it writes "ADDRESS ? WHY", and
 * continues with the next line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

static size_t parse(const char *hex, unsigned char *code, size_t room)
{
	size_t n = 0;
	unsigned byte;

	while (n < room && sscanf(hex + 2 * n, "%2x", &byte) == 1)
		code[n++] = (unsigned char)byte;
	return n;
}

static void list(uintptr_t addr, const unsigned char *code, size_t n)
{
	static const char *const accesses[] = {"NONE", "LOAD", "STORE", "BOTH"};
	struct decode_insn insn;
	const char *problem;

	for (size_t at = 0; at < n; at += insn.length) {
		problem = decode(code + at, n - at, addr + at, &insn);
		if (problem != NULL) {
			printf("%zx ? %s\n", (size_t)(addr + at), problem);
			return;
		}
		printf("%zx %zx %s %s\n", (size_t)insn.addr, (size_t)(insn.addr + insn.length),
		       accesses[insn.access], insn.needs);
	}
}

int main(void)
{
	static char line[1 << 18], hex[1 << 18];
	static unsigned char code[1 << 17];
	size_t addr;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "%zx %s", &addr, hex) != 2)
			return EXIT_FAILURE;
		list(addr, code, parse(hex, code, sizeof(code)));
	}
	return EXIT_SUCCESS;
}
