cimport cython
from ghostswap.mm.swap.clusters cimport Clusters

cdef int CLUSTER_SHIFT, NO_SLOT, ORDERS, PMD_ORDER, SWAPFILE_CLUSTER


cdef class IsolatedClusters(Clusters):
    cdef tuple _lists_to_try
    cpdef Py_ssize_t alloc_fast(self, int cpu, int order) except -1
    cpdef Py_ssize_t alloc_slow(self, int cpu, int order) except -1
    @cython.locals(offset=Py_ssize_t, cluster=Py_ssize_t, following=Py_ssize_t)
    cdef Py_ssize_t _scan_current(self, int cpu, int order) except -1
    cdef Py_ssize_t _scan_list(self, clusters, bint scan_all, int cpu, int order) except -1
    @cython.locals(cluster=Py_ssize_t, end=Py_ssize_t, found=Py_ssize_t,
                   following=Py_ssize_t, nr_pages=Py_ssize_t)
    cdef Py_ssize_t _scan_and_relocate(self, Py_ssize_t offset, int cpu, int order, bint isolate) except -1
