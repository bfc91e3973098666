cimport cython
from ghostswap.mm.vmscan.lruvec cimport Lruvec


@cython.final
cdef class Subtrees:
    cdef list _below, _positions
    cpdef tuple below(self, Lruvec target)
    @cython.locals(below=tuple, position=Py_ssize_t)
    cpdef tuple to_visit(self, Lruvec target, bint full_walk)
    cpdef visit(self, Lruvec target, bint full_walk)


cdef class Chooser:
    cpdef add(self, Py_ssize_t page, Lruvec lruvec)
    cpdef write_back(self, Py_ssize_t page, Lruvec lruvec)
    cpdef Py_ssize_t try_to_free_pages(self, Lruvec target) except -1
