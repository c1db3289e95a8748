/* SPDX-License-Identifier: BSD-3-Clause */
/* inject.c - the list of injected memory: add to it, clear it, look it up */
#include "injection.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/errno_kept.h"
#include "base/no_cancel.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In no order; no two overlap. */
static struct mcsafe__injection *injections;

static uintptr_t end_of(const struct mcsafe__injection *piece)
{
	return piece->start + piece->len;
}

static int check_range(const void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr;

	if (start == 0 || len == 0 || ((start | len) & (MCSAFE__PAGE - 1)) != 0)
		return mcsafe__inject_fail(-EINVAL, "addr and len must be multiples of the page "
						    "size, and not 0");
	if (mcsafe__wraps(start, len))
		return mcsafe__inject_fail(-EINVAL, "the range wraps around");
	return 0;
}

static struct mcsafe__injection *find(uintptr_t start, uintptr_t end)
{
	struct mcsafe__injection *piece;

	for (piece = injections; piece != NULL; piece = piece->next)
		if (piece->start < end && start < end_of(piece))
			return piece;
	return NULL;
}

static void forget(struct mcsafe__injection *piece)
{
	struct mcsafe__injection **link = &injections;

	while (*link != piece)
		link = &(*link)->next;
	*link = piece->next;
	free(piece);
}

static void keep(struct mcsafe__injection *piece)
{
	piece->next = injections;
	injections = piece;
}

/* ---- make --------------------------------------------------------------------------------- */

static void discard(struct mcsafe__injection *pieces)
{
	while (pieces != NULL) {
		struct mcsafe__injection *next = pieces->next;

		free(pieces);
		pieces = next;
	}
}

/* List all mappings in the range before any of them is changed: memory that is moved aside may come
 * to lie in a hole of the range. */
static int collect(uintptr_t start, uintptr_t end, enum mcsafe_inject_kind kind,
		   struct mcsafe__injection **pieces)
{
	struct mcsafe__injection **link = pieces, *piece;
	int error = 0;

	for (; start < end && error == 0; start = end_of(piece)) {
		piece = calloc(1, sizeof(*piece));
		if (piece == NULL)
			return mcsafe__inject_fail(-ENOMEM, "no memory");
		*link = piece;
		link = &piece->next;
		piece->kind = kind;
		error = mcsafe__inject_mapping_at(piece, start, end);
	}
	return error;
}

/* Whether a piece that failed must stay listed, so that it can be cleared: it could not be undone,
 * or HWPOISON has destroyed a part of it. */
static bool is_left(const struct mcsafe__injection *piece, enum mcsafe_inject_kind kind)
{
	return piece->aside != NULL || piece->copy != NULL || piece->emptied ||
	       (kind == MCSAFE_INJECT_HWPOISON && piece->len != 0);
}

/* Undo the pieces that a call has made so far. */
static void unmake(uintptr_t start, uintptr_t end, enum mcsafe_inject_kind kind)
{
	const char *why = mcsafe_inject_reason();
	struct mcsafe__injection *piece;

	while (kind != MCSAFE_INJECT_HWPOISON && (piece = find(start, end)) != NULL) {
		if (mcsafe__inject_undo(piece) != 0)
			break;
		forget(piece);
	}
	mcsafe__inject_fail(0, why);
}

static int make(uintptr_t start, uintptr_t end, enum mcsafe_inject_kind kind)
{
	struct mcsafe__injection *pieces = NULL, *piece;
	int error;

	if (find(start, end) != NULL)
		return mcsafe__inject_fail(-EBUSY, "part of the range is injected already");
	error = collect(start, end, kind, &pieces);
	while (error == 0 && pieces != NULL) {
		error = mcsafe__inject_make(pieces);
		if (error != 0 && !is_left(pieces, kind))
			break;
		piece = pieces;
		pieces = piece->next;
		keep(piece);
	}
	if (error != 0)
		unmake(start, end, kind);
	discard(pieces);
	return error;
}

int mcsafe_inject(void *addr, size_t len, enum mcsafe_inject_kind kind)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int error = check_range(addr, len);

	if (error != 0)
		return error;
	if (kind <= MCSAFE_INJECT_NONE || kind > MCSAFE_INJECT_AUTO)
		return mcsafe__inject_fail(-EINVAL, "no such kind of bad memory");
	pthread_mutex_lock(&lock);
	error = make((uintptr_t)addr, (uintptr_t)addr + len, kind);
	pthread_mutex_unlock(&lock);
	return error;
}

/* ---- clear -------------------------------------------------------------------------------- */

/* If a piece holds `at`, cut it in two there. */
static int cut(uintptr_t at)
{
	struct mcsafe__injection *piece = find(at, at + 1), *rest;
	size_t len;

	if (piece == NULL || piece->start == at)
		return 0;
	rest = malloc(sizeof(*rest));
	if (rest == NULL)
		return mcsafe__inject_fail(-ENOMEM, "no memory");
	*rest = *piece;
	len = at - piece->start;
	piece->len = len;
	rest->start += len;
	rest->len -= len;
	if (piece->aside != NULL)
		rest->aside = (char *)piece->aside + len;
	if (piece->copy != NULL)
		rest->copy = (char *)piece->copy + len;
	keep(rest);
	return 0;
}

static int clear(uintptr_t start, uintptr_t end)
{
	struct mcsafe__injection *piece = find(start, end);
	int error;

	if (piece == NULL)
		return mcsafe__inject_fail(-ENOENT, "nothing is injected there");
	error = cut(start);
	if (error == 0)
		error = cut(end);
	while (error == 0 && (piece = find(start, end)) != NULL) {
		error = mcsafe__inject_undo(piece);
		if (error == 0)
			forget(piece);
	}
	return error;
}

int mcsafe_inject_clear(void *addr, size_t len)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int error = check_range(addr, len);

	if (error != 0)
		return error;
	pthread_mutex_lock(&lock);
	error = clear((uintptr_t)addr, (uintptr_t)addr + len);
	pthread_mutex_unlock(&lock);
	return error;
}

/* ---- ask ---------------------------------------------------------------------------------- */

enum mcsafe_inject_kind mcsafe_inject_kind_at(const void *addr)
{
	uintptr_t at = (uintptr_t)addr;
	const struct mcsafe__injection *piece;
	enum mcsafe_inject_kind kind = MCSAFE_INJECT_NONE;

	pthread_mutex_lock(&lock);
	piece = at != UINTPTR_MAX ? find(at, at + 1) : NULL;
	if (piece != NULL)
		kind = piece->kind;
	pthread_mutex_unlock(&lock);
	return kind;
}

static int try_on_own_page(enum mcsafe_inject_kind kind)
{
	void *page = mmap(NULL, MCSAFE__PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	int error;

	if (page == MAP_FAILED)
		return mcsafe__inject_fail(-errno, "mmap(2) failed");
	error = mcsafe_inject(page, MCSAFE__PAGE, kind);
	if (error == 0)
		error = mcsafe_inject_clear(page, MCSAFE__PAGE);
	/* A page that could not be cleared is still listed: no other memory may get its address. */
	if (mcsafe_inject_kind_at(page) == MCSAFE_INJECT_NONE)
		munmap(page, MCSAFE__PAGE);
	return error;
}

int mcsafe_inject_supported(enum mcsafe_inject_kind kind)
{
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();
	int error;

	if (kind <= MCSAFE_INJECT_NONE || kind > MCSAFE_INJECT_AUTO)
		return mcsafe__inject_fail(-EINVAL, "no such kind of bad memory");
	error = kind == MCSAFE_INJECT_HWPOISON ? mcsafe__hwpoison_supported()
					       : try_on_own_page(kind);
	return error;
}
