from ghostswap.mm.vmscan.lruvec cimport Lruvec


cdef class Chooser:
    cpdef add(self, Py_ssize_t page, Lruvec lruvec)
    cpdef write_back(self, Py_ssize_t page, Lruvec lruvec)
    cpdef Py_ssize_t try_to_free_pages(self, Lruvec target) except -1
