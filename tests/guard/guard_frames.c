/* SPDX-License-Identifier: BSD-3-Clause */
/* guard_frames.c - functions whose frames a jump must not skip */
#include "guard_frames.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

static void read_it(void *p)
{
	(void)*(const volatile unsigned char *)p;
}

/* Through a pointer that the compiler does not know, so that there is a frame of its own. */
static void (*volatile read_somewhere)(void *) = read_it;

static void clean_up(int *unused)
{
	__asm__ volatile("" : : "r"(unused) : "memory");
}

void frame_with_cleanup(void *p)
{
	int __attribute__((cleanup(clean_up))) object = 1;

	read_somewhere(p);
	__asm__ volatile("" : : "r"(&object) : "memory");
}

static void *in_handler;

static void handler(int signo)
{
	(void)signo;
	read_somewhere(in_handler);
	__asm__ volatile("");
}

void frame_of_a_handler(void *p)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &action, NULL);
	in_handler = p;
	raise(SIGUSR1);
}

void foreign_frame(void *p)
{
	/* push %rbp; mov %rsp, %rbp; call *%rsi; pop %rbp; ret */
	static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3};
	void *memory = mmap(NULL, sizeof(code), PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void *, void (*)(void *));

	if (memory == MAP_FAILED)
		return;
	memcpy(memory, code, sizeof(code));
	memcpy(&call, &memory, sizeof(call));
	call(p, read_somewhere);
	munmap(memory, sizeof(code));
}
