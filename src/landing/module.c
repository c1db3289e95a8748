/* SPDX-License-Identifier: BSD-3-Clause */
/* module.c - register and unregister tables of rows of other modules */
#include <mcsafe/extable.h>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/control.h"
#include "base/errno_kept.h"
#include "base/msan.h"
#include "base/page.h"
#include "extable.h"
#include "fault.h"
#include "module_table.h"

#define ROWS_MAX ((size_t)1 << 24)

/* Memory for rows. It is never unmapped, because a handler may be reading it. It is used again for
 * other rows. Needs the control lock. */
struct buffer {
	struct buffer *next;
	struct mcsafe__module_row *rows;
	size_t size;
	bool in_use;
};

static struct buffer *buffers;

/* The size of a buffer for size bytes: a power of two, so that buffers fit other modules. */
static size_t power_of_two(size_t size)
{
	size_t power = MCSAFE__PAGE;

	while (power < size)
		power *= 2;
	return power;
}

static struct buffer *map_buffer(size_t size)
{
	struct buffer *buffer = malloc(sizeof(*buffer));
	void *rows;

	if (buffer == NULL)
		return NULL;
	rows = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rows == MAP_FAILED) {
		free(buffer);
		return NULL;
	}
	*buffer = (struct buffer){.next = buffers, .rows = rows, .size = size};
	buffers = buffer;
	return buffer;
}

static struct mcsafe__module_row *take_buffer(size_t n)
{
	size_t size = power_of_two(n * sizeof(struct mcsafe__module_row));
	struct buffer *buffer;

	for (buffer = buffers; buffer != NULL; buffer = buffer->next)
		if (!buffer->in_use && buffer->size == size)
			break;
	if (buffer == NULL)
		buffer = map_buffer(size);
	if (buffer == NULL)
		return NULL;
	buffer->in_use = true;
	return buffer->rows;
}

/* A reader that still uses the buffer sees zeros, or the rows of the next module. */
static void give_buffer(const struct mcsafe__module_row *rows)
{
	struct buffer *buffer = buffers;

	while (buffer->rows != rows)
		buffer = buffer->next;
	buffer->in_use = false;
	madvise(buffer->rows, buffer->size, MADV_DONTNEED);
}

/* A row with absolute addresses. */
struct plain_row {
	uintptr_t insn, fixup, kind;
};

static int by_insn(const void *a, const void *b)
{
	uintptr_t x = ((const struct plain_row *)a)->insn, y = ((const struct plain_row *)b)->insn;

	return (x > y) - (x < y);
}

static bool are_valid(const struct plain_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind != MCSAFE_ROW_LOAD && rows[i].kind != MCSAFE_ROW_STORE)
			return false;
	return true;
}

/*
 * Drop repetitions from sorted rows. Returns how many are left, or 0 if two rows of one instruction
 * differ. A linker that folds identical functions (--icf=all of mold and gold) leaves the rows of
 * each of them. All of these are rows of the one function that stays.
 */
static size_t drop_repetitions(struct plain_row *rows, size_t n)
{
	size_t kept = 1;

	for (size_t i = 1; i < n; i++) {
		if (rows[i].insn != rows[kept - 1].insn)
			rows[kept++] = rows[i];
		else if (rows[i].fixup != rows[kept - 1].fixup ||
			 rows[i].kind != rows[kept - 1].kind)
			return 0;
	}
	return kept;
}

/* Returns the rows of [first, first + *n), sorted and without repetitions, and their number in *n;
 * the caller frees them. Or NULL, with -errno in *err. */
static struct plain_row *sorted(const struct mcsafe_row *first, size_t *n, int *err)
{
	struct plain_row *rows = malloc(*n * sizeof(*rows));

	*err = -ENOMEM;
	if (rows == NULL)
		return NULL;
	for (size_t i = 0; i < *n; i++)
		rows[i] = (struct plain_row){mcsafe__row_insn(&first[i]),
					     mcsafe__row_fixup(&first[i]), first[i].kind};
	qsort(rows, *n, sizeof(*rows), by_insn);
	*err = -EINVAL;
	if (are_valid(rows, *n)) {
		*n = drop_repetitions(rows, *n);
		if (*n > 0)
			return rows;
	}
	free(rows);
	return NULL;
}

/*
 * Take a reference to the shared object that holds the code. Then dlclose(3) by others does not
 * unmap it. dlopen(3) gets exactly the name by which the loader knows the object, so the loader
 * does not search for a file. Returns NULL for the program itself, whose name is empty: it cannot
 * be unloaded.
 */
static void *pin_object(uintptr_t code)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (dladdr1((void *)code, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL)
		return NULL;
	mcsafe__msan_written(map, sizeof(*map));
	mcsafe__msan_written_string(map->l_name);
	if (map->l_name[0] == '\0')
		return NULL;
	return dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
}

static void unpin_object(void *pin)
{
	if (pin != NULL)
		dlclose(pin);
}

/* The place that belongs to `first`, or a free one if that is NULL; NULL if no used place does. */
static struct mcsafe__module *find_place(const struct mcsafe_row *first)
{
	struct mcsafe__module_block *block = &mcsafe__modules;
	size_t end = atomic_load(&mcsafe__modules_end);

	for (size_t i = 0; i < end; i++) {
		size_t at = i % MCSAFE__MODULES_IN_BLOCK;

		if (at == 0 && i > 0)
			block = atomic_load(&block->next);
		if (block->modules[at].first == first)
			return &block->modules[at];
	}
	return NULL;
}

/* A place past the end, which is not counted yet; or NULL if there is no memory. */
static struct mcsafe__module *new_place(void)
{
	struct mcsafe__module_block *block = &mcsafe__modules, *next;
	size_t at = atomic_load(&mcsafe__modules_end);

	for (; at >= MCSAFE__MODULES_IN_BLOCK; at -= MCSAFE__MODULES_IN_BLOCK) {
		next = atomic_load(&block->next);
		if (next == NULL) {
			next = calloc(1, sizeof(*next));
			if (next == NULL)
				return NULL;
			atomic_store(&block->next, next);
		}
		block = next;
	}
	return &block->modules[at];
}

static void fill(struct mcsafe__module *module, struct mcsafe__module_row *to,
		 const struct plain_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		atomic_store_explicit(&to[i].insn, rows[i].insn, memory_order_release);
		atomic_store_explicit(&to[i].fixup, rows[i].fixup, memory_order_release);
		atomic_store_explicit(&to[i].kind, rows[i].kind, memory_order_release);
	}
	atomic_store(&module->rows, to);
	atomic_store(&module->n, n);
	atomic_store(&module->lowest, rows[0].insn);
	atomic_store(&module->highest, rows[n - 1].insn);
}

/* Free the place. Returns what it has pinned. */
static void *take_away(struct mcsafe__module *place)
{
	void *pin = place->pin;

	atomic_fetch_or(&place->version, 1);
	place->first = NULL;
	place->pin = NULL;
	/* A child of fork(2) must not find a place that owns a buffer which was given back: it
	 * would give it back again, from under the next module. */
	atomic_signal_fence(memory_order_seq_cst);
	give_buffer(atomic_load(&place->rows));
	return pin;
}

/*
 * If a thread called fork(2) while another thread was in take_away(), the child can find a place
 * whose rows are not looked up any more, but which belongs to a module still. Nobody else is going
 * to free it. Otherwise the version of a place that belongs to a module is even.
 */
static bool is_half_gone(const struct mcsafe__module *place)
{
	return place != NULL && atomic_load(&place->version) % 2 != 0;
}

/* Add a module: 0, or -errno. *old becomes the pin of a module that was half gone, if there was
 * one. */
static int add(const struct mcsafe_row *first, const struct plain_row *rows, size_t n, void *pin,
	       void **old)
{
	struct mcsafe__module *place = find_place(first);
	struct mcsafe__module_row *to;
	size_t version;
	bool is_new;

	if (is_half_gone(place))
		*old = take_away(place);
	else if (place != NULL)
		return -EEXIST;
	place = find_place(NULL);
	is_new = place == NULL;
	if (is_new)
		place = new_place();
	to = place != NULL ? take_buffer(n) : NULL;
	if (to == NULL)
		return -ENOMEM;

	/* Make the version odd. It is odd already, or 0 if the place was never used; such a place
	 * is not below mcsafe__modules_end yet. */
	version = atomic_load(&place->version) | 1;
	atomic_store(&place->version, version);
	fill(place, to, rows, n);
	atomic_store(&place->version, version + 1);
	/* This comes last, because a child of fork(2) must not find an owner without a module. */
	place->first = first;
	place->pin = pin;
	if (is_new)
		atomic_fetch_add(&mcsafe__modules_end, 1);
	return 0;
}

static int put(const struct mcsafe_row *first, const struct mcsafe_row *end, bool is_pinned)
{
	struct mcsafe__section section;
	MCSAFE__KEEP_ERRNO();
	int err;
	struct plain_row *rows;
	void *pin, *old = NULL;
	size_t n;

	if ((uintptr_t)first % _Alignof(struct mcsafe_row) != 0 || end <= first ||
	    (size_t)(end - first) > ROWS_MAX)
		return -EINVAL;
	n = (size_t)(end - first);
	rows = sorted(first, &n, &err);
	if (rows != NULL) {
		/* Do this without our lock. The loader holds its own lock while it runs
		 * constructors, and those may register modules, which takes ours. */
		pin = is_pinned ? pin_object(rows[0].insn) : NULL;
		mcsafe__control_enter(&section);
		err = add(first, rows, n, pin, &old);
		mcsafe__control_leave(&section);
		unpin_object(old);
		if (err != 0)
			unpin_object(pin);
		free(rows);
	}
	return err;
}

int mcsafe_module_register(const struct mcsafe_row *first, const struct mcsafe_row *end)
{
	return put(first, end, true);
}

int mcsafe_module_attach(const struct mcsafe_row *first, const struct mcsafe_row *end)
{
	return first == end ? 0 : put(first, end, false);
}

int mcsafe_module_unregister(const struct mcsafe_row *first)
{
	struct mcsafe__section section;
	MCSAFE__KEEP_ERRNO();
	struct mcsafe__module *place;
	void *pin = NULL;

	if (first == NULL)
		return -ENOENT;
	mcsafe__control_enter(&section);
	place = find_place(first);
	if (place != NULL)
		pin = take_away(place);
	mcsafe__control_leave(&section);
	unpin_object(pin);
	return place != NULL ? 0 : -ENOENT;
}

enum mcsafe_cause mcsafe_row_fault(struct mcsafe_fault *fault, uint64_t r9, uint64_t r10,
				   uint64_t r11, const volatile void *operand)
{
	struct mcsafe__landing landing = {.addr = r9, .ip = r10, .facts = r11};

	mcsafe__msan_written(&landing, sizeof(landing));
	return mcsafe__cause_from_landing(fault, &landing, (const void *)(uintptr_t)operand);
}
