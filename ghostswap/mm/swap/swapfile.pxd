cimport cython
from ghostswap.mm.swap.isolated_clusters cimport IsolatedClusters
from ghostswap.mm.swap.slot_map cimport SlotMap
from ghostswap.mm.swap.space cimport SwapSpace
from ghostswap.mm.swap.swap_info cimport SwapInfo

cdef int ANY_CPU, NO_SLOT, ORDERS, SWAP_CLUSTER_MAX, SWAP_BATCH
cdef size_t ALL_TIERS


cdef class ExactSwapSpace(SwapSpace):
    cdef public tuple maps
    cdef tuple _isolated
    cdef int _cpus, _slots_cache, _slots_kept_back
    cdef Py_ssize_t _asked, _nr_swap_pages
    cdef list _avail, _cached, _kept_back
    cdef int[::1] _current
    cdef bint _is_cache_active
    @cython.locals(slot=Py_ssize_t)
    cpdef Py_ssize_t alloc(self, size_t mask=*, int cpu=*, int order=*) except -1
    cpdef free(self, Py_ssize_t slot, int cpu=*)
    @cython.locals(number=Py_ssize_t, area=SwapInfo, slots=SlotMap)
    cdef _free(self, Py_ssize_t slot)
    @cython.locals(area=SwapInfo, slots=SlotMap)
    cdef _took(self, Py_ssize_t number, Py_ssize_t nr_pages)
    @cython.locals(number=Py_ssize_t, area=SwapInfo, slots=IsolatedClusters, offset=Py_ssize_t)
    cdef Py_ssize_t _alloc_fast(self, size_t mask, int cpu, int order) except -1
    @cython.locals(number=Py_ssize_t, area=SwapInfo, slots=IsolatedClusters, offset=Py_ssize_t)
    cdef Py_ssize_t _alloc_slow(self, size_t mask, int cpu, int order) except -1
    @cython.locals(number=Py_ssize_t, area=SwapInfo, slots=SlotMap, first=Py_ssize_t,
                   offset=Py_ssize_t)
    cdef list _get_swap_pages(self, Py_ssize_t wanted, size_t mask, int cpu, int order=*)
    @cython.locals(cached=list)
    cdef Py_ssize_t _alloc_cached(self, int cpu) except -1
    @cython.locals(unit=Py_ssize_t)
    cdef bint _check_cache_active(self) except -1
