/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_machine_check.c - signals as real machine checks raise them, and signals that look alike
 *
 * A child copies from and to a file that was truncated. The SIGBUS is real. Before the child gets
 * it, a tracer rewrites the siginfo to what a kernel says of a machine check: the start of the page
 * and not the byte, the size of the page, no address at all, or the address of another mapping of
 * the same memory.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/copy.h>
#include <mcsafe/handler.h>

#include "child.h"
#include "landing/extable.h"
#include "pattern.h"
#include "run.h"
#include "signal_editor.h"
#include "sweep.h"
#include "witness.h"

/* What both processes see. */
struct stage {
	struct t_report say; /* for the next signals; lsb is set even if it means nothing */
	bool once;           /* rewrite only the first of them */
	unsigned rewritten;

	size_t trials;
	char failure[512];
	struct t_sighting seen; /* of a signal that did not land */
};

static struct stage *stage;

static void rewrite(void *arg, siginfo_t *si)
{
	(void)arg;
	if (stage->once && stage->rewritten != 0)
		return;
	stage->rewritten++;
	/* The signal number stays: siginfo and delivery must agree. */
	si->si_code = stage->say.code;
	si->si_addr_lsb = (short)stage->say.lsb;
	if (!stage->say.exact)
		si->si_addr = (void *)stage->say.addr;
}

static _Noreturn void fail_in_child(const struct t_trial *trial, const char *complaint)
{
	char text[256];

	t_trial_describe(trial, text, sizeof(text));
	snprintf(stage->failure, sizeof(stage->failure), "%s: %s", text, complaint);
	_exit(1);
}

/* Runs in a child, whose exit status must be 0. */
static void trace(void (*run)(void *arg), void *arg)
{
	int status;

	stage->failure[0] = '\0';
	status = t_edit_signals(run, rewrite, arg);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child's wait status is %#x: code %d lsb %u: %s", (unsigned)status,
			 stage->say.code, stage->say.lsb, stage->failure);
}

static void open_stage(void)
{
	if (stage == NULL)
		stage = t_shared(sizeof(*stage));
	memset(stage, 0, sizeof(*stage));
}

/* ---- what lands --------------------------------------------------------------------------- */

enum address { EXACT, PAGE_START, NO_ADDRESS, ANOTHER_MAPPING, OTHER_OPERAND };

/* What the kernel could say. The cause and the extent follow from the table of fault.h. */
static const struct wording {
	const char *kind; /* the fault that is rewritten; it gives the signal's number */
	int code;
	unsigned lsb;
	enum address address;
	enum mcsafe_cause cause;
	size_t extent;
} wordings[] = {
	/* consumed by this load: the page, by reverse mapping */
	{"truncated", BUS_MCEERR_AR, 12, PAGE_START, MCSAFE_CAUSE_POISON, 4096},
	{"truncated", BUS_MCEERR_AR, 21, PAGE_START, MCSAFE_CAUSE_POISON, 2097152},
	{"truncated", BUS_MCEERR_AR, 30, PAGE_START, MCSAFE_CAUSE_POISON, 1073741824},
	/* known to be bad: the byte */
	{"truncated", BUS_MCEERR_AR, 12, EXACT, MCSAFE_CAUSE_POISON, 4096},
	{"truncated", BUS_MCEERR_AR, 21, EXACT, MCSAFE_CAUSE_POISON, 2097152},
	/* finer than a page; unknown; values of no kernel: no extent of 1, no shift by 64 */
	{"truncated", BUS_MCEERR_AR, 6, PAGE_START, MCSAFE_CAUSE_POISON, 64},
	{"truncated", BUS_MCEERR_AR, 0, PAGE_START, MCSAFE_CAUSE_POISON, 0},
	{"truncated", BUS_MCEERR_AR, 64, PAGE_START, MCSAFE_CAUSE_POISON, 0},
	/* the page is mapped twice, or there is nothing to tell */
	{"truncated", BUS_MCEERR_AR, 12, ANOTHER_MAPPING, MCSAFE_CAUSE_POISON, 4096},
	{"truncated", BUS_MCEERR_AR, 12, OTHER_OPERAND, MCSAFE_CAUSE_POISON, 4096},
	{"truncated", BUS_MCEERR_AR, 12, NO_ADDRESS, MCSAFE_CAUSE_POISON, 4096},
	{"truncated", SI_KERNEL, 0, NO_ADDRESS, MCSAFE_CAUSE_UNKNOWN, 0},
	/* the lsb means something for machine checks only */
	{"truncated", BUS_ADRERR, 12, EXACT, MCSAFE_CAUSE_IO, 0},
	{"truncated", BUS_OBJERR, 0, EXACT, MCSAFE_CAUSE_IO, 0},
	{"truncated", BUS_OBJERR, 12, PAGE_START, MCSAFE_CAUSE_IO, 0},
	{"truncated", 0x7f, 0, EXACT, MCSAFE_CAUSE_UNKNOWN, 0},
	{"prot_none", SEGV_PKUERR, 0, EXACT, MCSAFE_CAUSE_PKEY, 0},
	{"prot_none", SEGV_MAPERR, 0, EXACT, MCSAFE_CAUSE_UNMAPPED, 0},
	/* the same numbers as BUS_OBJERR and BUS_MCEERR_AR, but of the other signal */
	{"prot_none", SEGV_BNDERR, 0, EXACT, MCSAFE_CAUSE_UNKNOWN, 0},
	{"prot_none", SEGV_PKUERR, 12, PAGE_START, MCSAFE_CAUSE_PKEY, 0},
	{"prot_none", 0x7f, 0, EXACT, MCSAFE_CAUSE_UNKNOWN, 0},
};

static const ptrdiff_t distances[] = {0,  1,  2,  3,  7,  8,  9,   15,  16,  17,
				      31, 32, 33, 63, 64, 65, 100, 127, 128, 129};
static const size_t lengths[] = {1, 7, 8, 9, 24, 65, 130, 258};

static uintptr_t address_of(enum address address, const struct t_region *bad,
			    const struct t_region *other)
{
	switch (address) {
	case PAGE_START:
		return (uintptr_t)bad->bad;
	case ANOTHER_MAPPING:
		return (uintptr_t)bad->bad + UINT64_C(0x10000000000);
	case OTHER_OPERAND:
		return (uintptr_t)other->good;
	default:
		return 0;
	}
}

static void try_distances(struct sweep *sweep, ptrdiff_t *bad, ptrdiff_t *good)
{
	for (size_t d = 0; d < T_LENGTH(distances); d++)
		for (size_t l = 0; l < T_LENGTH(lengths); l++) {
			size_t left;
			const char *complaint;

			*bad = distances[d];
			*good = sweep_good_distance((d + l) % 16);
			sweep->trial.n = lengths[l];
			stage->trials++;
			stage->rewritten = 0;
			complaint = t_trial_run(&sweep->trial, &left);
			if (complaint == NULL && (stage->rewritten != 0) != (left != 0))
				complaint = "not every fault was rewritten";
			if (complaint != NULL)
				fail_in_child(&sweep->trial, complaint);
		}
}

/* One side of the copies is bad. */
struct scene {
	struct sweep sweep;
	enum mcsafe_side side;
	bool of_loads;    /* no kernel says of a store what is said here */
	bool unwitnessed; /* also signals that are no faults come */
};

static void try_copies(void *arg)
{
	struct scene *scene = arg;
	struct t_trial *trial = &scene->sweep.trial;
	const struct t_copy *copy = NULL;

	t_install();
	while ((copy = sweep_next(copy, T_SIDE(scene->side))) != NULL) {
		/* The instruction loads and stores: what the kernel says decides. */
		if (scene->of_loads && copy->is.rep_movsb)
			continue;
		trial->copy = copy;
		trial->witnessed = !scene->unwitnessed && t_copy_is_engine(copy);
		if (trial->witnessed)
			t_witness_start();
		if (scene->side == MCSAFE_SIDE_SOURCE)
			try_distances(&scene->sweep, &trial->src_distance, &trial->dst_distance);
		else
			try_distances(&scene->sweep, &trial->dst_distance, &trial->src_distance);
		if (trial->witnessed)
			t_witness_stop();
	}
}

static struct t_region *bad_region(struct scene *scene)
{
	return scene->side == MCSAFE_SIDE_SOURCE ? &scene->sweep.src : &scene->sweep.dst;
}

static void open_scene(struct scene *scene, const char *kind, enum mcsafe_side side)
{
	const struct t_fault_kind *bad = t_fault_kind(kind), *far = t_fault_kind("prot_none");

	memset(scene, 0, sizeof(*scene));
	scene->side = side;
	if (side == MCSAFE_SIDE_SOURCE)
		sweep_open(&scene->sweep, bad, far, 1);
	else
		sweep_open(&scene->sweep, far, bad, 1);
}

static void try_wording(const struct wording *wording, enum mcsafe_side side)
{
	struct scene scene;
	struct t_region *bad;
	struct t_report real, said;

	open_scene(&scene, wording->kind, side);
	/* Only a load raises a machine check. A store to a page that the kernel knows to be lost is
	 * a page fault, of an exact address. */
	scene.of_loads = side == MCSAFE_SIDE_DESTINATION && wording->address != EXACT &&
			 (wording->code == BUS_MCEERR_AR || wording->code == SI_KERNEL);
	bad = bad_region(&scene);
	real = bad->load;
	said = (struct t_report){
		.signo = real.signo,
		.code = wording->code,
		.lsb = wording->lsb,
		.exact = wording->address == EXACT,
		.addr = address_of(wording->address, bad,
				   side == MCSAFE_SIDE_SOURCE ? &scene.sweep.dst
							      : &scene.sweep.src),
	};
	stage->say = said;
	if (wording->cause != MCSAFE_CAUSE_POISON)
		said.lsb = 0;
	assert_int_equal(t_report_cause(&said), wording->cause);
	assert_int_equal(t_report_extent(&said), wording->extent);
	bad->load = bad->store = said;
	scene.sweep.trial.machine_check = side == MCSAFE_SIDE_SOURCE && !said.exact;
	trace(try_copies, &scene);
	bad->load = bad->store = real;
	sweep_close(&scene.sweep);
}

static void try_wordings(enum mcsafe_side side)
{
	open_stage();
	for (size_t i = 0; i < T_LENGTH(wordings); i++)
		try_wording(&wordings[i], side);
	print_message("%zu wordings, %zu copies\n", T_LENGTH(wordings), stage->trials);
}

static void test_source_count_comes_from_registers(void **state)
{
	(void)state;
	try_wordings(MCSAFE_SIDE_SOURCE);
}

static void test_destination_count_comes_from_registers(void **state)
{
	(void)state;
	try_wordings(MCSAFE_SIDE_DESTINATION);
}

/* ---- what does not land --------------------------------------------------------------------- */

/* The signal is sent to the thread at a row. It still is not a fault of that access. */
static const struct notice {
	const char *kind;
	int code;
} notices[] = {
	{"truncated", BUS_MCEERR_AO},
	{"truncated", SI_USER},
	{"truncated", SI_QUEUE},
	{"truncated", SI_TKILL},
	{"truncated", SI_TIMER},
	{"prot_none", SI_USER},
	{"prot_none", SI_QUEUE},
	{"prot_none", SI_TKILL},
	/* a misaligned access; a SIGSEGV that the kernel forces, without a protection fault */
	{"truncated", BUS_ADRALN},
	{"prot_none", SI_KERNEL},
};

static sigjmp_buf after_notice;

static void on_notice(int signo, siginfo_t *si, void *ctx)
{
	stage->seen = (struct t_sighting){
		.signo = signo,
		.code = si->si_code,
		.addr = (uintptr_t)si->si_addr,
		.ip = (uintptr_t)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP],
	};
	siglongjmp(after_notice, 1);
}

static void install_on(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	t_install();
}

/* All that is known of the operands is that n bytes from there on are too many. */
static void copy_into_bad_memory(const struct scene *scene, const struct t_copy *copy,
				 ptrdiff_t distance, size_t n)
{
	ptrdiff_t good = sweep_good_distance(0);
	int source = scene->side == MCSAFE_SIDE_SOURCE;
	unsigned char *src = scene->sweep.src.bad - (source ? distance : good);
	unsigned char *dst = scene->sweep.dst.bad - (source ? good : distance);
	uint64_t args[4], record[sizeof(struct mcsafe_fault) / sizeof(uint64_t)];
	struct t_state state;

	t_copy_arguments(copy, args, dst, src, n, record);
	t_state_init(&state);
	t_state_call(&state, copy->fn, args[0], args[1], args[2], args[3]);
}

static void expect_previous_handler(struct scene *scene, const struct t_copy *copy,
				    ptrdiff_t distance)
{
	struct t_trial *trial = &scene->sweep.trial;
	const struct mcsafe_row *row;

	trial->copy = copy;
	trial->n = 64;
	trial->src_distance = trial->dst_distance = distance;
	memset(&stage->seen, 0, sizeof(stage->seen));
	if (sigsetjmp(after_notice, 1) == 0) {
		copy_into_bad_memory(scene, copy, distance, trial->n);
		fail_in_child(trial, "it landed");
	}
	row = mcsafe__extable_find(stage->seen.ip);
	if (stage->seen.signo != bad_region(scene)->load.signo ||
	    stage->seen.code != stage->say.code)
		fail_in_child(trial, "the previous handler saw another signal");
	if (row == NULL || !(row->kind & (uint32_t)scene->side))
		fail_in_child(trial, "the signal was not raised at a row");
}

static void try_notice(void *arg)
{
	struct scene *scene = arg;
	const struct t_copy *copy = NULL;

	install_on(on_notice);
	while ((copy = sweep_next(copy, T_SIDE(scene->side))) != NULL)
		for (ptrdiff_t distance = 0; distance < 24; distance++) {
			expect_previous_handler(scene, copy, distance);
			stage->trials++;
		}
}

static void try_notices(enum mcsafe_side side)
{
	for (size_t i = 0; i < T_LENGTH(notices); i++) {
		struct scene scene;

		open_scene(&scene, notices[i].kind, side);
		stage->say = (struct t_report){.code = notices[i].code, .exact = true};
		trace(try_notice, &scene);
		t_region_fill(&scene.sweep.dst, t_fill);
		sweep_close(&scene.sweep);
	}
}

static void test_notices_reach_the_previous_handler(void **state)
{
	(void)state;
	open_stage();
	try_notices(MCSAFE_SIDE_SOURCE);
	try_notices(MCSAFE_SIDE_DESTINATION);
	print_message("%zu codes, %zu copies\n", T_LENGTH(notices), stage->trials);
}

/*
 * Without a previous handler, a notice of BUS_MCEERR_AO is dropped. The instruction runs again.
 * This time the fault is its own, so the copy lands.
 */
static void test_a_dropped_notice_costs_nothing(void **state)
{
	struct scene scene;

	(void)state;
	open_stage();
	for (enum mcsafe_side side = MCSAFE_SIDE_SOURCE; side <= MCSAFE_SIDE_DESTINATION; side++) {
		open_scene(&scene, "truncated", side);
		scene.unwitnessed = true;
		stage->say = (struct t_report){.code = BUS_MCEERR_AO, .lsb = 12, .exact = true};
		stage->once = true;
		trace(try_copies, &scene);
		sweep_close(&scene.sweep);
	}
	print_message("%zu copies\n", stage->trials);
}

static void copy_and_die(void *arg)
{
	const struct scene *scene = arg;

	t_install();
	copy_into_bad_memory(scene, scene->sweep.trial.copy, 20, 64);
}

/* A signal that was sent kills, as it would without libmcsafe, wherever it hits. */
static void test_a_sent_signal_kills(void **state)
{
	struct scene scene;

	(void)state;
	open_stage();
	for (size_t i = 0; i < T_LENGTH(notices); i++) {
		int status, signo;

		if (notices[i].code > 0)
			continue;
		open_scene(&scene, notices[i].kind, MCSAFE_SIDE_SOURCE);
		scene.sweep.trial.copy = &t_copies[0];
		signo = scene.sweep.src.load.signo;
		stage->say = (struct t_report){.code = notices[i].code, .exact = true};
		status = t_edit_signals(copy_and_die, rewrite, &scene);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signo);
		sweep_close(&scene.sweep);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_count_comes_from_registers),
		cmocka_unit_test(test_destination_count_comes_from_registers),
		cmocka_unit_test(test_notices_reach_the_previous_handler),
		cmocka_unit_test(test_a_dropped_notice_costs_nothing),
		cmocka_unit_test(test_a_sent_signal_kills),
	};

	return t_run("copy.machine_check", tests, T_LENGTH(tests));
}
