/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * landing_facts.c
 *
 * function: mcsafe__facts_pack
 * property: signal, code, lsb and kind come back; no other bit is set
 * loops: none
 * break: src/landing/landing.h s/(uint32_t)code << 32/(uint32_t)code << 31/
 * break: src/landing/landing.h s/facts >> 8 & 0xff/facts >> 8 \& 0x7f/
 * break: src/landing/landing.h s/(kind & 0xff)/kind/
 */
#include "proof.h"

#include "../src/landing/landing.h"

void proof(void)
{
	int signo = nondet_int(), code = nondet_int();
	unsigned lsb = nondet_unsigned(), kind = nondet_unsigned();
	uint64_t facts = mcsafe__facts_pack(signo, code, lsb, kind);

	PROVE(mcsafe__facts_signo(facts) == (signo & 0xff));
	PROVE(mcsafe__facts_code(facts) == code);
	PROVE(mcsafe__facts_lsb(facts) == (lsb & 0xff));
	PROVE(mcsafe__facts_kind(facts) == (kind & 0xff));
	PROVE((facts >> 24 & 0xff) == 0);
	END();
}
