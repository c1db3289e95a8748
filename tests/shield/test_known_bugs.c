/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_known_bugs.c - what handlers with stand-in pages in other projects get wrong
 *
 * libwayland, KWin, the X server, systemd and others have such handlers of their own. Each test is
 * named after a side effect that one of them has, and shows that a shield does not have it. Two
 * more are elsewhere: that systemd leaves BUS_MCEERR_AR alone needs real poison (tests/vm), and
 * that the X server walks its list without a lock needs threads (test_races.c).
 */
#include "run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "kit.h"
#include "poison.h"

static unsigned char byte_in_file(const struct s_file *file, size_t page)
{
	unsigned char byte = 0xee;

	CHECK_EQ(pread(file->fd, &byte, 1, (off_t)(page * T_PAGE)), 1);
	return byte;
}

/* ---- what is replaced ------------------------------------------------------------------------ */

/* One lost page took the client's whole pool away from the compositor. */
IN_CHILD(test_wayland_replaced_the_whole_pool)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 5);
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
	s_check_lost(shield, 5, S_PAGES);
	/* The good pages are still those of the file, for both sides. */
	s_check_page(file.map + 4 * T_PAGE, 5);
	s_store(file.map + 4 * T_PAGE, 0x61);
	CHECK_EQ(byte_in_file(&file, 4), 0x61);
	CHECK_EQ(pwrite(file.fd, "b", 1, 3 * (off_t)T_PAGE), 1);
	CHECK_EQ(s_load(file.map + 3 * T_PAGE), 'b');
}

/* What the client wrote after it had made the file longer again was never seen. */
IN_CHILD(test_xorg_did_not_see_later_growth)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 5);
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(pwrite(file.fd, "x", 1, 9 * (off_t)T_PAGE), 1);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, S_PAGES * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 'x');
	CHECK(!mcsafe_shield_next(shield, 0, NULL));
	/* From now on both sides see each other's stores. */
	s_store(file.map + 10 * T_PAGE, 0x62);
	CHECK_EQ(byte_in_file(&file, 10), 0x62);
}

/* The replacement could be written to, although the mapping could only be read. */
IN_CHILD(test_xorg_and_systemd_made_memory_writable)
{
	struct s_file file;

	s_watch();
	file.fd = s_make_file(1);
	file.map = s_map_file(file.fd, PROT_READ, MAP_SHARED);
	s_shield_of(&file);
	s_cut(&file, 5);
	CHECK_EQ(s_signal_of(file.map + 9 * T_PAGE), 0);
	CHECK_EQ(s_signal_of_store(file.map + 9 * T_PAGE), SIGSEGV);
}

/* Other stores of the program to a private mapping were lost with the replacement. */
IN_CHILD(test_wayland_lost_private_pages)
{
	struct s_file file = {.fd = s_make_file(1)};

	CHECK_EQ(mcsafe_install(), 0);
	file.map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	s_shield_of(&file);
	s_store(file.map + 2 * T_PAGE + 7, 0x5a);
	s_cut(&file, 5);
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 2 * T_PAGE + 7), 0x5a);
	CHECK_EQ(s_load(file.map + 2 * T_PAGE + 8), 3);
}

/* A fault anywhere was answered with zeros: "random zero page corruptions", systemd #16591. */
IN_CHILD(test_systemd_gave_zeros_to_any_memory)
{
	struct s_file file, other;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	other = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&other, 5);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
}

/* The registered range was taken to be as long as the mapping. */
IN_CHILD(test_an_address_past_the_end_was_replaced)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_with(
		file.map, 8 * T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	s_cut(&file, 5);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 7 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), SIGBUS);
	s_check_lost(shield, 5, 8);
}

/* ---- how often ------------------------------------------------------------------------------- */

/* The first fault in a segment cleared a flag. The next one ended the server. */
IN_CHILD(test_xorg_died_of_the_second_fault)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 10);
	CHECK_EQ(s_load(file.map + 12 * T_PAGE), 0);
	s_check_lost(shield, 10, S_PAGES);
	s_cut(&file, 5);
	CHECK_EQ(s_load(file.map + 7 * T_PAGE), 0);
	s_check_lost(shield, 5, S_PAGES);
}

/* systemd's own test: touches of pages past the end, of which two are in the same page. */
IN_CHILD(test_systemd_told_each_page_once)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 8);
	s_check_page(file.map + 7 * T_PAGE, 8);
	CHECK_EQ(s_load(file.map + 8 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 8 * T_PAGE + 99), 0);
	CHECK_EQ(s_load(file.map + 10 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 8 * T_PAGE);
	s_check_lost(shield, 8, S_PAGES);
}

#define MANY 200

/* Its queue holds 64 pages. The others are replaced and not told. */
IN_CHILD(test_many_losses)
{
	unsigned char *map = mmap(NULL, MANY * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_shield *shield;
	struct mcsafe_range range;
	size_t at = 0;

	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(map, MANY * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 1; i < MANY; i += 2)
		s_poison(map + i * T_PAGE, T_PAGE);
	for (size_t i = 0; i < MANY; i++)
		CHECK_EQ(s_load(map + i * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), MANY / 2 * T_PAGE);
	for (size_t i = 1; i < MANY; i += 2) {
		CHECK(mcsafe_shield_next(shield, at, &range));
		CHECK_EQ(range.start, i * T_PAGE);
		CHECK_EQ(range.len, T_PAGE);
		at = range.start + range.len;
	}
	CHECK(!mcsafe_shield_next(shield, at, &range));
}

static void test_systemd_told_no_more_than_64_pages(void **state)
{
	void *page = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = s_try_to_poison(page, T_PAGE);

	CHECK_EQ(munmap(page, T_PAGE), 0);
	if (err != 0)
		t_skip("a single page cannot be poisoned here: %s", strerror(-err));
	test_many_losses(state);
}

/* ---- who is protected ------------------------------------------------------------------------ */

static void *load_in_thread(void *at)
{
	return (void *)(uintptr_t)s_load(at);
}

/* Only the thread that had called begin_access was protected. */
IN_CHILD(test_wayland_protected_one_thread)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	pthread_t threads[2];
	void *byte;

	s_cut(&file, 5);
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, load_in_thread, file.map + 9 * T_PAGE),
			 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(pthread_join(threads[i], &byte), 0);
		CHECK_PTR_EQ(byte, NULL);
	}
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 5) * T_PAGE);
}

/* Access to a second pool ended the compositor. Here one instruction fails in two. */
IN_CHILD(test_wayland_allowed_one_pool_at_a_time)
{
	struct s_file from = s_open_file(), to = s_open_file();
	struct mcsafe_shield *of_from = s_shield_of(&from), *of_to = s_shield_of(&to);
	const unsigned char *src = from.map + 4 * T_PAGE;
	unsigned char *dst = to.map + 4 * T_PAGE;
	size_t n = 3 * T_PAGE;

	s_cut(&from, 5);
	s_cut(&to, 6);
	__asm__ volatile("rep movsb" : "+S"(src), "+D"(dst), "+c"(n)::"memory");
	CHECK_EQ(n, 0u);
	s_check_page(to.map + 4 * T_PAGE, 5);
	s_check_page(to.map + 5 * T_PAGE, 0);
	s_check_page(to.map + 6 * T_PAGE, 0);
	s_check_lost(of_from, 5, S_PAGES);
	s_check_lost(of_to, 6, S_PAGES);
}

/* The pool was unmapped, and its entry stayed. */
IN_CHILD(test_kwin_faulted_after_the_buffer_was_destroyed)
{
	struct s_file file, other;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	CHECK_EQ(munmap(file.map, S_PAGES * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map), SIGSEGV);
	/* What is mapped there next is not the shield's. */
	other.fd = s_make_file(1);
	other.map =
		mmap(file.map, S_PAGES * T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, other.fd, 0);
	CHECK_PTR_EQ(other.map, file.map);
	s_cut(&other, 5);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(other.map), 0);
}

/* ---- beside other handlers ------------------------------------------------------------------- */

static void own_handler(int signo, siginfo_t *si, void *context)
{
	if (mcsafe_handle_signal(signo, si, context))
		return;
	s_passed = *si;
	siglongjmp(s_passed_on, 1);
}

/* A handler that the compositor had installed itself disarmed the library's. */
IN_CHILD(test_wayland_worked_without_other_handlers_only)
{
	struct s_file file = s_open_file(), other = s_open_file();

	t_set_action(SIGBUS, own_handler, SA_SIGINFO, 0);
	s_shield_of(&file);
	s_cut(&file, 5);
	s_cut(&other, 5);
	CHECK_EQ(s_signal_of(file.map + 9 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 10 * T_PAGE), 0);
}

/* A fault of others removed the handler, and was raised again without its address. */
IN_CHILD(test_wayland_and_systemd_raised_the_signal_anew)
{
	struct s_file file, other;

	s_watch();
	file = s_open_file();
	other = s_open_file();
	s_shield_of(&file);
	s_cut(&other, 5);
	CHECK_EQ(s_signal_of(other.map + 9 * T_PAGE + 3), SIGBUS);
	CHECK_EQ(s_passed.si_code, BUS_ADRERR);
	CHECK_PTR_EQ(s_passed.si_addr, other.map + 9 * T_PAGE + 3);
	CHECK(mcsafe_installed());
	s_cut(&file, 5);
	CHECK_EQ(s_signal_of(file.map + 9 * T_PAGE), 0);
}

static volatile sig_atomic_t plain_calls;

static void plain_handler(int signo)
{
	plain_calls += signo == SIGBUS;
	siglongjmp(s_passed_on, 1);
}

/* A previous handler of one argument was called with three, whatever its flags said. */
IN_CHILD(test_xorg_ignored_the_flags_of_the_previous_handler)
{
	struct s_file file, other;

	t_set_plain(SIGBUS, plain_handler, 0);
	file = s_open_file();
	other = s_open_file();
	s_shield_of(&file);
	s_cut(&other, 5);
	if (sigsetjmp(s_passed_on, 1) == 0) {
		(void)s_load(other.map + 9 * T_PAGE);
		UNREACHED("the signal was swallowed");
	}
	CHECK_EQ(plain_calls, 1);
}

/* Where the previous action was the default one, a null pointer was called. */
static void fault_elsewhere(void *action)
{
	struct s_file file, other;

	t_set_plain(SIGBUS, *(void (**)(int))action, 0);
	file = s_open_file();
	other = s_open_file();
	s_shield_of(&file);
	s_cut(&other, 5);
	(void)s_load(other.map + 9 * T_PAGE);
}

static void test_xorg_called_the_default_action(void **state)
{
	void (*actions[])(int) = {SIG_DFL, SIG_IGN};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(actions); i++)
		t_dies(fault_elsewhere, &actions[i], SIGBUS);
}

/* kill(2) has no address. The signal was taken for a fault, or lost. */
static void send_to_self(void *arg)
{
	struct s_file file = s_open_file();

	(void)arg;
	s_shield_of(&file);
	CHECK_EQ(kill(getpid(), SIGBUS), 0);
	(void)s_load(file.map);
}

static void test_a_signal_of_kill_was_swallowed(void **state)
{
	(void)state;
	t_dies(send_to_self, NULL, SIGBUS);
}

/* ---- the handler itself ---------------------------------------------------------------------- */

/* mmap(2) in the handler changed errno of the interrupted code, or the mask was not put back. */
IN_CHILD(test_handlers_changed_errno_and_the_mask)
{
	struct s_file file = s_open_file();
	sigset_t before, after, usr1;

	s_shield_of(&file);
	s_cut(&file, 5);
	CHECK_EQ(sigemptyset(&usr1), 0);
	CHECK_EQ(sigaddset(&usr1, SIGUSR1), 0);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	errno = ENOTTY;
	(void)s_load(file.map + 9 * T_PAGE);
	CHECK_EQ(errno, ENOTTY);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	for (int signo = 1; signo < 32; signo++)
		CHECK_EQ(sigismember(&after, signo), sigismember(&before, signo));
}

static const unsigned char *nested_at;
static volatile sig_atomic_t nested_byte;

static void load_in_handler(int signo)
{
	(void)signo;
	nested_byte = s_load(nested_at);
}

/* A fault in another signal handler, or in the function that is told of a loss. */
IN_CHILD(test_a_fault_in_a_handler_was_fatal)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 5);
	t_set_plain(SIGUSR1, load_in_handler, 0);
	nested_at = file.map + 9 * T_PAGE;
	nested_byte = 0xee;
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(nested_byte, 0);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 5) * T_PAGE);
}

static void load_when_told(const struct mcsafe_range *lost, void *at)
{
	(void)lost;
	nested_byte = s_load(at);
}

IN_CHILD(test_a_fault_in_the_callback_was_fatal)
{
	struct s_file file = s_open_file(), other = s_open_file();
	struct mcsafe_shield *of_other = s_shield_of(&other);

	s_shield_with(file.map, S_PAGES * T_PAGE,
		      (struct mcsafe_shield_options){.on_loss = load_when_told,
						     .arg = other.map + 9 * T_PAGE});
	s_cut(&file, 5);
	s_cut(&other, 5);
	nested_byte = 0xee;
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
	CHECK_EQ(nested_byte, 0);
	CHECK_EQ(mcsafe_shield_lost(of_other), (S_PAGES - 5) * T_PAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wayland_replaced_the_whole_pool),
		cmocka_unit_test(test_xorg_did_not_see_later_growth),
		cmocka_unit_test(test_xorg_and_systemd_made_memory_writable),
		cmocka_unit_test(test_wayland_lost_private_pages),
		cmocka_unit_test(test_systemd_gave_zeros_to_any_memory),
		cmocka_unit_test(test_an_address_past_the_end_was_replaced),
		cmocka_unit_test(test_xorg_died_of_the_second_fault),
		cmocka_unit_test(test_systemd_told_each_page_once),
		cmocka_unit_test(test_systemd_told_no_more_than_64_pages),
		cmocka_unit_test(test_wayland_protected_one_thread),
		cmocka_unit_test(test_wayland_allowed_one_pool_at_a_time),
		cmocka_unit_test(test_kwin_faulted_after_the_buffer_was_destroyed),
		cmocka_unit_test(test_wayland_worked_without_other_handlers_only),
		cmocka_unit_test(test_wayland_and_systemd_raised_the_signal_anew),
		cmocka_unit_test(test_xorg_ignored_the_flags_of_the_previous_handler),
		cmocka_unit_test(test_xorg_called_the_default_action),
		cmocka_unit_test(test_a_signal_of_kill_was_swallowed),
		cmocka_unit_test(test_handlers_changed_errno_and_the_mask),
		NOT_WITH_TSAN(test_a_fault_in_a_handler_was_fatal),
		NOT_WITH_TSAN(test_a_fault_in_the_callback_was_fatal),
	};

	return t_run("shield.known_bugs", tests, T_LENGTH(tests));
}
