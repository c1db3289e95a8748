/* SPDX-License-Identifier: BSD-3-Clause */
/* explain.h - parts of an explanation, for reports */
#ifndef MCSAFE_SRC_EXPLAIN_EXPLAIN_H
#define MCSAFE_SRC_EXPLAIN_EXPLAIN_H

#include <stddef.h>

#include <mcsafe/explain.h>

/* Like mcsafe_explain_text(), but only why, without the place. */
int mcsafe__explain_reason(const struct mcsafe_explanation *explanation, char *line, size_t size);

#endif /* MCSAFE_SRC_EXPLAIN_EXPLAIN_H */
