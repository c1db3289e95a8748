/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_badblocks.c - libFuzzer: the bytes are the text of a registry, which is loaded and saved */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/badblocks.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void need(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "badblocks: this is not true: %s\n", what);
		abort();
	}
}

static int load(struct mcsafe_badblocks *badblocks, const void *bytes, size_t n, size_t *line)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes, n, "r");
	int err;

	need(file != NULL, "fmemopen() works");
	err = mcsafe_badblocks_load(badblocks, file, line);
	fclose(file);
	return err;
}

static char *save(const struct mcsafe_badblocks *badblocks, size_t *n)
{
	char *text;
	FILE *file = open_memstream(&text, n);

	need(file != NULL && mcsafe_badblocks_save(badblocks, file) == 0,
	     "the registry can be saved");
	fclose(file);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct mcsafe_badblocks *first, *second;
	size_t line = 0, lines = 1, len, len_again;
	char *text, *again;
	int err;

	if (n == 0)
		return 0;
	need(mcsafe_badblocks_create(&first) == 0 && mcsafe_badblocks_create(&second) == 0,
	     "memory");
	err = load(first, bytes, n, &line);
	for (size_t i = 0; i < n; i++)
		lines += bytes[i] == '\n';
	need(err == 0 || err == -EINVAL, "the text is accepted or refused");
	need(err == 0 ? line == 0 : line >= 1 && line <= lines, "an error names a line");
	need(err == 0 || mcsafe_badblocks_count(first) == 0, "refused text changes nothing");

	text = save(first, &len);
	need(load(second, text, len, NULL) == 0, "saved text is accepted");
	again = save(second, &len_again);
	need(len == len_again && memcmp(text, again, len) == 0, "the loaded registry is the same");
	need(mcsafe_badblocks_bytes(first) == mcsafe_badblocks_bytes(second),
	     "the loaded registry has the same bytes");
	free(text);
	free(again);
	mcsafe_badblocks_destroy(first);
	mcsafe_badblocks_destroy(second);
	return 0;
}
