/* SPDX-License-Identifier: BSD-3-Clause */
/* child.h - run a case in a process of its own, where it may change dispositions and die */
#ifndef MCSAFE_TESTS_CHILD_H
#define MCSAFE_TESTS_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "check.h"
#include "sanitizer.h"

/*
 * Run body(arg) in a forked child and return its wait status. The child starts with the default
 * action for SIGBUS and SIGSEGV (CMocka has installed its own handlers), with no signal blocked,
 * and dumps no core. It exits with status 0 when body returns. SIGKILL ends a child that hangs:
 * after 15 seconds of processor time, or after a minute.
 */
int t_in_child(void (*body)(void *), void *arg);

/* What t_in_child() does in the child. For tests that fork in another way. */
void t_child_setup(void);

/* CMocka assertions: the body returned in its child; the child died of signo. */
#define t_survives(body, arg) t_expect_exit(t_in_child(body, arg), #body, __FILE__, __LINE__)
#define t_dies(body, arg, signo) \
 t_expect_death(t_in_child(body, arg), signo, #body, __FILE__, __LINE__)
void t_expect_exit(int status, const char *what, const char *file, int line);
void t_expect_death(int status, int signo, const char *what, const char *file, int line);

/* Define the test `name`: its body, which follows, runs in a child and returns. */
#define IN_CHILD(name)                   \
 static void name##_in_child(void *arg); \
 static void name(void **state)          \
 {                                       \
  (void)state;                           \
  t_survives(name##_in_child, NULL);     \
 }                                       \
 static void name##_in_child(void *arg __attribute__((unused)))

/* Zeroed memory that a child shares with its parent. It is never freed. */
void *t_shared(size_t size);

/*
 * A struct CMUnitTest that a build with ThreadSanitizer leaves out, visibly. Its runtime runs every
 * handler with all signals blocked, whatever sa_mask and sa_flags say (sigaction_impl()). So a
 * fault in a handler kills, and a siglongjmp(3) that does not restore the mask leaves all signals
 * blocked.
 */
/* clang-format off */
#define NOT_WITH_TSAN(test) {#test, T_THREAD_SANITIZER ? t_left_out : test, NULL, NULL, NULL}
/* clang-format on */

/*
 * The same with MemorySanitizer. Its own handler needs more stack than libmcsafe does. Its
 * sigaction(2) hangs in a child of fork(2) if another thread of the parent was in it:
 * sigaction_impl() of the runtime takes a lock, and no thread of the child can release it.
 */
/* clang-format off */
#define NOT_WITH_MSAN(test) {#test, T_MEMORY_SANITIZER ? t_left_out : test, NULL, NULL, NULL}
/* clang-format on */
void t_left_out(void **state);

/*
 * The same with both. Their runtimes put a handler of their own in front, which calls the other
 * one. So the kernel does not enter the handler of libmcsafe, and code of the runtime runs before
 * it.
 */
/* clang-format off */
#define NOT_WITH_RUNTIME_HANDLERS(test) \
 {#test, T_THREAD_SANITIZER || T_MEMORY_SANITIZER ? t_left_out : test, NULL, NULL, NULL}
/* clang-format on */

/* The same with valgrind. Include tool.h to use it. */
/* clang-format off */
#define NOT_WITH_VALGRIND(test) \
 {#test, t_with_valgrind() ? t_left_out_there : test, NULL, NULL, NULL}
/* clang-format on */

/* Both, of either of the above. */
/* clang-format off */
#define NOT_WITH_TSAN_OR_VALGRIND(test) \
 {#test, T_THREAD_SANITIZER ? t_left_out \
         : t_with_valgrind() ? t_left_out_there : test, NULL, NULL, NULL}
#define NOT_WITH_HANDLERS_OR_VALGRIND(test) \
 {#test, T_THREAD_SANITIZER || T_MEMORY_SANITIZER ? t_left_out \
         : t_with_valgrind() ? t_left_out_there : test, NULL, NULL, NULL}
/* clang-format on */

void t_left_out_there(void **state);

/* Say why, and exit with status 77, or with 1 if the environment has MCSAFE_NO_SKIP=1. */
void t_skip_all(const char *why) __attribute__((noreturn));

/* sigaction(2) in one line. mask: one signal to block in the handler; 0: none. */
void t_set_action(int signo, void (*handler)(int, siginfo_t *, void *), int flags, int mask);
void t_set_plain(int signo, void (*handler)(int), int flags);
struct sigaction t_get_action(int signo);

/* Same handler, mask and flags. SA_RESTORER is not compared: libc sets it, but not always. */
bool t_same_action(const struct sigaction *a, const struct sigaction *b);

#endif /* MCSAFE_TESTS_CHILD_H */
