/* SPDX-License-Identifier: BSD-3-Clause */
/* shield_lab.h - the ways in which memory of a shield fails in the lab, and is repaired */
#ifndef MCSAFE_TESTS_VM_LAB_SHIELD_LAB_H
#define MCSAFE_TESTS_VM_LAB_SHIELD_LAB_H

#include "lab.h"

/* The page that fails, and the byte that is accessed: offsets from the start of the mapping. */
#define LAB_SHIELD_PAGE (LAB_MAPPING_LINE / T_PAGE * T_PAGE)
#define LAB_SHIELD_BYTE LAB_MAPPING_LINE

/* Memory under a shield. */
struct lab_shielded {
	const char *kind; /* see lab_mapping() */
	struct lab_mapping mapping;
	uint64_t physical; /* of the byte; for persistent memory */
};

struct lab_shield_fault {
	const char *name;  /* on the command line */
	const char *title; /* in the report */
	/* The page fails from now on; with a machine check, at the next lab_shield_load(). */
	void (*make)(struct lab_shielded *memory);
	/* Make the file whole. Returns what was done; NULL: nothing can be done. */
	const char *(*repair)(struct lab_shielded *memory);
	bool by_store;   /* only a store fails, and not a load */
	unsigned checks; /* machine checks that it takes */
};

const struct lab_shield_fault *lab_shield_fault(const char *name);

/* An ordinary load of a byte, without a row, at which the lab can raise a machine check. */
unsigned char lab_shield_load(const unsigned char *from);

#endif /* MCSAFE_TESTS_VM_LAB_SHIELD_LAB_H */
