from ghostswap.mm.vmscan.lruvec cimport Lruvec


cdef class Mapper:
    cpdef fault(self, Py_ssize_t page, Lruvec lruvec, int touch)
    cpdef bint is_mapped(self, Py_ssize_t page) except -1
    cpdef write_back(self, Py_ssize_t page, int group)


cdef class Backing:
    cpdef int swap_out(self, Py_ssize_t page, int cgroup, bint dirty) except -1
    cpdef submit(self)
    cpdef int swap_in(self, Py_ssize_t page, int cgroup) except -1
    cpdef bint has_room(self, Py_ssize_t slots=*) except -1
    cpdef drop_slot(self, Py_ssize_t page)
    cpdef Py_ssize_t pool_pages(self) except -1
