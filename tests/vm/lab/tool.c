/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tool.c - the command mcsafe on memory that is poisoned while the command reads it
 *
 * The file has two bad places. The first is met as a machine check, by a load of the command. The
 * kernel knows the second one beforehand. What the command writes is compared with the content that
 * the lab has given the file, and each SIGBUS of the command is counted by ptrace(2).
 */
#include "lab.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM    "/bin/mcsafe_lab"
#define OUTPUT     "/tmp/tool.out"
#define MESSAGES   "/tmp/tool.err"
#define IMAGE      "/tmp/tool.image"
#define MAP        "/tmp/tool.map"
#define MIRROR     "/tmp/tool.mirror"
#define LIST       "/tmp/tool.list"
#define STATE      "/tmp/tool.state"
#define WORDS_MAX  16
#define RANGES_MAX 8
#define KNOWN      (2 * T_HUGE + 3 * T_PAGE) /* the page with the second bad place */

struct range {
	size_t start, len;
};

struct ranges {
	struct range list[RANGES_MAX];
	size_t n;
};

/* The file of a scenario. */
struct medium {
	struct lab_mapping mapping;
	const char *path;
	struct lab_target poison;
};

/* What became of a command. */
struct ended {
	int status;       /* as of a shell */
	unsigned signals; /* the number of SIGBUS */
};

/* ---- run the command ------------------------------------------------------------------------- */

static void redirect(int fd, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	lab_need(file != -1 && dup2(file, fd) == fd, "cannot write to %s", path);
}

static _Noreturn void become(const struct medium *watched, char **words)
{
	char watch[256];

	if (watched != NULL) {
		snprintf(watch, sizeof(watch), "%zx,%" PRIx64 ",%s", (size_t)LAB_MAPPING_LINE,
			 watched->poison.physical, watched->path);
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): this process has one thread. */
		lab_need(setenv("LAB_WATCH", watch, 1) == 0, "setenv");
	}
	fflush(stdout);
	redirect(STDOUT_FILENO, OUTPUT);
	redirect(STDERR_FILENO, MESSAGES);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		execv(PROGRAM, words);
	_exit(127);
}

/*
 * Run the command with words that are separated by spaces. The loads of the command meet poison in
 * the file `watched`, unless it is NULL. With `interrupt`, SIGTERM follows the first SIGBUS.
 */
static struct ended run(const struct medium *watched, bool interrupt, const char *line)
{
	char text[512], *words[WORDS_MAX + 1] = {"mcsafe"}, *next = NULL;
	struct ended ended = {0};
	size_t n = 1;
	int status;
	pid_t child;

	lab_need(strlen(line) < sizeof(text), "a long command");
	strcpy(text, line); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits */
	for (char *word = strtok_r(text, " ", &next); word != NULL && n < WORDS_MAX;
	     word = strtok_r(NULL, " ", &next))
		words[n++] = word;
	child = fork();
	lab_need(child != -1, "fork");
	if (child == 0)
		become(watched, words);
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		int signo = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);

		lab_need(ptrace(PTRACE_CONT, child, NULL, (void *)(intptr_t)signo) == 0, "ptrace");
		if (signo == SIGBUS && ended.signals++ == 0 && interrupt)
			lab_need(kill(child, SIGTERM) == 0, "kill");
	}
	ended.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return ended;
}

/* Run it with a machine check in the middle. The poison must be met, and never again. */
static struct ended run_into_poison(const struct medium *medium, bool interrupt, const char *line)
{
	struct ended ended;
	struct lab_events events;

	ended = run(medium, interrupt, line);
	events = lab_disarm();
	lab_check(events.injected == 1, "%s: %u machine checks", line, events.injected);
	lab_check(events.touched == 0, "%s: the line was read %u times more", line, events.touched);
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 1,
		  "%s: not one machine check in the kernel's log", line);
	if (medium->mapping.pmem)
		lab_wait_bad_blocks(medium->poison.physical);
	return ended;
}

static void tell(const char *key, struct ended ended)
{
	lab_fact(key, "exit status %d, %u signals", ended.status, ended.signals);
}

/* ---- what the command has written ------------------------------------------------------------ */

static void add(struct ranges *ranges, size_t start, size_t len)
{
	lab_need(ranges->n < RANGES_MAX, "too many ranges");
	ranges->list[ranges->n++] = (struct range){start, len};
}

/* The ranges as "START+LENGTH" in bytes, or "nothing". Valid until the next call. */
static const char *in_words(const struct ranges *ranges)
{
	static char text[512];
	size_t n = 0;

	for (size_t i = 0; i < ranges->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%zu+%zu", n != 0 ? " " : "",
				      ranges->list[i].start, ranges->list[i].len);
	return n != 0 ? text : "nothing";
}

static FILE *reading(const char *path)
{
	FILE *file = fopen(path, "re");

	lab_need(file != NULL, "cannot read %s", path);
	return file;
}

/* The lines "  N bytes at offset M: WHY" that copy and cat write to standard error. */
static struct ranges told_lost(void)
{
	FILE *file = reading(MESSAGES);
	struct ranges lost = {.n = 0};
	char line[512];
	size_t start, len;

	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "  %zu bytes at offset %zu:", &len, &start) == 2)
			add(&lost, start, len);
	fclose(file);
	return lost;
}

/*
 * The bad blocks of a map file of ddrescue: after the heading and the line of the status, each line
 * has a start, a length and a status. All must be tried up to LAB_MAPPING_SIZE, and nothing more: a
 * device is longer.
 */
static struct ranges mapped_lost(void)
{
	FILE *file = reading(MAP);
	struct ranges lost = {.n = 0};
	char line[512], status;
	size_t start, len, end = 0;
	bool began = false;

	while (fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '#')
			continue;
		if (!began) {
			began = true;
			continue;
		}
		lab_need(sscanf(line, "%zx %zx %c", &start, &len, &status) == 3, "map: %s", line);
		lab_check(status == '?' ? start == LAB_MAPPING_SIZE
					: start == end && (status == '+' || status == '-'),
			  "map: %s", line);
		if (status != '?')
			end = start + len;
		if (status == '-')
			add(&lost, start, len);
	}
	fclose(file);
	lab_check(end == LAB_MAPPING_SIZE, "the map ends at %zu", end);
	return lost;
}

/* The lines of a list: start and length, after a heading. */
static struct ranges listed(const char *path)
{
	FILE *file = reading(path);
	struct ranges bad = {.n = 0};
	char line[512];
	size_t start, len;

	while (fgets(line, sizeof(line), file) != NULL)
		if (line[0] != '#' && sscanf(line, "%zu %zu", &start, &len) == 2)
			add(&bad, start, len);
	fclose(file);
	return bad;
}

/* The first line of a file that begins with `start`, without it. Empty: there is none. */
static const char *line_of(const char *path, const char *start)
{
	static char line[512];
	FILE *file = reading(path);
	char *found = NULL;

	while (found == NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, start, strlen(start)) == 0)
			found = line + strlen(start);
	fclose(file);
	if (found == NULL)
		return "";
	found[strcspn(found, "\n")] = '\0';
	return found;
}

static bool has(const struct ranges *ranges, size_t start, size_t len)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (ranges->list[i].start <= start &&
		    start + len <= ranges->list[i].start + ranges->list[i].len)
			return true;
	return false;
}

/* Compare an image with the content of the file: zeros where it is lost, and all else is right. */
static void check_image(const char *what, const char *path, const struct ranges *lost)
{
	unsigned char *image = malloc(LAB_MAPPING_SIZE + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t got;

	lab_need(image != NULL && fd != -1, "cannot read %s", path);
	if (image == NULL) /* the analyzer does not know that lab_need() ends the program */
		return;
	got = read(fd, image, LAB_MAPPING_SIZE + 1);
	close(fd);
	lab_check(got == (ssize_t)LAB_MAPPING_SIZE, "%s: %zd bytes", what, got);
	if (got != (ssize_t)LAB_MAPPING_SIZE)
		memset(image, FILL, LAB_MAPPING_SIZE);
	for (size_t i = 0; i < lost->n; i++) {
		const struct range *range = &lost->list[i];

		lab_need(at <= range->start && range->start + range->len <= LAB_MAPPING_SIZE,
			 "%s: ranges in disorder", what);
		lab_check(lab_is_right(image + at, at, range->start - at), "%s: wrong before %zu",
			  what, range->start);
		for (size_t n = 0; n < range->len; n++)
			if (image[range->start + n] != 0) {
				lab_check(false, "%s: no zero at %zu", what, range->start + n);
				break;
			}
		at = range->start + range->len;
	}
	lab_check(lab_is_right(image + at, at, LAB_MAPPING_SIZE - at), "%s: wrong after %zu", what,
		  at);
	free(image);
}

/* ---- the file -------------------------------------------------------------------------------- */

static const char *path_of(const char *kind)
{
	static const char *const paths[][2] = {{"tmpfs", "/tmp/lab"},
					       {"hugetlbfs", "/mnt/huge/lab"},
					       {"dax-2m", "/mnt/pmem/lab"},
					       {"devdax", "/dev/dax0.0"}};

	for (size_t i = 0; i < T_LENGTH(paths); i++)
		if (strcmp(paths[i][0], kind) == 0)
			return paths[i][1];
	lab_need(false, "no path for memory of kind %s", kind);
	return NULL;
}

static struct medium medium_of(const char *kind)
{
	struct medium medium = {.path = path_of(kind)};
	unsigned char *known;
	int fd;

	if (access(PROGRAM, X_OK) != 0) {
		printf("there is no " PROGRAM ": the command mcsafe was not built\n");
		exit(77);
	}
	medium.mapping = lab_mapping(kind);
	medium.poison = lab_target(medium.mapping.base + LAB_MAPPING_LINE);
	known = medium.mapping.base + KNOWN;
	if (medium.mapping.pmem)
		lab_inject(lab_physical(known) + 2 * LAB_SECTOR, 3);
	else
		lab_lose_page(known);
	fd = open(MIRROR, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	lab_need(fd != -1 && lab_write_right(fd, 0, LAB_MAPPING_SIZE) == LAB_MAPPING_SIZE &&
			 close(fd) == 0,
		 "cannot write " MIRROR);
	lab_kernel_log("");
	return medium;
}

static void remove_files(const struct medium *medium)
{
	static const char *const files[] = {OUTPUT, MESSAGES, IMAGE, MAP, MIRROR, LIST, STATE};

	lab_mapping_remove(&medium->mapping);
	for (size_t i = 0; i < T_LENGTH(files); i++)
		(void)unlink(files[i]);
}

static void command(char *line, size_t room, const char *words, const char *path)
{
	int n = snprintf(line, room, "%s %s", words, path);

	lab_need(n > 0 && (size_t)n < room, "a long command");
}

static void ask(const struct medium *medium, const char *key)
{
	char line[512];
	struct ended ended;
	struct ranges bad;

	command(line, sizeof(line), "badblocks", medium->path);
	ended = run(NULL, false, line);
	bad = listed(OUTPUT);
	lab_fact(key, "exit status %d, %s", ended.status, in_words(&bad));
	lab_check(ended.signals == 0, "badblocks: %u signals", ended.signals);
}

/*
 * Repair, and say what became of it. Then copy all of the file, and say what is lost still. It must
 * have zeros in the ranges `zeroed`, and all else must be right. The ranges may be NULL if not all
 * is repaired.
 */
static void repair(const struct medium *medium, const char *words, const struct ranges *zeroed)
{
	char line[512], copy[512];
	const char *refused;
	struct ranges lost;

	command(line, sizeof(line), words, medium->path);
	tell("repair", run(NULL, false, line));
	refused = line_of(OUTPUT, "not repaired: ");
	lab_fact("not repaired", "%s", *refused != '\0' ? refused : "nothing");
	ask(medium, "badblocks after it");
	command(copy, sizeof(copy), "copy --force --length=6M", medium->path);
	command(line, sizeof(line), copy, IMAGE);
	tell("copy after it", run(NULL, false, line));
	lost = told_lost();
	lab_fact("lost after it", "%s", in_words(&lost));
	if (zeroed != NULL)
		check_image("copy after it", IMAGE, zeroed);
}

/* ---- programs -------------------------------------------------------------------------------- */

int lab_program_tool_copy(int argc, char **argv)
{
	struct medium medium = medium_of(argc > 1 ? argv[1] : "");
	const struct ranges nothing = {.n = 0};
	char line[512], image[512];
	struct ranges lost, told;
	size_t n;

	snprintf(image, sizeof(image), "%s " IMAGE, medium.path);
	command(line, sizeof(line), "copy --length=6M --map=" MAP, image);
	tell("copy", run_into_poison(&medium, false, line));
	lost = mapped_lost();
	lab_fact("lost", "%s", in_words(&lost));
	told = told_lost();
	lab_check(lost.n == told.n && memcmp(&lost, &told, sizeof(lost)) == 0,
		  "the map file has other ranges than standard error: %s", in_words(&told));
	lab_check(has(&lost, LAB_MAPPING_LINE, LINE), "the poisoned line is not lost");
	lab_check(has(&lost, KNOWN + 2 * LAB_SECTOR, 3 * LAB_SECTOR), "the known place is not");
	check_image("copy", IMAGE, &lost);

	tell("copy again, with the map file", run(NULL, false, line));
	told = mapped_lost();
	lab_check(memcmp(&lost, &told, sizeof(lost)) == 0, "now lost: %s", in_words(&told));
	check_image("copy again", IMAGE, &lost);

	command(line, sizeof(line), "cat --length=6M", medium.path);
	tell("cat", run(NULL, false, line));
	lost = told_lost();
	lab_fact("lost by cat", "%s", in_words(&lost));
	check_image("cat", OUTPUT, &lost);

	ask(&medium, "badblocks");
	n = (size_t)snprintf(line, sizeof(line), "repair --yes --from=" MIRROR);
	for (size_t i = 0; i < lost.n; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " --range=%zu+%zu",
				      lost.list[i].start, lost.list[i].len);
	repair(&medium, line, &nothing);
	lab_kernel_log("");
	remove_files(&medium);
	return lab_status();
}

int lab_program_tool_scrub(int argc, char **argv)
{
	struct medium medium = medium_of(argc > 1 ? argv[1] : "");
	char line[512];
	struct ranges bad;

	command(line, sizeof(line), "scrub --quiet --save=" LIST " --resume=" STATE, medium.path);
	tell("scrub, stopped at the poison", run_into_poison(&medium, true, line));
	lab_fact("its state", "%s", line_of(STATE, "# mcsafe scrub: "));
	tell("the rest of it", run(NULL, false, line));
	lab_check(access(STATE, F_OK) != 0, "the state is still there");
	bad = listed(LIST);
	lab_fact("bad", "%s", in_words(&bad));
	/* Of a part of a huge page nothing can be repaired. */
	repair(&medium, "repair --yes --zero --punch --load=" LIST,
	       strcmp(argv[1], "hugetlbfs") != 0 ? &bad : NULL);
	lab_kernel_log("");
	remove_files(&medium);
	return lab_status();
}

/* What mcsafe info says: "  ITEM: VALUE". */
static void info_fact(const char *item)
{
	char start[128];

	snprintf(start, sizeof(start), "  %s: ", item);
	lab_fact(item, "%s", line_of(OUTPUT, start));
}

int lab_program_tool_info(int argc, char **argv)
{
	static const char *const items[] = {
		"CONFIG_MEMORY_FAILURE", "UFFDIO_POISON", "guard regions (MADV_GUARD_INSTALL)",
		"MADV_POPULATE_READ",    "PROCMAP_QUERY", "persistent memory",
		"device-dax nodes",
	};
	unsigned char *page = lab_pages(1);
	char expected[64];
	struct ended ended;

	(void)argc;
	(void)argv;
	lab_lose_page(page);
	ended = run(NULL, false, "info");
	lab_check(ended.status == 0, "exit status %d", ended.status);
	for (size_t i = 0; i < T_LENGTH(items); i++)
		info_fact(items[i]);
	snprintf(expected, sizeof(expected), "%ld kB", lab_meminfo("HardwareCorrupted"));
	lab_check(strstr(line_of(OUTPUT, "  memory taken out of use: "), expected) != NULL,
		  "%s is not told", expected);
	return lab_status();
}
