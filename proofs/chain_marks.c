/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chain_marks.c
 *
 * function: mark_put, mark_remove, mark_of (chain.c)
 * property: a mark of its own in each siginfo with room; those of others and the siginfo stay
 * loops: all, up to the number of marks
 * unwind: 17
 * break: src/handler/chain.c s/i = mark_of(si, 0);/i = 0;/
 * break: src/handler/chain.c s/while (i < N_MARKS \&\& mark_at/while (i + 1 < N_MARKS \&\& mark_at/
 * break: src/handler/chain.c s/#define MARKS_OFFSET 48/#define MARKS_OFFSET 32/
 * break: src/handler/chain.c s/mark = {owner, called, 0};/mark = {owner, 0, 0};/
 */
#include "proof.h"

#include <signal.h>

#include "../src/handler/chain.c"

union delivered {
	siginfo_t si;
	uint64_t words[sizeof(siginfo_t) / 8];
};

/* The kernel writes 6 words. A mark has 2. */
#define KERNEL 6

void proof(void)
{
	union delivered now, before;
	uint64_t owner = nondet_u64();
	uint32_t called = nondet_unsigned();
	size_t word = nondet_size(), at, room;

	for (size_t i = 0; i < sizeof(siginfo_t) / 8; i++)
		now.words[i] = nondet_u64();
	before = now;
	SUPPOSE(owner != 0 && word < sizeof(siginfo_t) / 8);
	at = mark_of(&before.si, owner);
	room = at != N_MARKS ? at : mark_of(&before.si, 0);
	/* The first mark of the owner; there is none before it. */
	PROVE(at == N_MARKS || before.words[KERNEL + 2 * at] == owner);
	if (word >= KERNEL && word % 2 == 0 && (word - KERNEL) / 2 < at)
		PROVE(before.words[word] != owner);

	mark_put(&now.si, owner, called);
	PROVE((mark_of(&now.si, owner) == N_MARKS) == (room == N_MARKS));
	if (room != N_MARKS) {
		PROVE(mark_of(&now.si, owner) == room);
		PROVE(mark_at(&now.si, room).called == called);
		REACH();
	}
	if (word < KERNEL || (word - KERNEL) / 2 != room)
		PROVE(now.words[word] == before.words[word]);

	mark_remove(&now.si, owner);
	if (room != N_MARKS)
		PROVE(now.words[KERNEL + 2 * room] == 0);
	if (word < KERNEL || (word - KERNEL) / 2 != room)
		PROVE(now.words[word] == before.words[word]);
	END();
}
