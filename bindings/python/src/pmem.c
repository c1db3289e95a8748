/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem.c - mcsafe.Pmem: pread and pwrite for a mapped file, with its known bad ranges */
#include "module.h"

#include <errno.h>

struct pmem {
	PyObject_HEAD PyObject *module;
	struct mcsafe_pmem *pmem; /* NULL: closed */
	Py_ssize_t busy;          /* calls that run, without the lock of the interpreter */
};

static bool is_open(const struct pmem *self)
{
	if (self->pmem)
		return true;
	PyErr_SetString(PyExc_ValueError, "the Pmem is closed");
	return false;
}

static PyObject *os_error(long err)
{
	errno = (int)-err;
	return PyErr_SetFromErrno(PyExc_OSError);
}

/* Raise what a call has returned. *fault says what it met, if its signal or cause was written. */
static PyObject *io_error(struct pmem *self, long err, const struct mcsafe_fault *fault)
{
	PyObject *error;

	if (fault->cause == MCSAFE_CAUSE_NONE)
		return os_error(err);
	/* The mapping stays until the kernel was asked. */
	self->busy++;
	error = error_of_fault(state_of(self->module), fault, 0, NULL);
	self->busy--;
	return set_raised(error);
}

static PyObject *pmem_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"file", "write", "ask", "punch", "reserve", NULL};
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	int write = 0, ask = 1, punch = 0, reserve = 0, flags, err, fd = -1;
	PyObject *file, *path = NULL;
	const char *name;
	struct mcsafe_pmem *opened = NULL;
	struct pmem *self;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$pppp:Pmem", names, &file, &write, &ask,
					 &punch, &reserve))
		return NULL;
	flags = (write ? MCSAFE_PMEM_WRITE : 0) | (ask ? 0 : MCSAFE_PMEM_NO_ASK) |
		(punch ? MCSAFE_PMEM_PUNCH : 0) | (reserve ? MCSAFE_PMEM_RESERVE : 0);
	if (PyIndex_Check(file)) {
		fd = PyObject_AsFileDescriptor(file);
		if (fd < 0)
			return NULL;
	} else if (!PyUnicode_FSConverter(file, &path)) {
		return NULL;
	}
	self = ensure_installed() < 0 ? NULL : (struct pmem *)alloc(type, 0);
	if (!self) {
		Py_XDECREF(path);
		return NULL;
	}
	self->module = Py_NewRef(PyType_GetModule(type));
	name = path ? PyBytes_AsString(path) : NULL;
	WITHOUT_LOCK(err = name ? mcsafe_pmem_open(&opened, name, flags)
				: mcsafe_pmem_open_fd(&opened, fd, flags));
	Py_XDECREF(path);
	if (err != 0) {
		errno = -err;
		PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, file);
		Py_DECREF((PyObject *)self);
		return NULL;
	}
	self->pmem = opened;
	return (PyObject *)self;
}

static void close_pmem(struct pmem *self)
{
	struct mcsafe_pmem *pmem = self->pmem;

	self->pmem = NULL;
	WITHOUT_LOCK(mcsafe_pmem_close(pmem));
}

static PyObject *pmem_close(PyObject *object, PyObject *unused)
{
	struct pmem *self = (struct pmem *)object;

	(void)unused;
	if (self->busy > 0) {
		PyErr_SetString(PyExc_BufferError, "another thread uses the Pmem");
		return NULL;
	}
	close_pmem(self);
	Py_RETURN_NONE;
}

static PyObject *pmem_exit(PyObject *object, PyObject *args)
{
	(void)args;
	return pmem_close(object, NULL);
}

static PyObject *pmem_enter(PyObject *object, PyObject *unused)
{
	(void)unused;
	return is_open((struct pmem *)object) ? Py_NewRef(object) : NULL;
}

static void pmem_dealloc(PyObject *object)
{
	struct pmem *self = (struct pmem *)object;
	PyTypeObject *type = Py_TYPE(object);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	PyObject_GC_UnTrack(object);
	close_pmem(self);
	Py_XDECREF(self->module);
	release(object);
	Py_DECREF(type);
}

static int pmem_traverse(PyObject *object, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(object));
	Py_VISIT(((struct pmem *)object)->module);
	return 0;
}

static PyObject *pmem_pread(PyObject *object, PyObject *args)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe_pmem_info info;
	Py_ssize_t n;
	long long offset;
	ssize_t got;
	PyObject *bytes, *shorter;
	char *to;

	if (!PyArg_ParseTuple(args, "nL:pread", &n, &offset) || !is_open(self))
		return NULL;
	if (n < 0 || offset < 0) {
		PyErr_SetString(PyExc_ValueError, "n and offset must not be negative");
		return NULL;
	}
	/* No more memory than the file has bytes. */
	mcsafe_pmem_get_info(self->pmem, &info);
	if ((unsigned long long)offset >= info.size)
		n = 0;
	else if ((size_t)n > info.size - (size_t)offset)
		n = (Py_ssize_t)(info.size - (size_t)offset);
	bytes = PyBytes_FromStringAndSize(NULL, n);
	if (!bytes || n == 0)
		return bytes;
	to = PyBytes_AsString(bytes);
	self->busy++;
	WITHOUT_LOCK(got = mcsafe_pmem_pread(self->pmem, to, (size_t)n, offset, &fault));
	self->busy--;
	if (got == n)
		return bytes;
	if (got < 0)
		shorter = io_error(self, got, &fault);
	else
		shorter = PyBytes_FromStringAndSize(to, got);
	Py_DECREF(bytes);
	return shorter;
}

static PyObject *pmem_pwrite(PyObject *object, PyObject *args)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	Py_buffer from;
	long long offset;
	ssize_t done = 0;
	PyObject *result = NULL;

	if (!PyArg_ParseTuple(args, "y*L:pwrite", &from, &offset))
		return NULL;
	if (is_open(self)) {
		self->busy++;
		WITHOUT_LOCK(done = mcsafe_pmem_pwrite(self->pmem, from.buf, (size_t)from.len,
						       offset, &fault));
		self->busy--;
		result = done < 0 ? io_error(self, done, &fault) : PyLong_FromSsize_t(done);
	}
	PyBuffer_Release(&from);
	return result;
}

static PyObject *pmem_persist(PyObject *object, PyObject *args)
{
	struct pmem *self = (struct pmem *)object;
	long long offset = 0;
	Py_ssize_t n = PY_SSIZE_T_MAX;
	int err;

	if (!PyArg_ParseTuple(args, "|Ln:persist", &offset, &n) || !is_open(self))
		return NULL;
	if (n < 0)
		return os_error(-EINVAL);
	self->busy++;
	WITHOUT_LOCK(err = mcsafe_pmem_persist(self->pmem, offset, (size_t)n));
	self->busy--;
	if (err != 0)
		return os_error(err);
	Py_RETURN_NONE;
}

static PyObject *pmem_refresh(PyObject *object, PyObject *unused)
{
	struct pmem *self = (struct pmem *)object;
	int err;

	(void)unused;
	if (!is_open(self))
		return NULL;
	self->busy++;
	WITHOUT_LOCK(err = mcsafe_pmem_refresh(self->pmem));
	self->busy--;
	if (err != 0)
		return os_error(err);
	Py_RETURN_NONE;
}

static PyObject *pmem_salvage(PyObject *object, PyObject *args)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_pmem_info info;
	struct mcsafe_range *ranges;
	size_t n, holes;
	ssize_t got = 0;
	int fill = 0;
	PyObject *bytes, *list = NULL;

	if (!PyArg_ParseTuple(args, "|i:salvage", &fill) || !is_open(self))
		return NULL;
	mcsafe_pmem_get_info(self->pmem, &info);
	n = info.size;
	/* A hole takes at least a cache line: a range of the registry can be as short as that. */
	holes = n / 128 + 2;
	bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
	ranges = PyMem_Malloc(holes * sizeof(*ranges));
	if (!ranges)
		PyErr_NoMemory();
	if (bytes && ranges) {
		char *to = PyBytes_AsString(bytes);

		self->busy++;
		WITHOUT_LOCK(got = mcsafe_pmem_salvage(self->pmem, to, n, 0, fill, ranges, &holes));
		self->busy--;
		if (got < 0)
			os_error(got);
		else
			list = list_of_ranges(ranges, holes);
	}
	PyMem_Free(ranges);
	if (list && (size_t)got < n) {
		PyObject *shorter = PyBytes_FromStringAndSize(PyBytes_AsString(bytes), got);

		Py_DECREF(bytes);
		bytes = shorter;
	}
	if (!list || !bytes) {
		Py_XDECREF(list);
		Py_XDECREF(bytes);
		return NULL;
	}
	return Py_BuildValue("(NN)", bytes, list);
}

static PyObject *pmem_repair(PyObject *object, PyObject *args)
{
	struct pmem *self = (struct pmem *)object;
	Py_buffer data = {.buf = NULL};
	Py_ssize_t n;
	long long offset;
	ssize_t done;

	if (!PyArg_ParseTuple(args, "Ln|z*:repair", &offset, &n, &data))
		return NULL;
	if (!is_open(self) || n < 0 || (data.buf && data.len != n)) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_ValueError, "data must have length bytes");
		PyBuffer_Release(&data);
		return NULL;
	}
	self->busy++;
	WITHOUT_LOCK(done = mcsafe_pmem_repair(self->pmem, data.buf, (size_t)n, offset));
	self->busy--;
	PyBuffer_Release(&data);
	return done < 0 ? os_error(done) : PyLong_FromSsize_t(done);
}

static PyObject *pmem_bad(PyObject *object, PyObject *unused)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_range bad;
	PyObject *list;

	(void)unused;
	if (!is_open(self))
		return NULL;
	list = PyList_New(0);
	for (size_t at = 0;
	     list && mcsafe_badblocks_next(mcsafe_pmem_badblocks(self->pmem), at, SIZE_MAX, &bad);
	     at = bad.start + bad.len) {
		PyObject *pair = Py_BuildValue("(nn)", (Py_ssize_t)bad.start, (Py_ssize_t)bad.len);

		if (!pair || PyList_Append(list, pair) < 0)
			Py_CLEAR(list);
		Py_XDECREF(pair);
	}
	return list;
}

static PyObject *pmem_size(PyObject *object, void *unused)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_pmem_info info;

	(void)unused;
	if (!is_open(self))
		return NULL;
	mcsafe_pmem_get_info(self->pmem, &info);
	return PyLong_FromSize_t(info.size);
}

static PyObject *pmem_align(PyObject *object, void *unused)
{
	struct pmem *self = (struct pmem *)object;
	struct mcsafe_pmem_info info;

	(void)unused;
	if (!is_open(self))
		return NULL;
	mcsafe_pmem_get_info(self->pmem, &info);
	return PyLong_FromSize_t(info.align);
}

static PyObject *pmem_closed(PyObject *object, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct pmem *)object)->pmem == NULL);
}

#define ERRORS "\n\nRaises OSError for the errors of "
#define CLOSED ", ValueError if the Pmem is closed."

static PyMethodDef methods[] = {
	{"bad", pmem_bad, METH_NOARGS,
	 PyDoc_STR("bad()\n--\n\nThe known bad ranges: a list of (start, length).\n\nRaises\n"
		   "ValueError if the Pmem is closed.")},
	{"close", pmem_close, METH_NOARGS,
	 PyDoc_STR("close()\n--\n\nUnmap the file. Nothing happens if that was done.\n\nRaises\n"
		   "BufferError while another thread uses the Pmem.")},
	{"persist", pmem_persist, METH_VARARGS,
	 PyDoc_STR("persist([offset[, n]])\n\nMake stores durable; by default all." ERRORS
		   "mcsafe_pmem_persist(3)" CLOSED)},
	{"pread", pmem_pread, METH_VARARGS,
	 PyDoc_STR(
		 "pread(n, offset)\n\nUp to n bytes. Fewer, if the file ends, or if the next byte\n"
		 "cannot be read.\n\nRaises FaultError if the first byte cannot be read" CLOSED)},
	{"pwrite", pmem_pwrite, METH_VARARGS,
	 PyDoc_STR(
		 "pwrite(data, offset)\n\nStore bytes, and return how many. Fewer, if the file\n"
		 "ends, or if the next byte cannot be written.\n\nRaises FaultError if the first\n"
		 "byte cannot be written, OSError if the file is not opened for writing or ends\n"
		 "before offset" CLOSED)},
	{"refresh", pmem_refresh, METH_NOARGS,
	 PyDoc_STR("refresh()\n--\n\nTake over the size that the file has now." ERRORS
		   "mcsafe_pmem_refresh(3)" CLOSED)},
	{"repair", pmem_repair, METH_VARARGS,
	 PyDoc_STR("repair(offset, length[, data])\n\nMake bad memory good again, with data or "
		   "zeros.\n"
		   "Both numbers are multiples of `align`. Returns how many bytes are good." ERRORS
		   "mcsafe_pmem_repair(3)" CLOSED)},
	{"salvage", pmem_salvage, METH_VARARGS,
	 PyDoc_STR("salvage([fill])\n\nAll that can be read, and the holes: (bytes, [(start,\n"
		   "length), ...]).\n\nRaises MemoryError" CLOSED)},
	{"__enter__", pmem_enter, METH_NOARGS, NULL},
	{"__exit__", pmem_exit, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef members[] = {
	{"size", pmem_size, NULL, PyDoc_STR("Bytes that can be read."), NULL},
	{"align", pmem_align, NULL, PyDoc_STR("A repair works on multiples of it."), NULL},
	{"closed", pmem_closed, NULL, PyDoc_STR("Whether the Pmem was closed."), NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
	pmem_doc,
	"Pmem(file, *, write=False, ask=True, punch=False, reserve=False)\n"
	"\n"
	"Map a file or a device, and read and write it as pread(2) and pwrite(2) do: a bad\n"
	"range gives an error, is remembered, and is not accessed again until repair().\n"
	"\n"
	"file is a path or a descriptor. ask: ask the kernel for bad blocks. punch and reserve:\n"
	"see MCSAFE_PMEM_PUNCH and MCSAFE_PMEM_RESERVE in mcsafe_pmem_open(3).\n"
	"\n"
	"Raises OSError for the errors of mcsafe_pmem_open(3).");

static PyType_Slot slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)pmem_doc},
	{Py_tp_new, pmem_new},
	{Py_tp_dealloc, pmem_dealloc},
	{Py_tp_traverse, pmem_traverse},
	{Py_tp_methods, methods},
	{Py_tp_getset, members},
	{0, NULL},
};

PyType_Spec pmem_spec = {
	.name = "mcsafe.Pmem",
	.basicsize = sizeof(struct pmem),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = slots,
};
