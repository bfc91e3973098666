cimport cython


@cython.final
cdef class Lru:
    cdef public list count
    cdef Py_ssize_t _heads
    cdef unsigned int[::1] _next, _prev
    cpdef Py_ssize_t coldest(self, Py_ssize_t number) except? -2
    cpdef Py_ssize_t warmest(self, Py_ssize_t number) except? -2
    @cython.locals(nexts="unsigned int[::1]", prevs="unsigned int[::1]", node=Py_ssize_t,
                   tail=Py_ssize_t)
    cpdef add(self, Py_ssize_t number, Py_ssize_t page)
    @cython.locals(nexts="unsigned int[::1]", prevs="unsigned int[::1]", node=Py_ssize_t,
                   before=Py_ssize_t, after=Py_ssize_t)
    cpdef remove(self, Py_ssize_t number, Py_ssize_t page)
    cpdef rotate(self, Py_ssize_t number, Py_ssize_t page)
