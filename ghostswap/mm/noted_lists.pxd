cimport cython

cdef int _AT_SHIFT, _SLACK
cdef size_t _LIST_MASK


@cython.final
cdef class _Notes:
    cdef public unsigned int[::1] notes
    cdef public Py_ssize_t mask, first, end, nr_items


@cython.final
cdef class NotedLists:
    cdef list _lists
    cdef size_t[::1] _word
    @cython.locals(on=_Notes)
    cpdef Py_ssize_t nr_items(self, int number) except -1
    @cython.locals(on=_Notes)
    cpdef add(self, unsigned int item, unsigned int number)
    @cython.locals(on=_Notes)
    cpdef remove(self, unsigned int item)
    @cython.locals(on=_Notes, item="unsigned int")
    cpdef Py_ssize_t coldest(self, unsigned int number) except -2
    cpdef clear(self, unsigned int number)
    @cython.locals(on=_Notes, at=Py_ssize_t, end=Py_ssize_t, item="unsigned int", mask=Py_ssize_t,
                   notes="unsigned int[::1]")
    cdef _make_room(self, unsigned int number)
