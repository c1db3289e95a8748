/* SPDX-License-Identifier: BSD-3-Clause */
/* module.h - what the files of the Python module share */
#ifndef MCSAFE_PYTHON_MODULE_H
#define MCSAFE_PYTHON_MODULE_H

/* The limited API of Python 3.11, the first that has the buffer protocol: one file for all. */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/mcsafe.h>

enum {
	PAGE = 4096,
	/* Longer copies and searches let other threads of Python run meanwhile. To take the lock
	 * of the interpreter again can take 5 ms, so short ones keep it. */
	LONG_COPY = 1 << 20
};

/* Run a statement while other threads of Python run. */
#define WITHOUT_LOCK(statement)                 \
 do {                                           \
  PyThreadState *thread_ = PyEval_SaveThread(); \
  statement;                                    \
  PyEval_RestoreThread(thread_);                \
 } while (0)

/* One for each interpreter that has imported the module. */
struct state {
	PyObject *fault_error;
	PyObject *map_type;
	PyObject *pmem_type;
};

/* What a FaultError says besides its text. */
struct told {
	int error;          /* errno */
	const char *reason; /* of mcsafe_reason_name() */
	const char *access; /* "read" or "write" */
	PyObject *path;     /* a new reference, which the error takes; NULL: not known */
	off_t offset;       /* in the file; -1: not known */
	off_t file_size;    /* now; -1: not known */
	size_t len;         /* bytes that are lost at least; 0: not known */
	size_t done;        /* bytes that were copied before */
};

/* module.c */
extern struct PyModuleDef mcsafe_python_def;
struct state *state_of(PyObject *module);
int ensure_installed(void);

/* fault.c. A function that returns an exception returns NULL, with another error set, if it fails.
 * set_raised() raises what they return. */
PyObject *new_fault_type(void);
PyObject *fault_error(const struct state *state, const struct told *told, PyObject *text);
PyObject *error_of_fault(const struct state *state, const struct mcsafe_fault *fault, size_t done,
			 const char *end);
PyObject *error_of_explanation(const struct state *state, const struct mcsafe_explanation *e,
			       size_t done, PyObject *more);
void *set_raised(PyObject *error);

/* map_methods.c */
extern PyType_Spec map_spec;

/* pmem.c */
extern PyType_Spec pmem_spec;

/* functions.c */
extern PyMethodDef module_functions[];
PyObject *list_of_ranges(const struct mcsafe_range *ranges, size_t n);

#endif /* MCSAFE_PYTHON_MODULE_H */
