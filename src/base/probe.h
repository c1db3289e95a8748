/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.h - probes that perf(1), bpftrace(8) and stap(1) can attach to while the program runs
 *
 * A probe is a NOP, and a note in the ELF file that says where it is and where its arguments are
 * ("USDT", systemtap's sys/sdt.h). It costs nothing until a tool puts a breakpoint there. All are
 * of the provider "mcsafe". Without the header at build time there are none.
 */
#ifndef MCSAFE_SRC_BASE_PROBE_H
#define MCSAFE_SRC_BASE_PROBE_H

#ifdef MCSAFE_HAVE_SDT
# include <sys/sdt.h>
/* The macros of that header call others without an argument for their dots. */
# if defined(__clang__)
#  pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
# endif
# define MCSAFE__PROBE_2(name, a, b)       DTRACE_PROBE2(mcsafe, name, a, b)
# define MCSAFE__PROBE_4(name, a, b, c, d) DTRACE_PROBE4(mcsafe, name, a, b, c, d)
#else
# define MCSAFE__PROBE_2(name, a, b)       ((void)(a), (void)(b))
# define MCSAFE__PROBE_4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#endif /* MCSAFE_SRC_BASE_PROBE_H */
