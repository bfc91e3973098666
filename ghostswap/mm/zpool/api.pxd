cdef class Allocator:
    cdef public Py_ssize_t pages, max_length
    cpdef Py_ssize_t malloc(self, Py_ssize_t length) except -1
    cpdef free(self, Py_ssize_t handle)


cdef class Evictable(Allocator):
    cpdef reclaim_page(self)
