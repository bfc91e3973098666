cimport cython
from ghostswap.mm.swap.slot_map cimport SlotMap

cdef int CLUSTER_SHIFT, NO_SLOT, PMD_ORDER, SWAPFILE_CLUSTER


cdef class Clusters(SlotMap):
    cdef public bint rotational
    cdef object _free, _full, _pending
    cdef list _nonfull, _frag, _on
    cdef bytearray _order
    cdef unsigned int[::1] _next
    @cython.locals(offset=Py_ssize_t)
    cpdef list alloc_slots(self, Py_ssize_t wanted, int cpu=*, int order=*)
    @cython.locals(cluster=Py_ssize_t)
    cpdef free(self, Py_ssize_t offset)
    cdef _move(self, Py_ssize_t cluster, target)
    cdef _free_cluster(self, Py_ssize_t cluster)
    cdef _do_scheduled_discard(self)
    @cython.locals(offset=Py_ssize_t, found=Py_ssize_t)
    cdef Py_ssize_t _alloc_swap_entry(self, int cpu, int order) except -1
    cdef Py_ssize_t _new_cluster(self, int cpu, int order) except -1
    cdef Py_ssize_t _scan_fragmented(self, int cpu, int order) except -1
    @cython.locals(cluster=Py_ssize_t, end=Py_ssize_t, found=Py_ssize_t,
                   following=Py_ssize_t, nr_pages=Py_ssize_t)
    cdef Py_ssize_t _scan_cluster(self, Py_ssize_t offset, int cpu, int order) except -1
    @cython.locals(nr_pages=Py_ssize_t, start=Py_ssize_t)
    cdef Py_ssize_t _find(self, Py_ssize_t offset, Py_ssize_t end, int order) except -1
