/* SPDX-License-Identifier: BSD-3-Clause */
/* inject.c - the module mcsafe.inject: memory that fails on purpose, for the tests of a program */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <mcsafe/inject.h>

static PyObject *refuse(int err, const char *why)
{
	PyObject *args = Py_BuildValue("(is)", -err, why);

	if (args) {
		PyErr_SetObject(PyExc_OSError, args);
		Py_DECREF(args);
	}
	return NULL;
}

static PyObject *failure(int err)
{
	return refuse(err, mcsafe_inject_reason());
}

static bool kind_of(const char *name, enum mcsafe_inject_kind *kind)
{
	for (int i = MCSAFE_INJECT_HWPOISON; i <= MCSAFE_INJECT_AUTO; i++) {
		*kind = (enum mcsafe_inject_kind)i;
		if (strcmp(name, mcsafe_inject_kind_name(*kind)) == 0)
			return true;
	}
	PyErr_Format(PyExc_ValueError, "there is no kind \"%s\"", name);
	return false;
}

/* The address of a range of a map or of another buffer. A map is asked for its address: a buffer of
 * it would open its shield, which then belongs to the memory that was there before. */
static char *place(PyObject *source, Py_ssize_t start, Py_ssize_t n)
{
	PyObject *address = PyObject_GetAttrString(source, "address");
	char *data;
	Py_ssize_t size;

	if (address) {
		size = PyObject_Size(source);
		data = PyLong_AsVoidPtr(address);
		Py_DECREF(address);
		if (PyErr_Occurred())
			return NULL;
		/* The map has whole pages. */
		size = (size + 4095) & ~(Py_ssize_t)4095;
	} else {
		Py_buffer view;

		PyErr_Clear();
		if (PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) < 0)
			return NULL;
		data = view.buf;
		size = view.len;
		PyBuffer_Release(&view);
	}
	if (start < 0 || n < 0 || start > size || size - start < n) {
		PyErr_SetString(PyExc_ValueError, "the range is not in the memory");
		return NULL;
	}
	return data + start;
}

PyDoc_STRVAR(
	fail_doc,
	"fail(source, start, length[, kind])\n\n"
	"Make a part of an mcsafe.mmap, or of another buffer, fail until clear(). start and\n"
	"length are multiples of the page size, as is the address. kind is 'auto' (the\n"
	"default), 'poison', 'guard', 'protect', 'eof' or 'hwpoison': see mcsafe_inject(3).\n"
	"The memory must stay mapped until clear(). Take buffers of the map after this call,\n"
	"not before: their shield is for the memory that is there when it is opened.\n"
	"\n"
	"Raises OSError, with the reason as its text, if the kernel cannot; ValueError if there\n"
	"is no such kind or no such range.");

static PyObject *inject_fail(PyObject *module, PyObject *args)
{
	PyObject *source;
	Py_ssize_t start, n;
	const char *name = "auto";
	enum mcsafe_inject_kind kind;
	char *at;
	int err;

	(void)module;
	if (!PyArg_ParseTuple(args, "Onn|s:fail", &source, &start, &n, &name) ||
	    !kind_of(name, &kind))
		return NULL;
	at = place(source, start, n);
	if (!at)
		return NULL;
	err = mcsafe_inject(at, (size_t)n, kind);
	if (err != 0)
		return failure(err);
	Py_RETURN_NONE;
}

PyDoc_STRVAR(clear_doc,
	     "clear(source, start, length)\n\nMake memory good again that fail() made bad.\n\n"
	     "Raises OSError if nothing there was made bad; ValueError if there is no such\n"
	     "range.");

static PyObject *inject_clear(PyObject *module, PyObject *args)
{
	PyObject *source;
	Py_ssize_t start, n;
	char *at;
	int err;

	(void)module;
	if (!PyArg_ParseTuple(args, "Onn:clear", &source, &start, &n))
		return NULL;
	at = place(source, start, n);
	if (!at)
		return NULL;
	err = mcsafe_inject_clear(at, (size_t)n);
	if (err != 0)
		return failure(err);
	Py_RETURN_NONE;
}

PyDoc_STRVAR(supported_doc,
	     "supported(kind)\n\nWhether this kernel and this process can inject a kind.\n\n"
	     "Raises ValueError if there is no such kind.");

static PyObject *inject_supported(PyObject *module, PyObject *name)
{
	enum mcsafe_inject_kind kind;
	PyObject *bytes;
	bool known;

	(void)module;
	if (!PyUnicode_FSConverter(name, &bytes))
		return NULL;
	known = kind_of(PyBytes_AsString(bytes), &kind);
	Py_DECREF(bytes);
	return known ? PyBool_FromLong(mcsafe_inject_supported(kind) == 0) : NULL;
}

PyDoc_STRVAR(
	schedule_doc,
	"schedule(spec)\n\nMake the Nth copy of the process fail: 'copy:N', 'copy:N+',\n"
	"'copy:N@OFFSET'. None: no copy. Copies are those of slices, read, write and copy();\n"
	"single items are not counted. Python must run with LD_PRELOAD=libmcsafe-inject.so.0.\n"
	"\n"
	"Raises OSError if it does not, or if spec has another form.");

/* Whether the copies of the module mcsafe go through the injector. libmcsafe-inject sees its own,
 * and would find that all is well. */
static bool is_between(void)
{
	PyObject *module = PyImport_ImportModule("mcsafe"), *copied = NULL, *room;

	if (module && mcsafe_inject_schedule("copy:1000000000") == 0) {
		room = PyByteArray_FromStringAndSize("a", 1);
		if (room)
			copied = PyObject_CallMethod(module, "copy", "Oy", room, "b");
		Py_XDECREF(room);
		if (copied && mcsafe_inject_copies() == 0)
			refuse(-EOPNOTSUPP, "libmcsafe-inject is not preloaded");
	}
	Py_XDECREF(copied);
	Py_XDECREF(module);
	return !PyErr_Occurred();
}

static PyObject *inject_schedule(PyObject *module, PyObject *args)
{
	const char *spec;
	int err;

	(void)module;
	if (!PyArg_ParseTuple(args, "z:schedule", &spec) || (spec && !is_between()))
		return NULL;
	err = mcsafe_inject_schedule(spec);
	if (err != 0)
		return failure(err);
	Py_RETURN_NONE;
}

static PyObject *inject_copies(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	return PyLong_FromSize_t(mcsafe_inject_copies());
}

static PyObject *inject_failures(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	return PyLong_FromSize_t(mcsafe_inject_failures());
}

static PyMethodDef functions[] = {
	{"fail", inject_fail, METH_VARARGS, fail_doc},
	{"clear", inject_clear, METH_VARARGS, clear_doc},
	{"supported", inject_supported, METH_O, supported_doc},
	{"schedule", inject_schedule, METH_VARARGS, schedule_doc},
	{"copies", inject_copies, METH_NOARGS,
	 PyDoc_STR("copies()\n--\n\nThe number of copies since schedule().")},
	{"failures", inject_failures, METH_NOARGS,
	 PyDoc_STR("failures()\n--\n\nThe number of copies that schedule() made fail.")},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "mcsafe.inject",
	.m_doc = PyDoc_STR("Make memory fail on purpose, to test how a program handles it."),
	.m_methods = functions,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit_inject(void);

PyMODINIT_FUNC PyInit_inject(void)
{
	return PyModuleDef_Init(&definition);
}
