from ghostswap.mm.vmscan.lruvec cimport Lruvec
from ghostswap.mm.vmscan.pageout cimport Mapper


cdef class Policy:
    cpdef touch(self, Lruvec lruvec, unsigned int[::1] pages, bytes writes, Mapper mapper)
    cpdef add(self, Py_ssize_t page, Lruvec lruvec)
    cpdef write_back(self, Py_ssize_t page, Lruvec lruvec)
    cpdef Py_ssize_t try_to_free_pages(self, Lruvec target) except -1
