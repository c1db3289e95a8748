/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.c - measure the library's operations and their peers, in one run
 *
 *	mcsafe_bench [--quick | --smoke] [--engines] [--only NAME] >FILE
 *	mcsafe_bench --list
 *
 * Prints one object of JSON in each line: first the machine, then what contest.c describes. run.py
 * starts this program several times, and report.py makes tables of the results.
 *
 * BENCH_LINKED says how this program calls the library:
 *
 *	shared	libmcsafe.so, through the procedure linkage table, as the C library is called
 *	no-plt	the same with -fno-plt: both libraries are called without a jump in between
 *	static	libmcsafe.a is called directly, and the C library as in "shared"
 */
#include "bench.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <mcsafe/mcsafe.h>

/*
 * With 2^12 calls the predictor learns their order, and copies are up to twice as fast. With 2^16
 * some are still a twentieth faster than with 2^18, and with 2^20 they are as fast.
 */
#define WHOLE_FLEET ((size_t)1 << 18)

struct effort effort = {(size_t)256 << 20, 11, 30000, WHOLE_FLEET, false};

_Atomic uintptr_t sink;

static const struct part {
	const char *name;
	const char *has; /* the beginnings of all values of "where", for --only */
	void (*run)(void);
	bool always; /* measured by every program, not only by the one that is "shared" */
} parts[] = {
	{"memcpy", "fleet aligned random odd cold", bench_memcpy, true},
	{"ways", "", bench_ways, false},
	{"latency", "copy fill", bench_latency, false},
	{"reader", "", bench_reader, false},
	{"edge", "mapped unmapped read-only", bench_edge, false},
	{"threads", "", bench_threads, false},
	{"memset", "fleet aligned random", bench_memset, false},
	{"memchr", "fleet aligned random", bench_memchr, false},
	{"strnlen", "fleet aligned random", bench_strnlen, false},
	{"memcmp", "fleet same any", bench_memcmp, false},
	{"flushcache", "", bench_flush, false},
	{"iter", "segments", bench_iter, false},
	{"guard", "", bench_guard, false},
	{"fault", "counters", bench_fault, false},
	{"holes", "", bench_holes, false},
	{"pmem", "between", bench_pmem, false},
	{"repair", "", bench_repair, false},
	{"badblocks", "", bench_badblocks, false},
	{"words", "", bench_words, false},
	{"constant", "latency fleet", bench_constant, false},
#ifdef BENCH_STATIC
	{"lookup", "", bench_lookup, true},
	{"routines", "aligned random", bench_routines, true},
#endif
};

static const char *only;

static bool is_measured_here(const struct part *part)
{
	return part->always || strcmp(BENCH_LINKED, "shared") == 0;
}

bool is_wanted(const char *part, const char *where)
{
	return only == NULL || strcmp(part, only) == 0 || strncmp(where, only, strlen(only)) == 0;
}

static bool has_wanted(const struct part *part)
{
	char *words = strdup(part->has), *rest = NULL;
	bool found = is_wanted(part->name, "");

	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		found = found || strncmp(word, only, strlen(word)) == 0;
	free(words);
	return found;
}

void fail(const char *what)
{
	perror(what);
	exit(1);
}

unsigned char *get_memory(size_t size)
{
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	need(memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < size; i++)
		memory[i] = (unsigned char)((i >> 6) | 1);
	return memory;
}

void put_memory(void *memory, size_t size)
{
	munmap(memory, size);
}

uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Ends the program unless the file has the function that a call of this name reaches. */
static void must_be_in(const char *file, const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);
	Dl_info info;

	if (function == NULL || dladdr(function, &info) == 0 ||
	    strstr(info.dli_fname, file) == NULL) {
		fprintf(stderr, "bench: %s is not in %s\n", name, file);
		exit(1);
	}
}

/*
 * The peers must be functions of the C library: a copy that the compiler made up, or one inside
 * this program, would be another contest. A sanitizer puts functions of its own in their place:
 * with --smoke, which tests use, there is no such check.
 */
static void check_calls(void)
{
	must_be_in("libc.so", "memcpy");
	must_be_in("libc.so", "memset");
	must_be_in("libc.so", "memcmp");
	must_be_in("libc.so", "memchr");
	must_be_in("libc.so", "strnlen");
	if (strcmp(BENCH_LINKED, "static") != 0)
		must_be_in("libmcsafe.so", "memcpy_mcsafe");
}

/* Copies the value of a line "KEY : VALUE" of /proc/cpuinfo, of the first processor. */
static void ask(const char *key, char value[static 128])
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512];

	snprintf(value, 128, "0");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL && line[0] != '\n')
		if (strncmp(line, key, strlen(key)) == 0 && strchr("\t:", line[strlen(key)])) {
			char *start = strstr(line, ": ");

			if (start != NULL)
				snprintf(value, 128, "%.*s", (int)strcspn(start + 2, "\n"),
					 start + 2);
			break;
		}
	if (file != NULL)
		fclose(file);
}

static void print_machine(void)
{
	char vendor[128], family[128], model[128], name[128], date[32];
	struct utsname system;
	time_t t = time(NULL);

	ask("vendor_id", vendor);
	ask("cpu family", family);
	ask("model", model);
	ask("model name", name);
	uname(&system);
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&t));
	printf("{\"processor\": \"%s\", \"vendor\": \"%s\", \"family\": %s, \"model\": %s, ", name,
	       vendor, family, model);
	printf("\"kernel\": \"%s\", \"libc\": \"%s\", \"date\": \"%s\", \"engine\": \"%s\", ",
	       system.release, gnu_get_libc_version(), date, mcsafe_engine_name());
	printf("\"linked\": \"" BENCH_LINKED "\"}\n");
	fflush(stdout);
}

static bool read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--quick") == 0)
			effort = (struct effort){(size_t)64 << 20, 5, 20000, WHOLE_FLEET,
						 effort.engines};
		else if (strcmp(argv[i], "--smoke") == 0)
			effort = (struct effort){65536, 1, 1000, 256, effort.engines};
		else if (strcmp(argv[i], "--engines") == 0)
			effort.engines = true;
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			only = argv[++i];
		else
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			printf("%s %s\n", parts[i].name, parts[i].has);
		return 0;
	}
	if (!read_arguments(argc, argv)) {
		fprintf(stderr, "usage: %s [--quick | --smoke] [--only NAME] | --list\n", argv[0]);
		return 2;
	}
	if (effort.fleet == WHOLE_FLEET)
		check_calls();
	need(mcsafe_install() == 0, "mcsafe_install");
	print_machine();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_measured_here(&parts[i]) && (only == NULL || has_wanted(&parts[i])))
			parts[i].run();
	return 0;
}
