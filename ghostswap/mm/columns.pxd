cimport cython


@cython.final
cdef class Ring:
    cdef unsigned int[::1] _ring
    cdef Py_ssize_t _mask, _head, _length
    cpdef append(self, unsigned int number)
    cpdef appendleft(self, unsigned int number)
    cpdef Py_ssize_t popleft(self) except -1
    cpdef clear(self)
    cdef _grow(self)
