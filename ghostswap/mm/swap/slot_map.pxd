cimport cython

cdef int CLUSTER_SHIFT


cdef class SlotMap:
    cdef public Py_ssize_t pages, max, inuse_pages
    cdef bint _discard, _blkdev
    cdef Py_ssize_t _nr_clusters, _discards, _seeks, _last
    cdef bytearray _map
    cdef unsigned short[::1] _count
    cdef list _failures
    cpdef Py_ssize_t alloc(self, int cpu=*, int order=*) except -1
    cpdef list alloc_slots(self, Py_ssize_t wanted, int cpu=*, int order=*)
    cpdef free(self, Py_ssize_t offset)
    cdef _take(self, Py_ssize_t offset, Py_ssize_t nr_pages)
