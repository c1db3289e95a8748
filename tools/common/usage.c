/* SPDX-License-Identifier: BSD-3-Clause */
/* usage.c - the options of a command, and what is told of wrong ones */
#include "common/usage.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/version.h>

#include "common/tool.h"

#define NO_ERROR  INT_MIN /* no value of optopt */
#define SHORT_LEN 2       /* a letter, and a sign that it has an argument */

enum { KEY_USAGE = 0x10000, KEY_HELP };

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tool_warn_args(format, args);
	va_end(args);
	fprintf(stderr, "Try '%s --help' or '%s --usage' for more information.\n", tool_name,
		tool_name);
	exit(STATUS_ERROR);
}

/* ---- the options of every command ------------------------------------------------------------ */

static const struct argp_option standard_options[] = {
	{"help", '?', NULL, 0, "Give this help list", -1},
	{"usage", KEY_USAGE, NULL, 0, "Give a short usage message", 0},
	{"version", 'V', NULL, 0, "Print the version", 0},
	{0},
};

static error_t parse_standard(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case '?':
		/* With ARGP_HELP_EXIT_OK, it would end the program without a look at errors. */
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK);
		break;
	case KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		break;
	case 'V':
		printf("%s %s\n", tool_name, mcsafe_version());
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	exit(tool_end(STATUS_FINE));
}

/* ---- options that the command does not have -------------------------------------------------- */

/* The options of a parser and of its children, as getopt_long(3) wants them. */
struct list {
	struct option *options;
	char *letters;
	size_t count;
};

static bool is_end(const struct argp_option *option)
{
	return option->name == NULL && option->key == 0 && option->doc == NULL;
}

static void add(struct list *list, const struct argp_option *option)
{
	int has_arg = option->arg != NULL ? required_argument : no_argument;
	char *end = list->letters + strlen(list->letters);
	/* getopt_long(3) returns "?" for what is wrong, so nothing else may have that key. */
	int key = option->key != '?' ? option->key : KEY_HELP;

	list->options[list->count++] = (struct option){option->name, has_arg, NULL, key};
	if (key < 256 && isgraph(key)) {
		*end++ = (char)option->key;
		*end = has_arg == required_argument ? ':' : '\0';
	}
}

/* Add the options, or count them if there is no list yet. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a command nests its parsers. */
static size_t walk(const struct argp *argp, struct list *list)
{
	const struct argp_child *child = argp->children;
	size_t count = 0;

	for (const struct argp_option *option = argp->options; option != NULL && !is_end(option);
	     option++, count++)
		if (list != NULL)
			add(list, option);
	for (; child != NULL && child->argp != NULL; child++)
		count += walk(child->argp, list);
	return count;
}

static const char *name_of(const struct list *list, int key)
{
	size_t i = 0;

	while (list->options[i].val != key)
		i++;
	return list->options[i].name;
}

/* How many names begin as a word does up to its end or its "=". */
static size_t count_names(const struct list *list, const char *word)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->options[i].name, word + 2, strcspn(word + 2, "=")) == 0)
			count++;
	return count;
}

/*
 * End the program if an option is wrong. argp(3) would do that too. But it writes the option as it
 * is, with control characters.
 */
static void refuse_wrong_options(const struct argp *argp, int argc, char **argv, unsigned flags)
{
	size_t count = walk(argp, NULL);
	struct list list = {tool_alloc(count + 1, sizeof(*list.options)),
			    tool_alloc(count * SHORT_LEN + 3, 1), 0};
	/* getopt_long(3) changes the order of the words. */
	char **words = tool_alloc((size_t)argc + 1, sizeof(*words));
	int key;

	/* What is left out of `letters` is 0. */
	memcpy(list.letters, (flags & ARGP_IN_ORDER) != 0 ? "+:" : ":", 2);
	walk(argp, &list);
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	opterr = 0;
	while ((key = getopt_long(argc, words, list.letters, list.options, NULL)) != -1) {
		const char *word = words[optind - 1];

		if (key == ':')
			usage_error("--%s needs an argument", name_of(&list, optopt));
		if (key != '?' || optopt == '?') /* -? is not in the list */
			continue;
		if (optopt == 0)
			usage_error(count_names(&list, word) > 1 ? "the option %s is ambiguous"
								 : "there is no option %s",
				    word);
		if (strncmp(word, "--", 2) == 0)
			usage_error("--%s takes no argument", name_of(&list, optopt));
		usage_error("there is no option -%c", optopt);
	}
	free(list.options);
	free(list.letters);
	free(words);
}

void usage_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
	static const struct argp standard = {.options = standard_options, .parser = parse_standard};
	struct argp whole = *argp;
	struct argp_child *children;
	size_t n = 0;

	while (argp->children != NULL && argp->children[n].argp != NULL)
		n++;
	children = tool_alloc(n + 2, sizeof(*children));
	if (n > 0)
		memcpy(children, argp->children, n * sizeof(*children));
	children[n].argp = &standard;
	whole.children = children;
	/* argp begins its texts with these. */
	program_invocation_name = program_invocation_short_name = (char *)(uintptr_t)tool_name;
	argv[0] = program_invocation_name;
	argp_err_exit_status = STATUS_ERROR;
	refuse_wrong_options(&whole, argc, argv, flags);
	if (argp_parse(&whole, argc, argv, flags | ARGP_NO_HELP, NULL, input) != 0)
		exit(STATUS_ERROR);
	free(children);
}
