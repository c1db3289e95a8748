/* SPDX-License-Identifier: BSD-3-Clause */
/* functions.c - mcsafe.copy, salvage, explain and install */
#include "region.h"

#include <errno.h>

/* A map is accessed as it is. A buffer of it would open its shield, for nothing: copies have rows.
 */
bool region_open(struct region *region, const struct state *state, PyObject *object, bool writable)
{
	if (PyObject_TypeCheck(object, (PyTypeObject *)state->map_type)) {
		struct map *map = (struct map *)object;

		if (!map_is_open(map) || (writable && !map_is_writable(map)))
			return false;
		map->exports++;
		*region = (struct region){.data = map->data, .size = map->size, .map = map};
		Py_INCREF(object);
		return true;
	}
	region->map = NULL;
	if (PyObject_GetBuffer(object, &region->view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0)
		return false;
	region->data = region->view.buf;
	region->size = (size_t)region->view.len;
	return true;
}

void region_close(struct region *region)
{
	if (region->map) {
		region->map->exports--;
		Py_DECREF((PyObject *)region->map);
	} else {
		PyBuffer_Release(&region->view);
	}
}

static bool region_is_whole(const struct region *region, size_t n, const char *access)
{
	return !region->map || map_is_whole(region->map, 0, n, access);
}

static size_t copy(char *to, const char *from, size_t n, struct mcsafe_fault *fault)
{
	size_t left;

	if (n < LONG_COPY)
		return mcsafe_memcpy(to, from, n, fault);
	WITHOUT_LOCK(left = mcsafe_memcpy(to, from, n, fault));
	return left;
}

PyDoc_STRVAR(
	copy_doc,
	"copy($module, dest, source, /)\n--\n\n"
	"Copy all bytes of source, a buffer, to the start of dest, a writable buffer, and return\n"
	"their number. Both can be an mcsafe.mmap, or memory that another module has mapped,\n"
	"such as an array of numpy.memmap.\n"
	"\n"
	"Raises FaultError if memory cannot be accessed: its member `done` says how many bytes\n"
	"were copied. ValueError if dest is too short, or overlaps source.");

static PyObject *copy_function(PyObject *module, PyObject *args)
{
	const struct state *state = state_of(module);
	PyObject *dest, *source, *result = NULL;
	struct region to, from;
	struct mcsafe_fault fault;
	size_t left;

	if (!PyArg_ParseTuple(args, "OO:copy", &dest, &source) || ensure_installed() < 0)
		return NULL;
	if (!region_open(&from, state, source, false))
		return NULL;
	if (!region_open(&to, state, dest, true)) {
		region_close(&from);
		return NULL;
	}
	if (to.size < from.size) {
		PyErr_Format(PyExc_ValueError, "dest has %zu bytes, source has %zu", to.size,
			     from.size);
	} else if (from.data < to.data + from.size && to.data < from.data + from.size) {
		PyErr_SetString(PyExc_ValueError, "dest and source overlap");
	} else {
		left = copy(to.data, from.data, from.size, &fault);
		if (left != 0)
			set_raised(error_of_fault(state, &fault, from.size - left,
						  fault.side == MCSAFE_SIDE_DESTINATION
							  ? to.data + to.size
							  : from.data + from.size));
		else if (region_is_whole(&from, from.size, "read") &&
			 region_is_whole(&to, from.size, "write"))
			result = PyLong_FromSize_t(from.size);
	}
	region_close(&to);
	region_close(&from);
	return result;
}

/* (start, length) of each */
PyObject *list_of_ranges(const struct mcsafe_range *ranges, size_t n)
{
	PyObject *list = PyList_New((Py_ssize_t)n);

	for (size_t i = 0; list && i < n; i++) {
		PyObject *pair = Py_BuildValue("(nn)", (Py_ssize_t)ranges[i].start,
					       (Py_ssize_t)ranges[i].len);

		if (!pair || PyList_SetItem(list, (Py_ssize_t)i, pair) < 0)
			Py_CLEAR(list);
	}
	return list;
}

/* Of memory that is no map of ours. */
static PyObject *salvage_buffer(const struct region *region, int fill)
{
	size_t n = region->size, holes = n / PAGE / 2 + 2;
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n), *list = NULL;
	struct mcsafe_range *ranges = PyMem_Malloc(holes * sizeof(*ranges));

	if (!ranges)
		PyErr_NoMemory();
	if (bytes && ranges) {
		char *to = PyBytes_AsString(bytes);

		WITHOUT_LOCK((void)!mcsafe_memcpy_holes(to, region->data, n, fill, ranges, &holes));
		list = list_of_ranges(ranges, holes);
	}
	PyMem_Free(ranges);
	if (!list) {
		Py_XDECREF(bytes);
		return NULL;
	}
	return Py_BuildValue("(NN)", bytes, list);
}

PyDoc_STRVAR(salvage_doc,
	     "salvage($module, source, /, *, fill=0)\n--\n\n"
	     "Read all that can be read of a buffer. Returns (bytes, holes). holes is a list of\n"
	     "(start, length), ascending, and empty if all is well. In a hole the bytes have the\n"
	     "value fill, 0 to 255. Bytes of an mcsafe.mmap in whose place zeros stand, because a\n"
	     "buffer has met a loss, are holes too.\n"
	     "\n"
	     "Raises ValueError if the map is closed or fill is no byte, MemoryError.");

static PyObject *salvage_function(PyObject *module, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"", "fill", NULL};
	const struct state *state = state_of(module);
	PyObject *source, *result;
	struct region region;
	int fill = 0;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$i:salvage", names, &source, &fill) ||
	    ensure_installed() < 0)
		return NULL;
	if (fill < 0 || fill > 255) {
		PyErr_SetString(PyExc_ValueError, "fill must be in range(0, 256)");
		return NULL;
	}
	if (!region_open(&region, state, source, false))
		return NULL;
	result = region.map ? map_salvage(region.map, fill) : salvage_buffer(&region, fill);
	region_close(&region);
	return result;
}

PyDoc_STRVAR(explain_doc,
	     "explain($module, source, offset=0, /)\n--\n\n"
	     "Read the byte at an offset of a buffer. None if it can be read; otherwise a\n"
	     "FaultError, which is not raised and says why it cannot.\n"
	     "\n"
	     "Raises IndexError if the buffer has no such byte, ValueError if the map is closed.");

static PyObject *explain_function(PyObject *module, PyObject *args)
{
	const struct state *state = state_of(module);
	PyObject *source, *result = NULL;
	struct region region;
	struct mcsafe_fault fault;
	Py_ssize_t offset = 0;
	char byte;

	if (!PyArg_ParseTuple(args, "O|n:explain", &source, &offset) || ensure_installed() < 0 ||
	    !region_open(&region, state, source, false))
		return NULL;
	if (offset < 0 || (size_t)offset >= region.size) {
		PyErr_SetString(PyExc_IndexError, "offset out of range");
	} else if (mcsafe_memcpy(&byte, region.data + offset, 1, &fault) != 0) {
		result = error_of_fault(state, &fault, 0, region.data + region.size);
	} else if (region.map) {
		result = map_stand_in(region.map, (size_t)offset, 1, "read");
		if (!result && !PyErr_Occurred())
			result = Py_NewRef(Py_None);
	} else {
		result = Py_NewRef(Py_None);
	}
	region_close(&region);
	return result;
}

PyDoc_STRVAR(
	install_doc,
	"install($module, /)\n--\n\n"
	"Install the handler of SIGBUS and SIGSEGV. The first map does that. Call this after\n"
	"other code has installed handlers of its own, for example faulthandler.enable():\n"
	"otherwise that code takes a fault for a crash. Its handler is called for real crashes.\n"
	"\n"
	"Raises OSError if the handler cannot be installed; see mcsafe_install(3).");

static PyObject *install_function(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	if (ensure_installed() < 0)
		return NULL;
	Py_RETURN_NONE;
}

PyMethodDef module_functions[] = {
	{"copy", copy_function, METH_VARARGS, copy_doc},
	{"salvage", (PyCFunction)(void (*)(void))salvage_function, METH_VARARGS | METH_KEYWORDS,
	 salvage_doc},
	{"explain", explain_function, METH_VARARGS, explain_doc},
	{"install", install_function, METH_NOARGS, install_doc},
	{NULL, NULL, 0, NULL},
};
