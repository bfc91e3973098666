cimport cython
from ghostswap.mm.swap.swap_info cimport SwapInfo

cdef Py_ssize_t _ENDLESS


cdef class SwapSpace:
    cdef public tuple areas
    cdef public object rules
    cdef public Py_ssize_t inuse_pages
    cdef Py_ssize_t _pages
    cdef Py_ssize_t[::1] _first_slots
    cdef list _by_prio
    cdef dict _refused
    cpdef Py_ssize_t alloc(self, size_t mask=*, int cpu=*, int order=*) except -1
    cpdef Py_ssize_t alloc_run(self, Py_ssize_t count, Py_ssize_t room=*, bint folio=*) except -1
    cpdef free(self, Py_ssize_t slot, int cpu=*)
    cpdef SwapInfo area_of(self, Py_ssize_t slot)
    @cython.locals(number=Py_ssize_t)
    cpdef Py_ssize_t number_of(self, Py_ssize_t slot) except -1
    cpdef Py_ssize_t offset_of(self, Py_ssize_t slot) except -1
    @cython.locals(area=SwapInfo)
    cpdef written(self, Py_ssize_t slot)
    cpdef bint has_room(self, Py_ssize_t slots=*) except -1
    cpdef bint vm_swap_full(self) except -1
