cimport cython

cdef int _WORDS

@cython.locals(number=Py_ssize_t, word=int)
cdef _counted(unsigned short[::1] words, unsigned int[::1] counts)
@cython.locals(number=Py_ssize_t)
cdef _translate(unsigned short[::1] words, unsigned short[::1] table, unsigned short[::1] found)


@cython.final
cdef class Ring:
    cdef unsigned int[::1] _ring
    cdef Py_ssize_t _mask, _head, _length
    cpdef append(self, unsigned int number)
    cpdef appendleft(self, unsigned int number)
    cpdef Py_ssize_t popleft(self) except -1
    cpdef clear(self)
    cdef _grow(self)
