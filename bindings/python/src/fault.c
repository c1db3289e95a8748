/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.c - FaultError: what a fault was, as an OSError */
#include "module.h"

#include <errno.h>

PyDoc_STRVAR(
	fault_doc,
	"Memory could not be accessed, where an ordinary access would have killed the process.\n"
	"\n"
	"errno     the error that read(2) or write(2) would have given: EIO, ENOSPC, EHWPOISON,\n"
	"          EFAULT ...\n"
	"strerror  the file, the offset and the reason, in one line\n"
	"path      the file, or None if it is unknown or has no name\n"
	"offset    the offset in the file of the first byte that failed, or None\n"
	"file_size the size that the file has now, or None; after a truncation, where it ends\n"
	"reason    'past-end', 'no-space', 'no-huge-page', 'over-limit', 'poison', 'media',\n"
	"          'server-away', 'read-only', 'not-mapped', 'protected', 'key', 'address' or\n"
	"          'unknown'\n"
	"length    bytes that are lost from there on, at least; 0 if that is unknown\n"
	"access    'read' or 'write'\n"
	"done      bytes that were copied before the fault");

PyObject *new_fault_type(void)
{
	/* The defaults, for an error that a program makes itself. */
	PyObject *members = Py_BuildValue("{sOsOsOsssissss}", "path", Py_None, "offset", Py_None,
					  "file_size", Py_None, "reason", "unknown", "length", 0,
					  "access", "read", "__module__", "mcsafe");
	PyObject *type = NULL, *zero = PyLong_FromLong(0);

	if (members && zero && PyDict_SetItemString(members, "done", zero) == 0)
		type = PyErr_NewExceptionWithDoc("mcsafe.FaultError", fault_doc, PyExc_OSError,
						 members);
	Py_XDECREF(zero);
	Py_XDECREF(members);
	return type;
}

/* Set one attribute, and drop the value. */
static bool set(PyObject *error, const char *name, PyObject *value)
{
	bool done = value && PyObject_SetAttrString(error, name, value) == 0;

	Py_XDECREF(value);
	return done;
}

/* An exception with this text, which it takes, as it takes the path. */
PyObject *fault_error(const struct state *state, const struct told *told, PyObject *text)
{
	PyObject *error = NULL, *path = told->path;

	if (text)
		error = PyObject_CallFunction(state->fault_error, "iO", told->error, text);
	Py_XDECREF(text);
	if (!error || !set(error, "reason", PyUnicode_FromString(told->reason)) ||
	    !set(error, "access", PyUnicode_FromString(told->access)) ||
	    !set(error, "length", PyLong_FromSize_t(told->len)) ||
	    !set(error, "done", PyLong_FromSize_t(told->done)) ||
	    (told->offset >= 0 && !set(error, "offset", PyLong_FromLongLong(told->offset))) ||
	    (told->file_size >= 0 &&
	     !set(error, "file_size", PyLong_FromLongLong(told->file_size))) ||
	    (path && PyObject_SetAttrString(error, "path", path) != 0))
		Py_CLEAR(error);
	Py_XDECREF(path);
	return error;
}

/* The line of mcsafe_explain_text(). */
static PyObject *line_of(const struct mcsafe_explanation *e)
{
	int len = mcsafe_explain_text(e, NULL, 0);
	size_t size = len < 0 ? 1 : (size_t)len + 1;
	char *line = PyMem_Malloc(size);
	PyObject *text;

	if (!line)
		return PyErr_NoMemory();
	line[0] = '\0';
	mcsafe_explain_text(e, line, size);
	text = PyUnicode_DecodeUTF8(line, (Py_ssize_t)size - 1, "replace");
	PyMem_Free(line);
	return text;
}

/* more: text that follows the line, a reference that is taken; NULL: none */
PyObject *error_of_explanation(const struct state *state, const struct mcsafe_explanation *e,
			       size_t done, PyObject *more)
{
	struct told told = {
		.error = e->error,
		.reason = mcsafe_reason_name(e->reason),
		.access = e->side == MCSAFE_SIDE_DESTINATION ? "write" : "read",
		.offset = e->offset,
		.file_size = e->file_size,
		.len = e->len,
		.done = done,
	};
	PyObject *text = line_of(e);

	if (text && more) {
		PyObject *both = PyUnicode_FromFormat("%U; %U", text, more);

		Py_DECREF(text);
		text = both;
	}
	Py_XDECREF(more);
	if (e->path[0] != '\0') {
		told.path = PyUnicode_DecodeFSDefault(e->path);
		if (!told.path)
			Py_CLEAR(text);
	}
	return fault_error(state, &told, text);
}

/*
 * The mapping must stay while this runs: other threads of Python run while the kernel is asked.
 * `end` is the end of the memory that the caller has; NULL: unknown. The kernel knows only pages.
 */
PyObject *error_of_fault(const struct state *state, const struct mcsafe_fault *fault, size_t done,
			 const char *end)
{
	struct mcsafe_explanation e;
	int err;

	WITHOUT_LOCK(err = mcsafe_explain(fault, &e));
	if (err != 0) {
		errno = -err;
		return PyErr_SetFromErrno(PyExc_SystemError);
	}
	if ((const char *)e.addr < end && e.len > (size_t)(end - (const char *)e.addr))
		e.len = (size_t)(end - (const char *)e.addr);
	return error_of_explanation(state, &e, done, NULL);
}

/* Raise an exception that one of the functions above has made. NULL, for the caller to return. */
void *set_raised(PyObject *error)
{
	if (error) {
		PyErr_SetObject((PyObject *)Py_TYPE(error), error);
		Py_DECREF(error);
	}
	return NULL;
}
