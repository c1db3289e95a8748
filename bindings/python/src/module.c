/* SPDX-License-Identifier: BSD-3-Clause */
/* module.c - the module mcsafe._mcsafe, of which mcsafe/__init__.py makes mcsafe */
#include "module.h"

#include <errno.h>

struct state *state_of(PyObject *module)
{
	return PyModule_GetState(module);
}

/* Install libmcsafe's handler, if it is not, or if another handler was installed over it. 0, or -1
 * with an error set. */
int ensure_installed(void)
{
	int err = mcsafe_installed() == 1 ? 0 : mcsafe_install();

	if (err == 0)
		return 0;
	errno = -err;
	PyErr_SetFromErrnoWithFilename(PyExc_OSError, "the handler of SIGBUS and SIGSEGV");
	return -1;
}

static int add_type(PyObject *module, PyType_Spec *spec, PyObject **type)
{
	*type = PyType_FromModuleAndSpec(module, spec, NULL);
	return *type ? PyModule_AddType(module, (PyTypeObject *)*type) : -1;
}

static int module_exec(PyObject *module)
{
	struct state *state = state_of(module);

	/* The inline accesses have rows in this object. Without these a fault would kill. */
	if (mcsafe_access_ready() != 0) {
		PyErr_NoMemory();
		return -1;
	}
	state->fault_error = new_fault_type();
	if (!state->fault_error ||
	    PyModule_AddObjectRef(module, "FaultError", state->fault_error) < 0 ||
	    add_type(module, &map_spec, &state->map_type) < 0 ||
	    add_type(module, &pmem_spec, &state->pmem_type) < 0 ||
	    PyModule_AddStringConstant(module, "__version__", mcsafe_version()) < 0)
		return -1;
	return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct state *state = state_of(module);

	Py_VISIT(state->fault_error);
	Py_VISIT(state->map_type);
	Py_VISIT(state->pmem_type);
	return 0;
}

static int module_clear(PyObject *module)
{
	struct state *state = state_of(module);

	Py_CLEAR(state->fault_error);
	Py_CLEAR(state->map_type);
	Py_CLEAR(state->pmem_type);
	return 0;
}

static void module_free(void *module)
{
	module_clear(module);
}

/* No slot says that the module may run in an interpreter with a lock of its own: from Python 3.12
 * on, such an interpreter refuses to import it. */
static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, module_exec},
	{0, NULL},
};

struct PyModuleDef mcsafe_python_def = {
	PyModuleDef_HEAD_INIT,
	.m_name = "mcsafe._mcsafe",
	.m_doc = PyDoc_STR("The part of mcsafe that is written in C."),
	.m_size = sizeof(struct state),
	.m_methods = module_functions,
	.m_slots = slots,
	.m_traverse = module_traverse,
	.m_clear = module_clear,
	.m_free = module_free,
};

PyMODINIT_FUNC PyInit__mcsafe(void);

PyMODINIT_FUNC PyInit__mcsafe(void)
{
	return PyModuleDef_Init(&mcsafe_python_def);
}
