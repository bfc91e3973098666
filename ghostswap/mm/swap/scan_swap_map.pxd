cimport cython
from ghostswap.mm.swap.slot_map cimport SlotMap

cdef int CLUSTER_SHIFT, PMD_ORDER, SWAPFILE_CLUSTER, SWAP_ADDRESS_SPACE_SHIFT


@cython.final
cdef class _Scan:
    cdef public Py_ssize_t base, offset, ration
    cdef public bint scanned_many
    cdef look(self, Py_ssize_t slots)


cdef class ScanSwapMap(SlotMap):
    cdef public bint rotational
    cdef bint _rations_first
    cdef object _random, _pending, _free
    cdef Py_ssize_t _lowest, _highest, _cluster_nr
    cdef list _cluster_next, _percpu, _percpu_next
    cdef bytearray _is_free
    @cython.locals(cluster=Py_ssize_t, start=Py_ssize_t)
    cpdef free(self, Py_ssize_t offset)
    @cython.locals(scan=_Scan, taken=list, goes_on=bint)
    cdef list _scan(self, Py_ssize_t wanted, int cpu)
    @cython.locals(start=Py_ssize_t, near=Py_ssize_t)
    cdef bint _start_hdd(self, _Scan scan) except -1
    @cython.locals(end=Py_ssize_t, offset=Py_ssize_t)
    cdef bint _try_ssd_cluster(self, _Scan scan, int cpu) except -1
    @cython.locals(cluster=Py_ssize_t)
    cdef bint _avoid_conflict(self, _Scan scan, int cpu, bint has_some) except -1
    @cython.locals(limit=Py_ssize_t, last=Py_ssize_t, offset=Py_ssize_t)
    cdef bint _next_in_batch(self, _Scan scan, int cpu) except -1
    cdef bint _look_on(self, _Scan scan) except -1
    @cython.locals(cluster=Py_ssize_t)
    cdef _swap_range_alloc(self, Py_ssize_t offset, Py_ssize_t nr_pages)
    cdef _set_cluster_next(self, Py_ssize_t following, int cpu)
